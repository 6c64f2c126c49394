/** How it is trained: the loop, its optimiser and its schedule. */

import { PRECISIONS } from '../lists';
import { nullable, object, partial, pattern, union, value, words } from '../schema-part';
import { stepCount } from './model';
import { count, notNegative, positive, share, truth, whole } from './numbers';

// --- optimisers ---

const weightDecay = notNegative.describe('Decoupled weight decay.');
const pair = value(['number > 0', 'number >= 0']);

const adamw = object({
  kind: words('adamw', 'adamw-8bit').describe(
    "`adamw`: as in torch. `adamw-8bit`: moments in 8 bits as bitsandbytes keeps them (the Trainer's `adamw_8bit`, `adamw_bnb_8bit`, `paged_adamw_8bit`).",
  ),
  learningRate: positive.describe('Highest learning rate of the schedule.'),
  beta1: share.describe('Decay of the first moment.'),
  beta2: share.describe('Decay of the second moment.'),
  epsilon: positive.describe('Added to the root of the second moment.'),
  weightDecay,
})
  .named('adamw', 'AdamW (Loshchilov and Hutter 2019).')
  .examples({ kind: 'adamw', learningRate: 2e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 });
export type AdamWSettings = typeof adamw.infer;

const adafactorFields = {
  learningRate: value('number > 0 | null').describe(
    'null exactly when `relativeStep` is true: the step size is then min(1e-2, 1/sqrt(t)).',
  ),
  relativeStep: truth.describe('The step size follows from the number of the step.'),
  scaleParameter: truth.describe("Steps are multiples of the parameter's own root mean square."),
  warmupInit: truth.describe('With `relativeStep`: min(1e-6 t, 1/sqrt(t)).'),
  beta1: value('0 <= number < 1 | null').describe('Decay of the first moment; null keeps none.'),
  decayRate: value('number < 0').describe('beta2 of step t is 1 - t^decayRate.'),
  clipThreshold: positive.describe("Bound of an update's root mean square."),
  weightDecay,
};
const adafactor = object({
  kind: words('adafactor').describe('Adafactor.'),
  ...adafactorFields,
  epsilon: pair.describe('Added to squared gradients, and the least root mean square of a parameter.'),
})
  .named(
    'adafactor',
    'Adafactor (Shazeer and Stern 2018) as in transformers. The Trainer\'s `optim="adafactor"` is `relativeStep: false, scaleParameter: false` with a learning rate; the default of the class is both true and no learning rate.',
  )
  .examples({
    kind: 'adafactor',
    learningRate: 1e-3,
    relativeStep: false,
    scaleParameter: false,
    warmupInit: false,
    beta1: null,
    decayRate: -0.8,
    epsilon: [1e-30, 1e-3],
    clipThreshold: 1,
    weightDecay: 0,
  });
export type AdafactorSettings = typeof adafactor.infer;

const optimiser = union(adamw, adafactor).named('optimiser', 'The optimiser.');
export type Optimiser = typeof optimiser.infer;

/** Any part of an optimiser; flat, because a block may change one number of the optimiser below it. */
const optimiserBlock = partial({
  kind: words('adamw', 'adamw-8bit', 'adafactor').describe('The optimiser.'),
  ...adafactorFields,
  beta2: share.describe('Decay of the second moment, of AdamW.'),
  epsilon: union(positive, pair).describe(
    'AdamW: added to the root of the second moment. Adafactor: a pair, added to squared gradients, and the least root mean square of a parameter.',
  ),
});

// --- schedule ---

const scheduleFields = {
  kind: words('linear', 'cosine', 'constant').describe('The decay after warm-up.'),
  warmup: stepCount.describe('Warm-up steps; a share is rounded up, as by the HF Trainer.'),
};
const schedule = object(scheduleFields).named('schedule', 'The learning rate over the steps.');
export type Schedule = typeof schedule.infer;

// --- training ---

const lossScalingFields = {
  initial: positive.describe('Scale at the start.'),
  growthFactor: value('number > 1').describe('Factor after `growthInterval` steps without an overflow.'),
  backoffFactor: value('0 < number < 1').describe('Factor after an overflow.'),
  growthInterval: count.describe('Steps without an overflow before the scale grows.'),
};
const lossScaling = object(lossScalingFields);
export type LossScaling = typeof lossScaling.infer;

const lossNormalisation = words('mean-of-means', 'sum-over-tokens-unshifted', 'sum-over-tokens-shifted', 'undivided');
export type LossNormalisation = typeof lossNormalisation.infer;

const LOSS_SCALING = 'Dynamic loss scaling, as by torch.amp.GradScaler; of precision fp16 alone.';

const fields = {
  epochs: notNegative.describe(
    '0: nothing is trained, the base is evaluated as it is. A fraction ends within an epoch, after the steps that it rounds up to.',
  ),
  batchSize: count.describe('Rows per micro-batch.'),
  accumulation: count.describe('Micro-batches per optimiser step.'),
  stepsPerEpoch: words('ceil', 'floor').describe('How the number of steps per epoch is rounded in the total.'),
  lastAccumulation: words('carried', 'miscounted', 'step', 'rescaled').describe(
    `Micro-batches left at the end of an epoch, which every era of the HF Trainer treats in its own way:
- \`carried\` (4.27 to 4.45): they begin the first step of the next epoch;
- \`miscounted\` (4.47 to 4.51): rows modulo accumulation of them are taken; when that is all of them, they are a step; else their gradients, normalised on their own, are added to the first step of the next epoch and the others are left out;
- \`step\` (4.52 to 4.54): a step of their own, where means are still divided by the accumulation;
- \`rescaled\` (from 4.55): a step of their own, where means are divided by their number.`,
  ),
  clip: value('number > 0 | null').describe('Bound of the global norm of gradients; null = no clipping.'),
  lossNormalisation: lossNormalisation.describe(
    `What the gradient of a step is divided by, which the HF Trainer changed four times:
- \`mean-of-means\` (up to 4.45, and later for models whose forward takes no further arguments): the mean of each micro-batch, divided by the accumulation;
- \`sum-over-tokens-unshifted\` (4.48.1 to 5.9): the sum over the tokens of the step, divided by its labels other than -100, the first one of a row included although nothing predicts it;
- \`sum-over-tokens-shifted\` (4.46.0, and from 5.10): the same without the first label of each row;
- \`undivided\`: the mean of each micro-batch, summed: a custom compute_loss from 4.46 on, the sequence classifiers since their forward takes any argument (4.54), and causal LMs in 4.47 and 4.48.0, which did not hand them the count.

For a classifier, whose labels have no shift, both sums are the mean over the rows of the step.`,
  ),
  precision: words(...PRECISIONS).describe('Numbers in which the model computes.'),
  gradientCheckpointing: truth.describe('Recompute activations in the backward pass: less memory, the same result.'),
  selection: union(
    words('last'),
    pattern<`best-${string}`>(/^best-[a-z0-9-]+$/).examples('best-loss', 'best-macro-f1', 'best-accuracy'),
  ).describe(
    'The weights that training returns: the last ones, or those of the best validation value of a metric (`best-loss`, `best-macro-f1`, ...). Losses and perplexities are best when low, everything else when high.',
  ),
  evaluationBatchSize: count.describe(
    'Rows of an evaluation batch: the evaluation loss of the HF Trainer is a mean of batch means.',
  ),
  evaluateEvery: union(
    words('epoch'),
    object({ steps: count.describe('Optimiser steps between two evaluations.') }),
  ).describe('When the validation rows are evaluated: after every epoch, or every so many steps.'),
  earlyStopping: nullable(
    object({
      patience: count.describe('Evaluations in a row without an improvement.'),
      threshold: notNegative.describe('An improvement is larger than this.'),
    }),
  ).describe(
    "Stop when `patience` evaluations in a row did not improve the metric of `selection` by more than `threshold`; null = don't.",
  ),
  onDivergence: words('stop', 'record').describe(
    'What a loss or gradient that is not a number means. `stop`: an error. `record`: a result; training ends there, the curve until then is kept, the metric `diverged` is 1, and nothing is evaluated, because such weights have no other metric.',
  ),
  seed: whole.describe('Seed of initialisation, order of rows and dropout.'),
};

export const training = object({
  ...fields,
  lossScaling: lossScaling.describe(LOSS_SCALING),
  optimiser,
  schedule,
}).named('training', 'The training loop.');
export type Training = typeof training.infer;

/** Any part of the training. */
export const trainingBlock = partial({
  ...fields,
  lossScaling: partial(lossScalingFields).describe(LOSS_SCALING),
  optimiser: optimiserBlock.named('optimiser-block', 'Any part of the optimiser.'),
  schedule: partial(scheduleFields).named('schedule-block', 'The learning rate over the steps: any part of it.'),
});

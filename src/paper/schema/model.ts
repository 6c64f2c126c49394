/** What is trained: how the base is stored, the adapter on it, the head and the loss. */

import { list, map, object, partial, union, value, words } from '../schema-part';
import { count, notNegative, positive, share, text, truth, whole } from './numbers';

// --- quantisation: bitsandbytes' formats ---

const prepared = {
  kbitPreparation: words('peft', 'trl-norms', 'none').describe(
    'What was done to the other parameters before training, which decides where the residual stream is fp32: `prepare_model_for_kbit_training` of PEFT, the norms alone (TRL), or nothing.',
  ),
  skipModules: value('string[] | null').describe(
    '`llm_int8_skip_modules`, of 4-bit models too: linears that stay as they are, instead of the default (the head). null = the default.',
  ),
  tested: words('quantised', 'unquantised').describe(
    'The base that test rows are run through: as it was trained on, or its weights as published with the adapter on top.',
  ),
};
const doubleQuant = truth.describe('Whether the absmax values are quantised too (`bnb_4bit_use_double_quant`).');
const blockSize = value('32 | 64 | 128 | 256 | 512 | 1024 | 2048 | 4096').describe(
  'Weights per absmax; 64 in bitsandbytes.',
);
const threshold = notNegative.describe(
  "Columns of a linear's input with a magnitude of at least this are multiplied in 16 bits: 6 in bitsandbytes, 0 = none.",
);

const fourBit = object({
  kind: words('nf4', 'fp4').describe('The 4-bit data type (`bnb_4bit_quant_type`).'),
  doubleQuant,
  blockSize,
  ...prepared,
})
  .named('quantisation-4bit', 'Linears stored in 4 bits.')
  .examples({ kind: 'nf4', doubleQuant: true, blockSize: 64 });

const eightBit = object({ kind: words('int8').describe('LLM.int8().'), threshold, ...prepared })
  .named('quantisation-8bit', 'Linears stored in 8 bits.')
  .examples({ kind: 'int8', threshold: 6 });

export const quantisation = union(fourBit, eightBit).named(
  'quantisation',
  'How the frozen linears are stored, in the formats of bitsandbytes; null = in the precision of training.',
);
export type Quantisation = typeof quantisation.infer;

/** Any part of a quantisation. */
export const quantisationBlock = partial({
  kind: words('nf4', 'fp4', 'int8').describe('The format: `nf4` and `fp4` have 4 bits, `int8` is LLM.int8().'),
  doubleQuant,
  blockSize,
  threshold,
  ...prepared,
});

// --- adapters ---

/** Names of linears, as an editor offers them. */
const linears = list(
  value('string').examples('q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'),
);

/** Which modules an adapter changes; what is not named is PEFT's default. */
const selection = {
  targets: union(text.examples('all-linear'), linears).describe(
    '`all-linear`: every linear of every block. A list: full names of modules or their last parts. Other text: a regular expression for the whole name.',
  ),
  'exclude?': union(text, linears).describe('Modules that stay as they are, by the same rules.'),
  'layers?': list(whole).describe('Blocks that are adapted, counted from 0 (`layers_to_transform`); absent = all.'),
  'modulesToSave?': list(value('string').examples('embed_tokens', 'lm_head', 'score')).describe(
    'Modules that are trained as a full copy instead: these are never adapted.',
  ),
};
const alpha = positive.describe('Numerator of the scaling.');
const dropout = share.describe("Dropout on the adapter's input.");

const loraFields = {
  rank: count.describe('Columns of the two low-rank matrices.'),
  alpha,
  dropout,
  ...selection,
  'rslora?': truth.describe('Scale by alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023).'),
  'rankPattern?': map(count).describe(
    "Ranks of single modules, by expressions for the end of their names (PEFT's `rank_pattern`).",
  ),
  'alphaPattern?': map(positive).describe(
    "Alphas of single modules, by expressions for the end of their names (PEFT's `alpha_pattern`).",
  ),
};

/** A number of steps, or a share of all of them. */
export const stepCount = union(
  object({ steps: whole.describe('A number of optimiser steps.') }),
  object({ ratio: share.describe('A share of all optimiser steps.') }),
).named('step-count', 'A number of optimiser steps, or a share of all of them.');
export type StepCount = typeof stepCount.infer;

const adaloraFields = {
  initialRank: count.describe('Rank of every module at the start (`init_r`).'),
  targetRank: count.describe('Mean rank of a module at the end (`target_r`).'),
  alpha,
  dropout,
  ...selection,
  warmup: stepCount.describe('Steps with the whole budget at the start (`tinit`); a share is rounded down.'),
  final: stepCount.describe(
    'Steps at the end during which the ranks stay as they are (`tfinal`); a share is rounded down.',
  ),
  interval: count.describe('Steps between two allocations (`deltaT`).'),
  'totalSteps?': count.describe("Steps that the schedule is laid out for (`total_step`); absent = the run's own."),
  beta1: value('0 < number < 1').describe('Averaging of importance (`beta1`).'),
  beta2: value('0 < number < 1').describe('Averaging of the uncertainty of importance (`beta2`).'),
  orthogonalWeight: notNegative.describe(
    "Weight of the orthogonal loss, which PEFT adds to the model's own loss in every forward pass; 0 for a script that takes the logits and computes its own.",
  ),
  budget: words('scheduled', 'never-updated').describe(
    '`scheduled`: the allocator runs after every step. `never-updated`: nothing calls it, as under the HF Trainer without a callback, so every module keeps the initial rank.',
  ),
};

const lora = object({ kind: words('lora').describe('LoRA (Hu et al. 2021).'), ...loraFields })
  .named('lora', 'LoRA with the settings of PEFT.')
  .examples({ kind: 'lora', rank: 16, alpha: 32, dropout: 0.05, targets: ['q_proj', 'v_proj'] });
export type LoraSettings = typeof lora.infer;

const adalora = object({ kind: words('adalora').describe('AdaLoRA (Zhang et al. 2023).'), ...adaloraFields })
  .named('adalora', 'AdaLoRA with the settings of PEFT.')
  .examples({
    kind: 'adalora',
    initialRank: 12,
    targetRank: 8,
    alpha: 32,
    dropout: 0,
    targets: 'all-linear',
    warmup: { ratio: 0.1 },
    final: { ratio: 0.3 },
    interval: 10,
    beta1: 0.85,
    beta2: 0.85,
    orthogonalWeight: 0.5,
    budget: 'scheduled',
  });
export type AdaLoraSettings = typeof adalora.infer;

export const adapter = union(lora, adalora).named(
  'adapter',
  'The adapter that is trained; null = the base is evaluated as it is.',
);

/** Any part of an adapter; one flat object, because a block may change one number of the adapter below it. */
export const adapterBlock = partial({
  kind: words('lora', 'adalora').describe('The method: LoRA or AdaLoRA.'),
  ...loraFields,
  ...adaloraFields,
});

// --- head and loss ---

export const head = union(
  object({
    kind: words('classification').describe('Classes come from the data; a linear layer without bias.'),
    pooling: words('last-token').describe('The hidden state that is scored: of the last token that is not padding.'),
  }).examples({ kind: 'classification', pooling: 'last-token' }),
  object({ kind: words('causal').describe('The head of a causal LM.') }).examples({ kind: 'causal' }),
).named('head', 'What is put on the decoder.');
export type Head = typeof head.infer;

const focalFields = {
  gamma: notNegative.describe('Exponent of (1-p).'),
  alpha: positive.describe('Factor of the whole loss.'),
};
const diceFields = {
  diceWeight: notNegative.describe('Weight of the Dice term.'),
  ceWeight: notNegative.describe('Weight of the cross-entropy.'),
  exponent: notNegative.describe('Exponent of the self-adjusting factor (1-p)^exponent (Li et al. 2020).'),
  smoothing: notNegative.describe('Added to numerator and denominator of the Dice term.'),
  reduction: words('example', 'class').describe(
    'One Dice term per example, averaged, or one per class over the batch.',
  ),
};

export const loss = union(
  object({ kind: words('cross-entropy').describe('Cross-entropy.') }).examples({ kind: 'cross-entropy' }),
  object({ kind: words('focal').describe('Focal loss (Lin et al. 2017).'), ...focalFields }).examples({
    kind: 'focal',
    gamma: 2,
    alpha: 0.25,
  }),
  object({ kind: words('dice-ce').describe('A Dice term and cross-entropy.'), ...diceFields }).examples({
    kind: 'dice-ce',
    diceWeight: 0.5,
    ceWeight: 0.5,
    exponent: 1,
    smoothing: 1,
    reduction: 'example',
  }),
).named('loss', 'What is minimised.');
export type Loss = typeof loss.infer;

/** Any part of a loss; flat for the same reason. */
export const lossBlock = partial({
  kind: words('cross-entropy', 'focal', 'dice-ce').describe('The loss.'),
  ...focalFields,
  ...diceFields,
});

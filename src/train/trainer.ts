/**
 * The training loop: order, passes, clip, step, schedule. Everything random is a function of (seed, step, module), and
 * everything summed has a fixed order, so a run stopped after any step and resumed gives the bits of one never stopped.
 */
import type { Seed } from '../autograd/ops/linear';
import { groupsOf, packsOf } from '../data/batches';
import { batchHash } from '../data/hashes';
import { inputError, MedreproError, specError } from '../errors';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { ForwardOptions } from '../nn/decoder';
import type { Model } from '../nn/model';
import type { Loss, LossNormalisation, Training } from '../paper/types';
import { clipFactor, createOptimiser, type Optimiser } from './optimiser';
import { causalPass, classifierPass, countLabels, nextTokenTargets, type Row } from './pass';
import { LossScaler, type ScalerState } from './scaler';
import { countSteps, endsEpoch, epochOf, learningRate, microBatchesOf, type StepCounts } from './schedule';

export interface TrainerOptions {
  readonly task: 'sequence-classification' | 'causal-lm';
  readonly training: Training;
  readonly loss: Loss;
  /** Row order of an epoch: a permutation of the training rows, a function of seed and epoch alone. */
  readonly order: (epoch: number) => ArrayLike<number>;
  /** A folder that holds the optimiser's state instead of memory; null or absent keeps it in memory. */
  readonly offload?: string | null;
}

export interface StepResult {
  /** Optimiser steps done, counted from 1. */
  readonly step: number;
  readonly loss: number;
  /** Before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly tokens: number;
  /** Hash of the step's rows in order: it tells whether two runs first differ in their data or in the engine. */
  readonly batchSha256: string;
  /** fp16 only: what the loss was multiplied by. */
  readonly lossScale?: number;
  /** The gradients overflowed: weights, moments and schedule stayed as they were. */
  readonly skipped?: true;
  /** The step was not taken, because its loss or gradient is not a number; training ended there. */
  readonly diverged?: true;
  /** AdaLoRA: its orthogonal loss, part of `loss` once per micro-batch. */
  readonly orthogonalLoss?: number;
  /** AdaLoRA: rank of each module, where this step changed one. */
  readonly ranks?: Readonly<Record<string, number>>;
}

/** A step whose loss or gradient is not a number. */
export class DivergedError extends MedreproError {
  constructor(readonly result: StepResult) {
    super('input', `step ${result.step}: the loss is ${result.loss} and the gradient norm ${result.gradNorm}`, {
      remedy: 'lower training.optimiser.learningRate or set training.clip in the spec',
    });
  }
}

/** Progress of a trainer, besides weights and optimiser state. */
export interface TrainerProgress {
  /** Steps done, skipped ones included: what epochs and batches count. */
  readonly step: number;
  /** Updates done: what the optimiser and the schedule count. */
  readonly updates: number;
  /** Of fp16's loss scale; null in other precisions. */
  readonly scaler: ScalerState | null;
}

/** @throws MedreproError `input` when the model would drop attention weights in training, which is not implemented. */
export function refuseAttentionDropout({ config: { attentionDropout } }: Pick<Model, 'config'>): void {
  if (attentionDropout === 0) return;
  throw inputError(`config.json has attention_dropout ${attentionDropout}, which is not implemented in training`, {
    remedy: 'set it to 0 in config.json, if the run to repeat had none',
  });
}

/** Every step is checked before the first one runs; a tenth of this is more than any fine-tuning has. */
const MAX_STEPS = 10_000_000;

export class Trainer {
  readonly counts: StepCounts;
  readonly optimiser: Optimiser;
  private readonly scaler: LossScaler | null;
  private done = 0;
  private updates = 0;
  /** Cached micro-batches of the latest epochs. */
  private readonly epochs = new Map<number, Row[][]>();

  constructor(
    private readonly device: Device,
    private readonly model: Model,
    private readonly rows: readonly Row[],
    private readonly options: TrainerOptions,
  ) {
    if (rows.length === 0 && options.training.epochs > 0) throw inputError('there are no training rows');
    const { training } = options;
    if (training.epochs > 0) refuseAttentionDropout(model);
    this.counts = countSteps(rows.length, training);
    if (!(this.counts.steps <= MAX_STEPS)) {
      throw specError(
        `training.epochs is ${training.epochs}: that makes ${this.counts.steps} steps, and at most ${MAX_STEPS} can be planned`,
        {
          remedy: 'lower training.epochs',
        },
      );
    }
    this.optimiser = createOptimiser(device, model.trainable, training.optimiser, options.offload ?? null);
    this.scaler = needsLossScaling(training.precision) ? new LossScaler(training.lossScaling) : null;
    model.decoder.prepare(rows.reduce((longest, row) => Math.max(longest, row.ids.length), 1));
  }

  /** Optimiser steps done, skipped ones included. */
  get step(): number {
    return this.done;
  }
  get finished(): boolean {
    return this.done >= this.counts.steps;
  }
  /** Whether the last step was the last of an epoch, or of all. */
  get atEpochEnd(): boolean {
    return this.done > 0 && (this.finished || endsEpoch(this.counts, this.done));
  }
  /** Steps whose gradients overflowed. */
  get skipped(): number {
    return this.done - this.updates;
  }
  get progress(): TrainerProgress {
    return { step: this.done, updates: this.updates, scaler: this.scaler?.state ?? null };
  }

  /** State of the adapter besides weights, for checkpoints. */
  get adapterState(): ReadonlyMap<string, Tensor> {
    return this.model.adalora?.state ?? new Map();
  }

  /** Continues from `progress`; weights and moments must be those of that moment. */
  resumeAt({ step, updates, scaler }: TrainerProgress): void {
    this.done = step;
    this.updates = updates;
    if (scaler !== null) this.scaler?.restore(scaler);
  }

  /** Epochs done after `step` steps. */
  epochAt(step: number): number {
    return epochOf(this.counts, step);
  }

  /** The micro-batches of the step after `done` steps, in groups that are normalised each on its own; usually one. */
  groupsAt(done: number): Row[][][] {
    const { microBatchesPerEpoch } = this.counts;
    return microBatchesOf(this.counts, done).map(({ begin, end }) =>
      Array.from({ length: end - begin }, (_, index) => {
        const epoch = Math.floor((begin + index) / microBatchesPerEpoch);
        return this.epochBatches(epoch)[(begin + index) % microBatchesPerEpoch]!;
      }),
    );
  }

  /** All micro-batches of the step after `done` steps. */
  batchesOf(done: number): Row[][] {
    return this.groupsAt(done).flat();
  }

  private epochBatches(epoch: number): Row[][] {
    const known = this.epochs.get(epoch);
    if (known !== undefined) return known;
    const order = Array.from(this.options.order(epoch), (index) => this.rows[index]!);
    const batches = groupsOf(order, this.options.training.batchSize);
    // a step may begin in one epoch and end in the next
    for (const old of this.epochs.keys()) if (old !== epoch - 1) this.epochs.delete(old);
    this.epochs.set(epoch, batches);
    return batches;
  }

  /** Micro-batches of one step, grouped into passes. */
  passesOf(batches: readonly Row[][]): Row[][][] {
    const { task, training } = this.options;
    // a mean per micro-batch cannot share a pass: every micro-batch has its own divisor
    const apart = task === 'causal-lm' && !sumsOverTokens(training.lossNormalisation);
    return apart ? batches.map((batch) => [batch]) : packsOf(batches, tokensOf, this.device.tokensPerPass);
  }

  /**
   * One optimiser step. An interruption leaves weights and moments as they were after the last whole step.
   * @throws DivergedError, with everything as it was, when loss or gradient is not a number; in fp16 only where a smaller
   *   loss scale cannot help.
   */
  run(): StepResult {
    const { schedule, optimiser, clip } = this.options.training;
    const groups = this.groupsAt(this.done);
    const rows = groups.flat(2);
    const lossScale = this.scaler?.state.scale ?? 1;
    this.optimiser.zeroGradients();
    const orthogonal = this.orthogonalLoss(groups, lossScale);
    let loss = orthogonal.total;
    let tokens = 0;
    for (const group of groups) {
      loss += this.gradients(group, lossScale, tokens);
      tokens += tokensOf(group.flat());
    }
    const gradNorm = this.optimiser.gradientNorm() / lossScale;
    const overflow = !Number.isFinite(gradNorm);
    const finite = Number.isFinite(loss) && !overflow;
    if (this.scaler === null ? !finite : !Number.isFinite(loss) && lossScale < 1) {
      const batchSha256 = batchHash(rows);
      const step = this.done + 1;
      throw new DivergedError({ step, loss, gradNorm, learningRate: 0, tokens, batchSha256, diverged: true });
    }
    const { warmupSteps, steps } = this.counts;
    const scheduled = learningRate(schedule.kind, optimiser.learningRate ?? 0, this.updates, warmupSteps, steps);
    const lr = this.optimiser.learningRate(this.updates + 1, scheduled);
    this.scaler?.update(overflow, this.done + 1);
    const gradientScale = clipFactor(gradNorm, clip) / lossScale;
    if (!overflow) {
      this.updates++;
      this.optimiser.update(this.updates, lr, gradientScale);
    }
    const ranks = this.model.adalora?.afterStep(this.done, overflow ? null : gradientScale);
    this.done++;
    return {
      step: this.done,
      loss,
      gradNorm,
      learningRate: lr,
      tokens,
      batchSha256: batchHash(rows),
      ...(this.scaler === null ? {} : { lossScale }),
      ...(overflow ? { skipped: true } : {}),
      ...(orthogonal.value === null ? {} : { orthogonalLoss: orthogonal.value }),
      ...(ranks ? { ranks } : {}),
    };
  }

  /** What the loss of a whole micro-batch is multiplied by: 1 where each loss is divided already, or not at all. */
  private partWeight(microBatches: number): number {
    const { lossNormalisation, accumulation, lastAccumulation } = this.options.training;
    if (lossNormalisation !== 'mean-of-means') return 1;
    return 1 / (lastAccumulation === 'rescaled' ? microBatches : accumulation);
  }

  /**
   * AdaLoRA's own loss and its gradient: PEFT adds it to the loss of every micro-batch, before that is divided by whatever
   * the Trainer divides it by.
   */
  private orthogonalLoss(
    groups: readonly (readonly Row[][])[],
    lossScale: number,
  ): { readonly value: number | null; readonly total: number } {
    const { adalora } = this.model;
    if (adalora === null) return { value: null, total: 0 };
    const times = groups.reduce((sum, { length }) => sum + length * this.partWeight(length), 0);
    const value = adalora.orthogonalLoss(times * lossScale);
    return { value, total: times * value };
  }

  /**
   * Adds the gradients of micro-batches that are normalised together, times `lossScale`, to those of the trainable tensors;
   * returns their loss as the Trainer would log it.
   * @param firstToken tokens of the step in earlier groups
   */
  private gradients(batches: readonly Row[][], lossScale: number, firstToken: number): number {
    const passes = this.passesOf(batches);
    let tokens = firstToken;
    /** Options of the next pass, over `rows`. */
    const next = (rows: readonly Row[]): ForwardOptions => {
      const options = this.forwardOptions(this.done, tokens);
      tokens += tokensOf(rows);
      return options;
    };
    const { lossNormalisation } = this.options.training;
    const partWeight = this.partWeight(batches.length);
    if (this.options.task === 'sequence-classification') {
      const rows = batches.flat().length;
      const weightOf = (batch: readonly Row[]): number =>
        sumsOverTokens(lossNormalisation) ? batch.length / rows : partWeight;
      let loss = 0;
      for (const pass of passes) {
        const weights = pass.map(weightOf);
        const scaled = weights.map((weight) => weight * lossScale);
        const losses = classifierPass(this.device, this.model, pass, scaled, this.options.loss, next(pass.flat()));
        losses.forEach((value, index) => {
          loss += value * weights[index]!;
        });
      }
      return loss;
    }
    if (sumsOverTokens(lossNormalisation)) {
      const shifted = nextTokenTargets(batches.flat()).labels.length;
      if (shifted === 0) throw nothingToLearn(this.done + 1);
      const count = lossNormalisation === 'sum-over-tokens-shifted' ? shifted : countLabels(batches.flat());
      let sum = 0;
      for (const pass of passes) {
        const rows = pass.flat();
        sum += causalPass(this.device, this.model, rows, lossScale / count, next(rows), pass).sum;
      }
      return sum / count;
    }
    let loss = 0;
    for (const batch of passes.flat()) {
      const count = nextTokenTargets(batch).labels.length;
      if (count === 0) throw nothingToLearn(this.done + 1);
      const scale = (partWeight / count) * lossScale;
      loss += (causalPass(this.device, this.model, batch, scale, next(batch), [batch]).sum / count) * partWeight;
    }
    return loss;
  }

  private forwardOptions(step: number, firstToken: number): ForwardOptions {
    const { training } = this.options;
    const dropoutSeed = (module: number): Seed => ({
      low: training.seed >>> 0,
      // one stream per step and module; modules are fewer than 2^11
      high: (step * 2048 + module) >>> 0,
      firstToken,
    });
    return { compute: training.precision, checkpoint: training.gradientCheckpointing, dropoutSeed };
  }
}

/** Tokens of some rows. */
export const tokensOf = (rows: readonly Row[]): number => rows.reduce((sum, row) => sum + row.ids.length, 0);

/** Forward options of an evaluation: no dropout, nothing to recompute. */
export const evaluationOptions = (training: Training): ForwardOptions => ({
  compute: training.precision,
  checkpoint: false,
  dropoutSeed: null,
});

/** Whether a precision has so few exponents that gradients need a scaled loss. */
const needsLossScaling = (precision: string): boolean => precision === 'fp16';

const sumsOverTokens = (normalisation: LossNormalisation): boolean =>
  normalisation === 'sum-over-tokens-shifted' || normalisation === 'sum-over-tokens-unshifted';

function nothingToLearn(step: number): Error {
  return inputError(`step ${step}: every label is -100, so there is nothing to learn from`, {
    remedy: 'check the template and the label mask of the spec',
  });
}

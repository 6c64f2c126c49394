/**
 * The training loop: order, passes, clip, step, schedule. Everything random is a function of (seed, step, module), and
 * everything summed has a fixed order, so a run stopped after any step and resumed gives the bits of one never stopped.
 */
import type { Seed } from '../autograd/ops/linear';
import { groupsOf, packsOf } from '../data/batches';
import { batchHash } from '../data/hashes';
import { inputError } from '../errors';
import type { Device } from '../native/device';
import type { ForwardOptions } from '../nn/decoder';
import type { Model } from '../nn/model';
import type { Loss, Training } from '../spec/types';
import { AdamW } from './optimiser';
import { causalPass, classifierPass, nextTokenTargets, type Row } from './pass';
import { countSteps, learningRate, type StepCounts } from './schedule';

/** Tokens one pass may hold. A constant, because the grouping of micro-batches decides the order of sums. */
export const TOKENS_PER_PASS = 2048;

export interface TrainerOptions {
  readonly task: 'sequence-classification' | 'causal-lm';
  readonly training: Training;
  readonly loss: Loss;
  /** Row order of an epoch: a permutation of the training rows, a function of seed and epoch alone. */
  readonly order: (epoch: number) => ArrayLike<number>;
}

export interface StepResult {
  /** Optimiser steps done, counted from 1. */
  readonly step: number;
  readonly loss: number;
  /** Before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly tokens: number;
  /** Of the step's rows in order: where two runs first differ, their data do or the engine does. */
  readonly batchSha256: string;
}

export class Trainer {
  readonly counts: StepCounts;
  readonly optimiser: AdamW;
  private done = 0;
  private epoch = -1;
  private microBatches: Row[][] = [];

  constructor(
    private readonly device: Device,
    private readonly model: Model,
    private readonly rows: readonly Row[],
    private readonly options: TrainerOptions,
  ) {
    if (rows.length === 0) throw inputError('there are no training rows');
    this.counts = countSteps(rows.length, options.training);
    this.optimiser = new AdamW(device, model.trainable, options.training.optimiser);
    model.decoder.prepare(rows.reduce((longest, row) => Math.max(longest, row.ids.length), 1));
  }

  /** Optimiser steps done. */
  get step(): number {
    return this.done;
  }
  get finished(): boolean {
    return this.done >= this.counts.steps;
  }
  /** Whether the last step was the last of an epoch. */
  get atEpochEnd(): boolean {
    return this.done > 0 && this.done % this.counts.stepsPerEpoch === 0;
  }

  /** Continues after `step` steps; weights and moments must be those of that moment. */
  resumeAt(step: number): void {
    this.done = step;
  }

  /** The micro-batches of the step after `done` steps. */
  batchesOf(done: number): Row[][] {
    const { stepsPerEpoch } = this.counts;
    const epoch = Math.floor(done / stepsPerEpoch);
    if (epoch !== this.epoch) {
      const { batchSize } = this.options.training;
      const order = Array.from(this.options.order(epoch), (index) => this.rows[index]!);
      this.microBatches = groupsOf(order, batchSize);
      this.epoch = epoch;
    }
    const { accumulation } = this.options.training;
    const first = (done % stepsPerEpoch) * accumulation;
    return this.microBatches.slice(first, first + accumulation);
  }

  /** Micro-batches of one step, grouped into what is computed at once. */
  passesOf(batches: readonly Row[][]): Row[][][] {
    const { task, training } = this.options;
    // a mean per micro-batch cannot share a pass: every micro-batch has its own divisor
    const apart = task === 'causal-lm' && training.lossNormalisation !== 'sum-over-tokens';
    return apart ? batches.map((batch) => [batch]) : packsOf(batches, tokensOf, TOKENS_PER_PASS);
  }

  /** One optimiser step. An interruption leaves weights and moments as they were after the last whole step. */
  run(): StepResult {
    const { training } = this.options;
    const batches = this.batchesOf(this.done);
    this.optimiser.zeroGradients();
    const loss = this.gradients(batches);
    const gradNorm = this.optimiser.gradientNorm();
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw inputError(`step ${this.done + 1}: the loss is ${loss} and the gradient norm ${gradNorm}`, {
        remedy: 'lower training.optimiser.learningRate or set training.clip in the spec',
      });
    }
    const { schedule, optimiser, clip } = training;
    const { warmupSteps, steps } = this.counts;
    const lr = learningRate(schedule.kind, optimiser.learningRate, this.done, warmupSteps, steps);
    this.optimiser.update(this.done + 1, lr, gradNorm, clip);
    this.done++;
    const tokens = tokensOf(batches.flat());
    const batchSha256 = batchHash(batches.flat());
    return { step: this.done, loss, gradNorm, learningRate: lr, tokens, batchSha256 };
  }

  /** Gradients of one step into the trainable tensors, and the step's loss as the Trainer would log it. */
  private gradients(batches: readonly Row[][]): number {
    const passes = this.passesOf(batches);
    let tokens = 0;
    /** Options of the next pass, over `rows`. */
    const next = (rows: readonly Row[]): ForwardOptions => {
      const options = this.forwardOptions(this.done, tokens);
      tokens += tokensOf(rows);
      return options;
    };
    const { lossNormalisation, accumulation } = this.options.training;
    if (this.options.task === 'sequence-classification') {
      const rows = batches.flat().length;
      const weightOf = (batch: readonly Row[]): number =>
        lossNormalisation === 'undivided'
          ? 1
          : lossNormalisation === 'mean-of-means'
            ? 1 / accumulation
            : batch.length / rows;
      let loss = 0;
      for (const pass of passes) {
        const weights = pass.map(weightOf);
        const losses = classifierPass(this.device, this.model, pass, weights, this.options.loss, next(pass.flat()));
        losses.forEach((value, index) => {
          loss += value * weights[index]!;
        });
      }
      return loss;
    }
    if (lossNormalisation === 'sum-over-tokens') {
      const count = nextTokenTargets(batches.flat()).labels.length;
      if (count === 0) throw nothingToLearn(this.done + 1);
      let sum = 0;
      for (const pass of passes) {
        const rows = pass.flat();
        sum += causalPass(this.device, this.model, rows, 1 / count, next(rows)).sum;
      }
      return sum / count;
    }
    const weight = lossNormalisation === 'undivided' ? 1 : 1 / accumulation;
    let loss = 0;
    for (const batch of passes.flat()) {
      const count = nextTokenTargets(batch).labels.length;
      if (count === 0) throw nothingToLearn(this.done + 1);
      loss += (causalPass(this.device, this.model, batch, weight / count, next(batch)).sum / count) * weight;
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

function nothingToLearn(step: number): Error {
  return inputError(`step ${step}: every label is -100, so there is nothing to learn from`, {
    remedy: 'check the template and the label mask of the spec',
  });
}

/** Learning-rate schedules of transformers' `get_scheduler`, and the Trainer's step counts. */
import { inputError } from '../errors';
import { hostLibrary } from '../native/device';
import { stepTotals } from '../paper/sizes';
import type { Schedule, Training } from '../paper/types';

export interface StepCounts {
  readonly microBatchesPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  readonly warmupSteps: number;
  readonly accumulation: number;
  /** Steps are counted through the epochs: micro-batches left at the end of one begin the next one's first step. */
  readonly carried: boolean;
  /** Micro-batches left at the end of an epoch whose gradients are added to the next epoch's first step. */
  readonly added: number;
}

/**
 * Optimiser steps for `rows` training rows. `training.lastAccumulation` decides what becomes of an epoch's last
 * micro-batches; where the Trainer rounds down, only the total is smaller, and the last epoch may be cut short.
 */
export function countSteps(rows: number, training: Training): StepCounts {
  const { accumulation, lastAccumulation } = training;
  const { microBatchesPerEpoch, total: steps } = stepTotals(rows, training);
  const exact = microBatchesPerEpoch / accumulation;
  // 4.47 to 4.51 compute the number of remaining micro-batches from a number of rows
  const taken = rows % accumulation || accumulation;
  const short = lastAccumulation === 'miscounted' && taken < microBatchesPerEpoch % accumulation;
  if (short && exact < 1) {
    throw inputError(
      `training: with lastAccumulation miscounted, an epoch of ${rows} rows fetches ${taken} of its ${microBatchesPerEpoch} micro-batches and takes no step`,
      { remedy: `lower training.accumulation (${accumulation}), or choose another lastAccumulation` },
    );
  }
  return {
    microBatchesPerEpoch,
    stepsPerEpoch: short ? Math.floor(exact) : Math.ceil(exact),
    steps,
    warmupSteps: warmupSteps(training.schedule, steps),
    accumulation,
    carried: lastAccumulation === 'carried',
    added: short ? taken : 0,
  };
}

/** Micro-batches, counted through all epochs: [begin, end). */
export interface Span {
  readonly begin: number;
  readonly end: number;
}

/** The micro-batches of the step after `done` steps: one span, or several that are normalised each on its own. */
export function microBatchesOf(counts: StepCounts, done: number): Span[] {
  const { microBatchesPerEpoch, stepsPerEpoch, accumulation, carried, added } = counts;
  if (carried) return [{ begin: carriedThrough(counts, done), end: carriedThrough(counts, done + 1) }];
  const epoch = Math.floor(done / stepsPerEpoch);
  const index = done % stepsPerEpoch;
  const first = epoch * microBatchesPerEpoch;
  const begin = first + index * accumulation;
  const own = { begin, end: Math.min(begin + accumulation, first + microBatchesPerEpoch) };
  if (added === 0 || index > 0 || epoch === 0) return [own];
  const left = first - microBatchesPerEpoch + stepsPerEpoch * accumulation;
  return [{ begin: left, end: left + added }, own];
}

/** Whether an epoch ends between step `done` and the next: with `carried`, the step before the one that crosses over. */
export function endsEpoch(counts: StepCounts, done: number): boolean {
  const { microBatchesPerEpoch, stepsPerEpoch, carried } = counts;
  if (!carried) return done % stepsPerEpoch === 0;
  const end = Math.ceil(carriedThrough(counts, done) / microBatchesPerEpoch) * microBatchesPerEpoch;
  return carriedThrough(counts, done + 1) > end;
}

/** Epochs done after `done` steps, as the Trainer logs them: the micro-batch that the last step ended with. */
export function epochOf(counts: StepCounts, done: number): number {
  return done === 0 ? 0 : microBatchesOf(counts, done - 1).at(-1)!.end / counts.microBatchesPerEpoch;
}

/**
 * Micro-batches that `done` steps take when steps are counted through the epochs. The end of an epoch shorter than a step is
 * one as well, and the count goes on.
 */
function carriedThrough({ microBatchesPerEpoch, accumulation }: StepCounts, done: number): number {
  if (microBatchesPerEpoch >= accumulation) return done * accumulation;
  let end = 0;
  for (let step = 0; step < done; step++) {
    end = Math.min(nextMultiple(end, accumulation), nextMultiple(end, microBatchesPerEpoch));
  }
  return end;
}

const nextMultiple = (value: number, of: number): number => (Math.floor(value / of) + 1) * of;

function warmupSteps({ warmup }: Schedule, steps: number): number {
  return 'steps' in warmup ? warmup.steps : Math.ceil(steps * warmup.ratio);
}

/**
 * Learning rate of optimiser step `step` (from 0). Warm-up grows from 0, so the first step of a schedule with warm-up has
 * learning rate 0, as in torch's LambdaLR under the Trainer.
 */
export function learningRate(
  kind: Schedule['kind'],
  base: number,
  step: number,
  warmup: number,
  total: number,
): number {
  return base * factor(kind, step, warmup, total);
}

function factor(kind: Schedule['kind'], step: number, warmup: number, total: number): number {
  if (step < warmup) return step / Math.max(1, warmup);
  if (kind === 'constant') return 1;
  if (kind === 'linear') return Math.max(0, (total - step) / Math.max(1, total - warmup));
  const progress = (step - warmup) / Math.max(1, total - warmup);
  // half a cosine (num_cycles 0.5)
  return Math.max(0, 0.5 * (1 + hostLibrary().cos(Math.PI * 0.5 * 2 * progress)));
}

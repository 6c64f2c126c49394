/** Learning-rate schedules of transformers' `get_scheduler`, and the Trainer's step counts. */
import { hostLibrary } from '../native/device';
import type { Schedule, Training } from '../spec/types';

export interface StepCounts {
  readonly microBatchesPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  readonly warmupSteps: number;
  readonly accumulation: number;
  /** Micro-batches left at the end of an epoch go into the next epoch's first step. */
  readonly carried: boolean;
}

/**
 * Optimiser steps for `rows` training rows. With `lastAccumulation` other than `carried` an epoch always ends with a step,
 * however few micro-batches are left; where the Trainer rounds down, only the total is smaller, and the last epoch is cut
 * short.
 */
export function countSteps(rows: number, training: Training): StepCounts {
  const microBatchesPerEpoch = Math.ceil(rows / training.batchSize);
  const exact = microBatchesPerEpoch / training.accumulation;
  const stepsPerEpoch = Math.ceil(exact);
  const counted = training.stepsPerEpoch === 'ceil' ? stepsPerEpoch : Math.max(1, Math.floor(exact));
  const steps = counted * training.epochs;
  return {
    microBatchesPerEpoch,
    stepsPerEpoch,
    steps,
    warmupSteps: warmupSteps(training.schedule, steps),
    accumulation: training.accumulation,
    // an epoch with fewer micro-batches than a step is a step in every version
    carried: training.lastAccumulation === 'carried' && exact > 1,
  };
}

/** The micro-batches of the step after `done` steps, counted through all epochs: [begin, end). */
export function microBatchesOf(counts: StepCounts, done: number): { readonly begin: number; readonly end: number } {
  const { microBatchesPerEpoch, stepsPerEpoch, accumulation, carried } = counts;
  if (carried) return { begin: done * accumulation, end: (done + 1) * accumulation };
  const epoch = Math.floor(done / stepsPerEpoch);
  const begin = epoch * microBatchesPerEpoch + (done % stepsPerEpoch) * accumulation;
  return { begin, end: Math.min(begin + accumulation, (epoch + 1) * microBatchesPerEpoch) };
}

/** Whether an epoch ends between step `done` and the next: with `carried`, the step before the one that crosses over. */
export function endsEpoch(counts: StepCounts, done: number): boolean {
  const { microBatchesPerEpoch, stepsPerEpoch, accumulation, carried } = counts;
  if (!carried) return done % stepsPerEpoch === 0;
  const epoch = Math.ceil((done * accumulation) / microBatchesPerEpoch);
  return Math.floor((epoch * microBatchesPerEpoch) / accumulation) === done;
}

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

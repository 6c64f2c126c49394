/**
 * How many rows a split gives each side, and how many steps a training takes: arithmetic on a spec's numbers alone, so that
 * plans, audits and runs say the same.
 */

import type { DataSpec, Training } from './types';

/** Rows of each side of a split; together at most all. */
export interface SplitSizes {
  readonly train: number;
  readonly heldOut: number;
}

/** The settings that sizes depend on. */
export type SizeSettings = Pick<DataSpec, 'splitMethod' | 'train' | 'rest' | 'folds'>;

/**
 * Sizes of one split of `n` rows, rounded as the library of `splitMethod` rounds: scikit-learn and datasets round the
 * held-out side up and the training side down, pandas to the nearest (half to even), scripts around torch's random_split down.
 *
 * @param share what is held out: a share below 1, or a number of rows
 * @param last whether this is the last split that is made: `train` and `rest` are of that one
 */
export function splitSizes(n: number, share: number, settings: SizeSettings, last: boolean): SplitSizes {
  const { splitMethod, folds } = settings;
  if (folds !== null) {
    // the first n % k folds have one row more
    const heldOut = Math.floor(n / folds.of) + (folds.take <= n % folds.of ? 1 : 0);
    return { train: n - heldOut, heldOut };
  }
  const [roundTrain, roundHeldOut] = rounding(splitMethod);
  const rows = (size: number, round: Round): number => (size < 1 ? round(size * n) : size);
  const given = last ? settings.train : null;
  if (given === null || settings.rest === 'train') {
    const heldOut = rows(share, roundHeldOut);
    return { train: n - heldOut, heldOut };
  }
  if (settings.rest === 'dealt') {
    const [train, heldOut] = dealt(n, [given, share]);
    return { train: train!, heldOut: heldOut! };
  }
  const train = rows(given, roundTrain);
  return { train, heldOut: settings.rest === 'held-out' ? n - train : rows(share, roundHeldOut) };
}

/**
 * Rows of the three parts of one `random_split` of `n` rows: training, validation, test.
 *
 * Whoever has the rest is the training part, or with `rest: held-out` the last part; `dealt`: torch's own lengths.
 */
export function threeParts(n: number, validation: number, test: number, settings: SizeSettings): number[] {
  const rows = (size: number): number => (size < 1 ? Math.floor(size * n) : size);
  const { train, rest } = settings;
  if (train === null || rest === 'train') return [n - rows(validation) - rows(test), rows(validation), rows(test)];
  if (rest === 'dealt') return dealt(n, [train, validation, test]);
  return [rows(train), rows(validation), n - rows(train) - rows(validation)];
}

/** Rows of all three splits of `n` rows that are one file, as a spec holds them out. */
export function splitCounts(
  n: number,
  data: SizeSettings & Pick<DataSpec, 'test' | 'validation'>,
): { readonly train: number; readonly validation: number; readonly test: number } {
  const { test, validation } = data;
  if (test !== 0 && validation !== 0 && data.splitMethod === 'torch-random-split') {
    const [train, held, tested] = threeParts(n, validation, test, data);
    return { train: train!, validation: held!, test: tested! };
  }
  const first = test === 0 ? { train: n, heldOut: 0 } : splitSizes(n, test, data, validation === 0);
  if (validation === 0) return { train: first.train, validation: 0, test: first.heldOut };
  const second = splitSizes(first.train, validation, data, true);
  return { train: second.train, validation: second.heldOut, test: first.heldOut };
}

/** Optimiser steps of a training, as the HF Trainer counts them. */
export interface StepTotals {
  readonly microBatchesPerEpoch: number;
  /** As the total takes them: rounded as `stepsPerEpoch` says, at least 1. */
  readonly perEpoch: number;
  /** A fraction of an epoch is rounded up to whole steps: `ceil(num_train_epochs * num_update_steps_per_epoch)`. */
  readonly total: number;
}

export function stepTotals(
  rows: number,
  training: Pick<Training, 'batchSize' | 'accumulation' | 'stepsPerEpoch' | 'epochs'>,
): StepTotals {
  const microBatchesPerEpoch = Math.ceil(rows / training.batchSize);
  const exact = microBatchesPerEpoch / training.accumulation;
  const perEpoch = Math.max(1, Math[training.stepsPerEpoch](exact));
  return { microBatchesPerEpoch, perEpoch, total: Math.ceil(perEpoch * training.epochs) };
}

/** Python's `round`: to the nearest whole number, halves to the even one. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

// --- internal ---

type Round = (value: number) => number;

function rounding(method: DataSpec['splitMethod']): readonly [Round, Round] {
  switch (method) {
    case 'torch-random-split':
      return [Math.floor, Math.floor];
    case 'pandas-sample-train':
    case 'pandas-sample-held-out':
      return [roundHalfEven, roundHalfEven];
    default:
      return [Math.floor, Math.ceil];
  }
}

/** torch's lengths for fractions: each rounded down, what is left one each in turn. */
function dealt(n: number, shares: readonly number[]): number[] {
  const lengths = shares.map((share) => Math.floor(n * share));
  const left = n - lengths.reduce((sum, length) => sum + length, 0);
  for (let i = 0; i < left; i++) lengths[i % lengths.length]!++;
  return lengths;
}

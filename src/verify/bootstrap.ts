/**
 * "A beats B": the paired bootstrap over test items, across seeds.
 *
 * Each resample draws test items with replacement, the same for A and B, and seeds with replacement for each of them;
 * the statistic is the mean over the drawn seeds. The interval is the 2.5% and 97.5% percentile.
 */

import { inputError } from '../errors';
import { drawIndices } from './philox';

export const RESAMPLES = 10_000;
export const BOOTSTRAP_SEED = 42;

/** What one system predicted on the test items, once per seed. */
export type Predictions = readonly (readonly number[])[];

export type Statistic = 'macro-f1' | 'accuracy';

export interface BootstrapOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

export interface Bootstrap {
  readonly items: number;
  readonly resamples: number;
  readonly seed: number;
  /** On the items as they are: mean over seeds of A minus mean over seeds of B. */
  readonly observed: number;
  /** 95% interval of the difference. */
  readonly low: number;
  readonly high: number;
  /** Two-sided: twice the share of resamples on the far side of 0, never below 2 / (resamples + 1). */
  readonly p: number;
}

/** Whether the bootstrap knows a metric. */
export function isStatistic(metric: string): metric is Statistic {
  return metric === 'macro-f1' || metric === 'accuracy';
}

/**
 * The difference A - B of a metric with its paired bootstrap interval.
 *
 * @param gold label per item, the same items for both systems
 * @throws MedreproError `input` when the lengths differ or there is nothing to compare.
 */
export function pairedBootstrap(
  gold: readonly number[],
  a: Predictions,
  b: Predictions,
  statistic: Statistic,
  options: BootstrapOptions = {},
): Bootstrap {
  const { resamples = RESAMPLES, seed = BOOTSTRAP_SEED } = options;
  const items = gold.length;
  const everyLength = [...a, ...b].every((predicted) => predicted.length === items);
  if (items === 0 || a.length === 0 || b.length === 0 || !everyLength) {
    throw inputError(`cannot compare predictions on ${items} items: their numbers differ, or there are none`);
  }
  const classes = contiguous(gold, [...a, ...b]);
  const score = SCORES[statistic];
  const counts = newCounts(classes.count);
  const everyItem = Uint32Array.from(gold, (_, i) => i);
  const meanOf = (systems: readonly Uint16Array[], seeds: Uint32Array, drawn: Uint32Array): number => {
    let sum = 0;
    for (const index of seeds) sum += score(classes.gold, systems[index] ?? classes.gold, drawn, counts);
    return sum / seeds.length;
  };
  const [systemsA, systemsB] = [classes.predicted.slice(0, a.length), classes.predicted.slice(a.length)];
  const [seedsA, seedsB] = [a.map((_, i) => i), b.map((_, i) => i)].map((list) => Uint32Array.from(list));
  if (seedsA === undefined || seedsB === undefined) throw new Error('unreachable');
  const observed = meanOf(systemsA, seedsA, everyItem) - meanOf(systemsB, seedsB, everyItem);

  const drawn = new Uint32Array(items);
  const differences = new Float64Array(resamples);
  let [atMost, atLeast] = [0, 0];
  for (let r = 0; r < resamples; r++) {
    drawIndices(drawn, items, seed, r, ITEMS);
    if (a.length > 1) drawIndices(seedsA, a.length, seed, r, SEEDS_A);
    if (b.length > 1) drawIndices(seedsB, b.length, seed, r, SEEDS_B);
    const difference = meanOf(systemsA, seedsA, drawn) - meanOf(systemsB, seedsB, drawn);
    differences[r] = difference;
    if (difference <= 0) atMost++;
    if (difference >= 0) atLeast++;
  }
  differences.sort();
  const tail = Math.floor(resamples * 0.025);
  return {
    items,
    resamples,
    seed,
    observed,
    low: differences[tail] ?? Number.NaN,
    high: differences[resamples - 1 - tail] ?? Number.NaN,
    p: Math.min(1, (2 * (Math.min(atMost, atLeast) + 1)) / (resamples + 1)),
  };
}

// --- internal ---

/** Streams of the generator. */
const ITEMS = 0;
const SEEDS_A = 1;
const SEEDS_B = 2;

interface Counts {
  readonly correct: Uint32Array;
  /** Rows of a class plus predictions of it: the denominator of F1 = 2 tp / (rows + predictions). */
  readonly both: Uint32Array;
}

type Score = (gold: Uint16Array, predicted: Uint16Array, drawn: Uint32Array, counts: Counts) => number;

const SCORES: Record<Statistic, Score> = {
  accuracy: (gold, predicted, drawn) => {
    let correct = 0;
    for (const item of drawn) if (gold[item] === predicted[item]) correct++;
    return correct / drawn.length;
  },
  /** Mean F1 over the classes that occur among the drawn rows or their predictions, as scikit-learn does by default. */
  'macro-f1': (gold, predicted, drawn, { correct, both }) => {
    correct.fill(0);
    both.fill(0);
    for (const item of drawn) {
      const truth = gold[item] ?? 0;
      const guess = predicted[item] ?? 0;
      both[truth] = (both[truth] ?? 0) + 1;
      both[guess] = (both[guess] ?? 0) + 1;
      if (truth === guess) correct[truth] = (correct[truth] ?? 0) + 1;
    }
    let [sum, present] = [0, 0];
    for (let label = 0; label < both.length; label++) {
      const denominator = both[label] ?? 0;
      if (denominator === 0) continue;
      present++;
      sum += (2 * (correct[label] ?? 0)) / denominator;
    }
    return sum / present;
  },
};

function newCounts(classes: number): Counts {
  return { correct: new Uint32Array(classes), both: new Uint32Array(classes) };
}

/** Labels renumbered from 0, in increasing order. */
function contiguous(
  gold: readonly number[],
  predicted: Predictions,
): { gold: Uint16Array; predicted: Uint16Array[]; count: number } {
  const labels = new Set(gold);
  for (const list of predicted) for (const label of list) labels.add(label);
  const sorted = [...labels].sort((a, b) => a - b);
  const index = new Map(sorted.map((label, i) => [label, i]));
  const renumber = (list: readonly number[]): Uint16Array => Uint16Array.from(list, (label) => index.get(label) ?? 0);
  return { gold: renumber(gold), predicted: predicted.map(renumber), count: sorted.length };
}

/**
 * "A beats B": the paired bootstrap over test items, across seeds.
 *
 * Each resample draws test items with replacement, the same for A and B, and seeds with replacement for each of them;
 * the statistic is the mean over the drawn seeds. The interval is the 2.5% and 97.5% percentile.
 *
 * What a metric is on a resample comes from `Items`: the classes of a classifier, or a few sums per item.
 */

import { inputError } from '../errors';
import { drawIndices } from './philox';

export const RESAMPLES = 10_000;
export const BOOTSTRAP_SEED = 42;

/** One run's values per test item, from which its metric can be computed on any sample of items. */
export type Items =
  | {
      readonly kind: 'classes';
      readonly metric: ClassStatistic;
      readonly gold: readonly number[];
      readonly predicted: readonly number[];
    }
  | {
      /** sum of numerators over sum of denominators, or exp of it: loss, perplexity, and every mean over items. */
      readonly kind: 'ratio' | 'exp-ratio';
      readonly numerators: readonly number[];
      readonly denominators: readonly number[];
    };

export type ClassStatistic = 'macro-f1' | 'accuracy';

export interface BootstrapOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

export interface Bootstrap {
  readonly items: number;
  readonly resamples: number;
  readonly seed: number;
  /** On all items, without resampling: mean over seeds of A minus mean over seeds of B. */
  readonly observed: number;
  /** 95% interval of the difference. */
  readonly low: number;
  readonly high: number;
  /** Two-sided: twice the share of resamples on the far side of 0, never below 2 / (resamples + 1). */
  readonly p: number;
}

/** Whether the bootstrap can compute a metric from classes. */
export function isClassStatistic(metric: string): metric is ClassStatistic {
  return metric === 'macro-f1' || metric === 'accuracy';
}

/**
 * The difference A - B of a metric with its paired bootstrap interval.
 *
 * @param a, b one entry per seed, all over the same test items in the same order
 * @throws MedreproError `input` when the numbers of items differ or there is nothing to compare.
 */
export function pairedBootstrap(a: readonly Items[], b: readonly Items[], options: BootstrapOptions = {}): Bootstrap {
  const { resamples = RESAMPLES, seed = BOOTSTRAP_SEED } = options;
  const items = a[0] === undefined ? 0 : lengthOf(a[0]);
  if (items === 0 || b.length === 0 || ![...a, ...b].every((one) => lengthOf(one) === items)) {
    throw inputError(`cannot compare predictions on ${items} items: their numbers differ, or there are none`);
  }
  const scores = scorers([...a, ...b]);
  const [scoresA, scoresB] = [scores.slice(0, a.length), scores.slice(a.length)];
  const everyItem = Uint32Array.from({ length: items }, (_, i) => i);
  const meanOf = (of: readonly Score[], seeds: Uint32Array, drawn: Uint32Array): number => {
    let sum = 0;
    for (const index of seeds) sum += of[index]!(drawn);
    return sum / seeds.length;
  };
  const seedsA = Uint32Array.from(a, (_, i) => i);
  const seedsB = Uint32Array.from(b, (_, i) => i);
  const observed = meanOf(scoresA, seedsA, everyItem) - meanOf(scoresB, seedsB, everyItem);

  const drawn = new Uint32Array(items);
  const differences = new Float64Array(resamples);
  let [atMost, atLeast] = [0, 0];
  for (let r = 0; r < resamples; r++) {
    drawIndices(drawn, items, seed, r, ITEMS);
    if (a.length > 1) drawIndices(seedsA, a.length, seed, r, SEEDS_A);
    if (b.length > 1) drawIndices(seedsB, b.length, seed, r, SEEDS_B);
    const difference = meanOf(scoresA, seedsA, drawn) - meanOf(scoresB, seedsB, drawn);
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

/** The metric on some items, by index, repeats included. */
type Score = (drawn: Uint32Array) => number;

const lengthOf = (items: Items): number => (items.kind === 'classes' ? items.gold.length : items.numerators.length);

/** One score per run; runs of a classifier share the numbering of their classes and the memory for counting them. */
function scorers(runs: readonly Items[]): Score[] {
  const classes = runs.flatMap((run) => (run.kind === 'classes' ? [...run.gold, ...run.predicted] : []));
  const index = new Map([...new Set(classes)].sort((x, y) => x - y).map((label, i) => [label, i]));
  const correct = new Uint32Array(index.size);
  const both = new Uint32Array(index.size);
  return runs.map((run): Score => {
    if (run.kind !== 'classes') {
      const numerators = Float64Array.from(run.numerators);
      const denominators = Float64Array.from(run.denominators);
      const link = run.kind === 'exp-ratio' ? Math.exp : (value: number): number => value;
      return (drawn) => link(ratio(numerators, denominators, drawn));
    }
    const renumber = (list: readonly number[]): Uint16Array => Uint16Array.from(list, (label) => index.get(label)!);
    const [gold, predicted] = [renumber(run.gold), renumber(run.predicted)];
    return run.metric === 'accuracy'
      ? (drawn) => accuracy(gold, predicted, drawn)
      : (drawn) => macroF1(gold, predicted, drawn, correct, both);
  });
}

function ratio(numerators: Float64Array, denominators: Float64Array, drawn: Uint32Array): number {
  let [above, below] = [0, 0];
  for (const item of drawn) {
    above += numerators[item]!;
    below += denominators[item]!;
  }
  return above / below;
}

function accuracy(gold: Uint16Array, predicted: Uint16Array, drawn: Uint32Array): number {
  let correct = 0;
  for (const item of drawn) if (gold[item] === predicted[item]) correct++;
  return correct / drawn.length;
}

/**
 * Mean F1 over the classes that occur among the drawn rows or their predictions, as scikit-learn does by default. `both`
 * counts rows of a class plus predictions of it: the denominator of F1 = 2 tp / (rows + predictions).
 */
function macroF1(
  gold: Uint16Array,
  predicted: Uint16Array,
  drawn: Uint32Array,
  correct: Uint32Array,
  both: Uint32Array,
): number {
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
}

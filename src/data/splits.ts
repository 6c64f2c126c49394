/**
 * Train/test splits, equal index for index to Hugging Face datasets' and scikit-learn's.
 *
 * A split returns positions 0..n-1 in the order the library returns them: training order is part of a reproduction.
 *
 * - `datasetsSplit`, `datasetsStratifiedSplit`: datasets.Dataset.train_test_split (numpy default_rng), plain and with
 *   `stratify_by_column`.
 * - `torchRandomSplit`: torch.utils.data.random_split.
 * - `pandasSample`: DataFrame.sample; `pandasSplit`: sample and what `drop(index)` leaves.
 * - `kFold`, `stratifiedKFold`: one fold of sklearn.model_selection's KFold and StratifiedKFold.
 * - `sklearnSplit`, `sklearnStratifiedSplit`: sklearn.model_selection.train_test_split (numpy RandomState), plain and with
 *   `stratify`; they reject what scikit-learn rejects.
 * - `stratifiedSplit`: ours; scikit-learn's wherever scikit-learn makes a split, and a stated policy where it does not.
 */

import { MedreproError } from '../errors';
import { range } from './random/interval';
import { defaultRng } from './random/pcg64';
import { RandomState } from './random/random-state';
import { torchRandperm } from './random/torch';

export interface Split {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

/** How many rows each side gets. */
export interface Sizes {
  readonly train: number;
  readonly test: number;
}

/**
 * A share of the rows in (0, 1), rounded up to whole rows; or, from 1 on, a number of rows. The libraries distinguish the two
 * apart by type (float, int), which is equivalent, since a share is below 1. Or a function that gives the rows of both sides for n
 * rows, which may be fewer than all: `train_size` alone, or with `test_size`.
 */
export type TestSize = number | ((n: number) => Sizes);

/**
 * `Dataset.train_test_split(test_size, seed)` of n rows.
 *
 * @throws MedreproError `input` when a side would be empty.
 */
export function datasetsSplit(n: number, testSize: TestSize, seed: number): Split {
  const sizes = splitSizes(n, testSize);
  return cut(defaultRng(seed).permutation(n), sizes);
}

/**
 * `Dataset.train_test_split(test_size, seed, stratify_by_column)`.
 *
 * @param labels (n,) class of each row, as {@link sklearnStratifiedSplit} takes them.
 * @throws MedreproError `input` where datasets raises, which is where scikit-learn does.
 */
export function datasetsStratifiedSplit(labels: ArrayLike<number>, testSize: TestSize, seed: number): Split {
  const sizes = splitSizes(labels.length, testSize);
  // the library multiplies before it divides; the last digit decides about equal remainders
  const share = (count: number, total: number, draws: number): number => (draws * count) / total;
  return stratify(stratifiable(labels, sizes), sizes, defaultRng(seed), share);
}

/**
 * `torch.utils.data.random_split(range(n), lengths)` under `Generator().manual_seed(seed)`.
 *
 * @throws MedreproError `input` when the lengths do not add up to n.
 */
export function torchRandomSplit(lengths: readonly number[], n: number, seed: number): Uint32Array[] {
  const sum = lengths.reduce((total, length) => total + length, 0);
  if (sum !== n) throw cannot(`parts of ${lengths.join(' + ')} rows are ${sum}, and there are ${n}`);
  const order = torchRandperm(n, seed);
  return lengths.map((length, part) => {
    const start = lengths.slice(0, part).reduce((total, own) => total + own, 0);
    return order.slice(start, start + length);
  });
}

/**
 * `train_test_split(range(n), test_size, random_state=seed, shuffle)`.
 *
 * @throws MedreproError `input` when a side would be empty, `usage` for a seed above 32 bits.
 */
export function sklearnSplit(n: number, testSize: TestSize, seed: number, shuffle = true): Split {
  const sizes = splitSizes(n, testSize);
  if (shuffle) return cut(new RandomState(seed).permutation(n), sizes);
  return unshuffledSplit(n, () => sizes);
}

/**
 * `train_test_split(…, shuffle=False)` of scikit-learn and of datasets: the first rows, then the next ones.
 *
 * @throws MedreproError `input` when a side would be empty.
 */
export function unshuffledSplit(n: number, testSize: TestSize): Split {
  const sizes = splitSizes(n, testSize);
  const rows = range(n);
  return { train: rows.slice(0, sizes.train), test: rows.slice(sizes.train, sizes.train + sizes.test) };
}

/**
 * `DataFrame.sample(n=size, random_state=seed)` of n rows (pandas 1 to 3; an integer seed is a RandomState there).
 *
 * @returns (size,) positions in the order of the sample.
 * @throws MedreproError `input` when there are fewer rows, `usage` for a seed above 32 bits.
 */
export function pandasSample(n: number, size: number, seed: number): Uint32Array {
  if (size > n) throw cannot(`a sample of ${size} of ${n} rows`);
  return new RandomState(seed).permutation(n).slice(0, size);
}

/**
 * `part = frame.sample(…, random_state=seed)` and `rest = frame.drop(part.index)`, which stays in the order of the rows.
 *
 * @param sampled the side that is the sample
 * @throws MedreproError `input` when a side would be empty.
 */
export function pandasSplit(n: number, testSize: TestSize, seed: number, sampled: 'train' | 'test'): Split {
  const { [sampled]: size } = splitSizes(n, testSize);
  const sample = pandasSample(n, size, seed);
  const taken = new Set(sample);
  const rest = range(n).filter((row) => !taken.has(row));
  return sampled === 'train' ? { train: sample, test: rest } : { train: rest, test: sample };
}

/** Which fold: `take` (from 1) of `of`, and whether rows are shuffled first. */
export interface Fold {
  readonly of: number;
  readonly take: number;
  readonly shuffle: boolean;
}

/**
 * One fold of `KFold(of, shuffle, random_state=seed)`: both sides in the order of the rows.
 *
 * @throws MedreproError `input` for more folds than rows.
 */
export function kFold(n: number, { of, take, shuffle }: Fold, seed: number): Split {
  if (of > n) throw cannot(`${of} folds of ${n} rows`);
  const order = shuffle ? new RandomState(seed).permutation(n) : range(n);
  // the first n % of folds have one row more
  const begin = (fold: number): number => fold * Math.floor(n / of) + Math.min(fold, n % of);
  return sidesOf(n, new Set(order.subarray(begin(take - 1), begin(take))));
}

/**
 * One fold of `StratifiedKFold(of, shuffle, random_state=seed)`: both sides in the order of the rows.
 *
 * @param labels (n,) class of each row. Classes are dealt to folds in the order in which they first occur.
 * @throws MedreproError `input` where scikit-learn raises: every class has fewer rows than there are folds.
 */
export function stratifiedKFold(labels: ArrayLike<number>, { of, take, shuffle }: Fold, seed: number): Split {
  const n = labels.length;
  if (of > n) throw cannot(`${of} folds of ${n} rows`);
  const classes = new Map<number, number[]>();
  for (let i = 0; i < n; i++) {
    const rows = classes.get(labels[i]!);
    if (rows === undefined) classes.set(labels[i]!, [i]);
    else rows.push(i);
  }
  const byClass = [...classes.values()];
  if (byClass.every((rows) => rows.length < of)) throw cannot(`${of} folds, and no class has as many rows`);
  const random = new RandomState(seed);
  const heldOut = new Set<number>();
  let first = 0;
  for (const rows of byClass) {
    // row i of all, sorted by class, goes to fold i modulo the folds
    const perFold = new Array<number>(of).fill(0);
    for (let i = first; i < first + rows.length; i++) perFold[i % of]!++;
    first += rows.length;
    const folds = Uint32Array.from(perFold.flatMap((count, fold) => new Array<number>(count).fill(fold)));
    if (shuffle) random.shuffle(folds);
    for (const [i, row] of rows.entries()) if (folds[i] === take - 1) heldOut.add(row);
  }
  return sidesOf(n, heldOut);
}

/**
 * `train_test_split(range(n), test_size, random_state=seed, stratify=labels)`.
 *
 * @param labels (n,) class of each row; classes are taken in ascending order, as np.unique does.
 * @throws MedreproError `input` where scikit-learn raises: a class with one member, fewer rows than classes on a side.
 */
export function sklearnStratifiedSplit(labels: ArrayLike<number>, testSize: TestSize, seed: number): Split {
  const sizes = splitSizes(labels.length, testSize);
  return stratify(stratifiable(labels, sizes), sizes, new RandomState(seed));
}

/** A stratified split with what could not be split as asked. */
export interface StratifiedSplit extends Split {
  /** Classes with one row, ascending: their row stays in train. */
  readonly kept: readonly number[];
  /** Whether a side has fewer rows than classes, so that not every class can be on both. */
  readonly sparse: boolean;
}

/**
 * A stratified split of any labels.
 *
 * Equal to {@link sklearnStratifiedSplit} whenever that one succeeds. Where scikit-learn raises, small classes do not
 * stop a run: the row of a class that has only one stays in train (after the others, in row order) and the remaining
 * rows are split as scikit-learn would split them alone; a side with fewer rows than classes is allocated by the same
 * rule without the guard. Both are reported, never silent.
 *
 * @throws MedreproError `input` when no class has two rows or a side would be empty.
 */
export function stratifiedSplit(labels: ArrayLike<number>, testSize: TestSize, seed: number): StratifiedSplit {
  const classes = rowsByClass(labels);
  const large = classes.filter((c) => c.rows.length >= 2);
  const single = classes.filter((c) => c.rows.length < 2);
  if (large.length === 0) throw cannot('every class has only one row');
  const n = large.reduce((sum, c) => sum + c.rows.length, 0);
  const sizes = splitSizes(n, testSize);
  const split = stratify(
    large.map((c) => c.rows),
    sizes,
    new RandomState(seed),
  );
  const kept = single.map((c) => c.rows[0]!).sort((a, b) => a - b);
  return {
    train: Uint32Array.from([...split.train, ...kept]),
    test: split.test,
    kept: single.map((c) => c.label),
    sparse: sizes.train < large.length || sizes.test < large.length,
  };
}

// --- internal ---

/** Rows in order: those that are held out, and the others. */
function sidesOf(n: number, heldOut: ReadonlySet<number>): Split {
  const rows = range(n);
  return { train: rows.filter((row) => !heldOut.has(row)), test: rows.filter((row) => heldOut.has(row)) };
}

function splitSizes(n: number, testSize: TestSize): Sizes {
  if (typeof testSize === 'function') {
    const { train, test } = testSize(n);
    if (train < 1 || test < 1) throw cannot(`${train} training rows and ${test} held out of ${n} leave a side empty`);
    if (train + test > n) throw cannot(`${train} training rows and ${test} held out are more than ${n}`);
    return { train, test };
  }
  const rows = Number.isInteger(testSize);
  if (!(testSize > 0) || testSize >= (rows ? n : 1)) {
    throw cannot(`test size ${testSize} of ${n} rows leaves a side empty`);
  }
  const test = rows ? testSize : Math.ceil(testSize * n);
  if (n - test === 0) throw cannot(`test size ${testSize} of ${n} rows leaves no training row`);
  return { train: n - test, test };
}

/** Both libraries take the test rows from the head of the permutation. */
function cut(permutation: Uint32Array, sizes: Sizes): Split {
  return { train: permutation.slice(sizes.test, sizes.test + sizes.train), test: permutation.slice(0, sizes.test) };
}

interface ClassRows {
  readonly label: number;
  /** Row positions, ascending. */
  readonly rows: number[];
}

function rowsByClass(labels: ArrayLike<number>): ClassRows[] {
  const rows = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const own = rows.get(labels[i]!);
    if (own === undefined) rows.set(labels[i]!, [i]);
    else own.push(i);
  }
  return [...rows].map(([label, own]) => ({ label, rows: own })).sort((a, b) => a.label - b.label);
}

/** The rows of each class, rejected where the libraries reject to stratify. */
function stratifiable(labels: ArrayLike<number>, sizes: Sizes): readonly (readonly number[])[] {
  const classes = rowsByClass(labels);
  const single = classes.filter((c) => c.rows.length < 2);
  if (single.length > 0) {
    throw cannot(`class ${single.map((c) => c.label).join(', ')} has only one row`);
  }
  for (const side of ['train', 'test'] as const) {
    if (sizes[side] < classes.length) {
      throw cannot(`${sizes[side]} ${side} rows for ${classes.length} classes`);
    }
  }
  return classes.map((c) => c.rows);
}

/** The counts from which a stratified split draws. */
interface Draws {
  permutation(n: number): Uint32Array;
  permuted(items: Uint32Array): Uint32Array;
  choiceWithoutReplacement(items: Uint32Array, size: number): Uint32Array;
}

/** A class's exact share of the draws; how it is rounded differs between the libraries. */
type Share = (count: number, total: number, draws: number) => number;
const sklearnShare: Share = (count, total, draws) => (count / total) * draws;

/** StratifiedShuffleSplit with one split: allocate per class, permute each class, permute both sides. */
function stratify(
  classes: readonly (readonly number[])[],
  sizes: Sizes,
  rng: Draws,
  share: Share = sklearnShare,
): Split {
  const counts = classes.map((rows) => rows.length);
  const ofTrain = approximateMode(counts, sizes.train, rng, share);
  const remaining = counts.map((count, c) => count - ofTrain[c]!);
  const ofTest = approximateMode(remaining, sizes.test, rng, share);
  const train: number[] = [];
  const test: number[] = [];
  for (const [c, rows] of classes.entries()) {
    const order = Array.from(rng.permutation(rows.length), (i) => rows[i]!);
    const [head, tail] = [ofTrain[c]!, ofTrain[c]! + ofTest[c]!];
    for (const row of order.slice(0, head)) train.push(row);
    for (const row of order.slice(head, tail)) test.push(row);
  }
  return { train: rng.permuted(Uint32Array.from(train)), test: rng.permuted(Uint32Array.from(test)) };
}

/**
 * scikit-learn's approximate mode of the multivariate hypergeometric: every class gets the floor of its share of `draws`,
 * the rest goes to the largest remainders, ties drawn at random.
 */
function approximateMode(counts: readonly number[], draws: number, rng: Draws, share: Share): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const exact = counts.map((count) => share(count, total, draws));
  const allocated = exact.map(Math.floor);
  let missing = Math.trunc(draws - allocated.reduce((sum, count) => sum + count, 0));
  const remainders = exact.map((value, c) => value - allocated[c]!);
  for (const remainder of [...new Set(remainders)].sort((a, b) => b - a)) {
    if (missing <= 0) break;
    const tied = Uint32Array.from(remainders.keys()).filter((c) => remainders[c] === remainder);
    const chosen = rng.choiceWithoutReplacement(tied, Math.min(tied.length, missing));
    for (const c of chosen) allocated[c]!++;
    missing -= chosen.length;
  }
  return allocated;
}

function cannot(why: string): MedreproError {
  return new MedreproError('input', `cannot split the data: ${why}`, {
    remedy: "give more rows, another share in the spec, or the splits themselves with '--data train=FILE,test=FILE'",
  });
}

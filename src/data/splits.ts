/**
 * Train/test splits, equal index for index to Hugging Face datasets' and scikit-learn's.
 *
 * A split returns positions 0..n-1 in the order the library returns them: training order is part of a reproduction.
 *
 * - `datasetsSplit`, `datasetsStratifiedSplit`: datasets.Dataset.train_test_split (numpy default_rng), plain and with
 *   `stratify_by_column`.
 * - `torchRandomSplit`: torch.utils.data.random_split.
 * - `sklearnSplit`, `sklearnStratifiedSplit`: sklearn.model_selection.train_test_split (numpy RandomState), plain and with
 *   `stratify`; they refuse what scikit-learn refuses.
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
interface Sizes {
  readonly train: number;
  readonly test: number;
}

/**
 * A share of the rows in (0, 1), rounded up to whole rows; or, from 1 on, a number of rows. The libraries tell the two
 * apart by type (float, int), which comes to the same since a share must lie below 1.
 */
export type TestSize = number;

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
  const rows = range(n);
  return { train: rows.slice(0, sizes.train), test: rows.slice(sizes.train) };
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

function splitSizes(n: number, testSize: TestSize): Sizes {
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

/** The rows of each class, refused where the libraries refuse to stratify. */
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

/** What a stratified split draws from. */
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

/**
 * Which rows are for training, for validation and for testing: the roles that files have, and the spec's way of holding
 * rows out where a file is not a split of its own.
 */

import { specError } from '../errors';
import { splitSizes, threeParts } from '../paper/sizes';
import type { DataSpec } from '../paper/types';
import { type Labelling, labelling, quote } from './labels';
import { defaultRng } from './random/pcg64';
import type { RowsByRole } from './rows';
import { type SourceFile, SourceRows } from './sources';
import {
  datasetsSplit,
  datasetsStratifiedSplit,
  type Fold,
  kFold,
  pandasSplit,
  type Sizes,
  sklearnSplit,
  stratifiedKFold,
  stratifiedSplit,
  torchRandomSplit,
  unshuffledSplit,
} from './splits';
import { testSpec } from './test-form';

export const SPLITS = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof SPLITS)[number];

export interface Splitting {
  /** Indices into the rows of all files, in the order in which the split is used. */
  readonly splits: Readonly<Record<SplitName, Uint32Array>>;
  /** Classes with too few rows to be split; their rows are in training. */
  readonly notSplit: readonly string[];
}

/**
 * Splits, in this order: rows of the role `all` are split into training and test rows by the spec's test share; extra rows
 * join the training rows; the validation share is held out of those. torch's random_split makes all three at once. Splits that
 * files give keep the file's order; a split that is made has the order of the library that `splitMethod` names. With
 * `testRows: all` every row of the files is a test row as well, in their order.
 *
 * @param byRole the rows that are used, as `chooseRows` gives them.
 * @param notes gets one line for everything a reader should know.
 * @param spec as {@link checkSplitSpec} accepts it.
 * @throws MedreproError `input` when a split cannot be made.
 */
export function splitRows(
  files: readonly SourceFile[],
  byRole: RowsByRole,
  spec: DataSpec,
  notes: string[],
): Splitting {
  const classes = new Set<string>();
  const labels = rowLabels(files, spec);
  // the training rows are counted in the last split that is made
  const last = spec.validation === 0 ? 'test' : 'validation';
  const holdOut = (rows: Uint32Array, share: number, what: 'test' | 'validation'): [Uint32Array, Uint32Array] => {
    if (share === 0 || rows.length === 0) return [rows, new Uint32Array(0)];
    const pick = (positions: Uint32Array): Uint32Array => positions.map((position) => rows[position]!);
    const { train, test, kept, sparse } = holdOutOf(rows, share, spec, what === last, labels);
    for (const label of kept) classes.add(label);
    if (sparse) notes.push(`the ${what} split has fewer rows than classes on one side: not every class is on both`);
    const unused = rows.length - train.length - test.length;
    if (unused > 0) notes.push(`${unused} of ${rows.length} rows are neither for training nor held out for ${what}`);
    return [pick(train), pick(test)];
  };
  const { trainable: all, validation, test } = inThree(byRole, spec) ?? inTurn(byRole, spec, holdOut);
  const train = spec.trainRows === null ? all : all.slice(0, spec.trainRows);
  if (spec.trainRows !== null && all.length > 0 && all.length !== spec.trainRows) {
    const what = all.length > spec.trainRows ? `${all.length - spec.trainRows} are not used` : 'there are fewer';
    notes.push(`data.trainRows takes ${spec.trainRows} of ${all.length} training rows: ${what}`);
  }
  const splits = { train, validation, test: concat(test, byRole.test) };
  if (spec.testRows === 'all') {
    const tested = concat(byRole.all, byRole.train, byRole.validation, byRole.test).sort();
    notes.push(`data.testRows: all ${tested.length} rows are tested, not the ${splits.test.length} held out alone`);
    splits.test = tested;
  }
  const notSplit = labels.sorted(classes);
  if (notSplit.length > 0) notes.push(`too small to split, kept in training: ${notSplit.map(quote).join(', ')}`);
  if (splits.test.length === 0) notes.push('there are no test rows: --data names none and the spec holds none out');
  return { splits, notSplit };
}

/** @throws MedreproError `spec` for settings of a split that nothing could mean, before any file is read. */
export function checkSplitSpec(spec: DataSpec): void {
  for (const share of ['test', 'validation'] as const) {
    const value = spec[share];
    if (!(value >= 0 && (value < 1 || (value >= 2 && Number.isSafeInteger(value))))) {
      throw specError(`data.${share} is ${value}, neither a share below 1 nor a number of rows`);
    }
  }
  const test = testSpec(spec);
  for (const { name, own } of [
    { name: 'data', own: spec },
    { name: 'data.testData', own: test },
  ]) {
    for (const column of Object.keys(own.filter)) {
      if (Object.hasOwn(own.columns, column)) continue;
      throw specError(`${name}.filter names ${quote(column)}, which is none of ${name}.columns`);
    }
  }
}

// --- internal ---

interface HeldOut {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
  readonly kept: readonly string[];
  readonly sparse: boolean;
}

interface Parted {
  readonly trainable: Uint32Array;
  readonly validation: Uint32Array;
  readonly test: Uint32Array;
}

/** Test rows first, then the validation rows of what is left and of the extra rows. */
function inTurn(
  byRole: RowsByRole,
  spec: DataSpec,
  holdOut: (rows: Uint32Array, share: number, what: 'test' | 'validation') => [Uint32Array, Uint32Array],
): Parted {
  const [kept, test] = holdOut(byRole.all, spec.test, 'test');
  const trainable = concat(kept, byRole.train, byRole.extra);
  if (byRole.validation.length > 0) return { trainable, validation: byRole.validation, test };
  const [train, validation] = holdOut(trainable, spec.validation, 'validation');
  return { trainable: train, validation, test };
}

/** One random_split into training, validation and test rows; null where it is not asked for. */
function inThree(byRole: RowsByRole, spec: DataSpec): Parted | null {
  const { splitMethod, test, validation, splitSeed } = spec;
  const asked = splitMethod === 'torch-random-split' && test !== 0 && validation !== 0;
  if (!asked || byRole.all.length === 0 || byRole.validation.length > 0) return null;
  const lengths = threeParts(byRole.all.length, validation, test, spec);
  const parts = torchRandomSplit(lengths, byRole.all.length, splitSeed);
  const [train, held, tested] = parts.map((part) => part.map((position) => byRole.all[position]!));
  return { trainable: concat(train!, byRole.train, byRole.extra), validation: held!, test: tested! };
}

/** Positions within `rows`. @param last whether the training rows of this split are those that the spec counts */
function holdOutOf(
  rows: Uint32Array,
  share: number,
  spec: DataSpec,
  last: boolean,
  { of, sorted }: RowLabels,
): HeldOut {
  const { splitMethod, splitSeed: seed, folds } = spec;
  const whole = { kept: [], sparse: false };
  const sizesOf = (n: number): Sizes => {
    const { train, heldOut } = splitSizes(n, share, spec, last);
    return { train, test: heldOut };
  };
  // a share alone is rounded by the libraries themselves
  const size = last && spec.train !== null ? sizesOf : share;
  const classed = (): { readonly labels: number[]; readonly classes: readonly string[] } => {
    const names = Array.from(rows, of);
    const classes = sorted(names);
    const ids = new Map(classes.map((name, id) => [name, id]));
    return { labels: names.map((name) => ids.get(name)!), classes };
  };
  switch (splitMethod) {
    case 'datasets':
      return { ...datasetsSplit(rows.length, size, seed), ...whole };
    case 'sklearn':
      return { ...sklearnSplit(rows.length, size, seed), ...whole };
    case 'unshuffled':
      return { ...unshuffledSplit(rows.length, size), ...whole };
    case 'pandas-sample-train':
      return { ...pandasSplit(rows.length, sizesOf, seed, 'train'), ...whole };
    case 'pandas-sample-held-out':
      return { ...pandasSplit(rows.length, sizesOf, seed, 'test'), ...whole };
    case 'torch-random-split': {
      const { train, test } = sizesOf(rows.length);
      const [first, second] = torchRandomSplit([train, test], rows.length, seed);
      return { train: first!, test: second!, ...whole };
    }
    case 'k-fold':
      return { ...kFold(rows.length, foldOf(folds), seed), ...whole };
    case 'stratified-k-fold':
      return { ...stratifiedKFold(classed().labels, foldOf(folds), seed), ...whole };
    case 'datasets-shuffle': {
      // shuffle(seed), select(range(train)), select(range(train, train + held out))
      const order = defaultRng(seed).permutation(rows.length);
      const { heldOut } = splitSizes(rows.length, share, spec, last);
      const first = (last ? spec.trainRows : null) ?? rows.length - heldOut;
      const end = first + heldOut;
      if (end > rows.length) {
        throw specError(`data.trainRows and the held-out rows are ${end}, and there are ${rows.length}`);
      }
      return { train: order.slice(0, first), test: order.slice(first, end), ...whole };
    }
    case 'datasets-stratified':
      return { ...datasetsStratifiedSplit(classed().labels, size, seed), ...whole };
    case 'stratified': {
      const { labels, classes } = classed();
      const { kept, ...split } = stratifiedSplit(labels, size, seed);
      return { ...split, kept: kept.map((label) => classes[label]!) };
    }
  }
}

function foldOf(folds: DataSpec['folds']): Fold {
  if (folds === null) throw specError('data.folds is missing: it says which fold is held out');
  return folds;
}

/** The class of each row, by its index over all files, which a stratified split keeps in proportion. */
interface RowLabels extends Pick<Labelling, 'sorted'> {
  of(row: number): string;
}

function rowLabels(files: readonly SourceFile[], { stratifyBy, splitMethod }: DataSpec): RowLabels {
  const rows = new SourceRows(files);
  const kinds = files.flatMap((file) => file.kinds[stratifyBy] ?? []);
  const { className, sorted } = labelling(kinds, splitMethod === 'datasets-stratified');
  const known = files.map(() => new Map<string, string>());
  const of = (row: number): string => {
    const file = rows.fileOf(row);
    const kind = files[file]!.kinds[stratifyBy];
    if (kind === undefined) {
      throw specError(`data.stratifyBy names ${quote(stratifyBy)}, which is none of data.columns`, {
        remedy: 'add it to data.columns, or choose another data.splitMethod',
      });
    }
    const label = rows.text(row, stratifyBy);
    // an id without a name is a class to a split all the same
    const name = known[file]!.get(label) ?? className(label, kind) ?? label;
    known[file]!.set(label, name);
    return name;
  };
  return { of, sorted };
}

function concat(...parts: readonly Uint32Array[]): Uint32Array {
  const whole = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

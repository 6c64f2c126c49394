/**
 * Which rows are for training, for validation and for testing: the roles that files have, and the spec's way of holding
 * rows out where a file is not a split of its own.
 */

import { specError } from '../errors';
import type { DataSpec } from '../spec/types';
import { type Labelling, labelling } from './labels';
import { defaultRng } from './random/pcg64';
import type { SourceFile } from './sources';
import { datasetsSplit, datasetsStratifiedSplit, sklearnSplit, stratifiedSplit } from './splits';

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
 * join the training rows; the validation share is held out of those. Splits that files give keep the file's order; a split
 * that is made has the order of the library that `splitMethod` names. With `testRows: all` every row of the files is a test
 * row as well, in their order.
 *
 * @param notes gets one line for everything a reader should know.
 * @param spec as {@link checkSplitSpec} accepts it.
 * @throws MedreproError `input` when a split cannot be made.
 */
export function splitRows(files: readonly SourceFile[], spec: DataSpec, notes: string[]): Splitting {
  const classes = new Set<string>();
  const byRole = rowsByRole(files, spec.filter, notes);
  const labels = rowLabels(files, spec);
  // the training rows are counted in the last split that is made
  const last = spec.validation === 0 ? 'test' : 'validation';
  const holdOut = (rows: Uint32Array, share: number, what: string): [Uint32Array, Uint32Array] => {
    if (share === 0 || rows.length === 0) return [rows, new Uint32Array(0)];
    const pick = (positions: Uint32Array): Uint32Array => positions.map((position) => rows[position]!);
    const { train, test, kept, sparse } = holdOutOf(rows, share, spec, what === last ? spec.trainRows : null, labels);
    for (const label of kept) classes.add(label);
    if (sparse) notes.push(`the ${what} split has fewer rows than classes on one side: not every class is on both`);
    const unused = rows.length - train.length - test.length;
    if (unused > 0) notes.push(`${unused} of ${rows.length} rows are neither for training nor held out for ${what}`);
    return [pick(train), pick(test)];
  };
  const [kept, heldOut] = holdOut(byRole.all, spec.test, 'test');
  const trainable = concat(kept, byRole.train, byRole.extra);
  const given = byRole.validation.length > 0;
  const [all, validation] = given ? [trainable, byRole.validation] : holdOut(trainable, spec.validation, 'validation');
  const train = spec.trainRows === null ? all : all.slice(0, spec.trainRows);
  if (spec.trainRows !== null && all.length > 0 && all.length !== spec.trainRows) {
    const what = all.length > spec.trainRows ? `${all.length - spec.trainRows} are not used` : 'there are fewer';
    notes.push(`data.trainRows takes ${spec.trainRows} of ${all.length} training rows: ${what}`);
  }
  const splits = { train, validation, test: concat(heldOut, byRole.test) };
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
  for (const column of Object.keys(spec.filter)) {
    if (!Object.hasOwn(spec.columns, column)) {
      throw specError(`data.filter names ${quote(column)}, which is none of data.columns`);
    }
  }
}

/** A label for messages, cut to a readable length. */
export function quote(label: string): string {
  return JSON.stringify(label.length > 60 ? `${label.slice(0, 60)}…` : label);
}

// --- internal ---

interface HeldOut {
  readonly train: Uint32Array;
  readonly test: Uint32Array;
  readonly kept: readonly string[];
  readonly sparse: boolean;
}

/** Positions within `rows`. */
function holdOutOf(
  rows: Uint32Array,
  share: number,
  spec: DataSpec,
  trainRows: number | null,
  { of, sorted }: RowLabels,
): HeldOut {
  const { splitMethod, splitSeed: seed } = spec;
  const whole = { kept: [], sparse: false };
  switch (splitMethod) {
    case 'datasets':
      return { ...datasetsSplit(rows.length, share, seed), ...whole };
    case 'sklearn':
      return { ...sklearnSplit(rows.length, share, seed), ...whole };
    case 'datasets-shuffle': {
      // shuffle(seed), select(range(train)), select(range(train, train + held out))
      const order = defaultRng(seed).permutation(rows.length);
      const heldOut = heldOutRows(rows.length, share);
      const first = trainRows ?? rows.length - heldOut;
      const end = first + heldOut;
      if (end > rows.length) {
        throw specError(`data.trainRows and the held-out rows are ${end}, and there are ${rows.length}`);
      }
      return { train: order.slice(0, first), test: order.slice(first, end), ...whole };
    }
    default: {
      const names = Array.from(rows, of);
      const classes = sorted(names);
      const ids = new Map(classes.map((name, id) => [name, id]));
      const labels = names.map((name) => ids.get(name)!);
      if (splitMethod === 'datasets-stratified') return { ...datasetsStratifiedSplit(labels, share, seed), ...whole };
      const { kept, ...split } = stratifiedSplit(labels, share, seed);
      return { ...split, kept: kept.map((label) => classes[label]!) };
    }
  }
}

/** A share rounded up to whole rows, or a number of rows. */
const heldOutRows = (n: number, share: number): number => (share < 1 ? Math.ceil(share * n) : share);

/** What a stratified split keeps in proportion: the class of each row, by its index over all files. */
interface RowLabels extends Pick<Labelling, 'sorted'> {
  of(row: number): string;
}

function rowLabels(files: readonly SourceFile[], { stratifyBy, splitMethod }: DataSpec): RowLabels {
  const rows = files.flatMap((file) => file.rows);
  const kinds = files.flatMap((file) => file.kinds[stratifyBy] ?? []);
  const { className, sorted } = labelling(kinds, splitMethod === 'datasets-stratified');
  const of = (row: number): string => {
    const { cells, file } = rows[row]!;
    const label = cells[stratifyBy];
    if (label === undefined) {
      throw specError(`data.stratifyBy names ${quote(stratifyBy)}, which is none of data.columns`, {
        remedy: 'add it to data.columns, or choose another data.splitMethod',
      });
    }
    // an id without a name is a class to a split all the same
    return className(label, files[file]!.kinds[stratifyBy]!) ?? label;
  };
  return { of, sorted };
}

/** Global row indices by role, in file order, of the rows that the filter keeps. */
function rowsByRole(
  files: readonly SourceFile[],
  filter: DataSpec['filter'],
  notes: string[],
): Record<SourceFile['role'], Uint32Array> {
  const rows: Record<SourceFile['role'], number[]> = { all: [], train: [], extra: [], validation: [], test: [] };
  const wanted = Object.entries(filter);
  let index = 0;
  let left = 0;
  for (const file of files) {
    for (const { cells } of file.rows) {
      if (wanted.every(([column, value]) => cells[column] === value)) rows[file.role].push(index);
      else left++;
      index++;
    }
  }
  if (left > 0) {
    const rule = wanted.map(([column, value]) => `${column} ${quote(value)}`).join(' and ');
    notes.push(`${index - left} of ${index} rows have ${rule}; the others are left out`);
  }
  const typed = (role: SourceFile['role']) => Uint32Array.from(rows[role]);
  return {
    all: typed('all'),
    train: typed('train'),
    extra: typed('extra'),
    validation: typed('validation'),
    test: typed('test'),
  };
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

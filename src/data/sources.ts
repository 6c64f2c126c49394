/**
 * Where the rows of an experiment come from: the embedded miniature, or files the user named.
 *
 * The result is one list of rows for each role, in file order; splitting and templates come later.
 */

import { hasAsset, listAssets, readAsset } from '../assets';
import { inputError, type MedreproError } from '../errors';
import type { DataSpec } from '../spec/types';
import type { ColumnKind } from './column-kinds';
import { parseRecords, readRecords } from './records';
import { type Columns, chooser, tableOf } from './table';

/** `--data`: one file to split as the spec says, or given splits whose order is kept. */
export type DataFiles =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'splits';
      readonly train: string | null;
      readonly validation: string | null;
      readonly test: string | null;
    };

/** What a file is for. `extra` rows are added to the training rows, `all` is split into training and test rows. */
export type Role = 'train' | 'extra' | 'validation' | 'test' | 'all';

/** One file with its rows. */
export interface SourceFile {
  readonly role: Role;
  /** Path or asset name, as the user knows it. */
  readonly name: string;
  /** sha256 (hex) of the file as it lies. */
  readonly sha256: string;
  readonly rows: readonly SourceRow[];
  /** By the spec's name of the column: what its cells are in the file. */
  readonly kinds: Readonly<Record<string, ColumnKind>>;
  /** What was left out while reading, one line each. */
  readonly notes: readonly string[];
}

export interface SourceRow {
  /** Text by the spec's name of the column, as the file writes it. */
  readonly cells: Readonly<Record<string, string>>;
  /** Index of the file in the list of sources. */
  readonly file: number;
  /** Line of the file on which the row starts, from 1; null in formats without lines. */
  readonly line: number | null;
}

/** The data names itself in the spec as `mini/<name>`; anything else is not part of a build. */
const EMBEDDED = /^mini\/([a-z0-9-]+)$/;

/**
 * Reads every file of an experiment.
 *
 * @param spec columns and extra training files; `spec.source` where `files` name no training rows.
 * @param files what `--data` named, null without it.
 * @param source the spec's own source where `spec.source` was replaced by `files:…`.
 * @throws MedreproError `input`: no such file or asset, or a file that is not a table with the named columns.
 */
export async function readSources(
  spec: DataSpec,
  files: DataFiles | null,
  source: string = spec.source,
): Promise<SourceFile[]> {
  const found: SourceFile[] = [];
  const add = async (role: Role, name: string, embedded: boolean, columns: Columns): Promise<void> => {
    const choose = chooser(columns);
    const records = embedded
      ? await parseRecords({ name, bytes: readAsset(name) }, choose)
      : await readRecords(name, choose);
    const { sha256, rows, kinds, notes } = tableOf(records, columns);
    const file = found.length;
    found.push({ role, name, sha256, rows: rows.map((row) => ({ ...row, file })), kinds, notes });
  };
  if (files?.kind === 'file') {
    await add('all', files.path, false, spec.columns);
    return found;
  }
  const name = EMBEDDED.exec(source)?.[1];
  if (files === null || (files.train === null && name !== undefined)) {
    if (name === undefined) throw notEmbedded(source);
    const folder = `papers/mini/${name}`;
    const columns = embeddedColumns(spec.columns);
    const test = `${folder}/test.csv`;
    const train = `${folder}/train.csv`;
    if (!hasAsset(train)) throw unknownSource(source);
    await add(files === null && !hasAsset(test) ? 'all' : 'train', train, true, columns);
    for (const extra of spec.extraTrain) await add('extra', `${folder}/${extra}.csv`, true, columns);
    if (files === null && hasAsset(test)) await add('test', test, true, columns);
  }
  if (files !== null) {
    if (files.train !== null) await add('train', files.train, false, spec.columns);
    if (files.validation !== null) await add('validation', files.validation, false, spec.columns);
    if (files.test !== null) await add('test', files.test, false, spec.columns);
  }
  return found;
}

// --- internal ---

/**
 * The miniatures' own columns, whatever the spec calls those of the real files (`--map` speaks of files of the user): each
 * has the spec's name, but for the classes, which are categories.
 */
function embeddedColumns(columns: Columns): Columns {
  return Object.fromEntries(Object.keys(columns).map((role) => [role, role === 'label' ? 'category' : role]));
}

function notEmbedded(source: string): MedreproError {
  return inputError(`the rows of ${source} are not part of medrepro`, {
    remedy: "name the files with '--data train=FILE,test=FILE' (or '--data FILE', split as the spec says)",
  });
}

function unknownSource(source: string): MedreproError {
  const known = new Set(
    listAssets('papers/mini/').flatMap((name) => /^papers\/(mini\/[^/]+)\/train\.csv$/.exec(name)?.[1] ?? []),
  );
  return inputError(`this build has no data ${JSON.stringify(source)}`, {
    remedy: known.size > 0 ? `it has ${[...known].join(', ')}` : 'it has no miniatures at all',
  });
}

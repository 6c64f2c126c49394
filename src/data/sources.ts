/**
 * Where the rows of an experiment come from: the embedded miniature, or files the user named.
 *
 * The result is one list of rows for each role, in file order; splitting and templates come later.
 */

import { hasAsset, listAssets, readAsset } from '../assets';
import { inputError, type MedreproError } from '../errors';
import type { DataSpec } from '../spec/types';
import { type Columns, readTable } from './csv';
import { readRawFile } from './text-file';

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
}

export interface SourceRow {
  readonly text: string;
  /** The label as the file writes it. */
  readonly label: string;
  /** Index of the file in the list of sources. */
  readonly file: number;
  /** Line of the file on which the row starts, from 1. */
  readonly line: number;
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
export function readSources(spec: DataSpec, files: DataFiles | null, source: string = spec.source): SourceFile[] {
  const found: SourceFile[] = [];
  const add = (role: Role, name: string, embedded: boolean, columns: Columns): void => {
    const raw = embedded ? { name, bytes: readAsset(name) } : readRawFile(name);
    const table = readTable(raw, columns);
    const file = found.length;
    found.push({ role, name, sha256: table.sha256, rows: table.rows.map((row) => ({ ...row, file })) });
  };
  if (files?.kind === 'file') {
    add('all', files.path, false, spec.columns);
    return found;
  }
  const name = EMBEDDED.exec(source)?.[1];
  if (files === null || (files.train === null && name !== undefined)) {
    if (name === undefined) throw notEmbedded(source);
    const folder = `papers/mini/${name}`;
    const columns = EMBEDDED_COLUMNS;
    const test = `${folder}/test.csv`;
    const train = `${folder}/train.csv`;
    if (!hasAsset(train)) throw unknownSource(source);
    add(files === null && !hasAsset(test) ? 'all' : 'train', train, true, columns);
    for (const extra of spec.extraTrain) add('extra', `${folder}/${extra}.csv`, true, columns);
    if (files === null && hasAsset(test)) add('test', test, true, columns);
  }
  if (files !== null) {
    if (files.train !== null) add('train', files.train, false, spec.columns);
    if (files.validation !== null) add('validation', files.validation, false, spec.columns);
    if (files.test !== null) add('test', files.test, false, spec.columns);
  }
  return found;
}

// --- internal ---

/** The miniatures' own columns, whatever the spec calls those of the real files; `--map` speaks of files of the user. */
const EMBEDDED_COLUMNS: Columns = { text: 'text', label: 'category' };

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

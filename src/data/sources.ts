/**
 * Where the rows of an experiment come from: the embedded miniature, or files the user named.
 *
 * The result is one list of rows for each role, in file order; splitting and templates come later.
 */

import { hasAsset, listAssets, readAsset } from '../assets';
import { inputError, type MedreproError } from '../errors';
import type { DataPart, DataSpec, RowStep } from '../paper/types';
import type { ColumnKind } from './column-kinds';
import { type Columns, chooser, tableOf } from './columns';
import { Garbage } from './garbage';
import { parseRecords, readRecords } from './records';
import type { RowStore, TableRow } from './row-store';
import { testSpec } from './test-form';

/** `--data`: one file to split as the spec says, or given splits whose order is kept, or the spec's parts by name. */
export type DataFiles =
  | { readonly kind: 'file'; readonly path: string }
  | {
      readonly kind: 'splits';
      readonly train: string | null;
      readonly validation: string | null;
      readonly test: string | null;
      /** Files by the names that `data.parts` and `data.testData.parts` give them. */
      readonly parts?: Readonly<Record<string, string>>;
    };

/** What a file is for. `extra` rows are added to the training rows, `all` is split into training and test rows. */
export type Role = 'train' | 'extra' | 'validation' | 'test' | 'all';

/** One file with its rows. */
export interface SourceFile {
  readonly role: Role;
  /** Whose columns its cells are: the spec's own, or those that `data.testData` gives to test rows. */
  readonly form: 'own' | 'test';
  /** Its name among the spec's parts; null where the source is one file. */
  readonly part: string | null;
  /** Steps applied to its rows before they follow those of other parts. */
  readonly steps: readonly RowStep[];
  /** Path or asset name, as the user knows it. */
  readonly name: string;
  /** sha256 (hex) of the file as it is stored. */
  readonly sha256: string;
  readonly rows: RowStore;
  /** By the spec's name of the column: what its cells are in the file. */
  readonly kinds: Readonly<Record<string, ColumnKind>>;
  /** What was omitted while reading, one line each. */
  readonly notes: readonly string[];
}

export interface SourceRow extends TableRow {
  /** Index of the file in the list of sources. */
  readonly file: number;
}

/** The rows of all files, one file after the other, by their index among all. */
export class SourceRows {
  readonly length: number;
  /** Index of the first row of each file. */
  private readonly starts: readonly number[];

  constructor(private readonly files: readonly Pick<SourceFile, 'rows'>[]) {
    let length = 0;
    this.starts = files.map(({ rows }) => {
      length += rows.length;
      return length - rows.length;
    });
    this.length = length;
  }

  /** One row, its texts decoded anew. */
  at(row: number): SourceRow {
    const { rows, file, index } = this.find(row);
    return { ...rows.at(index), file };
  }

  /** One cell; empty where it has no value. */
  text(row: number, column: string): string {
    const { rows, index } = this.find(row);
    return rows.text(index, column);
  }

  isMissing(row: number, column: string): boolean {
    const { rows, index } = this.find(row);
    return rows.isMissing(index, column);
  }

  /** Index of the file that has a row. */
  fileOf(row: number): number {
    return this.find(row).file;
  }

  private find(row: number): { readonly rows: RowStore; readonly file: number; readonly index: number } {
    const file = this.starts.findLastIndex((start) => start <= row);
    return { rows: this.files[file]!.rows, file, index: row - this.starts[file]! };
  }
}

/** The data names itself in the spec as `mini/<name>`; anything else is not part of a build. */
const EMBEDDED = /^mini\/([a-z0-9-]+)$/;

/**
 * Reads every file of an experiment.
 *
 * @param spec columns, parts and extra training files; `spec.source` where `files` name no training rows.
 * @param files what `--data` named, null without it.
 * @param source the spec's own source where `spec.source` was replaced by `files:…`.
 * @throws MedreproError `input`: no such file or asset, or a file that is not a table with the named columns; names of `--data`
 *   that the spec does not have, or the other way round.
 */
export async function readSources(
  spec: DataSpec,
  files: DataFiles | null,
  source: string = spec.source,
): Promise<SourceFile[]> {
  const found: SourceFile[] = [];
  const garbage = new Garbage();
  for (const wanted of files === null ? embedded(spec, source) : named(spec, files, source)) {
    const { role, name, form, part, steps } = wanted;
    const own = form === 'test' ? testSpec(spec) : spec;
    const columns = wanted.embedded ? embeddedColumns(own.columns) : own.columns;
    const { separator, missingTexts } = spec;
    // a spec's CSV options are about files of the user
    const csv = wanted.embedded ? undefined : { separator, missingTexts };
    const options = { choose: chooser(columns), csv };
    const records = wanted.embedded
      ? await parseRecords({ name, bytes: readAsset(name) }, options)
      : await readRecords(name, options);
    const judging = role === 'test' ? (spec.testData?.rows ?? []) : role === 'all' || role === 'train' ? spec.rows : [];
    const optional = mayBeEmpty(own.optional, steps, judging);
    const { sha256, rows, kinds, notes } = tableOf(records, columns, { optional });
    found.push({ role, form, part, steps, name, sha256, rows, kinds, notes });
    garbage.made(records.bytes);
  }
  return found;
}

// --- internal ---

/** Columns (the spec's names) that may be without text when a file is read: optional ones, and those that a step judges. */
function mayBeEmpty(optional: readonly string[], ...steps: readonly (readonly RowStep[])[]): ReadonlySet<string> {
  const judged = steps.flat().flatMap((step) => (JUDGING.includes(step.kind) ? (step.columns ?? []) : []));
  return new Set([...optional, ...judged]);
}

/** Steps that look for cells without text. */
const JUDGING: readonly RowStep['kind'][] = ['drop-missing', 'drop-blank'];

/** A file that is to be read. */
interface Wanted extends Pick<SourceFile, 'role' | 'form' | 'part' | 'steps'> {
  readonly name: string;
  readonly embedded: boolean;
}

const SINGLE = { part: null, steps: [] } as const;

const formOf = (spec: DataSpec, role: Role): SourceFile['form'] =>
  role === 'test' && spec.testData !== null ? 'test' : 'own';

/** The files of a miniature. */
function embedded(spec: DataSpec, source: string): Wanted[] {
  const folder = folderOf(source);
  const ownTests = testAssets(spec);
  const given = ownTests ?? (hasAsset(`${folder}/test.csv`) ? [{ ...SINGLE, name: `${folder}/test.csv` }] : []);
  const trains = assetParts(folder, spec.parts, source) ?? [{ ...SINGLE, name: `${folder}/train.csv` }];
  if (!trains.every(({ name }) => hasAsset(name))) throw unknownSource(source);
  const at =
    (role: Role) =>
    (one: Pick<Wanted, 'name' | 'part' | 'steps'>): Wanted => ({
      ...one,
      role,
      form: formOf(spec, role),
      embedded: true,
    });
  return [
    ...trains.map(at(given.length === 0 ? 'all' : 'train')),
    ...spec.extraTrain.map((extra) => at('extra')({ ...SINGLE, name: `${folder}/${extra}.csv` })),
    ...given.map(at('test')),
  ];
}

/** The files of a miniature that `data.testData` names; null where it names none. */
function testAssets(spec: DataSpec): Pick<Wanted, 'name' | 'part' | 'steps'>[] | null {
  const { testData } = spec;
  if (testData === null || (testData.source === undefined && testData.parts === undefined)) return null;
  const source = testData.source ?? spec.source;
  const folder = folderOf(source);
  const file = ['test', 'train'].map((name) => `${folder}/${name}.csv`).find(hasAsset);
  const files =
    assetParts(folder, testData.parts ?? [], source) ?? (file === undefined ? null : [{ ...SINGLE, name: file }]);
  if (files === null) throw unknownSource(source);
  return files;
}

function assetParts(
  folder: string,
  parts: readonly DataPart[],
  source: string,
): Pick<Wanted, 'name' | 'part' | 'steps'>[] | null {
  if (parts.length === 0) return null;
  return parts.map(({ name: part, rows = [] }) => {
    const name = `${folder}/${part}.csv`;
    if (!hasAsset(name)) throw unknownSource(`${source} with a part '${part}'`);
    return { name, part, steps: rows };
  });
}

/** The files that `--data` names; the training rows of a miniature where it names none of those. */
function named(spec: DataSpec, asked: DataFiles, source: string): Wanted[] {
  const wanted = (role: Role, name: string, part: string | null = null, steps: readonly RowStep[] = []): Wanted => ({
    role,
    name,
    form: formOf(spec, role),
    part,
    steps,
    embedded: false,
  });
  const ownParts = spec.parts;
  const testParts = spec.testData?.parts ?? [];
  const known = [...ownParts, ...testParts].map(({ name }) => name);
  const files = onePart(asked, known);
  const given = files.kind === 'file' ? {} : (files.parts ?? {});
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw inputError(`--data names '${unknown}', which is no part of this data`, {
      remedy: known.length === 0 ? 'it knows train, validation and test' : `its parts are ${known.join(', ')}`,
    });
  }
  const whole = files.kind === 'file' ? files.path : files.train;
  if (whole !== null && ownParts.length > 0) {
    const parts = ownParts.map(({ name }) => `${name}=FILE`).join(',');
    throw inputError(`the spec puts ${ownParts.length} files together, and --data names one`, {
      remedy: `name each: --data ${parts}`,
    });
  }
  const partsOf = (role: Role, parts: readonly DataPart[]): Wanted[] => {
    if (!parts.some(({ name }) => given[name] !== undefined)) return [];
    return parts.map(({ name, rows }) => {
      const path = given[name];
      if (path !== undefined) return wanted(role, path, name, rows);
      throw inputError(`--data names no file for '${name}', which this data has as well`, {
        remedy: `add ${name}=FILE`,
      });
    });
  };
  if (files.kind === 'file') return [wanted('all', files.path)];
  const tests = partsOf('test', testParts);
  if (files.test !== null && testParts.length > 0) {
    throw inputError(`the spec puts ${testParts.length} files of test rows together, and --data names one`, {
      remedy: `name each: --data ${testParts.map(({ name }) => `${name}=FILE`).join(',')}`,
    });
  }
  if (files.test !== null) tests.push(wanted('test', files.test));
  const trains = partsOf(tests.length === 0 ? 'all' : 'train', ownParts);
  if (files.train !== null) trains.push(wanted('train', files.train));
  if (trains.length === 0 && EMBEDDED.test(source)) {
    trains.push(...embedded(spec, source).flatMap((one) => trainingOnly(one)));
  }
  const validation = files.validation === null ? [] : [wanted('validation', files.validation)];
  return [...trains, ...validation, ...tests];
}

/** `NAME=FILE` alone, once it is known that the spec has a part of that name. */
function onePart(files: DataFiles, known: readonly string[]): DataFiles {
  if (files.kind === 'splits') return files;
  const [, name, path] = /^([^=]+)=(.+)$/s.exec(files.path) ?? [];
  if (name === undefined || path === undefined || !known.includes(name)) return files;
  return { kind: 'splits', train: null, validation: null, test: null, parts: { [name]: path } };
}

/** A miniature's training rows, which are not split when `--data` names others. */
const trainingOnly = (one: Wanted): Wanted[] =>
  one.role === 'test' ? [] : [{ ...one, role: one.role === 'all' ? 'train' : one.role }];

function folderOf(source: string): string {
  const name = EMBEDDED.exec(source)?.[1];
  if (name === undefined) throw notEmbedded(source);
  return `papers/mini/${name}`;
}

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

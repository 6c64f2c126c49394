/** Predictions and references as pairs: two files, the same rows in the same order, or one clear line about what is wrong. */

import { MISSING_TEXTS } from '../data/column-kinds';
import { type Choose, type DataRecord, type Place, textOf } from '../data/formats/format';
import { follow, levels, NoElement, opened, placeOf } from '../data/paths';
import { type RecordFile, readRecords } from '../data/records';
import { inputError, type MedreproError } from '../errors';
import type { References } from '../metrics/text-metric';

/** The role of a column. */
export type Role = 'prediction' | 'reference' | 'question' | 'id';

/**
 * Column names by role, as `--map` gives them, or paths into nested rows (`data/paths.ts`); a role that is not named is
 * found under the usual names.
 */
export type ColumnMap = Readonly<Partial<Record<Role, string>>>;

export interface Pairs {
  /** (rows,) */
  readonly predictions: readonly string[];
  /** (rows,) a list where a row has several. */
  readonly references: readonly References[];
  /** What was asked; null when the references have no such column. */
  readonly questions: readonly string[] | null;
  readonly files: readonly SourceFile[];
  /** What was read in one of several ways, one line each. */
  readonly notes?: readonly string[];
}

/** Where the rows came from. */
export interface SourceFile {
  readonly role: 'predictions' | 'references' | 'train';
  readonly name: string;
  readonly sha256: string;
  readonly rows: number;
}

/** Questions and answers of a training file. */
export interface QuestionAnswers {
  readonly questions: readonly string[];
  readonly answers: readonly string[];
  readonly file: SourceFile;
}

/**
 * Reads both files and pairs their rows.
 *
 * A cell of the references may hold a list of texts, or a path may lead through one (`answers[].text`): the row then has several
 * references.
 *
 * @throws MedreproError `input` (exit 2): a column that is missing or exists twice, a cell without text, an id twice, files of
 *   different length or order, and whatever makes a file unreadable.
 */
export async function readPairs(predictions: string, references: string, map: ColumnMap = {}): Promise<Pairs> {
  const shared: string[] = [];
  const saidFile = await openFile(predictions, ['prediction', 'id'], map, shared);
  const goldFile = await openFile(references, ['reference', 'question', 'id'], map, shared);
  shared.push(...sharedColumns(saidFile, goldFile, map));
  const [said, gold] = [readRows(saidFile), readRows(goldFile)];
  const texts = textColumn(said, 'prediction', map);
  const column =
    placeFor(gold, 'reference', map) ?? noColumn(gold.record, 'no column looks like the reference', 'reference');
  const answers = gold.rows.map((row, i) => referencesOf(gold, row, i, column));
  if (texts.length !== answers.length) {
    throw inputError(`${predictions} has ${texts.length} rows and ${references} ${answers.length}`, {
      remedy: 'give the predictions of exactly these references, in their order',
    });
  }
  checkOrder(said, gold, map);
  const asked = placeFor(gold, 'question', map);
  return {
    predictions: texts,
    references: answers,
    questions: asked === null ? null : cells(gold, asked),
    files: [sourceFile('predictions', said), sourceFile('references', gold)],
    notes: [
      ...notesOf(said, texts, 'predictions'),
      ...notesOf(gold, answers.flat(), 'references'),
      ...otherOrder(said, gold, shared),
    ],
  };
}

/** Reads a training file for the overlap with the references. @throws MedreproError `input` */
export async function readTraining(path: string, map: ColumnMap = {}): Promise<QuestionAnswers> {
  // a training file has names of its own: --map speaks of it only where it has such a column
  const own = (columns: readonly string[]): ColumnMap =>
    Object.fromEntries(Object.entries(map).filter(([, name]) => placeOf(columns, name) !== null));
  const file = readRows(await openFile(path, ['question', 'reference'], own));
  return {
    questions: textColumn(file, 'question', own(file.columns)),
    answers: textColumn(file, 'reference', own(file.columns)),
    file: sourceFile('train', file),
  };
}

// --- internal ---

/** The usual names, compared without regard to case; the first that a file has is taken. */
const USUAL: Readonly<Record<Role, readonly string[]>> = {
  prediction: ['prediction', 'predictions', 'predicted', 'generated', 'generated_text', 'output', 'response'],
  reference: ['reference', 'references', 'answer', 'gold', 'target', 'output', 'response', 'label'],
  question: ['question', 'prompt', 'input', 'instruction'],
  id: ['id', 'index', 'row'],
};

interface OpenFile {
  readonly record: RecordFile;
  readonly columns: readonly string[];
  readonly rows: readonly DataRecord[];
}

/**
 * Opens a file for the columns of some roles; no other is decoded.
 *
 * @param others names of further columns; may be added to until the rows are read
 */
function openFile(
  path: string,
  roles: readonly Role[],
  map: ColumnMap | ((columns: readonly string[]) => ColumnMap),
  others: readonly string[] = [],
): Promise<RecordFile> {
  const choose: Choose = (columns) => {
    const named = typeof map === 'function' ? map(columns) : map;
    const ofRoles = roles.flatMap((role) => {
      const name = named[role];
      if (name !== undefined) return placeOf(columns, name) ?? [];
      return usualColumns(columns, role).map((column) => ({ column, steps: [] }));
    });
    return [...ofRoles, ...others.map((name) => ({ column: columns.indexOf(name), steps: [] }))];
  };
  return readRecords(path, { choose });
}

function readRows(record: RecordFile): OpenFile {
  const rows = [...record.parsed.records];
  if (rows.length === 0)
    throw inputError('the file holds no rows', { where: { file: record.name }, remedy: 'export it again' });
  return { record, columns: record.parsed.columns, rows };
}

function sourceFile(role: SourceFile['role'], { record, rows }: OpenFile): SourceFile {
  return { role, name: record.name, sha256: record.sha256, rows: rows.length };
}

/** Every column with the first of the usual names that the file has. */
function usualColumns(columns: readonly string[], role: Role): number[] {
  for (const usual of USUAL[role]) {
    const found = columns.flatMap((name, i) => (name.trim().toLowerCase() === usual ? [i] : []));
    if (found.length > 0) return found;
  }
  return [];
}

/** The place of a role's column; null when none is named and none has a usual name. */
function placeFor({ columns, record }: OpenFile, role: Role, map: ColumnMap): Place | null {
  const named = map[role];
  const usual = named === undefined ? usualColumns(columns, role) : [];
  const [column] = usual;
  const place = named !== undefined ? placeOf(columns, named) : column === undefined ? null : { column, steps: [] };
  if (place === null) {
    return named === undefined ? null : noColumn(record, `there is no column ${JSON.stringify(named)}`, role);
  }
  const name = columns[place.column]!;
  if (columns.indexOf(name, place.column + 1) >= 0 || columns.indexOf(name) < place.column) {
    throw inputError(`two columns are named ${JSON.stringify(name)}`, {
      where: headerOf(record),
      remedy: 'rename one in the header',
    });
  }
  if (usual.length > 1) {
    const names = usual.map((index) => JSON.stringify(columns[index])).join(' and ');
    throw inputError(`${names} both look like the ${role}`, {
      where: headerOf(record),
      remedy: `name one with --map ${role}=COLUMN`,
    });
  }
  return place;
}

function textColumn(file: OpenFile, role: Role, map: ColumnMap): string[] {
  const place = placeFor(file, role, map) ?? noColumn(file.record, `no column looks like the ${role}`, role);
  return cells(file, place);
}

/** The texts of a column. An empty text is one that a model may well have written; no text at all is not. */
function cells(file: OpenFile, place: Place): string[] {
  return file.rows.map((row, i) => {
    const [value, ...others] = valuesAt(row, place);
    if (value === undefined || others.length > 0)
      throw wrongCell(file, row, i, place, value ?? new NoElement('an empty list'));
    const text = value instanceof NoElement ? null : textOfCell(value);
    if (text === null) throw wrongCell(file, row, i, place, value);
    return text;
  });
}

/** One reference as a text, several as a list. */
function referencesOf(file: OpenFile, row: DataRecord, i: number, place: Place): References {
  const values = valuesAt(row, place).flatMap((value) => (Array.isArray(value) ? (value as unknown[]) : [value]));
  const texts = values.map((value) => {
    const text = value instanceof NoElement ? null : textOfCell(value);
    if (text === null) throw wrongCell(file, row, i, place, value);
    return text;
  });
  const [first, ...others] = texts;
  if (first === undefined) throw wrongCell(file, row, i, place, new NoElement('an empty list'));
  return others.length === 0 ? first : texts;
}

/** The values of a path in a row: one, or one for every element of the lists that its `[]` go through. */
function valuesAt({ values }: DataRecord, { column, steps }: Place): unknown[] {
  const [first, ...inner] = levels(steps);
  let found: unknown[] = [follow(values[column], first!)];
  for (const part of inner) {
    found = found.flatMap((value) => {
      const list = value instanceof NoElement ? value : opened(value);
      return Array.isArray(list) ? list.map((element: unknown) => follow(element, part)) : [new NoElement('no list')];
    });
  }
  return found;
}

/** Null for a missing value and for what is not a single one. */
function textOfCell(value: unknown): string | null {
  return value === undefined || value === null || Number.isNaN(value) ? null : textOf(value);
}

function wrongCell(
  { record, columns }: OpenFile,
  row: DataRecord,
  i: number,
  place: Place,
  value: unknown,
): MedreproError {
  const has = value instanceof NoElement ? `has ${value.what} where a text is wanted` : 'has no text';
  return inputError(`row ${i + 1} ${has} in column ${JSON.stringify(columns[place.column])}`, {
    where: placeOfRow(record, row),
    remedy: 'an empty answer is written as ""',
  });
}

/** @throws MedreproError always: typed as a value, so that it can follow `??`. */
function noColumn({ name, parsed }: RecordFile, what: string, role: Role): never {
  throw inputError(`${what}; the columns are ${parsed.columns.slice(0, 12).join(', ')}`, {
    where: headerOf({ name, parsed }),
    remedy: `name it with --map ${role}=COLUMN`,
  });
}

function headerOf({ name, parsed: { headerLine } }: Pick<RecordFile, 'name' | 'parsed'>): {
  file: string;
  line?: number;
} {
  return headerLine === null ? { file: name } : { file: name, line: headerLine };
}

function placeOfRow({ name }: RecordFile, { line }: DataRecord): { file: string; line?: number } {
  return line === null ? { file: name } : { file: name, line };
}

/** How the file was read, and texts that other readers take as missing. */
function notesOf({ record }: OpenFile, texts: readonly string[], what: string): string[] {
  const notes = record.parsed.notes.map((note) => `${record.name}: ${note}`);
  if (!record.parsed.untyped) return notes;
  const missing = texts.filter((text) => text !== '' && MISSING_TEXTS.has(text));
  if (missing.length === 0) return notes;
  const shown = [...new Set(missing)].slice(0, 3).map((text) => JSON.stringify(text));
  return [
    ...notes,
    `${record.name}: ${missing.length} ${what} are ${shown.join(', ')}, kept as text; pandas reads them as missing`,
  ];
}

/** Names of columns that both files have besides those of a role. */
function sharedColumns(said: RecordFile, gold: RecordFile, map: ColumnMap): string[] {
  const [own, other] = [said.parsed.columns, gold.parsed.columns];
  const used = new Set(
    (['prediction', 'reference', 'id'] as const).flatMap((role) => {
      return [own, other].flatMap((columns) => map[role] ?? usualColumns(columns, role).map((i) => columns[i]!));
    }),
  );
  return own.filter((name) => other.includes(name) && !used.has(name));
}

/**
 * Shared columns with the same values in another order: the rows are probably not pairs. Only a warning, since such
 * a column need not identify the rows.
 */
function otherOrder(said: OpenFile, gold: OpenFile, shared: readonly string[]): string[] {
  return shared.flatMap((name) => {
    const [own, other] = [valuesOf(said, name), valuesOf(gold, name)];
    const differs = own.some((value, row) => value !== other[row]);
    const same = differs && JSON.stringify(own.toSorted()) === JSON.stringify(other.toSorted());
    if (!same) return [];
    return [
      `both files have the same ${JSON.stringify(name)} in another order, and rows are paired by their place: ` +
        `--map id=${name} compares them`,
    ];
  });
}

/** (rows,) the texts of a column; a missing or nested value is an empty text. */
function valuesOf({ columns, rows }: OpenFile, name: string): string[] {
  const place = columns.indexOf(name);
  return rows.map(({ values }) => textOfCell(values[place]) ?? '');
}

/** Ids must be unique, and the same row by row; files without ids are paired by position. */
function checkOrder(said: OpenFile, gold: OpenFile, map: ColumnMap): void {
  const [own, other] = [ids(said, map), ids(gold, map)];
  if (own === null || other === null) return;
  const i = own.findIndex((id, row) => id !== other[row]);
  if (i < 0) return;
  const known = new Set(other);
  const stranger = own.find((id) => !known.has(id));
  const [a, b] = [said.record.name, gold.record.name];
  if (stranger !== undefined) {
    throw inputError(`${a} has a row ${JSON.stringify(stranger)} that ${b} does not have`, {
      remedy: 'give the predictions of exactly these references',
    });
  }
  throw inputError(`row ${i + 1} is ${own[i]} in ${a} and ${other[i]} in ${b}: the order differs`, {
    remedy: 'sort both files alike',
  });
}

function ids(file: OpenFile, map: ColumnMap): string[] | null {
  const place = placeFor(file, 'id', map);
  if (place === null) return null;
  const texts = cells(file, place);
  const first = new Map<string, number>();
  for (const [i, id] of texts.entries()) {
    const before = first.get(id);
    if (before !== undefined) {
      const what = `row ${i + 1} has the ${file.columns[place.column]} of row ${before} again: ${JSON.stringify(id)}`;
      throw inputError(what, { where: placeOfRow(file.record, file.rows[i]!), remedy: 'drop one of the two' });
    }
    first.set(id, i + 1);
  }
  return texts;
}

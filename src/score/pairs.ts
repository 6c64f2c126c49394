/** Predictions and references as pairs: two files, the same rows in the same order, or one clear line about what is wrong. */

import { type DataRecord, textOf } from '../data/formats/format';
import { type RecordFile, readRecords } from '../data/records';
import { inputError, type MedreproError } from '../errors';

/** What a column holds. */
export type Role = 'prediction' | 'reference' | 'question' | 'id';

/** Column names by role, as `--map` gives them; a role that is not named is looked for under the usual names. */
export type ColumnMap = Readonly<Partial<Record<Role, string>>>;

export interface Pairs {
  /** (rows,) */
  readonly predictions: readonly string[];
  readonly references: readonly string[];
  /** What was asked; null when the references have no such column. */
  readonly questions: readonly string[] | null;
  readonly files: readonly SourceFile[];
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
 * @throws MedreproError `input` (exit 2): a column that is not there, a cell without text, an id twice, files of different
 *   length or order, and whatever makes a file unreadable.
 */
export async function readPairs(predictions: string, references: string, map: ColumnMap = {}): Promise<Pairs> {
  const [said, gold] = [await readFile(predictions), await readFile(references)];
  const texts = textColumn(said, 'prediction', map);
  const answers = textColumn(gold, 'reference', map);
  if (texts.length !== answers.length) {
    throw inputError(`${predictions} has ${texts.length} rows and ${references} ${answers.length}`, {
      remedy: 'give the predictions of exactly these references, in their order',
    });
  }
  checkOrder(said, gold, map);
  const asked = columnOf(gold, 'question', map);
  return {
    predictions: texts,
    references: answers,
    questions: asked === null ? null : cells(gold, asked),
    files: [sourceFile('predictions', said), sourceFile('references', gold)],
  };
}

/** Reads a training file for the overlap with the references. @throws MedreproError `input` */
export async function readTraining(path: string, map: ColumnMap = {}): Promise<QuestionAnswers> {
  const file = await readFile(path);
  // a training file has names of its own: --map speaks of it only where it has such a column
  const own = Object.fromEntries(Object.entries(map).filter(([, name]) => file.columns.includes(name)));
  return {
    questions: textColumn(file, 'question', own),
    answers: textColumn(file, 'reference', own),
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

async function readFile(path: string): Promise<OpenFile> {
  const record = await readRecords(path);
  const rows = [...record.parsed.records];
  if (rows.length === 0)
    throw inputError('the file holds no rows', { where: { file: path }, remedy: 'export it again' });
  return { record, columns: record.parsed.columns, rows };
}

function sourceFile(role: SourceFile['role'], { record, rows }: OpenFile): SourceFile {
  return { role, name: record.name, sha256: record.sha256, rows: rows.length };
}

function columnOf({ columns, record }: OpenFile, role: Role, map: ColumnMap): number | null {
  const named = map[role];
  if (named !== undefined) {
    const index = columns.indexOf(named);
    if (index >= 0) return index;
    if (role === 'id' || role === 'question') return null;
    throw noColumn(record, `there is no column ${JSON.stringify(named)}`, role, columns);
  }
  for (const usual of USUAL[role]) {
    const index = columns.findIndex((name) => name.trim().toLowerCase() === usual);
    if (index >= 0) return index;
  }
  return null;
}

function textColumn(file: OpenFile, role: Role, map: ColumnMap): string[] {
  const index = columnOf(file, role, map);
  if (index === null) throw noColumn(file.record, `no column looks like the ${role}`, role, file.columns);
  return cells(file, index);
}

/** The texts of a column. An empty text is one that a model may well have written; no text at all is not. */
function cells({ record, columns, rows }: OpenFile, index: number): string[] {
  return rows.map(({ values, line }, i) => {
    const value = values[index];
    const text = value === undefined || value === null ? null : textOf(value);
    if (text !== null) return text;
    const where = line === null ? { file: record.name } : { file: record.name, line };
    const what = `row ${i + 1} has no text in column ${JSON.stringify(columns[index])}`;
    throw inputError(what, { where, remedy: 'an empty answer is written as ""' });
  });
}

function noColumn({ name, parsed }: RecordFile, what: string, role: Role, columns: readonly string[]): MedreproError {
  const { headerLine } = parsed;
  return inputError(`${what}; the columns are ${columns.slice(0, 12).join(', ')}`, {
    where: headerLine === null ? { file: name } : { file: name, line: headerLine },
    remedy: `name it with --map ${role}=COLUMN`,
  });
}

/** Ids must be unique, and the same row by row; files without ids are taken as they lie. */
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
  const index = columnOf(file, 'id', map);
  if (index === null) return null;
  const texts = cells(file, index);
  const first = new Map<string, number>();
  for (const [i, id] of texts.entries()) {
    const before = first.get(id);
    const { line } = file.rows[i]!;
    const where = line === null ? { file: file.record.name } : { file: file.record.name, line };
    if (before !== undefined) {
      const what = `row ${i + 1} has the ${file.columns[index]} of row ${before} again: ${JSON.stringify(id)}`;
      throw inputError(what, { where, remedy: 'drop one of the two' });
    }
    first.set(id, i + 1);
  }
  return texts;
}

/**
 * The columns of a data file that an experiment uses, as text: whatever format the file has, one rule for what a cell may
 * hold and one message for what is wrong.
 */

import { inputError, type MedreproError } from '../errors';
import type { DataRecord, Parsed } from './formats/format';
import type { RecordFile } from './records';

/** What a spec calls a column -> what the file calls it; `choices[0]` is the first element of a column of lists. */
export type Columns = Readonly<Record<string, string>>;

export interface TableRow {
  /** Text by the spec's name of the column. */
  readonly cells: Readonly<Record<string, string>>;
  /** Line of the file on which the row starts, from 1; null in formats without lines. */
  readonly line: number | null;
}

export interface Table {
  readonly file: string;
  /** sha256 (hex) of the file as it lies. */
  readonly sha256: string;
  readonly rows: readonly TableRow[];
  /** What was left out while reading, one line each. */
  readonly notes: readonly string[];
}

/** The role of a column whose values must all differ. */
const ID = 'id';

/**
 * The named columns of a file, in file order.
 *
 * A name that the file does not have finds the only column that differs from it in case alone. Numbers and booleans become text as JSON writes them.
 *
 * @throws MedreproError `input` (exit 2): missing columns, no rows, empty cells, cells that hold lists or objects, an `id`
 *   that two rows share.
 */
export function tableOf(file: RecordFile, columns: Columns): Table {
  const { name, sha256, parsed } = file;
  const places = Object.entries(columns).map(
    ([role, column]) => [role, column, placeOf(name, parsed, columns, role)] as const,
  );
  const rows: TableRow[] = [];
  const ids = new Map<string, number>();
  for (const record of parsed.records) {
    const number = rows.length + 1;
    const wrong = (what: string, remedy: string): MedreproError =>
      inputError(`row ${number} ${what}`, { where: place(name, record), remedy });
    const cells: Record<string, string> = {};
    for (const [role, column, { index, element }] of places) {
      const whole = record.values[index];
      const value = element === null ? whole : elementOf(whole, element);
      if (value === NO_ELEMENT) {
        const what = Array.isArray(whole) ? `a list of ${whole.length}` : 'no list';
        throw wrong(`has ${what} where ${JSON.stringify(column)} is wanted`, 'name another column with --map');
      }
      const text = typeof value === 'string' ? value : scalarText(value);
      if (text === null)
        throw wrong(`has no text in column ${JSON.stringify(column)}`, 'name another column with --map');
      if (text.trim() === '') throw wrong(`has nothing in column ${JSON.stringify(column)}`, 'fill it or drop the row');
      cells[role] = text;
    }
    const id = cells[ID];
    if (id !== undefined) {
      const first = ids.get(id);
      if (first !== undefined)
        throw wrong(`has the ${columns[ID]} of row ${first} again: ${brief(id)}`, 'drop one of the two');
      ids.set(id, number);
    }
    rows.push({ cells, line: record.line });
  }
  if (rows.length === 0) {
    const where = parsed.headerLine === null ? { file: name } : { file: name, line: parsed.headerLine };
    throw inputError('the file has a header but no rows', { where, remedy: 'export it again, with its rows' });
  }
  return { file: name, sha256, rows, notes: parsed.notes };
}

// --- internal ---

/** A column, or an element of the lists that a column holds. */
interface Place {
  readonly index: number;
  readonly element: number | null;
}

/** A column's own name comes first: a file may have one that is written like an element. */
function placeOf(file: string, parsed: Parsed, columns: Columns, role: string): Place {
  const wanted = columns[role]!;
  const [, list, element] = /^(.+)\[(\d+)\]$/.exec(wanted) ?? [];
  if (list === undefined || indexOfName(parsed.columns, wanted) >= 0) {
    return { index: columnIndex(file, parsed, columns, role), element: null };
  }
  return { index: columnIndex(file, parsed, { ...columns, [role]: list }, role), element: Number(element) };
}

const NO_ELEMENT = Symbol('no element');

/** An element of a list, or of one written as JSON in a format whose cells are text, such as CSV. */
function elementOf(value: unknown, element: number): unknown {
  const list = typeof value === 'string' ? parsedList(value) : value;
  return Array.isArray(list) && element < list.length ? list[element] : NO_ELEMENT;
}

function parsedList(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Missing values are an empty cell; null for what is not a single value. */
function scalarText(value: unknown): string | null {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? null : String(value);
}

function place(file: string, { line }: DataRecord): { file: string; line?: number } {
  return line === null ? { file } : { file, line };
}

const brief = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

function columnIndex(file: string, parsed: Parsed, columns: Columns, role: string): number {
  const { columns: names, headerLine } = parsed;
  const wanted = columns[role]!;
  const index = indexOfName(names, wanted);
  if (index >= 0 && names.indexOf(names[index]!, index + 1) < 0) return index;
  const where = headerLine === null ? { file } : { file, line: headerLine };
  if (index >= 0) {
    throw inputError(`two columns are named ${JSON.stringify(wanted)}`, { where, remedy: 'rename one in the header' });
  }
  const separator = names.length === 1 ? /[;\t|]/.exec(names[0]!)?.[0] : undefined;
  if (separator !== undefined) {
    const name = { ';': 'semicolons', '\t': 'tabs', '|': 'bars' }[separator];
    throw inputError(`the columns seem to be separated by ${name}`, {
      where,
      remedy: 'write it with commas (RFC 4180)',
    });
  }
  const suggested = Object.entries(columns).map(
    ([own, column]) => `${own}=${names.includes(column) ? column : 'COLUMN'}`,
  );
  throw inputError(`there is no column ${JSON.stringify(wanted)}; the columns are ${listNames(names)}`, {
    where,
    remedy: `name them with --map ${suggested.join(',')}`,
  });
}

/** Where a name stands, or where the only name stands that differs in case alone; -1 = nowhere. */
function indexOfName(names: readonly string[], wanted: string): number {
  const exact = names.indexOf(wanted);
  if (exact >= 0) return exact;
  const alike = names.flatMap((name, i) => (name.toLowerCase() === wanted.toLowerCase() ? [i] : []));
  return alike.length === 1 ? alike[0]! : -1;
}

/** At most twelve names, each cut to a readable length, quoted where spaces or commas would confuse. */
function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => {
    const short = name.length > 40 ? `${name.slice(0, 40)}…` : name;
    return /^[^\s,"]+$/.test(short) ? short : JSON.stringify(short);
  });
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
}

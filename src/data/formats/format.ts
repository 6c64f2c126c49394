/**
 * What every reader of a data file gives: named columns and rows of values, each with the line it starts on.
 *
 * A format parses; which columns are selected and what a cell may hold is decided in `columns.ts`.
 */

import { inputError, type MedreproError } from '../../errors';
import { booleanText, floatText } from '../../python';
import type { RawFile } from '../text-file';

/**
 * One row of a file.
 *
 * A value is a `string`, a `bigint` (an integer), a `number` (a float), a `boolean`, `null` or `undefined` (missing), or a
 * list or object of them. Times and decimals are strings, as Python prints them; binary values that are no text stay bytes.
 */
export interface DataRecord {
  /** (columns,) values in the order of the file's columns; `undefined` where the row has none or the column is not selected. */
  readonly values: readonly unknown[];
  /** Line of the file on which the row starts, from 1; null in formats without lines. */
  readonly line: number | null;
}

/** A file's content before columns are selected. */
export interface Parsed {
  /** Column names in the order of the file. */
  readonly columns: readonly string[];
  /** Line of the header, where the format has one. */
  readonly headerLine: number | null;
  /** Rows in file order; iterating may throw where a row is malformed. Can be iterated again. */
  readonly records: Iterable<DataRecord>;
  /** Notes for the user, one line each; complete once the records were iterated. */
  readonly notes: readonly string[];
  /** Names of the classes by id, of columns that the file says are datasets' `ClassLabel`. */
  readonly classNames?: ReadonlyMap<string, readonly string[]>;
  /**
   * The file's cells are text without types (CSV): numbers are detected by their form. Texts such as NA mean a missing value to
   * pandas; whether they do here.
   */
  readonly untyped?: { readonly missingTexts: 'missing' | 'text' };
}

/** A step of a path of `--map` or of a spec's columns after its column: a key, an element, or every element. */
export type Step = string | number | typeof EACH;

/** `[]` of a path: a row for every element of the list. */
export const EACH = Symbol('each element');

/** A column, and the steps from its value to the selected one. */
export interface Place {
  /** Index into the columns. */
  readonly column: number;
  readonly steps: readonly Step[];
}

/**
 * Selects columns; called when their names are known and each time that the rows are iterated. Columns that do not exist are
 * omitted: `columns.ts` reports them. Nothing else is decoded.
 */
export type Choose = (columns: readonly string[]) => readonly Place[];

/** A spec's options for CSV. */
export interface CsvOptions {
  /** null = commas, or the separator that the header has instead. */
  readonly separator: ',' | ';' | '|' | 'tab' | null;
  /** What NA, None, null and the like mean. */
  readonly missingTexts: 'missing' | 'text';
}

/** How a file is read. */
export interface ParseOptions {
  /** Absent = every column. */
  readonly choose?: Choose | undefined;
  readonly csv?: CsvOptions | undefined;
}

/** A file format of tables. */
export interface Format {
  /** As messages name it. */
  readonly name: string;
  /** File names (without `.gz`) of this format. */
  readonly fileName: RegExp;
  /** Whether the first bytes are this format's own; absent for formats that look like any text. */
  readonly matches?: (head: Uint8Array) => boolean;
  /**
   * @param file unpacked bytes under the name the user knows.
   * @throws MedreproError `input`
   */
  readonly parse: (file: RawFile, options: ParseOptions) => Parsed | Promise<Parsed>;
}

/** The chosen columns as a set of indices; all of them without a choice. */
export function chosen(columns: readonly string[], choose: Choose | undefined): ReadonlySet<number> {
  return new Set(choose === undefined ? columns.keys() : choose(columns).map(({ column }) => column));
}

/**
 * A single value as Python prints it: 45.0, True, nan; an integer without loss. Missing values are an empty text.
 *
 * @returns null for a list or an object
 */
export function textOf(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
      return String(value);
    case 'number':
      return floatText(value);
    case 'boolean':
      return booleanText(value);
    default:
      return value === undefined || value === null ? '' : null;
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The error for a file that violates its format. */
export function damaged(file: string, what: string, line?: number, cause?: unknown): MedreproError {
  const where = line === undefined ? { file } : { file, line };
  return inputError(what, { where, remedy: 'copy or export the file again', cause });
}

/** The error for a file without rows. */
export function noRows(file: string): MedreproError {
  return inputError('the file holds no rows', { where: { file }, remedy: 'export it again, with its rows' });
}

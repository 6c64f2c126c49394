/**
 * What every reader of a data file gives: named columns and rows of JSON values, each with the line it starts on.
 *
 * A format parses; what columns are wanted and what a cell may hold is `table.ts`'s.
 */

import { inputError, type MedreproError } from '../../errors';
import type { RawFile } from '../text-file';

/** One row of a file. */
export interface DataRecord {
  /** (columns,) values in the order of the file's columns; `undefined` where the row does not have one. */
  readonly values: readonly unknown[];
  /** Line of the file on which the row starts, from 1; null in formats without lines. */
  readonly line: number | null;
}

/** A file's content before anyone chose columns. */
export interface Parsed {
  /** Column names in the order of the file. */
  readonly columns: readonly string[];
  /** Line of the header, where the format has one. */
  readonly headerLine: number | null;
  /** Rows in file order; iterating may throw where a row is malformed. */
  readonly records: Iterable<DataRecord>;
  /** What a reader of the result should know, one line each. */
  readonly notes: readonly string[];
}

/** A way to write tables down. */
export interface Format {
  /** As messages name it. */
  readonly name: string;
  /** File names (without `.gz`) that promise it. */
  readonly fileName: RegExp;
  /** Whether the first bytes are this format's own; absent for formats that look like any text. */
  readonly matches?: (head: Uint8Array) => boolean;
  /**
   * @param file unpacked bytes under the name the user knows.
   * @throws MedreproError `input`
   */
  readonly parse: (file: RawFile) => Parsed | Promise<Parsed>;
}

/** Rows from columns of equal length. */
export function* rowsOfColumns(columns: readonly (readonly unknown[])[]): Generator<DataRecord> {
  const count = columns[0]?.length ?? 0;
  for (let row = 0; row < count; row++) yield { values: columns.map((column) => column[row]), line: null };
}

/** Rows from objects: the columns are all keys, in order of first appearance. */
export function rowsOfObjects(
  objects: readonly { readonly value: Readonly<Record<string, unknown>>; readonly line: number | null }[],
): Pick<Parsed, 'columns' | 'records'> {
  const places = new Map<string, number>();
  for (const { value } of objects)
    for (const key of Object.keys(value)) if (!places.has(key)) places.set(key, places.size);
  const columns = [...places.keys()];
  const records = objects.map(({ value, line }) => ({
    values: columns.map((key) => (Object.hasOwn(value, key) ? value[key] : undefined)),
    line,
  }));
  return { columns, records };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A file that is not what its format says. */
export function damaged(file: string, what: string, line?: number, cause?: unknown): MedreproError {
  const where = line === undefined ? { file } : { file, line };
  return inputError(what, { where, remedy: 'copy or export the file again', cause });
}

/** A file without a single row. */
export function noRows(file: string): MedreproError {
  return inputError('the file holds no rows', { where: { file }, remedy: 'export it again, with its rows' });
}

/**
 * A classification table from CSV (RFC 4180): one text and one label a row.
 *
 * The header names the columns; quoted fields may hold commas, quotes and line ends; LF, CR LF and CR end rows, also mixed
 * in one file; blank lines are skipped. Whatever is wrong is one error with the file, the row (from 1, without the header)
 * and the line.
 */

import { type CsvError, parse } from 'csv-parse/sync';
import { inputError, MedreproError } from '../errors';
import { asTextFile, countLineEnds, lineAt, type RawFile } from './text-file';

/** The most bytes a row may have; longer ones are nearly always a quote that is never closed. */
export const MAX_ROW_BYTES = 2 ** 20;

/** Column names of the text and of the label. */
export interface Columns {
  readonly text: string;
  readonly label: string;
}

export interface TableRow {
  readonly text: string;
  readonly label: string;
  /** Line of the file on which the row starts, from 1. */
  readonly line: number;
}

export interface Table {
  readonly file: string;
  /** sha256 (hex) of the file as it lies. */
  readonly sha256: string;
  readonly rows: readonly TableRow[];
}

/**
 * Reads the two named columns of a CSV file, in file order.
 *
 * @throws MedreproError `input` (exit 2): not UTF-8 text, no rows, missing columns, ragged or overlong rows, empty cells,
 *   broken quoting.
 */
export function readTable(raw: RawFile, columns: Columns): Table {
  const { name, sha256, bytes } = asTextFile(raw);
  const [header, ...records] = parseRecords(name, bytes);
  if (header === undefined) {
    throw inputError('the file is empty', { where: { file: name }, remedy: 'give a CSV file with a header row' });
  }
  const names = header.cells.map((cell) => cell.trim());
  const text = columnIndex(name, names, columns, 'text');
  const label = columnIndex(name, names, columns, 'label');
  if (records.length === 0) {
    throw inputError('the file has a header but no rows', {
      where: { file: name, line: 1 },
      remedy: 'export it again, with its rows',
    });
  }
  const rows = records.map((record, i) => {
    const wrong = (what: string, remedy: string): MedreproError =>
      inputError(`row ${i + 1} ${what}`, { where: { file: name, line: record.line }, remedy });
    if (record.cells.length !== names.length) {
      throw wrong(
        `has ${record.cells.length} ${plural('column', record.cells.length)}, the header ${names.length}`,
        'quote fields that hold commas or line ends',
      );
    }
    const row = { text: record.cells[text]!, label: record.cells[label]!, line: record.line };
    for (const [cell, column] of [
      [row.text, columns.text],
      [row.label, columns.label],
    ] as const) {
      if (cell.trim() === '') throw wrong(`has nothing in column ${JSON.stringify(column)}`, 'fill it or drop the row');
    }
    return row;
  });
  return { file: name, sha256, rows };
}

// --- internal ---

interface Located {
  readonly cells: readonly string[];
  readonly line: number;
}

/** What csv-parse returns for each record with `info: true`: `bytes` is the offset behind the record. */
interface CsvRecord {
  readonly record: string[];
  readonly info: { readonly bytes: number };
}

/** All records with the line each starts on. csv-parse's own line count takes a quoted CR LF for two lines. */
function parseRecords(file: string, bytes: Uint8Array): Located[] {
  let parsed: CsvRecord[];
  try {
    parsed = parse(bytes as Buffer, {
      info: true,
      bom: false,
      relax_column_count: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      max_record_size: MAX_ROW_BYTES,
    }) as unknown as CsvRecord[];
  } catch (error) {
    throw quotingError(file, bytes, error);
  }
  const records: Located[] = [];
  let line = 1;
  let counted = 0;
  let end = 0;
  for (const { record, info } of parsed) {
    const start = skipLineEnds(bytes, end);
    line += countLineEnds(bytes, counted, start);
    records.push({ cells: record, line });
    counted = start;
    end = info.bytes;
  }
  return records;
}

function skipLineEnds(bytes: Uint8Array, offset: number): number {
  let i = offset;
  while (bytes[i] === 0x0a || bytes[i] === 0x0d) i++;
  return i;
}

const QUOTING: Record<string, readonly [string, string]> = {
  CSV_QUOTE_NOT_CLOSED: ['opens a quote that is never closed', 'close it; a quote inside a quoted field is doubled'],
  CSV_INVALID_CLOSING_QUOTE: ['goes on after a closing quote', 'double the quotes inside a quoted field'],
  INVALID_OPENING_QUOTE: [
    'has a quote inside an unquoted field',
    'quote the whole field and double the quotes inside it',
  ],
  CSV_MAX_RECORD_SIZE: [
    'is longer than 1 MiB',
    'look for a quote that is never closed; a text that really is that long must be shortened',
  ],
};

function quotingError(file: string, bytes: Uint8Array, thrown: unknown): unknown {
  if (!isCsvError(thrown)) return thrown;
  const [what, remedy] = QUOTING[thrown.code] ?? [`cannot be read (${thrown.code})`, 'check its quotes and commas'];
  // bytes: the end of the last field before the trouble; records: how many are complete, the header among them
  const line = lineAt(bytes, skipLineEnds(bytes, Number(thrown.bytes)));
  const records = Number(thrown.records);
  const row = records === 0 ? 'the header' : `row ${records}`;
  return inputError(`${row} ${what}`, { where: { file, line }, remedy, cause: thrown });
}

function isCsvError(thrown: unknown): thrown is CsvError {
  return thrown instanceof Error && !(thrown instanceof MedreproError) && 'code' in thrown && 'records' in thrown;
}

function columnIndex(file: string, names: readonly string[], columns: Columns, role: keyof Columns): number {
  const wanted = columns[role];
  const index = names.indexOf(wanted);
  if (index >= 0 && names.indexOf(wanted, index + 1) < 0) return index;
  const where = { file, line: 1 };
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
  const suggest = (own: keyof Columns) => (names.includes(columns[own]) ? columns[own] : 'COLUMN');
  throw inputError(`there is no column ${JSON.stringify(wanted)}; the columns are ${listNames(names)}`, {
    where,
    remedy: `name them with --map text=${suggest('text')},label=${suggest('label')}`,
  });
}

/** At most twelve names, each cut to a readable length, quoted where spaces or commas would confuse. */
function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => {
    const short = name.length > 40 ? `${name.slice(0, 40)}…` : name;
    return /^[^\s,"]+$/.test(short) ? short : JSON.stringify(short);
  });
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
}

function plural(word: string, n: number): string {
  return n === 1 ? word : `${word}s`;
}

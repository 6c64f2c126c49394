/**
 * CSV (RFC 4180).
 *
 * The header names the columns; quoted fields may hold commas, quotes and line ends; LF, CR LF and CR end rows, also mixed
 * in one file; blank lines are skipped. Whatever is wrong is one error with the file, the row (from 1, without the header)
 * and the line.
 */

import { type CsvError, parse as parseCsv } from 'csv-parse/sync';
import { inputError, MedreproError } from '../../errors';
import { countLineEnds, lineAt } from '../../files';
import { asTextFile, type RawFile } from '../text-file';
import type { DataRecord, Format, Parsed } from './format';

/** The most bytes a row may have; longer ones are nearly always a quote that is never closed. */
export const MAX_ROW_BYTES = 2 ** 20;

export const csv: Format = { name: 'CSV', fileName: /\.csv$/i, parse };

// --- internal ---

function parse(raw: RawFile): Parsed {
  const { name, bytes } = asTextFile(raw);
  const [header, ...rows] = parseRecords(name, bytes);
  if (header === undefined) {
    throw inputError('the file is empty', { where: { file: name }, remedy: 'give a CSV file with a header row' });
  }
  const columns = header.cells.map((cell) => cell.trim());
  return { columns, headerLine: 1, records: records(name, columns.length, rows), notes: [] };
}

/** Lazily, so that a wrong header is reported before a ragged row. */
function* records(file: string, width: number, rows: readonly Located[]): Generator<DataRecord> {
  for (const [i, { cells, line }] of rows.entries()) {
    if (cells.length !== width) {
      const has = `${cells.length} ${cells.length === 1 ? 'column' : 'columns'}`;
      throw inputError(`row ${i + 1} has ${has}, the header ${width}`, {
        where: { file, line },
        remedy: 'quote fields that hold commas or line ends',
      });
    }
    yield { values: cells, line };
  }
}

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
    parsed = parseCsv(bytes as Buffer, {
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

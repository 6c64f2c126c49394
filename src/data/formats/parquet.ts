/**
 * Parquet through hyparquet (no dependencies, pure JavaScript: the format has too many encodings to own a reader). The
 * codecs it leaves out are the runtime's: gzip, Brotli, zstd. Snappy is its own.
 */

import { jobInWorker, WorkerStopped } from '../../spawn';
import type { RawFile } from '../text-file';
import { damaged, type Format, noRows, type Parsed, rowsOfColumns } from './format';
import type { ParquetRequest, ParquetRows } from './parquet-rows';

export const parquet: Format = {
  name: 'Parquet',
  fileName: /\.parquet$/i,
  matches: (head) => isMagic(head.subarray(0, 4)),
  parse: (file) => parseParquet(file),
};

/** Milliseconds that a file may take. */
export interface ParquetLimit {
  readonly base: number;
  /** More for each megabyte. */
  readonly perMegabyte: number;
}

/** Files that are whole take a hundredth of it; damaged ones have been seen to take minutes and all memory. */
export const PARQUET_LIMIT: ParquetLimit = { base: 10_000, perMegabyte: 2_000 };

/** @throws MedreproError `input` when it is damaged, which includes taking longer than `limit`. */
export async function parseParquet({ name, bytes }: RawFile, limit: ParquetLimit = PARQUET_LIMIT): Promise<Parsed> {
  if (bytes.length < 12 || !isMagic(bytes.subarray(-4))) {
    throw damaged(name, 'the Parquet file is cut short: its last bytes are not PAR1');
  }
  const milliseconds = limit.base + (limit.perMegabyte * bytes.length) / 1e6;
  const rows = await rowsOf({ bytes: Uint8Array.from(bytes) }, milliseconds);
  if ('damage' in rows) throw damaged(name, `the Parquet file cannot be read: ${rows.damage}`);
  if (rows.cells.every((column) => column.length === 0)) throw noRows(name);
  return {
    columns: [...rows.columns],
    headerLine: null,
    records: rowsOfColumns(rows.cells, rows.cells[0]!.length),
    notes: [],
  };
}

// --- internal ---

async function rowsOf(request: ParquetRequest, milliseconds: number): Promise<ParquetRows> {
  try {
    return (await jobInWorker('parquet', request, milliseconds)).document as ParquetRows;
  } catch (error) {
    if (!(error instanceof WorkerStopped)) throw error;
    const late = `its lengths make no sense: no end after ${Number((milliseconds / 1000).toFixed(1))} s`;
    return { damage: error.late ? late : 'its lengths make no sense' };
  }
}

function isMagic(bytes: Uint8Array): boolean {
  return bytes.length === 4 && bytes[0] === 0x50 && bytes[1] === 0x41 && bytes[2] === 0x52 && bytes[3] === 0x31;
}

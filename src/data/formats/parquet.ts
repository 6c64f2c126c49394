/**
 * Parquet through hyparquet (no dependencies, pure JavaScript: the format has too many encodings to own a reader). The
 * codecs it leaves out are the runtime's: gzip, Brotli, zstd. Snappy is its own.
 */

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { MedreproError } from '../../errors';
import type { RawFile } from '../text-file';
import { damaged, type Format, noRows, type Parsed, rowsOfColumns } from './format';

export const parquet: Format = {
  name: 'Parquet',
  fileName: /\.parquet$/i,
  matches: (head) => isMagic(head.subarray(0, 4)),
  parse,
};

// --- internal ---

async function parse({ name, bytes }: RawFile): Promise<Parsed> {
  if (bytes.length < 12 || !isMagic(bytes.subarray(-4))) {
    throw damaged(name, 'the Parquet file is cut short: its last bytes are not PAR1');
  }
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const buffer = bytes.slice().buffer;
  const file = { byteLength: buffer.byteLength, slice: (start: number, end?: number) => buffer.slice(start, end) };
  try {
    const metadata = await parquetMetadataAsync(file);
    const columns = parquetSchema(metadata).children.map((child) => child.element.name);
    if (metadata.num_rows === 0n) throw noRows(name);
    const rows = await parquetReadObjects({ file, metadata, compressors: COMPRESSORS, parsers: { stringFromBytes } });
    const byColumn = columns.map((column) => rows.map((row) => plain(row[column])));
    return { columns, headerLine: null, records: rowsOfColumns(byColumn), notes: [] };
  } catch (error) {
    if (error instanceof MedreproError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw damaged(name, `the Parquet file cannot be read: ${message.split('\n')[0]!.slice(0, 120)}`, undefined, error);
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const stringFromBytes = (bytes: Uint8Array | undefined): string | undefined => (bytes ? UTF8.decode(bytes) : undefined);

const COMPRESSORS = {
  GZIP: (input: Uint8Array, length: number) => unpacked(gunzipSync(input, { maxOutputLength: length })),
  BROTLI: (input: Uint8Array, length: number) => unpacked(brotliDecompressSync(input, { maxOutputLength: length })),
  ZSTD: (input: Uint8Array, length: number) => unpacked(zstdDecompressSync(input, { maxOutputLength: length })),
};

const unpacked = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** 64-bit integers as numbers where that loses nothing, dates as ISO text, at any depth. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function isMagic(bytes: Uint8Array): boolean {
  return bytes.length === 4 && bytes[0] === 0x50 && bytes[1] === 0x41 && bytes[2] === 0x52 && bytes[3] === 0x31;
}

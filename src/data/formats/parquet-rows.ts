/**
 * The rows of a Parquet file, read in a Worker. hyparquet trusts the lengths it reads: damaged ones keep it in a loop that
 * nothing on the same thread can end, or reject promises that nobody waits for.
 */

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { EXIT } from '../../errors';
import type { JobResult } from '../../job';

/** What `parquet.ts` asks of the Worker. */
export interface ParquetRequest {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What it gets: the cells of each column, or why there are none. */
export type ParquetRows =
  | { readonly columns: readonly string[]; readonly cells: readonly (readonly unknown[])[] }
  | { readonly damage: string };

/** The job of the Worker; its document are `ParquetRows`. */
export async function parquetRowsJob(request: unknown): Promise<JobResult> {
  const { bytes } = request as ParquetRequest;
  return { exitCode: EXIT.ok, text: '', document: await read(bytes) };
}

// --- internal ---

async function read({ buffer }: Uint8Array<ArrayBuffer>): Promise<ParquetRows> {
  const file = { byteLength: buffer.byteLength, slice: (start: number, end?: number) => buffer.slice(start, end) };
  try {
    const metadata = await parquetMetadataAsync(file);
    const { children } = parquetSchema(metadata);
    const columns = children.map((child) => child.element.name);
    const integers = children.map((child) => leaves(child).every(({ element }) => isInt32(element)));
    if (metadata.num_rows === 0n) return { columns, cells: columns.map(() => []) };
    const rows = await parquetReadObjects({ file, metadata, compressors: COMPRESSORS, parsers: { stringFromBytes } });
    return { columns, cells: columns.map((column, c) => rows.map((row) => plain(row[column], integers[c]!))) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { damage: message.split('\n')[0]!.slice(0, 120) };
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

type Tree = ReturnType<typeof parquetSchema>;

const leaves = (tree: Tree): Tree[] => (tree.children.length === 0 ? [tree] : tree.children.flatMap(leaves));

const isInt32 = ({ type, converted_type: converted }: Tree['element']): boolean =>
  type === 'INT32' && converted !== 'DATE' && converted !== 'DECIMAL';

/** Integers as bigint, dates as ISO text, at any depth. */
function plain(value: unknown, integers: boolean): unknown {
  if (typeof value === 'number') return integers ? BigInt(value) : value;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<unknown>, (one) => plain(one, integers));
  if (Array.isArray(value)) return value.map((one) => plain(one, integers));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner, integers)]));
}

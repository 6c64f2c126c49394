/** Decompression of pages and buffers: the length is known beforehand, and nothing longer is ever made. */

import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { snappyUncompress } from 'hyparquet/src/snappy.js';
import { Damage, trusting } from './binary';
import { lz4Block, lz4Frame, lz4Hadoop } from './lz4';

/** The most bytes that one page or buffer may be, decompressed: writers make pages of 1 MB. */
export const MAX_PAGE_BYTES = 2 ** 28;

export type Codec = keyof typeof CODECS;

export const isCodec = (name: string): name is Codec => Object.hasOwn(CODECS, name);

/**
 * @param length of the result, which must be met exactly
 * @throws Damage
 */
export function decompressed(codec: Codec, input: Uint8Array, length: number): Uint8Array {
  if (length < 0 || length > MAX_PAGE_BYTES) throw new Damage('a page is above 256 MiB');
  // an empty page may be stored as nothing at all, which is no stream of any codec
  if (length === 0) return new Uint8Array(0);
  const output = trusting('a page cannot be decompressed', () => CODECS[codec](input, length));
  if (output.length !== length) throw new Damage('a page has another length than it says');
  return output;
}

// --- internal ---

const CODECS = {
  UNCOMPRESSED: (input: Uint8Array) => input,
  SNAPPY: (input: Uint8Array, length: number) => {
    // a copy of 64 bytes takes 3
    if (length > 22 * input.length) throw new Damage('Snappy data cannot be that long');
    const output = new Uint8Array(length);
    snappyUncompress(input, output);
    return output;
  },
  GZIP: (input: Uint8Array, length: number) => gunzipSync(input, { maxOutputLength: length }),
  BROTLI: (input: Uint8Array, length: number) => brotliDecompressSync(input, { maxOutputLength: length }),
  ZSTD: (input: Uint8Array, length: number) => zstdDecompressSync(input, { maxOutputLength: length }),
  LZ4: lz4Hadoop,
  LZ4_RAW: lz4Block,
  LZ4_FRAME: lz4Frame,
} as const;

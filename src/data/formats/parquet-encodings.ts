/**
 * The encodings of Parquet's pages (github.com/apache/parquet-format, Encodings.md): as many values as are asked for, from no
 * byte outside the page. Whatever a page claims beyond that is a Damage.
 */

import { Damage } from './binary';

import { varint } from './thrift';

/** Bytes that are read from the front. */
export class Bytes {
  readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public at = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Uint8Array {
    if (length < 0 || length > this.bytes.length - this.at) throw new Damage('a page is cut short');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  int32(): number {
    const at = this.at;
    this.take(4);
    return this.view.getInt32(at, true);
  }

  varint(): bigint {
    const { value, at } = varint(this.bytes, this.at, this.bytes.length);
    this.at = at;
    return value;
  }

  zigzag(): bigint {
    const value = this.varint();
    return (value >> 1n) ^ -(value & 1n);
  }
}

/** Runs of one value and groups of eight bit-packed ones (RLE). @returns (count,) from 0 below 2^width */
export function hybrid(source: Bytes, width: number, count: number): Uint32Array {
  if (width > 32) throw new Damage('a page has values of more than 32 bits');
  const values = new Uint32Array(count);
  for (let done = 0; done < count; ) {
    const head = Number(source.varint());
    if (head % 2 === 1) {
      const groups = (head - 1) / 2;
      const taken = Math.min(8 * groups, count - done);
      // some writers omit the unused rest of the last group
      const bytes = source.take(Math.min(groups * width, source.bytes.length - source.at));
      unpackBits(bytes, width, taken, values, done);
      done += taken;
    } else {
      const value = littleEndian(source.take((width + 7) >> 3));
      const taken = Math.min(head / 2, count - done);
      values.fill(value, done, done + taken);
      done += taken;
    }
  }
  return values;
}

/** DELTA_BINARY_PACKED. @returns (count,) of `bits` bits, wrapped in two's complement */
export function deltaIntegers(source: Bytes, count: number, bits: 32 | 64): bigint[] {
  const block = Number(source.varint());
  const miniblocks = Number(source.varint());
  if (block > 2 ** 20 || miniblocks < 1 || block % miniblocks !== 0 || (block / miniblocks) % 8 !== 0) {
    throw new Damage('a page has blocks that make no sense');
  }
  source.varint();
  const perMiniblock = block / miniblocks;
  const values: bigint[] = [];
  let value = BigInt.asIntN(bits, source.zigzag());
  if (count > 0) values.push(value);
  while (values.length < count) {
    if (perMiniblock === 0) throw new Damage('a page has blocks that make no sense');
    const least = source.zigzag();
    const widths = source.take(miniblocks);
    for (let m = 0; m < miniblocks && values.length < count; m++) {
      const width = widths[m]!;
      if (width > 64) throw new Damage('a page has values of more than 64 bits');
      const taken = Math.min(perMiniblock, count - values.length);
      const bytes = source.take(Math.min((perMiniblock * width) / 8, source.bytes.length - source.at));
      if (8 * bytes.length < taken * width) throw new Damage('a page is cut short');
      for (let i = 0; i < taken; i++) {
        value = BigInt.asIntN(bits, value + least + wideBits(bytes, i * width, width));
        values.push(value);
      }
    }
  }
  return values;
}

/** DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes. */
export function deltaLengths(source: Bytes, count: number): Uint8Array[] {
  return deltaIntegers(source, count, 32).map((length) => source.take(Number(length)));
}

/**
 * DELTA_BYTE_ARRAY: each value shares its first bytes with the preceding one.
 *
 * @param spend called with the bytes that each value takes, so that a few pages cannot grow without end
 */
export function deltaStrings(source: Bytes, count: number, spend: (bytes: number) => void): Uint8Array[] {
  const prefixes = deltaIntegers(source, count, 32);
  const suffixes = deltaLengths(source, count);
  let before = new Uint8Array(0);
  return suffixes.map((suffix, i) => {
    const shared = Number(prefixes[i]);
    if (shared < 0 || shared > before.length) throw new Damage('a value shares more than there is');
    spend(shared + suffix.length);
    const value = new Uint8Array(shared + suffix.length);
    value.set(before.subarray(0, shared));
    value.set(suffix, shared);
    before = value;
    return value;
  });
}

/** BYTE_STREAM_SPLIT: first bytes of all values, then all second ones. @returns the bytes of a plain page */
export function joinedStreams(source: Bytes, count: number, width: number): Uint8Array {
  const bytes = source.take(count * width);
  const joined = new Uint8Array(bytes.length);
  for (let b = 0; b < width; b++) for (let i = 0; i < count; i++) joined[i * width + b] = bytes[b * count + i]!;
  return joined;
}

// --- internal ---

function unpackBits(bytes: Uint8Array, width: number, count: number, to: Uint32Array, at: number): void {
  if (8 * bytes.length < count * width) throw new Damage('a page is cut short');
  for (let i = 0, bit = 0; i < count; i++, bit += width) to[at + i] = Number(narrowBits(bytes, bit, width));
}

/** At most 32 bits from a place, least significant first. */
function narrowBits(bytes: Uint8Array, bit: number, width: number): number {
  let value = 0;
  let scale = 1;
  let [at, shift, left] = [bit >> 3, bit & 7, width];
  while (left > 0) {
    const taken = Math.min(8 - shift, left);
    value += ((bytes[at]! >> shift) & ((1 << taken) - 1)) * scale;
    scale *= 1 << taken;
    left -= taken;
    shift = 0;
    at++;
  }
  return value;
}

function wideBits(bytes: Uint8Array, bit: number, width: number): bigint {
  if (width <= 32) return BigInt(narrowBits(bytes, bit, width));
  return BigInt(narrowBits(bytes, bit, 32)) | (BigInt(narrowBits(bytes, bit + 32, width - 32)) << 32n);
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

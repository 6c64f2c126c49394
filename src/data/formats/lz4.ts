/**
 * LZ4 (github.com/lz4/lz4, doc/lz4_Block_format.md and lz4_Frame_format.md), decompression alone: blocks, frames as Arrow IPC has
 * them, and the blocks with big-endian lengths that Hadoop writes and Parquet calls LZ4. No step is trusted: whatever would
 * read or write outside its bounds is a Damage.
 */

import { Damage } from './binary';

/** A whole block. @param length of the result, which must be met exactly */
export function lz4Block(input: Uint8Array, length: number): Uint8Array {
  const output = new Uint8Array(bounded(input, length));
  if (block(input, 0, input.length, output, 0) !== length) throw new Damage('an LZ4 block of another length');
  return output;
}

/** A frame. @param length as of {@link lz4Block} */
export function lz4Frame(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (view.getUint32(0, true) !== FRAME_MAGIC) throw new Damage('no LZ4 frame');
  const flags = view.getUint8(4);
  const [blockChecksum, contentSize, dictionary] = [flags & 0x10, flags & 0x08, flags & 0x01];
  let at = 6 + (contentSize ? 8 : 0) + (dictionary ? 4 : 0) + 1;
  const output = new Uint8Array(bounded(input, length));
  let written = 0;
  for (;;) {
    const head = view.getUint32(at, true);
    at += 4;
    if (head === 0) break;
    const size = head & 0x7fffffff;
    if (size > input.length - at) throw new Damage('an LZ4 block ends outside its frame');
    // blocks may refer to preceding ones, so all of them share one output
    if (head >>> 31 === 0) written = block(input, at, at + size, output, written);
    else {
      output.set(input.subarray(at, at + size), written);
      written += size;
    }
    at += size + (blockChecksum ? 4 : 0);
  }
  if (written !== length) throw new Damage('an LZ4 frame of another length');
  return output;
}

/** Parquet's old LZ4 codec: Hadoop's blocks, or what other writers took it for: a plain block, or a frame. */
export function lz4Hadoop(input: Uint8Array, length: number): Uint8Array {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  if (input.length >= 4 && view.getUint32(0, true) === FRAME_MAGIC) return lz4Frame(input, length);
  try {
    return hadoopBlocks(input, view, length);
  } catch {
    return lz4Block(input, length);
  }
}

// --- internal ---

const FRAME_MAGIC = 0x184d2204;

/** A byte of input is at most 255 of output. */
function bounded(input: Uint8Array, length: number): number {
  if (length > 255 * input.length) throw new Damage('LZ4 data cannot be that long');
  return length;
}

function hadoopBlocks(input: Uint8Array, view: DataView, length: number): Uint8Array {
  const output = new Uint8Array(bounded(input, length));
  let [at, written] = [0, 0];
  while (at < input.length) {
    const [whole, packed] = [view.getUint32(at), view.getUint32(at + 4)];
    at += 8;
    if (packed > input.length - at || whole > length - written) throw new Damage('no Hadoop block');
    if (block(input, at, at + packed, output, written) !== written + whole) throw new Damage('no Hadoop block');
    at += packed;
    written += whole;
  }
  if (written !== length) throw new Damage('Hadoop blocks of another length');
  return output;
}

/** Decompresses input[at, end) to output[written, …). @returns the end of what was written */
function block(input: Uint8Array, start: number, end: number, output: Uint8Array, from: number): number {
  let [at, written] = [start, from];
  const more = (length: number): number => {
    let sum = length;
    for (let byte = 255; byte === 255; sum += byte) {
      if (at >= end) throw new Damage('an LZ4 block is cut short');
      byte = input[at++]!;
    }
    return sum;
  };
  while (at < end) {
    const token = input[at++]!;
    const literals = token >> 4 === 15 ? more(15) : token >> 4;
    if (literals > end - at || literals > output.length - written) throw new Damage('LZ4 literals out of bounds');
    output.set(input.subarray(at, at + literals), written);
    at += literals;
    written += literals;
    if (at === end) break;
    if (end - at < 2) throw new Damage('an LZ4 block is cut short');
    const offset = input[at]! | (input[at + 1]! << 8);
    at += 2;
    const length = 4 + ((token & 15) === 15 ? more(15) : token & 15);
    if (offset === 0 || offset > written || length > output.length - written) {
      throw new Damage('an LZ4 copy out of bounds');
    }
    if (offset >= length) output.copyWithin(written, written - offset, written - offset + length);
    else for (let i = 0; i < length; i++) output[written + i] = output[written + i - offset]!;
    written += length;
  }
  return written;
}

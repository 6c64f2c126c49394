/**
 * The safetensors format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes back to back.
 *
 * Nothing of a file is trusted: the header is bounded and checked entry by entry (dtype, shape, offsets in range, without
 * gaps, overlaps or leftovers) before any tensor is read, so that no later code needs to check again.
 */

import { ptr, toArrayBuffer } from 'bun:ffi';
import { closeSync, fsyncSync, openSync, renameSync, type Stats, statSync, unlinkSync, writeSync } from 'node:fs';
import { inputError, MedreproError } from '../errors';
import { isRecord } from '../json';
import { hostLibrary } from '../native/device';
import { DTYPE_BYTES, type Dtype, elements, type FloatDtype } from '../native/tensor';

/** One tensor inside a file. */
export interface StoredTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Address of the first byte, valid while the file is open: the host's, unless it says otherwise. */
  readonly address: number;
  /** Stored in the memory of the device it will be used on. */
  readonly onDevice?: true;
  readonly bytes: number;
  /** Releases the pages of a mapped file; they are read again when they are accessed. */
  release(): void;
}

/** A tensor of an unsupported dtype, which is named as in the file. */
export interface ForeignTensor {
  readonly dtype: ForeignDtype;
  readonly shape: readonly number[];
  readonly address: number;
  readonly bytes: number;
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Tensors of unsupported dtypes; absent = none. */
  readonly foreign?: ReadonlyMap<string, ForeignTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Unmaps the file; its tensors must not be read afterwards. */
  close(): void;
}

/**
 * Longest header that is read; the reference implementation stops at 100 MB. The largest models have some 20,000 tensors
 * of 100 bytes each in a file.
 */
const MAX_HEADER = 2 ** 24;
/** Most tensors that one file may have: each takes some memory, however little of the header names it. */
const MAX_TENSORS = 2 ** 17;

const DTYPES: Readonly<Record<string, Dtype>> = {
  F32: 'f32',
  BF16: 'bf16',
  F16: 'f16',
  U8: 'u8',
  // int8 or uint8, as the reader knows (LLM.int8)
  I8: 'u8',
  I32: 'i32',
  F64: 'f64',
};
/** Bits of an element of the format's other dtypes (safetensors 0.8). */
const FOREIGN_BITS = {
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  BOOL: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  U32: 32,
  C64: 64,
  I64: 64,
  U64: 64,
} as const;
export type ForeignDtype = keyof typeof FOREIGN_BITS;
const NAMES: Readonly<Record<Dtype, string>> = {
  f32: 'F32',
  bf16: 'BF16',
  f16: 'F16',
  u8: 'U8',
  i32: 'I32',
  f64: 'F64',
};

/**
 * Maps a file read-only.
 * @throws MedreproError `input` when it cannot be read or is not a sound safetensors file.
 */
export function openSafetensors(path: string): Safetensors {
  const host = hostLibrary();
  if (sizeOf(path) === 0) throw broken(path, 'it is empty');
  const size = new BigInt64Array(1);
  const address = host.mapFile(ptr(Buffer.from(`${path}\0`)), ptr(size));
  if (address === 0) {
    throw inputError(`cannot read ${path}`, { where: { file: path }, remedy: 'check the path and its permissions' });
  }
  const bytes = Number(size[0]);
  try {
    return parse(address, bytes, path, {
      close: () => host.unmapFile(address, bytes),
      release: (at, size) => host.releasePages(at, size),
    });
  } catch (error) {
    host.unmapFile(address, bytes);
    throw error;
  }
}

/** Buffers that tensors reference by address: kept here so that they are not garbage-collected. */
const PINNED = new Set<Uint8Array>();

/** The same for a file that is already in memory; its copy stays until `close`. */
export function parseSafetensors(bytes: Uint8Array, name: string): Safetensors {
  if (bytes.length === 0) throw broken(name, 'the file is empty');
  // a SharedArrayBuffer does not move, so the addresses stay true
  const pinned = new Uint8Array(new SharedArrayBuffer(bytes.length));
  pinned.set(bytes);
  PINNED.add(pinned);
  try {
    return parse(ptr(pinned), bytes.length, name, { close: () => void PINNED.delete(pinned), release: () => {} });
  } catch (error) {
    PINNED.delete(pinned);
    throw error;
  }
}

/** A copy of a stored tensor's bytes. */
export function storedBytes({ address, bytes }: StoredTensor | ForeignTensor): Uint8Array<ArrayBuffer> {
  // bun:ffi rejects an empty buffer
  if (bytes === 0) return new Uint8Array(0);
  return new Uint8Array(toArrayBuffer(address as never, 0, bytes).slice(0) as ArrayBuffer);
}

/** Values of a stored tensor as fp32, whatever it is stored in (f32, bf16, f16, and f64, which is rounded). */
export function storedF32(stored: StoredTensor): Float32Array {
  const { dtype } = stored;
  const { buffer } = storedBytes(stored);
  if (dtype === 'f32') return new Float32Array(buffer);
  if (dtype === 'bf16') {
    const words = Uint32Array.from(new Uint16Array(buffer), (half) => (half << 16) >>> 0);
    return new Float32Array(words.buffer);
  }
  if (dtype === 'f16') return Float32Array.from(new Float16Array(buffer));
  if (dtype === 'f64') return new Float32Array(new Float64Array(buffer));
  throw new RangeError(`a ${dtype} tensor holds no floating-point values`);
}

/** Numbers compared at a time. */
const COMPARED = 2 ** 20;

/** Whether two stored tensors are one matrix: the same shape and values, whatever dtype each is stored in. */
export function sameValues(a: StoredTensor, b: StoredTensor): boolean {
  if (a.shape.join() !== b.shape.join()) return false;
  const total = elements(a.shape);
  const part = (stored: StoredTensor, begin: number, count: number): StoredTensor => {
    const width = DTYPE_BYTES[stored.dtype];
    return { ...stored, shape: [count], address: stored.address + begin * width, bytes: count * width };
  };
  let same = true;
  for (let begin = 0; same && begin < total; begin += COMPARED) {
    const count = Math.min(COMPARED, total - begin);
    const [mine, other] = [part(a, begin, count), part(b, begin, count)];
    same = a.dtype === b.dtype && Buffer.compare(storedBytes(mine), storedBytes(other)) === 0;
    if (!same && isFloating(a) && isFloating(b)) {
      const values = storedF32(other);
      same = storedF32(mine).every((value, i) => value === values[i]);
    }
    a.release();
    b.release();
  }
  return same;
}

/** Whether it holds floating-point values. */
export const isFloating = ({ dtype }: StoredTensor): boolean => dtype !== 'u8' && dtype !== 'i32';

/** Whether none of the values is infinite or NaN. */
export function areFinite(bytes: Uint8Array, dtype: FloatDtype): boolean {
  const { buffer, byteOffset, byteLength } = bytes;
  // all bits of the exponent
  const mask = { f32: 0x7f80_0000, bf16: 0x7f80, f16: 0x7c00 }[dtype];
  const words =
    dtype === 'f32'
      ? new Uint32Array(buffer, byteOffset, byteLength / 4)
      : new Uint16Array(buffer, byteOffset, byteLength / 2);
  for (let i = 0; i < words.length; i++) if ((words[i]! & mask) === mask) return false;
  return true;
}

// ---- writing ----------------------------------------------------------------------------------------------------

export interface TensorToWrite {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** A tensor whose bytes are computed when they are written, one tensor at a time. */
export interface LazyTensor extends Omit<TensorToWrite, 'data' | 'dtype'> {
  readonly dtype: Dtype | ForeignDtype;
  readonly data: Uint8Array | (() => Uint8Array);
}

/** Bytes of a tensor in a file. */
export const storedSize = (dtype: Dtype | ForeignDtype, shape: readonly number[]): number =>
  isForeign(dtype) ? (elements(shape) * FOREIGN_BITS[dtype]) / 8 : elements(shape) * DTYPE_BYTES[dtype];

/** The file's bytes: tensors in the given order, metadata `format: pt` as transformers and PEFT expect. */
export function encodeSafetensors(
  tensors: readonly TensorToWrite[],
  metadata: Record<string, string> = {},
): Uint8Array[] {
  return [encodeHeader(tensors, metadata), ...tensors.map((tensor) => tensor.data)];
}

/** Writes atomically: a full disk or a crash leaves the old file or none, never half of the new one. */
export function writeSafetensors(
  path: string,
  tensors: readonly LazyTensor[],
  metadata: Record<string, string> = {},
): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, 'w', 0o644);
    try {
      const write = (part: Uint8Array): void => {
        for (let done = 0; done < part.length; ) done += writeSync(file, part, done, part.length - done);
      };
      write(encodeHeader(tensors, metadata));
      for (const { data } of tensors) write(typeof data === 'function' ? data() : data);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {}
    // an interruption while a tensor was computed
    if (error instanceof MedreproError) throw error;
    throw inputError(`cannot write ${path}: ${(error as Error).message}`, {
      remedy: 'free disk space or choose --out',
    });
  }
}

// --- internal ---

const isForeign = (dtype: string): dtype is ForeignDtype => Object.hasOwn(FOREIGN_BITS, dtype);

/** Length, JSON header, padding. */
function encodeHeader(tensors: readonly LazyTensor[], metadata: Record<string, string>): Uint8Array {
  let offset = 0;
  const header: [string, unknown][] = [['__metadata__', { format: 'pt', ...metadata }]];
  for (const { name, dtype, shape } of tensors) {
    const bytes = storedSize(dtype, shape);
    header.push([
      name,
      { dtype: isForeign(dtype) ? dtype : NAMES[dtype], shape, data_offsets: [offset, offset + bytes] },
    ]);
    offset += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  // the data start on an 8-byte boundary: the header is padded with spaces
  const padded = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(32);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(json, 8);
  return padded;
}

/** The bytes of a file, in a mapping or in memory. */
interface Storage {
  readonly close: () => void;
  readonly release: (address: number, bytes: number) => void;
}

function parse(address: number, size: number, file: string, { close, release }: Storage): Safetensors {
  if (size < 8) throw broken(file, `${size} bytes are too few for a header`);
  const view = new DataView(toArrayBuffer(address as never, 0, 8));
  const headerBytes = Number(view.getBigUint64(0, true));
  if (headerBytes === 0) throw broken(file, 'the header is empty');
  if (headerBytes > MAX_HEADER) throw broken(file, `the header claims ${headerBytes} bytes`);
  if (8 + headerBytes > size) throw broken(file, `the header claims ${headerBytes} of ${size} bytes: truncated?`);
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(toArrayBuffer(address as never, 8, headerBytes));
    header = JSON.parse(text);
  } catch (error) {
    throw broken(file, `the header is not JSON: ${(error as Error).message}`);
  }
  if (!isRecord(header)) throw broken(file, 'the header is not an object');
  const data = size - 8 - headerBytes;
  const entries = Object.entries(header);
  if (entries.length > MAX_TENSORS) throw broken(file, `${entries.length} tensors are more than ${MAX_TENSORS}`);
  const tensors = new Map<string, StoredTensor>();
  const foreign = new Map<string, ForeignTensor>();
  const metadata: Record<string, string> = {};
  const ranges: [number, number, string][] = [];
  for (const [name, entry] of entries) {
    if (name === '__metadata__') {
      if (!isRecord(entry)) throw broken(file, '__metadata__ is not an object');
      for (const [key, value] of Object.entries(entry)) if (typeof value === 'string') metadata[key] = value;
      continue;
    }
    const { stored, bits, shape, begin, end } = readEntry(entry, name, file);
    if (begin > end || end > data) throw broken(file, `${name}: bytes ${begin} to ${end} of ${data}: truncated?`);
    if (elements(shape) * bits !== 8 * (end - begin)) {
      throw broken(file, `${name}: [${shape.join(', ')}] of ${stored} does not fill ${end - begin} bytes`);
    }
    ranges.push([begin, end, name]);
    const at = address + 8 + headerBytes + begin;
    const bytes = end - begin;
    if (isForeign(stored)) foreign.set(name, { dtype: stored, shape, address: at, bytes });
    else tensors.set(name, { dtype: DTYPES[stored]!, shape, address: at, bytes, release: () => release(at, bytes) });
  }
  let expected = 0;
  for (const [begin, end, name] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin !== expected) throw broken(file, `${name}: bytes ${begin} to ${end} overlap or leave a gap`);
    expected = end;
  }
  if (expected !== data) throw broken(file, `${data - expected} bytes after the last tensor`);
  return { tensors, foreign, metadata, close };
}

function readEntry(
  entry: unknown,
  name: string,
  file: string,
): { stored: string; bits: number; shape: number[]; begin: number; end: number } {
  if (!isRecord(entry)) throw broken(file, `${name} is not an object`);
  const stored = entry.dtype;
  if (typeof stored !== 'string') throw broken(file, `${name}: the dtype is not a name`);
  const dtype = Object.hasOwn(DTYPES, stored) ? DTYPES[stored] : undefined;
  const foreignBits = isForeign(stored) ? FOREIGN_BITS[stored] : undefined;
  const bits = dtype === undefined ? foreignBits : 8 * DTYPE_BYTES[dtype];
  if (bits === undefined) throw broken(file, `${name}: dtype ${stored} is not one of the format`);
  const shape = entry.shape;
  if (!isSizes(shape) || !Number.isSafeInteger(elements(shape) * bits))
    throw broken(file, `${name}: the shape is not sound`);
  const offsets = entry.data_offsets;
  if (!isSizes(offsets) || offsets.length !== 2) throw broken(file, `${name}: data_offsets are not two sizes`);
  return { stored, bits, shape, begin: offsets[0]!, end: offsets[1]! };
}

/** Size of a file in bytes; null where it is missing or not accessible, which mapping it reports. Mapping a pipe would block. */
function sizeOf(path: string): number | null {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch {
    return null;
  }
  if (!stat.isFile()) {
    throw inputError(`cannot read ${path}: it is not a file`, { where: { file: path }, remedy: 'check the path' });
  }
  return stat.size;
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((side) => Number.isSafeInteger(side) && side >= 0);

/** Longest part of a message that quotes the file. */
const MAX_REASON = 200;

/** The reason may quote the file, which may hold anything: it is kept to one line of bounded length. */
function broken(file: string, reason: string): Error {
  const line = reason.slice(0, MAX_REASON).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?');
  return inputError(`${file} is not a sound safetensors file: ${line}`, {
    where: { file },
    remedy: 'fetch or export the file again',
  });
}

/**
 * A case: one call of one op on fixed inputs, and what it should give.
 *
 * Every buffer of a kernel is between guard bytes. Outputs and guards hold a poison pattern before the call: what is
 * not written keeps it, what is written outside destroys it, and what is read outside spoils the result.
 */
import type { Address, Matrix, Ops } from '../native/bindings';
import type { Device } from '../native/device';
import { DTYPE_BYTES, DTYPE_CODE, type Dtype } from '../native/tensor';
import { type FloatDtype, type Numbers, unitRoundoff } from './reference/formats';

/** What one output should be. */
export interface Expected {
  readonly values: Numbers;
  /** Bound on ||out - ref|| / ||ref||; 0 = every element is equal. */
  readonly tolerance: number;
  /** Why this bound. */
  readonly reason: string;
  /** Replaces ||ref|| where the result is a small difference of large terms. */
  readonly norm?: number;
  /** Elements that are compared; all by default. */
  readonly only?: readonly number[];
  /** Elements the op must leave as they were, such as the gaps between rows. */
  readonly untouched?: readonly number[];
}

/** The placement of buffers and their content before the call. */
export interface Placement {
  /** The byte that fills outputs and guards: 0xff is NaN in every float format and -1 as an index; 0x7f is 3.4e38. */
  readonly poison: number;
  /** Elements that each buffer starts after a cache line: rows of a tensor start anywhere. */
  readonly shift: number;
}

export interface Output {
  readonly dtype: Dtype;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

export interface Execution {
  readonly outputs: Readonly<Record<string, Output>>;
  /** Bytes written where none should be, one line each. */
  readonly trespasses: readonly string[];
}

export interface Case {
  /** As in medrepro.h without `mr_`, or `tape.<op>` for an op of src/autograd. */
  readonly op: string;
  readonly shape: string;
  readonly dtype: string;
  /** Whether every CPU path must give the same bits: always, but where bf16 products are summed. */
  readonly samePaths: boolean;
  execute(device: Device, placement: Placement): Execution;
  expected(): Readonly<Record<string, Expected>>;
  /** What is called on which buffers, where the case is no more than that. */
  readonly kernel?: KernelCall;
}

/** One call of a kernel, or a few in a row, on buffers by name. */
export interface KernelCall {
  readonly buffers: Readonly<Record<string, BufferSpec>>;
  call(ops: Ops, at: Readonly<Record<string, Address>>): void;
}

/** Something a kernel reads or writes. */
export interface BufferSpec {
  readonly dtype: Dtype;
  readonly size: number;
  /** null = poison. */
  readonly values: Numbers | null;
  readonly written: boolean;
}

/** Read only. */
export const input = (dtype: Dtype, values: Numbers): BufferSpec => ({
  dtype,
  size: values.length,
  values,
  written: false,
});
/** Written only. */
export const output = (dtype: Dtype, size: number): BufferSpec => ({ dtype, size, values: null, written: true });
/** Read and written. */
export const update = (dtype: Dtype, values: Numbers): BufferSpec => ({
  dtype,
  size: values.length,
  values,
  written: true,
});

/** A matrix in a buffer, `stride` elements from row to row. */
export const matrix = (dtype: Dtype, address: Address, stride: number): Matrix => ({
  code: DTYPE_CODE[dtype],
  address,
  stride,
});

/** Every element equal. */
export const exactly = (values: Numbers, reason: string, more: Partial<Expected> = {}): Expected => ({
  ...more,
  values,
  tolerance: 0,
  reason,
});

/** Within `units` roundings of fp32, and one more of the type the result is stored in. */
export function within(
  units: number,
  stored: FloatDtype,
  values: Numbers,
  reason: string,
  more: Partial<Expected> = {},
): Expected {
  const storage = stored === 'f32' ? 0 : unitRoundoff(stored);
  const why = `${reason}${stored === 'f32' ? '' : ` + 1 rounding to ${stored}`}`;
  return { ...more, values, tolerance: units * unitRoundoff('f32') + storage, reason: why };
}

export interface KernelCase<Name extends string> {
  readonly op: string;
  readonly shape: string;
  readonly dtype: string;
  readonly samePaths?: boolean;
  readonly buffers: Readonly<Record<Name, BufferSpec>>;
  readonly call: (ops: Ops, at: Readonly<Record<Name, Address>>) => void;
  readonly expected: () => Partial<Record<Name, Expected>>;
}

/** A case that is one call of a kernel. */
export function kernelCase<Name extends string>(spec: KernelCase<Name>): Case {
  const buffers = Object.entries<BufferSpec>(spec.buffers);
  return {
    op: spec.op,
    shape: spec.shape,
    dtype: spec.dtype,
    samePaths: spec.samePaths ?? true,
    expected: () => spec.expected() as Record<string, Expected>,
    kernel: { buffers: spec.buffers, call: (ops, at) => spec.call(ops, at as Readonly<Record<Name, Address>>) },
    execute: (device, placement) =>
      device.scope(() => {
        const placed = buffers.map(([name, buffer]) => ({ name, buffer, ...place(device, buffer, placement) }));
        const at = Object.fromEntries(placed.map(({ name, address }) => [name, address])) as Record<Name, Address>;
        spec.call(device.ops, at);
        const outputs: Record<string, Output> = {};
        const trespasses: string[] = [];
        for (const { name, buffer, before, read, begin, end } of placed) {
          const after = read();
          if (!same(before, after, 0, begin)) trespasses.push(`bytes before ${name} were written`);
          if (!same(before, after, end, after.length)) trespasses.push(`bytes after ${name} were written`);
          if (buffer.written) {
            outputs[name] = { dtype: buffer.dtype, before: before.slice(begin, end), after: after.slice(begin, end) };
          } else if (!same(before, after, begin, end)) trespasses.push(`the input ${name} was written`);
        }
        return { outputs, trespasses };
      }),
  };
}

/** Values in a dtype's bytes; they must be exact in it. */
export function encode(dtype: Dtype, values: Numbers): Uint8Array<ArrayBuffer> {
  if (dtype === 'bf16') {
    const words = new Uint32Array(Float32Array.from(values).buffer);
    return new Uint8Array(Uint16Array.from(words, (word) => word >>> 16).buffer);
  }
  return new Uint8Array(ARRAYS[dtype].from(values).buffer);
}

/** The numbers stored in bytes. */
export function decode(dtype: Dtype, bytes: Uint8Array): Float64Array {
  const buffer = bytes.slice().buffer;
  if (dtype === 'bf16') {
    const words = Uint32Array.from(new Uint16Array(buffer), (half) => (half << 16) >>> 0);
    return Float64Array.from(new Float32Array(words.buffer));
  }
  return Float64Array.from(new ARRAYS[dtype](buffer));
}

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && same(a, b, 0, a.length);

// --- internal ---

const GUARD = 128;

const ARRAYS = { f32: Float32Array, f16: Float16Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array } as const;

/** Puts a buffer on the device between its guards. */
function place(device: Device, { dtype, size, values }: BufferSpec, { poison, shift }: Placement) {
  // where each tensor is an allocation of its own, a checker of memory sees the very first byte beyond it
  const guard = device.separate ? 0 : GUARD;
  const begin = guard + shift * DTYPE_BYTES[dtype];
  const end = begin + size * DTYPE_BYTES[dtype];
  const before = new Uint8Array(end + guard).fill(poison);
  if (values !== null) before.set(encode(dtype, values), begin);
  const tensor = device.empty([before.length], 'u8');
  device.write(tensor, before);
  return { address: tensor.address + begin, before, begin, end, read: () => device.readBytes(tensor) };
}

function same(a: Uint8Array, b: Uint8Array, begin: number, end: number): boolean {
  for (let i = begin; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}

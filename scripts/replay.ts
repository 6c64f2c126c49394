/**
 * Writes the cases of the self-test (inputs, arguments, expected values, tolerances) to a file that kernels/test/replay.cpp runs, so
 * that sanitizers see every op without a second set of references. Little endian, as replay.cpp reads it.
 *
 *   bun scripts/replay.ts FILE [part of an op's name]
 *
 * Only cases that are calls of kernels on buffers; what the tape and whole models do are the same ops.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { type Address, Ops } from '../src/native/bindings';
import { DTYPE_CODE } from '../src/native/tensor';
import { type Case, encode, type KernelCall } from '../src/selftest/case';
import { allCases } from '../src/selftest/cases';

/** Buffers of a call are this far apart in a space of addresses that does not exist: an address says which buffer, and where in it. */
const SPACING = 2 ** 40;

/** Writes the cases to `path`; returns how many there are. */
export function writeCases(path: string, only = ''): number {
  const cases = allCases().flatMap((test) =>
    test.kernel !== undefined && test.op.includes(only) ? [{ test, kernel: test.kernel }] : [],
  );
  const file = openSync(path, 'w');
  try {
    writeSync(file, 'MRCASES1');
    writeSync(file, numbers(Uint32Array, [cases.length]));
    for (const { test, kernel } of cases) writeSync(file, caseBytes(test, kernel));
  } finally {
    closeSync(file);
  }
  return cases.length;
}

// --- internal ---

const numbers = (
  Type: typeof Uint32Array | typeof Int32Array | typeof Float64Array,
  values: Iterable<number>,
): Buffer => Buffer.from(Type.from(values).buffer);
const counted = (Type: typeof Uint32Array | typeof Float64Array, values: ArrayLike<number>): Buffer =>
  Buffer.concat([numbers(Uint32Array, [values.length]), numbers(Type, Array.from(values))]);

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([numbers(Uint32Array, [bytes.length]), bytes]);
}

function caseBytes(test: Case, { buffers, call }: KernelCall): Buffer {
  const names = Object.keys(buffers);
  const calls: Buffer[] = [];
  const record = (op: string, values: readonly number[], types: readonly string[]): void => {
    const parts = values.map((value, i) => argument(value, types[i] === 'ptr'));
    calls.push(Buffer.concat([text(op), numbers(Uint32Array, [parts.length]), ...parts]));
  };
  const at: Record<string, Address> = Object.fromEntries(names.map((key, i) => [key, (i + 1) * SPACING]));
  call(Ops.recording(record), at);

  const expected = Object.entries(test.expected()).map(([key, { values, tolerance, norm, only, untouched }]) =>
    Buffer.concat([
      numbers(Uint32Array, [names.indexOf(key)]),
      numbers(Float64Array, [tolerance, norm ?? Number.NaN]),
      Buffer.of(only === undefined ? 0 : 1),
      counted(Uint32Array, only ?? []),
      counted(Uint32Array, untouched ?? []),
      counted(Float64Array, values),
    ]),
  );
  return Buffer.concat([
    text(`${test.op} ${test.shape} ${test.dtype}`),
    Buffer.of(test.samePaths ? 1 : 0),
    numbers(Uint32Array, [names.length]),
    ...Object.values(buffers).map(({ dtype, written, values, size }) =>
      Buffer.concat([
        Buffer.of(DTYPE_CODE[dtype], written ? 1 : 0, values === null ? 0 : 1),
        numbers(Uint32Array, [size]),
        values === null ? Buffer.alloc(0) : Buffer.from(encode(dtype, values)),
      ]),
    ),
    numbers(Uint32Array, [calls.length]),
    ...calls,
    numbers(Uint32Array, [expected.length]),
    ...expected,
  ]);
}

/** A number, NULL, or a place in a buffer. */
function argument(value: number, pointer: boolean): Buffer {
  const buffer = !pointer ? -1 : value === 0 ? -2 : Math.floor(value / SPACING) - 1;
  const rest = buffer < 0 ? value : value % SPACING;
  return Buffer.concat([numbers(Int32Array, [buffer]), numbers(Float64Array, [rest])]);
}

if (import.meta.main) {
  const [path, only] = process.argv.slice(2);
  if (path === undefined) throw new Error('usage: bun scripts/replay.ts FILE [part of an op]');
  console.log(`${writeCases(path, only)} cases`);
}

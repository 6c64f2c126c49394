/** LLM.int8: codes and scaled integer products equal to the bit, outlier columns within the rounding of their sum. */
import { linear } from '../../autograd/ops/linear';
import { Tape } from '../../autograd/tape';
import { DTYPE_CODE } from '../../native/tensor';
import { Int8Weight, quantiseInt8 } from '../../nn/int8';
import { type Case, type Expected, exactly, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import { type FloatDtype, rounded } from '../reference/formats';
import { linear as linearReference } from '../reference/gemm';
import { dequantizeInt8, type Int8Rows, int8Linear, quantizeInt8 } from '../reference/int8';
import { backward, tapeCase, tensor, variable } from '../tape-case';

const THRESHOLD = 6;

/** [rows, outputs, inputs]: one of each, tails of every block, more rows and columns than a tile, long rows. */
const SHAPES = [
  [1, 1, 1],
  [3, 5, 31],
  [4, 16, 32],
  [35, 18, 65],
  [2, 33, 200],
  [2, 3, 2100],
  [70, 66, 336],
] as const;

/** A row of zeros, a tiny one, and an outlier in up to two columns, one of them exactly at the threshold. */
function activations(draws: Draws, dtype: FloatDtype, rows: number, cols: number): Float64Array {
  const x = draws.values(dtype, rows * cols);
  if (rows > 2) for (let c = 0; c < cols; c++) x[cols + c]! *= 0;
  if (rows > 3) for (let c = 0; c < cols; c++) x[2 * cols + c]! *= 2 ** -17;
  x[Math.floor(cols / 2)] = 40;
  x[x.length - 1] = -THRESHOLD;
  return rounded(dtype, x);
}

const bytes = (codes: Int8Array): Uint8Array => new Uint8Array(codes.buffer);
/** The list as the kernel writes it, and which of its elements mean something. */
const listed = ({ outliers }: Int8Rows): number[] => [outliers.length, ...outliers];

/** Rows cut into groups of one, two, three ... rows; the last is what is left. */
function endsOf(rows: number): Int32Array {
  const ends = [0];
  for (let size = 1; ends.at(-1)! < rows; size++) ends.push(Math.min(rows, ends.at(-1)! + size));
  return Int32Array.from(ends);
}

/** The rows of each group by themselves, and all codes and scales together. */
function quantizeGroups(x: Float64Array, cols: number, threshold: number, ends: Int32Array): Int8Groups {
  const groups = Array.from({ length: ends.length - 1 }, (_, g) => {
    const rows = x.slice(ends[g]! * cols, ends[g + 1]! * cols);
    return { rows, quantised: quantizeInt8(rows, cols, threshold) };
  });
  return {
    groups,
    codes: Int8Array.from(groups.flatMap(({ quantised }) => [...quantised.codes])),
    absmax: Float64Array.from(groups.flatMap(({ quantised }) => [...quantised.absmax])),
  };
}
interface Int8Groups extends Pick<Int8Rows, 'codes' | 'absmax'> {
  readonly groups: readonly { readonly rows: Float64Array; readonly quantised: Int8Rows }[];
}

/** The lists of all groups as the kernel writes them, and where they mean something. */
function listsOf({ groups }: Int8Groups, cols: number): { lists: number[]; only: number[] } {
  const lists = groups.flatMap(({ quantised }) => {
    const list = listed(quantised);
    return [...list, ...new Array(1 + cols - list.length).fill(0)] as number[];
  });
  const only = groups.flatMap(({ quantised }, g) => listed(quantised).map((_, i) => g * (1 + cols) + i));
  return { lists, only };
}

/** Every group of rows with its own outlier columns: quantised, and multiplied. */
function groupsCase(dtype: FloatDtype, [rows, outputs, inputs]: (typeof SHAPES)[number]): Case {
  const draws = new Draws(`int8 groups ${rows} ${outputs} ${inputs} ${dtype}`);
  const x = rounded(dtype, draws.values(dtype, rows * inputs, 2.5));
  const w = quantizeInt8(draws.values('bf16', outputs * inputs, 0.1), inputs, 0);
  const ends = endsOf(rows);
  const count = ends.length - 1;
  return kernelCase({
    op: 'int8_linear',
    shape: `${rows}x${inputs} to ${outputs}, groups`,
    dtype,
    buffers: {
      x: input(dtype, x),
      ends: input('i32', ends),
      wCodes: input('u8', bytes(w.codes)),
      wAbsmax: input('f32', w.absmax),
      codes: output('u8', rows * inputs),
      absmax: output('f32', rows),
      outliers: output('i32', count * (1 + inputs)),
      y: output(dtype, rows * outputs),
    },
    call: (ops, at) => {
      const own = [count, at.ends, at.outliers] as const;
      const code = DTYPE_CODE[dtype];
      ops.quantizeInt8(rows, inputs, THRESHOLD, code, at.x, at.codes, at.absmax, ...own);
      ops.int8Linear(rows, outputs, inputs, at.codes, at.absmax, ...own, code, at.x, at.wCodes, at.wAbsmax, at.y);
    },
    expected: () => {
      const from = quantizeGroups(x, inputs, THRESHOLD, ends);
      const { lists, only } = listsOf(from, inputs);
      const y = from.groups.flatMap((group) => [...int8Linear(group.rows, group.quantised, w, inputs, dtype)]);
      return {
        codes: exactly(bytes(from.codes), 'codes are exact'),
        absmax: exactly(from.absmax, 'a maximum is exact'),
        outliers: exactly(Float64Array.from(lists), 'columns are exact', { only }),
        // sums of many outliers: each fma rounds once
        y: within(Math.max(2, Math.sqrt(inputs)), dtype, Float64Array.from(y), 'one fma a column'),
      };
    },
  });
}

function quantizeCase(dtype: FloatDtype, threshold: number, rows: number, cols: number): Case {
  const x = activations(new Draws(`int8 rows ${rows} ${cols} ${dtype}`), dtype, rows, cols);
  const outliers = output('i32', threshold > 0 ? 1 + cols : 0);
  return kernelCase({
    op: 'quantize_int8',
    shape: `${rows}x${cols}${threshold > 0 ? ', outliers' : ''}`,
    dtype,
    buffers: { x: input(dtype, x), codes: output('u8', rows * cols), absmax: output('f32', rows), outliers },
    call: (ops, at) => {
      const list = threshold > 0 ? at.outliers : 0;
      ops.quantizeInt8(rows, cols, threshold, DTYPE_CODE[dtype], at.x, at.codes, at.absmax, 1, 0, list);
    },
    expected: () => {
      const expected = quantizeInt8(x, cols, threshold);
      const list = listed(expected);
      const values = Float64Array.from({ length: outliers.size }, (_, i) => list[i] ?? 0);
      return {
        codes: exactly(bytes(expected.codes), 'codes are exact'),
        absmax: exactly(expected.absmax, 'a maximum is exact'),
        outliers: exactly(values, 'columns are exact', {
          only: list.map((_, i) => i).filter((i) => i < outliers.size),
        }),
      };
    },
  });
}

function dequantizeCase(dtype: FloatDtype, rows: number, cols: number): Case {
  const draws = new Draws(`int8 back ${rows} ${cols}`);
  const codes = Int8Array.from(draws.integers(rows * cols, 255), (value) => value - 127);
  const absmax = draws.values('f32', rows).map(Math.abs);
  return kernelCase({
    op: 'dequantize_int8',
    shape: `${rows}x${cols}`,
    dtype,
    buffers: { codes: input('u8', bytes(codes)), absmax: input('f32', absmax), y: output(dtype, rows * cols) },
    call: (ops, at) => ops.dequantizeInt8(rows, cols, at.codes, at.absmax, DTYPE_CODE[dtype], at.y),
    expected: () => ({
      y: exactly(dequantizeInt8({ codes, absmax, outliers: [] }, cols, dtype), 'two products in fp32, then rounded'),
    }),
  });
}

function linearCase(dtype: FloatDtype, threshold: number, [rows, outputs, inputs]: (typeof SHAPES)[number]): Case {
  const draws = new Draws(`int8 linear ${rows} ${outputs} ${inputs} ${dtype}`);
  const x = activations(draws, dtype, rows, inputs);
  const w = quantizeInt8(draws.values('bf16', outputs * inputs, 0.1), inputs, 0);
  const from = quantizeInt8(x, inputs, threshold);
  const list = [...listed(from), ...new Array(inputs - from.outliers.length).fill(-1)];
  return kernelCase({
    op: 'int8_linear',
    shape: `${rows}x${inputs} to ${outputs}${threshold > 0 ? ', outliers' : ''}`,
    dtype,
    buffers: {
      xCodes: input('u8', bytes(from.codes)),
      xAbsmax: input('f32', from.absmax),
      outliers: input('i32', list),
      x: input(dtype, x),
      wCodes: input('u8', bytes(w.codes)),
      wAbsmax: input('f32', w.absmax),
      y: output(dtype, rows * outputs),
    },
    call: (ops, at) =>
      ops.int8Linear(
        rows,
        outputs,
        inputs,
        at.xCodes,
        at.xAbsmax,
        1,
        0,
        threshold > 0 ? at.outliers : 0,
        DTYPE_CODE[dtype],
        at.x,
        at.wCodes,
        at.wAbsmax,
        at.y,
      ),
    expected: () => {
      const y = int8Linear(x, from, w, inputs, dtype);
      return {
        y: threshold > 0 ? within(2, dtype, y, '2 fma') : exactly(y, 'integers, two products and a rounding'),
      };
    },
  });
}

/** An absmax of 127: values are their own codes, and halves go to even. */
function tiesCase(): Case {
  const x = [127, 0.5, 1.5, -2.5, 2.4, -0.5, 126.5, -127];
  return kernelCase({
    op: 'quantize_int8',
    shape: 'ties',
    dtype: 'f32',
    buffers: { x: input('f32', x), codes: output('u8', x.length), absmax: output('f32', 1) },
    call: (ops, at) => ops.quantizeInt8(1, x.length, 0, DTYPE_CODE.f32, at.x, at.codes, at.absmax, 1, 0, 0),
    expected: () => ({
      codes: exactly(bytes(Int8Array.of(127, 0, 2, -2, 2, 0, 126, -127)), 'halves go to even'),
      absmax: exactly([127], 'a maximum is exact'),
    }),
  });
}

/** A row that holds NaN is NaN in every output, and no other row is. */
function notANumberCase(): Case {
  const [rows, outputs, inputs] = [2, 3, 40];
  const draws = new Draws('int8 NaN');
  const x = draws.values('f32', rows * inputs);
  x[inputs + 5] = Number.NaN;
  const w = quantizeInt8(draws.values('bf16', outputs * inputs, 0.1), inputs, 0);
  return kernelCase({
    op: 'int8_linear',
    shape: `${rows}x${inputs} to ${outputs}, NaN`,
    dtype: 'f32',
    buffers: {
      x: input('f32', x),
      codes: update('u8', new Float64Array(rows * inputs)),
      absmax: update('f32', new Float64Array(rows)),
      outliers: update('i32', new Float64Array(inputs + 1)),
      wCodes: input('u8', bytes(w.codes)),
      wAbsmax: input('f32', w.absmax),
      y: output('f32', rows * outputs),
    },
    call: (ops, at) => {
      const groups = [1, 0, at.outliers] as const;
      ops.quantizeInt8(rows, inputs, THRESHOLD, DTYPE_CODE.f32, at.x, at.codes, at.absmax, ...groups);
      const from = [at.codes, at.absmax, ...groups, DTYPE_CODE.f32, at.x] as const;
      ops.int8Linear(rows, outputs, inputs, ...from, at.wCodes, at.wAbsmax, at.y);
    },
    expected: () => {
      const first = x.slice(0, inputs);
      const y = int8Linear(first, quantizeInt8(first, inputs, 0), w, inputs, 'f32');
      const unused = (size: number): Expected => exactly(new Float64Array(size), 'not compared', { only: [] });
      return {
        codes: unused(rows * inputs),
        absmax: unused(rows),
        outliers: exactly(new Float64Array(inputs + 1), 'NaN is no outlier', { only: [0] }),
        y: exactly([...y, ...new Array<number>(outputs).fill(Number.NaN)], 'NaN stays NaN'),
      };
    },
  });
}

/** Through the tape: the forward is the kernel's product, the gradient of x is taken with the restored matrix. */
function tapeLinearCase(threshold: number): Case {
  const [rows, outputs, inputs] = [5, 18, 40];
  const draws = new Draws(`tape int8 ${threshold}`);
  const x = activations(draws, 'f32', rows, inputs);
  const w = draws.values('bf16', outputs * inputs, 0.1);
  const dy = draws.values('f32', rows * outputs);
  return tapeCase({
    op: 'int8_linear',
    shape: `${rows}x${inputs} to ${outputs}${threshold > 0 ? ', outliers' : ''}`,
    dtype: 'fp32',
    run: (device) => {
      const tape = new Tape(device, true);
      const parts = quantiseInt8(device, tensor(device, w, [outputs, inputs], 'f32'));
      const xt = variable(device, x, [rows, inputs], 'f32');
      const y = linear(tape, 'fp32', xt, new Int8Weight(parts, { kind: 'int8', threshold }, 'f32'));
      backward(device, tape, y, dy);
      return { y, dx: xt.grad! };
    },
    expected: () => {
      const codes = quantizeInt8(w, inputs, 0);
      const dense = dequantizeInt8(codes, inputs, 'f32');
      const transposed = Float64Array.from(dense, (_, i) => dense[(i % outputs) * inputs + Math.floor(i / outputs)]!);
      return {
        y: within(4, 'f32', int8Linear(x, quantizeInt8(x, inputs, threshold), codes, inputs, 'f32'), '2 fma'),
        dx: within(4 + Math.sqrt(outputs), 'f32', linearReference(dy, transposed, outputs), 'sums of products'),
      };
    },
  });
}

/** The cases of the kernels. */
export function int8Cases(): Case[] {
  const cases: Case[] = [];
  for (const dtype of ['f32', 'bf16', 'f16'] as const) {
    for (const shape of SHAPES) {
      for (const threshold of [0, THRESHOLD]) {
        cases.push(quantizeCase(dtype, threshold, shape[0], shape[2]), linearCase(dtype, threshold, shape));
      }
      cases.push(dequantizeCase(dtype, shape[1], shape[2]), groupsCase(dtype, shape));
    }
  }
  cases.push(tiesCase(), notANumberCase());
  return cases;
}

/** The cases that go through the tape. */
export const int8TapeCases = (): Case[] => [tapeLinearCase(0), tapeLinearCase(THRESHOLD)];

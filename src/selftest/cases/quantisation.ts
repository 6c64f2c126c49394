/** 4-bit and blockwise 8-bit: every code and every value equal to the bit. */
import { MR_FP4, MR_NF4 } from '../../native/bindings';
import { DTYPE_CODE } from '../../native/tensor';
import { dynamicMap } from '../../nn/quantisation';
import { type Case, exactly, input, kernelCase, matrix, output, update, within } from '../case';
import { Draws } from '../draws';
import { type FloatDtype, type Numbers, rounded } from '../reference/formats';
import { dense, gemm } from '../reference/gemm';
import * as reference from '../reference/quantisation';

const KINDS = ['nf4', 'fp4'] as const;
const codeOf = (kind: reference.Kind4): number => (kind === 'nf4' ? MR_NF4 : MR_FP4);

/** [elements, block size]: one element, an odd count, a tail, whole blocks, odd blocks, blocks of one and of thousands, more than one task. */
const SHAPES = [
  [1, 64],
  [63, 64],
  [64, 64],
  [145, 64],
  [256, 128],
  [50, 7],
  [35, 7],
  [5, 1],
  [5001, 4096],
  [33_001, 64],
] as const;

/** Weights with a block of zeros, one of subnormal size, zeros of both signs, and blocks of very different scales. */
function weights(draws: Draws, dtype: FloatDtype, n: number, blocksize: number): Float64Array {
  const x = draws.values('f32', n, 0.02);
  const [tiny, huge] = dtype === 'f16' ? [2 ** -16, 2 ** 16] : [1e-38, 1e20];
  for (let block = 0; block * blocksize < n; block++) {
    const factor = block % 5 === 1 ? 0 : block % 5 === 2 ? tiny : block % 5 === 3 ? huge : 1;
    for (let i = block * blocksize; i < Math.min(n, (block + 1) * blocksize); i++) x[i]! *= factor;
  }
  if (n > 10) x[9] = -0;
  return rounded(dtype, x);
}

/** Blocks of values on the bounds between codes and next to them; absmax is 1, so that they stay there. */
function ties(kind: reference.Kind4): Float64Array {
  const values = [...reference.CODE_BOOKS[kind]].sort((a, b) => a - b);
  const bounds = values.slice(1).map((value, i) => Math.fround((value + values[i]!) / 2));
  const beside = bounds.flatMap((bound) => [
    bound,
    Math.fround(bound * (1 + 2 ** -23)),
    Math.fround(bound * (1 - 2 ** -23)),
  ]);
  const block = [1, ...beside];
  while (block.length < 64) block.push(-0);
  return Float64Array.from([...block, ...block.slice(0, 46)]);
}

function quantize4Case(kind: reference.Kind4, dtype: FloatDtype, blocksize: number, name: string, x: Numbers): Case {
  const n = x.length;
  return kernelCase({
    op: 'quantize_4bit',
    shape: name,
    dtype: `${dtype} to ${kind}`,
    buffers: {
      x: input(dtype, x),
      packed: output('u8', Math.ceil(n / 2)),
      absmax: output('f32', Math.ceil(n / blocksize)),
    },
    call: (ops, at) => ops.quantize4bit(codeOf(kind), n, blocksize, DTYPE_CODE[dtype], at.x, at.packed, at.absmax),
    expected: () => {
      const { codes, absmax } = reference.quantize4bit(kind, x, blocksize);
      return { packed: exactly(codes, 'codes are exact'), absmax: exactly(absmax, 'a maximum is exact') };
    },
  });
}

function dequantize4Case(kind: reference.Kind4, dtype: FloatDtype, n: number, blocksize: number): Case {
  const name = `${n} in blocks of ${blocksize}`;
  const draws = new Draws(`dequantise ${name}`);
  const packed = draws.integers(Math.ceil(n / 2), 256);
  const absmax = draws.values('f32', Math.ceil(n / blocksize)).map((value, i) => (i % 5 === 1 ? 0 : Math.abs(value)));
  return kernelCase({
    op: 'dequantize_4bit',
    shape: name,
    dtype: `${kind} to ${dtype}`,
    buffers: { packed: input('u8', packed), absmax: input('f32', absmax), y: output(dtype, n) },
    call: (ops, at) => ops.dequantize4bit(codeOf(kind), n, blocksize, at.packed, at.absmax, DTYPE_CODE[dtype], at.y),
    expected: () => {
      const y = reference.dequantize4bit(kind, n, Uint8Array.from(packed), absmax, blocksize, dtype);
      return { y: exactly(y, 'one product in fp32, rounded to storage') };
    },
  });
}

/** The matrix W [rows, cols] is op(B) or its transpose; the reference multiplies with the restored values. */
function gemm4Case(
  compute: FloatDtype,
  transB: 0 | 1,
  m: number,
  rows: number,
  cols: number,
  accumulate: 0 | 1,
  kind: 'nf4' | 'fp4' = 'nf4',
  blocksize = 64,
): Case {
  const [n, k] = transB ? [rows, cols] : [cols, rows];
  const name = `${m}x${n}x${k} ${transB ? 'NT' : 'NN'}${accumulate ? ' +=' : ''}`;
  const draws = new Draws(`gemm 4bit ${name}`);
  const packed = draws.integers((rows * cols) / 2, 256);
  const absmax = draws.values('f32', (rows * cols) / blocksize).map(Math.abs);
  const a = draws.values(compute, m * k);
  const before = draws.values('f32', m * n);
  return kernelCase({
    op: 'gemm_4bit',
    shape: name,
    dtype: `${compute}*${kind} to f32`,
    samePaths: compute !== 'bf16',
    buffers: {
      a: input(compute, a),
      packed: input('u8', packed),
      absmax: input('f32', absmax),
      c: accumulate ? update('f32', before) : output('f32', m * n),
    },
    call: (ops, at) =>
      ops.gemm4bit(
        DTYPE_CODE[compute],
        transB,
        m,
        n,
        k,
        1,
        matrix(compute, at.a, k),
        codeOf(kind),
        blocksize,
        at.packed,
        at.absmax,
        matrix('f32', at.c, n),
        accumulate,
      ),
    expected: () => {
      const w = reference.dequantize4bit(kind, rows * cols, Uint8Array.from(packed), absmax, blocksize, compute);
      const product = gemm(m, n, k, 1, dense(a, k), dense(w, cols, transB === 1));
      const c = accumulate ? product.map((value, i) => value + before[i]!) : product;
      return { c: within(2 + Math.sqrt(k), 'f32', c, `2 + sqrt(${k}) roundings`) };
    },
  });
}

/** absmax values as they come out of a layer, and their fp32 mean as the offset. */
function scales(name: string, n: number): { x: Float64Array; offset: number } {
  const x = new Draws(name).values('f32', n, 0.01).map((value) => Math.fround(0.05 + value));
  return { x, offset: Math.fround(x.reduce((a, b) => a + b) / n) };
}

function quantize8Case(name: string, x: Numbers, offset: number, blocksize: number): Case {
  const n = x.length;
  const map = dynamicMap();
  return kernelCase({
    op: 'quantize_8bit',
    shape: name,
    dtype: 'f32 to u8',
    buffers: {
      map: input('f32', map),
      x: input('f32', x),
      codes: output('u8', n),
      absmax: output('f32', Math.ceil(n / blocksize)),
    },
    call: (ops, at) => ops.quantize8bit(n, blocksize, offset, at.map, at.x, at.codes, at.absmax),
    expected: () => {
      const { codes, absmax } = reference.quantize8bit(x, blocksize, offset, map);
      return { codes: exactly(codes, 'codes are exact'), absmax: exactly(absmax, 'one difference, a maximum') };
    },
  });
}

function dequantize8Case(n: number, blocksize: number): Case {
  const name = `${n} in blocks of ${blocksize}`;
  const map = dynamicMap();
  const draws = new Draws(`dequantise 8 ${name}`);
  const codes = draws.integers(n, 256);
  const absmax = draws.values('f32', Math.ceil(n / blocksize)).map(Math.abs);
  const offset = Math.fround(0.0517);
  return kernelCase({
    op: 'dequantize_8bit',
    shape: name,
    dtype: 'u8 to f32',
    buffers: { map: input('f32', map), codes: input('u8', codes), absmax: input('f32', absmax), y: output('f32', n) },
    call: (ops, at) => ops.dequantize8bit(n, blocksize, offset, at.map, at.codes, at.absmax, at.y),
    expected: () => {
      const y = reference.dequantize8bit(Uint8Array.from(codes), absmax, blocksize, offset, map);
      return { y: exactly(y, 'a product and a sum, each rounded to fp32') };
    },
  });
}

/** All bounds of the 8-bit map, with absmax 1. */
function ties8(): Float64Array {
  const map = dynamicMap();
  const bounds = Array.from(map.subarray(1), (value, i) => Math.fround(Math.fround(value + map[i]!) / 2));
  return Float64Array.from([1, ...bounds]);
}

/** The cases of this file. */
export function quantisationCases(): Case[] {
  const cases: Case[] = [];
  for (const kind of KINDS) {
    for (const [n, blocksize] of SHAPES) {
      const name = `${n} in blocks of ${blocksize}`;
      for (const dtype of ['f32', 'bf16', 'f16'] as const) {
        const draws = new Draws(`quantise ${name} ${dtype}`);
        cases.push(quantize4Case(kind, dtype, blocksize, name, weights(draws, dtype, n, blocksize)));
      }
      for (const dtype of ['f32', 'bf16', 'f16'] as const) cases.push(dequantize4Case(kind, dtype, n, blocksize));
    }
    cases.push(quantize4Case(kind, 'f32', 64, 'bounds between codes', ties(kind)));
    cases.push(quantize4Case(kind, 'f32', 64, 'a tail of zeros', new Float64Array(75)));
  }
  for (const compute of ['f32', 'bf16', 'f16'] as const) {
    for (const transB of [0, 1] as const) {
      cases.push(gemm4Case(compute, transB, 1, 64, 64, 0), gemm4Case(compute, transB, 20, 37, 448, 1));
      // K blocks that end in the middle of a step of 32, panels that end early; blocks as long as rows
      if (compute === 'f32') {
        cases.push(gemm4Case(compute, transB, 3, transB ? 49 : 491, transB ? 1088 : 192, 1));
        cases.push(gemm4Case(compute, transB, 17, 256, 256, 1, 'nf4', 256));
      }
      // whole tiles and some over, blocks of an odd size
      if (compute === 'bf16') cases.push(gemm4Case(compute, transB, 80, 136, 192, 0, 'fp4', 96));
    }
  }
  for (const [n, blocksize] of [
    [1, 256],
    [255, 256],
    [256, 256],
    [301, 256],
    [5001, 256],
    [40, 7],
    [5, 1],
    [5001, 4096],
  ] as const) {
    const { x, offset } = scales(`scales ${n}`, n);
    cases.push(quantize8Case(`${n} in blocks of ${blocksize}`, x, offset, blocksize));
    cases.push(dequantize8Case(n, blocksize));
  }
  cases.push(quantize8Case('bounds between entries', ties8(), 0, 256));
  cases.push(quantize8Case('equal scales', new Float64Array(300).fill(0.5), 0.5, 256));
  return cases;
}

/** Embedding, RMSNorm, RoPE, rows. */
import type { Address, Ops } from '../../native/bindings';
import { DTYPE_CODE } from '../../native/tensor';
import { type Case, exactly, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import { gradient, project } from '../gradients';
import * as reference from '../reference/blocks';
import { type FloatDtype, rounded } from '../reference/formats';
import { sample } from './sample';

const STORED = ['f32', 'bf16', 'f16'] as const;

function embeddingForwardCase(tokens: number, vocab: number, hidden: number, from: FloatDtype, to: FloatDtype): Case {
  const shape = `${tokens} of ${vocab}x${hidden}`;
  const draws = new Draws(`embedding ${shape}`);
  const table = draws.values(from, vocab * hidden);
  const ids = draws.integers(tokens, vocab);
  return kernelCase({
    op: 'embedding_forward',
    shape,
    dtype: `${from} to ${to}`,
    buffers: { table: input(from, table), ids: input('i32', ids), y: output(to, tokens * hidden) },
    call: (ops, at) =>
      ops.embeddingForward(tokens, vocab, hidden, DTYPE_CODE[from], at.table, at.ids, DTYPE_CODE[to], at.y),
    expected: () => ({
      y: exactly(rounded(to, reference.embedding(table, ids, hidden)), 'a copy, rounded to storage'),
    }),
  });
}

function embeddingBackwardCase(tokens: number, vocab: number, hidden: number, dtype: FloatDtype): Case {
  const shape = `${tokens} of ${vocab}x${hidden}`;
  const draws = new Draws(`embedding backward ${shape} ${dtype}`);
  const ids = draws.integers(tokens, vocab);
  const dy = draws.values(dtype, tokens * hidden);
  const before = draws.values('f32', vocab * hidden);
  return kernelCase({
    op: 'embedding_backward',
    shape,
    dtype,
    buffers: { ids: input('i32', ids), dy: input(dtype, dy), dtable: update('f32', before) },
    call: (ops, at) => ops.embeddingBackward(tokens, vocab, hidden, at.ids, DTYPE_CODE[dtype], at.dy, at.dtable),
    expected: () => {
      // linear: only the rows of the table that are used have a gradient, and there are few
      const rows = new Set(ids);
      const used = [...rows].flatMap((id) => Array.from({ length: hidden }, (_, c) => id * hidden + c));
      const sampled = sample(draws, used.length, dy.length).map((i) => used[i]!);
      const unused = Array.from(before.keys()).filter((i) => !rows.has(Math.floor(i / hidden)));
      const d = gradient((table) => project(reference.embedding(table, ids, hidden), dy), before, sampled);
      const values = d.map((value, i) => value + before[i]!);
      const only = [...sampled, ...unused];
      return { dtable: within(2 + tokens / vocab, 'f32', values, 'one rounding per use of a row', { only }) };
    },
  });
}

const EPSILON = 1e-6;

function rmsNormForwardCase(rows: number, cols: number, dtype: FloatDtype, size = 1): Case {
  const shape = `${rows}x${cols}${size === 1 ? '' : ` of size ${size}`}`;
  const draws = new Draws(`rms_norm ${shape} ${dtype}`);
  const x = draws.values(dtype, rows * cols, size);
  const w = draws.values('f32', cols);
  return kernelCase({
    op: 'rms_norm_forward',
    shape,
    dtype,
    buffers: { x: input(dtype, x), w: input('f32', w), y: output(dtype, x.length), rstd: output('f32', rows) },
    call: (ops, at) => ops.rmsNormForward(DTYPE_CODE[dtype], rows, cols, EPSILON, at.x, at.w, at.y, at.rstd),
    expected: () => {
      const units = 4 + Math.sqrt(cols) / 4;
      const rstd = reference.reciprocalRms(x, cols, EPSILON);
      const normalised = rounded(dtype, reference.rmsNorm(x, new Float64Array(cols).fill(1), EPSILON));
      const y = normalised.map((value, i) => value * w[i % cols]!);
      const reason = `sums over ${cols / 16} lanes' worth, a root, a division, two products`;
      const settled = dtype === 'f32' ? y : rounded(dtype, y);
      return {
        // the value is rounded before the weight, so in 16 bits a tie may fall the other way: one more rounding
        y: within(units, dtype, settled, reason),
        rstd: within(units, 'f32', rstd, reason),
      };
    },
  });
}

interface NormBackward {
  readonly rows: number;
  readonly cols: number;
  readonly accumulate: 0 | 1;
  readonly frozen?: boolean;
  /** dx is written over dy. */
  readonly inPlace?: boolean;
}

function rmsNormBackwardCase(shape: NormBackward, dtype: FloatDtype): Case {
  const { rows, cols, accumulate, frozen = false, inPlace = false } = shape;
  const name = `${rows}x${cols}${accumulate ? ' +=' : ''}${frozen ? ', w frozen' : ''}${inPlace ? ', in place' : ''}`;
  const draws = new Draws(`rms_norm backward ${name} ${dtype}`);
  const x = draws.values(dtype, rows * cols);
  const w = draws.values('f32', cols);
  const dy = draws.values(dtype, rows * cols);
  const dx0 = draws.values(dtype, rows * cols);
  const dw0 = draws.values('f32', cols);
  const rstd = rounded('f32', reference.reciprocalRms(x, cols, EPSILON));
  const expectedDx = () => {
    const projection = (at: Float64Array): number => project(reference.rmsNorm(at, w, EPSILON), dy);
    const only = sample(draws, x.length, x.length);
    const values = gradient(projection, x, only).map((value, i) => value + (accumulate ? dx0[i]! : 0));
    // one column is its own norm: it has almost no gradient, and what cancels is dy * w * rstd
    const norm = cols === 1 && accumulate === 0 ? { norm: Math.abs(dy[0]! * w[0]! * rstd[0]!) } : {};
    return within(6 + Math.sqrt(cols) / 2, dtype, values, 'sums over a row, five operations', { ...norm, only });
  };
  const expectedDw = () => {
    const d = gradient((at) => project(reference.rmsNorm(x, at, EPSILON), dy), w);
    // in 16 bits the normalised value was rounded on its way to the weight
    return within(
      4 + Math.sqrt(rows),
      dtype,
      d.map((value, i) => value + dw0[i]!),
      `sums over ${rows} rows`,
    );
  };
  const call = (ops: Ops, at: { dy: Address; x: Address; w: Address; rstd: Address; dx: Address; dw: Address }): void =>
    ops.rmsNormBackward(DTYPE_CODE[dtype], rows, cols, at.dy, at.x, at.w, at.rstd, at.dx, accumulate, at.dw);
  const head = { op: 'rms_norm_backward', shape: name, dtype };
  const inputs = { x: input(dtype, x), w: input('f32', w), rstd: input('f32', rstd) };
  if (inPlace) {
    return kernelCase({
      ...head,
      buffers: { ...inputs, dx: update(dtype, dy), dw: update('f32', dw0) },
      call: (ops, at) => call(ops, { ...at, dy: at.dx }),
      expected: () => ({ dx: expectedDx(), dw: expectedDw() }),
    });
  }
  const dx = accumulate ? update(dtype, dx0) : output(dtype, x.length);
  if (frozen) {
    return kernelCase({
      ...head,
      buffers: { ...inputs, dy: input(dtype, dy), dx },
      call: (ops, at) => call(ops, { ...at, dw: 0 }),
      expected: () => ({ dx: expectedDx() }),
    });
  }
  return kernelCase({
    ...head,
    buffers: { ...inputs, dy: input(dtype, dy), dx, dw: update('f32', dw0) },
    call,
    expected: () => ({ dx: expectedDx(), dw: expectedDw() }),
  });
}

interface RopeShape {
  readonly tokens: number;
  readonly heads: number;
  readonly headDim: number;
  readonly inverse: 0 | 1;
  readonly inPlace?: boolean;
}

function ropeCase({ tokens, heads, headDim, inverse, inPlace = false }: RopeShape, dtype: FloatDtype): Case {
  const name = `${tokens}x${heads}x${headDim}${inverse ? ' inverse' : ''}${inPlace ? ' in place' : ''}`;
  const draws = new Draws(`rope ${name} ${dtype}`);
  const positions = draws.integers(tokens, 50);
  const angles = draws.values('f32', (50 * headDim) / 2, 2);
  const [cos, sin] = [rounded('f32', angles.map(Math.cos)), rounded('f32', angles.map(Math.sin))];
  const x = draws.values(dtype, tokens * heads * headDim);
  const expected = () => {
    const tables = { cos, sin, positions };
    if (!inverse) return within(2, dtype, reference.rope(x, heads, headDim, tables), 'a product and an fma');
    // the backward of the forward: x is the gradient of the output
    const projection = (at: Float64Array): number => project(reference.rope(at, heads, headDim, tables), x);
    const only = sample(draws, x.length, x.length);
    const values = gradient(projection, new Float64Array(x.length), only);
    return within(2, dtype, values, 'a product and an fma; finite differences', { only });
  };
  const call = (
    ops: Ops,
    at: Readonly<Record<'cos' | 'sin' | 'positions', Address>>,
    from: Address,
    to: Address,
  ): void => ops.rope(DTYPE_CODE[dtype], tokens, heads, headDim, from, at.cos, at.sin, at.positions, inverse, to);
  const tables = { cos: input('f32', cos), sin: input('f32', sin), positions: input('i32', positions) };
  const head = { op: 'rope', shape: name, dtype };
  if (inPlace) {
    return kernelCase({
      ...head,
      buffers: { ...tables, x: update(dtype, x) },
      call: (ops, at) => call(ops, at, at.x, at.x),
      expected: () => ({ x: expected() }),
    });
  }
  return kernelCase({
    ...head,
    buffers: { ...tables, x: input(dtype, x), y: output(dtype, x.length) },
    call: (ops, at) => call(ops, at, at.x, at.y),
    expected: () => ({ y: expected() }),
  });
}

function gatherCase(n: number, rows: number, cols: number, dtype: FloatDtype): Case {
  const shape = `${n} of ${rows}x${cols}`;
  const draws = new Draws(`gather ${shape}`);
  const x = draws.values(dtype, rows * cols);
  const chosen = draws.integers(n, rows);
  return kernelCase({
    op: 'gather_rows',
    shape,
    dtype,
    buffers: { x: input(dtype, x), rows: input('i32', chosen), y: output(dtype, n * cols) },
    call: (ops, at) => ops.gatherRows(DTYPE_CODE[dtype], n, cols, at.x, at.rows, at.y),
    expected: () => ({ y: exactly(reference.gatherRows(x, chosen, cols), 'a copy') }),
  });
}

function putCase(n: number, rows: number, cols: number, dtype: FloatDtype): Case {
  const shape = `${n} of ${rows}x${cols}`;
  const draws = new Draws(`put ${shape}`);
  const chosen = draws.distinct(n, rows);
  const x = draws.values(dtype, n * cols);
  const before = draws.values(dtype, rows * cols);
  return kernelCase({
    op: 'scatter_rows',
    shape,
    dtype,
    buffers: { x: input(dtype, x), rows: input('i32', chosen), y: update(dtype, before) },
    call: (ops, at) => ops.scatterRows(DTYPE_CODE[dtype], n, cols, at.x, at.rows, at.y),
    expected: () => ({ y: exactly(reference.scatterRows(x, chosen, cols, before), 'a copy') }),
  });
}

function scatterCase(n: number, rows: number, cols: number, dtype: FloatDtype): Case {
  const shape = `${n} of ${rows}x${cols}`;
  const draws = new Draws(`scatter ${shape} ${dtype}`);
  const chosen = draws.distinct(n, rows);
  const dy = draws.values(dtype, n * cols);
  const before = draws.values(dtype, rows * cols);
  return kernelCase({
    op: 'scatter_add_rows',
    shape,
    dtype,
    buffers: { dy: input(dtype, dy), rows: input('i32', chosen), dx: update(dtype, before) },
    call: (ops, at) => ops.scatterAddRows(DTYPE_CODE[dtype], n, cols, at.dy, at.rows, at.dx),
    expected: () => {
      const only = sample(draws, before.length, dy.length);
      const d = gradient((x) => project(reference.gatherRows(x, chosen, cols), dy), before, only);
      return {
        dx: within(
          1,
          dtype,
          d.map((value, i) => value + before[i]!),
          'one sum',
          { only },
        ),
      };
    },
  });
}

/** The cases of this file. */
export function blockCases(): Case[] {
  return [
    ...STORED.flatMap((from) => STORED.map((to) => embeddingForwardCase(13, 50, 33, from, to))),
    embeddingForwardCase(1, 1, 1, 'f32', 'f32'),
    embeddingForwardCase(300, 1003, 80, 'bf16', 'f32'),
    ...STORED.map((dtype) => embeddingBackwardCase(40, 7, 33, dtype)),
    embeddingBackwardCase(1, 1, 1, 'f32'),
    embeddingBackwardCase(60, 1003, 200, 'f32'),
    ...STORED.flatMap((dtype) => [
      rmsNormForwardCase(1, 1, dtype),
      rmsNormForwardCase(5, 33, dtype),
      rmsNormForwardCase(40, 16, dtype),
      rmsNormForwardCase(3, 1023, dtype),
      // below the square root of epsilon, where epsilon decides
      rmsNormForwardCase(4, 48, dtype, 2 ** -12),
    ]),
    ...STORED.flatMap((dtype) => [
      rmsNormBackwardCase({ rows: 1, cols: 1, accumulate: 0 }, dtype),
      rmsNormBackwardCase({ rows: 5, cols: 33, accumulate: 0 }, dtype),
      rmsNormBackwardCase({ rows: 7, cols: 48, accumulate: 1 }, dtype),
      rmsNormBackwardCase({ rows: 5, cols: 20, accumulate: 0, frozen: true }, dtype),
      rmsNormBackwardCase({ rows: 4, cols: 130, accumulate: 0, inPlace: true }, dtype),
      rmsNormBackwardCase({ rows: 70, cols: 80, accumulate: 0 }, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      ropeCase({ tokens: 1, heads: 1, headDim: 2, inverse: 0 }, dtype),
      ropeCase({ tokens: 7, heads: 3, headDim: 20, inverse: 0 }, dtype),
      ropeCase({ tokens: 7, heads: 3, headDim: 20, inverse: 1 }, dtype),
      ropeCase({ tokens: 33, heads: 2, headDim: 64, inverse: 0, inPlace: true }, dtype),
      ropeCase({ tokens: 9, heads: 4, headDim: 128, inverse: 1, inPlace: true }, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      gatherCase(1, 1, 1, dtype),
      gatherCase(9, 20, 33, dtype),
      gatherCase(300, 40, 80, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      putCase(1, 1, 1, dtype),
      putCase(9, 20, 33, dtype),
      putCase(31, 31, 80, dtype),
      scatterCase(1, 1, 1, dtype),
      scatterCase(9, 20, 33, dtype),
      scatterCase(31, 31, 80, dtype),
    ]),
  ];
}

/** Embedding, RMSNorm, bias, RoPE, rows. */
import { type Address, MR_NORM_OFFSET, MR_NORM_SCALE, type Ops } from '../../native/bindings';
import { DTYPE_CODE } from '../../native/tensor';
import { type Case, exactly, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import { gradient, project } from '../gradients';
import * as reference from '../reference/blocks';
import { type FloatDtype, type Numbers, rounded, unitRoundoff } from '../reference/formats';
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

function embeddingBackwardCase(tokens: number, vocab: number, hidden: number, dtype: FloatDtype, padding = -1): Case {
  const shape = `${tokens} of ${vocab}x${hidden}${padding < 0 ? '' : `, padding ${padding}`}`;
  const draws = new Draws(`embedding backward ${shape} ${dtype}`);
  const ids = draws.integers(tokens, vocab);
  const dy = draws.values(dtype, tokens * hidden);
  const before = draws.values('f32', vocab * hidden);
  return kernelCase({
    op: 'embedding_backward',
    shape,
    dtype,
    buffers: { ids: input('i32', ids), dy: input(dtype, dy), dtable: update('f32', before) },
    call: (ops, at) =>
      ops.embeddingBackward(tokens, vocab, hidden, padding, at.ids, DTYPE_CODE[dtype], at.dy, at.dtable),
    expected: () => {
      // linear: only the rows of the table that are used have a gradient, and there are few
      const rows = new Set(ids);
      rows.delete(padding);
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

/** How the weight counts: by itself, or as 1 + w. */
type Kind = typeof MR_NORM_SCALE | typeof MR_NORM_OFFSET;
const suffix = (kind: Kind): string => (kind === MR_NORM_OFFSET ? ', 1 + w' : '');
const factors = (w: Numbers, kind: Kind): Float64Array => Float64Array.from(w, (value) => value + kind);

function rmsNormForwardCase(rows: number, cols: number, dtype: FloatDtype, kind: Kind, size = 1): Case {
  const shape = `${rows}x${cols}${size === 1 ? '' : ` of size ${size}`}${suffix(kind)}`;
  const draws = new Draws(`rms_norm ${shape} ${dtype}`);
  const x = draws.values(dtype, rows * cols, size);
  const w = draws.values('f32', cols);
  return kernelCase({
    op: 'rms_norm_forward',
    shape,
    dtype,
    buffers: { x: input(dtype, x), w: input('f32', w), y: output(dtype, x.length), rstd: output('f32', rows) },
    call: (ops, at) => ops.rmsNormForward(DTYPE_CODE[dtype], kind, rows, cols, EPSILON, at.x, at.w, at.y, at.rstd),
    expected: () => {
      const units = 4 + Math.sqrt(cols) / 4;
      const rstd = reference.reciprocalRms(x, cols, EPSILON);
      const exact = reference.rmsNorm(x, new Float64Array(cols).fill(1), EPSILON);
      const normalised = kind === MR_NORM_OFFSET ? exact : rounded(dtype, exact);
      const factor = factors(w, kind);
      const y = normalised.map((value, i) => value * factor[i % cols]!);
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
  readonly kind?: Kind;
  readonly frozen?: boolean;
  /** dx is written over dy. */
  readonly inPlace?: boolean;
}

function rmsNormBackwardCase(shape: NormBackward, dtype: FloatDtype): Case {
  const { rows, cols, accumulate, kind = MR_NORM_SCALE, frozen = false, inPlace = false } = shape;
  const how = `${accumulate ? ' +=' : ''}${suffix(kind)}${frozen ? ', w frozen' : ''}${inPlace ? ', in place' : ''}`;
  const name = `${rows}x${cols}${how}`;
  const draws = new Draws(`rms_norm backward ${name} ${dtype}`);
  const x = draws.values(dtype, rows * cols);
  const w = draws.values('f32', cols);
  const dy = draws.values(dtype, rows * cols);
  const dx0 = draws.values(dtype, rows * cols);
  const dw0 = draws.values('f32', cols);
  const rstd = rounded('f32', reference.reciprocalRms(x, cols, EPSILON));
  const expectedDx = () => {
    const projection = (at: Float64Array): number => project(reference.rmsNorm(at, factors(w, kind), EPSILON), dy);
    const only = sample(draws, x.length, x.length);
    const values = gradient(projection, x, only).map((value, i) => value + (accumulate ? dx0[i]! : 0));
    // one column is its own norm: it has almost no gradient, and what cancels is dy * w * rstd
    const norm = cols === 1 && accumulate === 0 ? { norm: Math.abs(dy[0]! * factors(w, kind)[0]! * rstd[0]!) } : {};
    return within(6 + Math.sqrt(cols) / 2, dtype, values, 'sums over a row, five operations', { ...norm, only });
  };
  const expectedDw = () => {
    const d = gradient((at) => project(reference.rmsNorm(x, factors(at, kind), EPSILON), dy), w);
    // in 16 bits the normalised value was rounded on its way to the weight
    return within(
      4 + Math.sqrt(rows),
      dtype,
      d.map((value, i) => value + dw0[i]!),
      `sums over ${rows} rows`,
    );
  };
  const call = (ops: Ops, at: { dy: Address; x: Address; w: Address; rstd: Address; dx: Address; dw: Address }): void =>
    ops.rmsNormBackward(DTYPE_CODE[dtype], kind, rows, cols, at.dy, at.x, at.w, at.rstd, at.dx, accumulate, at.dw);
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

function biasForwardCase(rows: number, cols: number, dtype: FloatDtype, inPlace = false): Case {
  const shape = `${rows}x${cols}${inPlace ? ' in place' : ''}`;
  const draws = new Draws(`add_bias ${shape} ${dtype}`);
  const x = draws.values(dtype, rows * cols);
  const b = draws.values('f32', cols);
  const head = { op: 'add_bias_forward', shape, dtype };
  const expected = () => ({
    y: within(1, dtype, reference.addBias(x, b), 'one sum'),
  });
  if (inPlace) {
    return kernelCase({
      ...head,
      buffers: { y: update(dtype, x), b: input('f32', b) },
      call: (ops, at) => ops.addBiasForward(DTYPE_CODE[dtype], rows, cols, at.y, at.b, at.y),
      expected,
    });
  }
  return kernelCase({
    ...head,
    buffers: { x: input(dtype, x), b: input('f32', b), y: output(dtype, x.length) },
    call: (ops, at) => ops.addBiasForward(DTYPE_CODE[dtype], rows, cols, at.x, at.b, at.y),
    expected,
  });
}

function biasBackwardCase(rows: number, cols: number, dtype: FloatDtype): Case {
  const draws = new Draws(`add_bias backward ${rows}x${cols} ${dtype}`);
  const dy = draws.values(dtype, rows * cols);
  const before = draws.values('f32', cols);
  return kernelCase({
    op: 'add_bias_backward',
    shape: `${rows}x${cols}`,
    dtype,
    buffers: { dy: input(dtype, dy), db: update('f32', before) },
    call: (ops, at) => ops.addBiasBackward(DTYPE_CODE[dtype], rows, cols, at.dy, at.db),
    expected: () => {
      const zeros = new Float64Array(dy.length);
      const d = gradient((b) => project(reference.addBias(zeros, b), dy), before);
      const values = d.map((value, i) => value + before[i]!);
      return { db: within(4 + Math.sqrt(rows), 'f32', values, `sums over ${rows} rows`) };
    },
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

interface CachedRope {
  readonly tokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** How the weights of the norms count; null without norms. */
  readonly kind: Kind | null;
}

/** Queries and keys normed and rotated in place, keys and values stored in the cache. */
function ropeCachedCase({ tokens, heads, kvHeads, headDim, kind }: CachedRope, dtype: FloatDtype): Case {
  const norm = kind === null ? ', no norms' : suffix(kind);
  const shape = `${tokens}x${heads}/${kvHeads}x${headDim}${norm}`;
  const draws = new Draws(`rope_cached ${shape} ${dtype}`);
  const positions = draws.integers(tokens, 50);
  const angles = draws.values('f32', (50 * headDim) / 2, 2);
  const [cos, sin] = [rounded('f32', angles.map(Math.cos)), rounded('f32', angles.map(Math.sin))];
  const width = kvHeads * headDim;
  const rows = 2 * tokens + 3;
  const places = draws.distinct(tokens, rows);
  const q = draws.values(dtype, tokens * heads * headDim);
  const [k, v] = [draws.values(dtype, tokens * width), draws.values(dtype, tokens * width)];
  const [wq, wk] = [draws.values('f32', headDim), draws.values('f32', headDim)];
  const [kBefore, vBefore] = [draws.values(dtype, rows * width), draws.values(dtype, rows * width)];
  return kernelCase({
    op: 'rope_cached',
    shape,
    dtype,
    buffers: {
      q: update(dtype, q),
      wq: input('f32', wq),
      k: update(dtype, k),
      wk: input('f32', wk),
      v: input(dtype, v),
      cos: input('f32', cos),
      sin: input('f32', sin),
      positions: input('i32', positions),
      places: input('i32', places),
      kCache: update(dtype, kBefore),
      vCache: update(dtype, vBefore),
    },
    call: (ops, at) => {
      const [forQ, forK] = [[at.q, kind === null ? 0 : at.wq] as const, [at.k, kind === null ? 0 : at.wk] as const];
      const tables = [at.cos, at.sin, at.positions, at.places] as const;
      const sizes = [tokens, heads, kvHeads, headDim, EPSILON] as const;
      ops.ropeCached(
        DTYPE_CODE[dtype],
        kind ?? MR_NORM_SCALE,
        ...sizes,
        ...forQ,
        ...forK,
        at.v,
        ...tables,
        at.kCache,
        at.vCache,
      );
    },
    expected: () => {
      const prepare = (x: Numbers, w: Numbers, count: number): Float64Array => {
        let normed = Float64Array.from(x);
        if (kind !== null) {
          const exact = reference.rmsNorm(x, new Float64Array(headDim).fill(1), EPSILON);
          const operand = kind === MR_NORM_OFFSET ? exact : rounded(dtype, exact);
          const factor = factors(w, kind);
          normed = Float64Array.from(
            rounded(
              dtype,
              operand.map((value, i) => value * factor[i % headDim]!),
            ),
          );
        }
        return reference.rope(normed, count, headDim, { cos, sin, positions });
      };
      const units = kind === null ? 2 : 6 + Math.sqrt(headDim) / 4;
      // a tie of the norm's two roundings may fall the other way
      const ties = kind === null || dtype === 'f32' ? 0 : (2 * unitRoundoff(dtype)) / unitRoundoff('f32');
      const near = (values: Numbers) => within(units + ties, dtype, values, 'a norm, a product and an fma');
      const rotated = prepare(k, wk, kvHeads);
      return {
        q: near(prepare(q, wq, heads)),
        k: near(rotated),
        kCache: near(reference.scatterRows(rotated, places, width, kBefore)),
        vCache: exactly(reference.scatterRows(v, places, width, vBefore), 'a copy'),
      };
    },
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
    embeddingBackwardCase(90, 7, 33, 'bf16', 3),
    // more tokens than are sorted at once, ids that repeat over many of them
    embeddingBackwardCase(4500, 31, 3, 'bf16'),
    ...STORED.flatMap((dtype) => [
      rmsNormForwardCase(1, 1, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(5, 33, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(5, 33, dtype, MR_NORM_OFFSET),
      rmsNormForwardCase(40, 16, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(3, 1023, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(3, 1023, dtype, MR_NORM_OFFSET),
      rmsNormForwardCase(2, 2500, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(19, 128, dtype, MR_NORM_SCALE),
      // rows of whole 16 bytes, which a GPU holds in registers: from one of them a thread to more than fit
      rmsNormForwardCase(67, 128, dtype, MR_NORM_OFFSET),
      rmsNormForwardCase(5, 1040, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(3, 2504, dtype, MR_NORM_SCALE),
      rmsNormForwardCase(2, 5000, dtype, MR_NORM_OFFSET),
      rmsNormForwardCase(1, 8200, dtype, MR_NORM_SCALE),
      // below the square root of epsilon, where epsilon decides
      rmsNormForwardCase(4, 48, dtype, MR_NORM_SCALE, 2 ** -12),
    ]),
    ...STORED.flatMap((dtype) => [
      rmsNormBackwardCase({ rows: 1, cols: 1, accumulate: 0 }, dtype),
      rmsNormBackwardCase({ rows: 5, cols: 33, accumulate: 0 }, dtype),
      rmsNormBackwardCase({ rows: 7, cols: 48, accumulate: 1 }, dtype),
      rmsNormBackwardCase({ rows: 9, cols: 70, accumulate: 0, kind: MR_NORM_OFFSET }, dtype),
      rmsNormBackwardCase({ rows: 7, cols: 48, accumulate: 1, kind: MR_NORM_OFFSET }, dtype),
      rmsNormBackwardCase({ rows: 5, cols: 20, accumulate: 0, frozen: true }, dtype),
      rmsNormBackwardCase({ rows: 4, cols: 130, accumulate: 0, inPlace: true }, dtype),
      rmsNormBackwardCase({ rows: 70, cols: 80, accumulate: 0 }, dtype),
      rmsNormBackwardCase({ rows: 1, cols: 2500, accumulate: 0, frozen: true }, dtype),
      // as above
      rmsNormBackwardCase({ rows: 35, cols: 128, accumulate: 0, frozen: true }, dtype),
      rmsNormBackwardCase({ rows: 3, cols: 1040, accumulate: 1, frozen: true }, dtype),
      rmsNormBackwardCase({ rows: 2, cols: 2504, accumulate: 1, frozen: true, kind: MR_NORM_OFFSET }, dtype),
      rmsNormBackwardCase({ rows: 1, cols: 5000, accumulate: 1, frozen: true }, dtype),
      rmsNormBackwardCase({ rows: 1, cols: 8200, accumulate: 0, frozen: true }, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      biasForwardCase(1, 1, dtype),
      biasForwardCase(5, 33, dtype),
      biasForwardCase(40, 130, dtype, true),
      biasBackwardCase(1, 1, dtype),
      biasBackwardCase(70, 80, dtype),
      biasBackwardCase(5, 131, dtype),
    ]),
    biasBackwardCase(130, 140, 'f32'),
    biasBackwardCase(130, 260, 'bf16'),
    ...STORED.flatMap((dtype) => [
      ropeCase({ tokens: 1, heads: 1, headDim: 2, inverse: 0 }, dtype),
      ropeCase({ tokens: 7, heads: 3, headDim: 20, inverse: 0 }, dtype),
      ropeCase({ tokens: 7, heads: 3, headDim: 20, inverse: 1 }, dtype),
      ropeCase({ tokens: 33, heads: 2, headDim: 64, inverse: 0, inPlace: true }, dtype),
      ropeCase({ tokens: 9, heads: 4, headDim: 128, inverse: 1, inPlace: true }, dtype),
      ropeCase({ tokens: 5, heads: 3, headDim: 64, inverse: 0 }, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      ropeCachedCase({ tokens: 1, heads: 1, kvHeads: 1, headDim: 2, kind: MR_NORM_SCALE }, dtype),
      ropeCachedCase({ tokens: 5, heads: 4, kvHeads: 2, headDim: 20, kind: MR_NORM_OFFSET }, dtype),
      ropeCachedCase({ tokens: 3, heads: 2, kvHeads: 1, headDim: 64, kind: null }, dtype),
      ropeCachedCase({ tokens: 9, heads: 4, kvHeads: 2, headDim: 128, kind: MR_NORM_SCALE }, dtype),
      // a head as long as several warps
      ropeCachedCase({ tokens: 2, heads: 1, kvHeads: 1, headDim: 600, kind: MR_NORM_SCALE }, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      gatherCase(1, 1, 1, dtype),
      gatherCase(9, 20, 33, dtype),
      gatherCase(300, 40, 80, dtype),
      gatherCase(2, 3, 2500, dtype),
    ]),
    ...STORED.flatMap((dtype) => [
      scatterCase(1, 1, 1, dtype),
      scatterCase(9, 20, 33, dtype),
      scatterCase(31, 31, 80, dtype),
    ]),
  ];
}

/** Causal attention over packs: empty and one-token sequences, grouped heads, windows, tails of every block. */
import { DTYPE_CODE } from '../../native/tensor';
import { type Case, type Expected, input, kernelCase, output, within } from '../case';
import { Draws } from '../draws';
import { gradient, project } from '../gradients';
import { type AttentionCase, attention, prefixSums } from '../reference/attention';
import { type FloatDtype, type Numbers, rounded, unitRoundoff } from '../reference/formats';
import { sample } from './sample';

interface Shape {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly window: number;
  /** Visible keys of each sequence: those after them are padding. */
  readonly visible?: readonly number[];
}

/** What products are computed in and what activations are stored in. */
interface Precision {
  readonly compute: FloatDtype;
  readonly stored: FloatDtype;
}

/** On the CPU a block holds 32 queries, keys are aligned to 32 under a window, a task takes 256 queries. */
const SMALL: readonly Shape[] = [
  { lengths: [1], heads: 1, kvHeads: 1, headDim: 16, window: 0 },
  { lengths: [5, 1, 0, 12], heads: 4, kvHeads: 2, headDim: 20, window: 0 },
  { lengths: [17, 3], heads: 6, kvHeads: 2, headDim: 32, window: 0 },
  { lengths: [2, 33], heads: 2, kvHeads: 2, headDim: 64, window: 8 },
  { lengths: [9, 4], heads: 2, kvHeads: 1, headDim: 128, window: 0 },
  { lengths: [9, 4], heads: 3, kvHeads: 3, headDim: 16, window: 1 },
  { lengths: [0, 70, 9], heads: 2, kvHeads: 1, headDim: 16, window: 0 },
  { lengths: [33], heads: 6, kvHeads: 1, headDim: 1, window: 0 },
  { lengths: [9, 40, 3], heads: 2, kvHeads: 1, headDim: 16, window: 0, visible: [4, 33, 3] },
];

const LARGE: readonly Shape[] = [
  { lengths: [130, 2], heads: 2, kvHeads: 1, headDim: 20, window: 33 },
  { lengths: [300], heads: 1, kvHeads: 1, headDim: 16, window: 0 },
  { lengths: [5, 290], heads: 2, kvHeads: 1, headDim: 16, window: 70 },
  // a depth above one K block of the matrix product
  { lengths: [35], heads: 1, kvHeads: 1, headDim: 400, window: 0 },
  { lengths: [60], heads: 1, kvHeads: 1, headDim: 400, window: 33 },
  // a window longer than a chunk of keys
  { lengths: [530], heads: 1, kvHeads: 1, headDim: 8, window: 270 },
];

/**
 * What meets the edges of the GPU's tiles: 64 keys, 64 or 128 queries, 16 rows of a warp; widths of 64, 128 and 256.
 * Two columns are so few that gradients are differentiated nearly everywhere.
 */
const TILES: readonly Shape[] = [
  { lengths: [63, 1, 64, 65, 129], heads: 2, kvHeads: 1, headDim: 16, window: 0 },
  { lengths: [3, 193], heads: 1, kvHeads: 1, headDim: 2, window: 64 },
  { lengths: [194], heads: 1, kvHeads: 1, headDim: 2, window: 66 },
  { lengths: [70, 68], heads: 1, kvHeads: 1, headDim: 2, window: 0, visible: [15, 64] },
  { lengths: [65, 1], heads: 2, kvHeads: 1, headDim: 2, window: 0 },
  { lengths: [2, 66], heads: 2, kvHeads: 1, headDim: 128, window: 0 },
  // two pairs of heads that share their keys, and three heads that make no pairs
  { lengths: [67, 5], heads: 8, kvHeads: 2, headDim: 72, window: 0 },
  { lengths: [130, 1], heads: 3, kvHeads: 1, headDim: 16, window: 65 },
  { lengths: [66], heads: 2, kvHeads: 1, headDim: 256, window: 0 },
  { lengths: [70], heads: 1, kvHeads: 1, headDim: 200, window: 40 },
];

const MANY_EMPTY: readonly number[] = new Array<number>(32).fill(0);

const PRECISIONS = [
  { compute: 'f32', stored: 'f32' },
  { compute: 'f32', stored: 'bf16' },
  { compute: 'bf16', stored: 'bf16' },
  { compute: 'f16', stored: 'f16' },
] as const satisfies readonly Precision[];

/** One rounding to a type in units of fp32 roundings. */
const rounding = (dtype: FloatDtype): number => unitRoundoff(dtype) / unitRoundoff('f32');

interface Inputs {
  readonly name: string;
  readonly tokens: number;
  readonly longest: number;
  readonly shape: AttentionCase;
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly draws: Draws;
}

function inputsOf({ lengths, heads, kvHeads, headDim, window, visible }: Shape, stored: FloatDtype): Inputs {
  const cuSeqlens = prefixSums(lengths);
  const tokens = cuSeqlens.at(-1)!;
  const name = `[${lengths.join(' ')}] ${heads}/${kvHeads} heads of ${headDim}${window ? `, window ${window}` : ''}${visible ? `, visible ${visible.join(' ')}` : ''}`;
  const draws = new Draws(`attention ${name} ${stored}`);
  return {
    name,
    tokens,
    longest: Math.max(...lengths),
    shape: { cuSeqlens, heads, kvHeads, headDim, window, visible, scale: Math.fround(1 / Math.sqrt(headDim)) },
    q: draws.values(stored, tokens * heads * headDim, 2),
    k: draws.values(stored, tokens * kvHeads * headDim),
    v: draws.values(stored, tokens * kvHeads * headDim),
    draws,
  };
}

const labelOf = ({ compute, stored }: Precision): string => (compute === 'f32' ? stored : `${stored} in ${compute}`);

function forwardCase(spec: Shape, precision: Precision): Case {
  const { compute, stored } = precision;
  const { name, shape, longest, q, k, v } = inputsOf(spec, stored);
  const { cuSeqlens, heads, kvHeads, headDim, scale, window, visible } = shape;
  return kernelCase({
    op: 'attention_forward',
    shape: name,
    dtype: labelOf(precision),
    samePaths: compute !== 'bf16',
    buffers: {
      cuSeqlens: input('i32', cuSeqlens),
      visible: input('i32', visible ?? []),
      q: input(stored, q),
      k: input(stored, k),
      v: input(stored, v),
      o: output(stored, q.length),
      lse: output('f32', q.length / headDim),
    },
    call: (ops, at) =>
      ops.attentionForward(
        DTYPE_CODE[compute],
        DTYPE_CODE[stored],
        cuSeqlens.at(-1)!,
        cuSeqlens.length - 1,
        at.cuSeqlens,
        visible ? at.visible : 0,
        heads,
        kvHeads,
        headDim,
        scale,
        window,
        at.q,
        at.k,
        at.v,
        at.o,
        at.lse,
      ),
    expected: () => {
      // 16-bit products are of rounded operands
      const operand = (x: Numbers): Numbers => rounded(compute, x);
      const { o, lse } = attention(operand(q), operand(k), operand(v), shape);
      const units = 8 + Math.sqrt(headDim) + Math.sqrt(longest);
      const sums = `products over ${headDim}, sums over up to ${longest} keys`;
      return {
        o:
          compute === 'f32'
            ? within(units, stored, o, sums)
            : within(units + rounding(compute), stored, o, `probabilities rounded to ${compute}, ${sums}`),
        lse: within(4 + Math.sqrt(headDim), 'f32', lse, sums),
      };
    },
  });
}

/** Of each sequence all but the last `fresh` tokens are cached, which has rows of no sequence between them. */
function cachedCase(spec: Shape, precision: Precision, fresh: number): Case {
  const { compute, stored } = precision;
  const { name, shape, longest, q, k, v } = inputsOf(spec, stored);
  const { cuSeqlens, heads, kvHeads, headDim, scale, window } = shape;
  const past = spec.lengths.map((length) => Math.max(0, length - fresh));
  const newTokens = spec.lengths.map((length) => Math.min(length, fresh));
  const cacheRows = spec.lengths.map((_, i) => cuSeqlens[i]! + i + 1);
  const scattered = (x: Float64Array): Float64Array => {
    const width = kvHeads * headDim;
    const cache = new Float64Array(x.length + (spec.lengths.length + 1) * width);
    cacheRows.forEach((row, i) => {
      cache.set(x.subarray(cuSeqlens[i]! * width, cuSeqlens[i + 1]! * width), row * width);
    });
    return cache;
  };
  /** What belongs to the new tokens. */
  const chosen = (x: Float64Array): Float64Array => {
    const width = heads * headDim;
    const rows = spec.lengths.flatMap((length, i) =>
      Array.from(x.subarray((cuSeqlens[i]! + past[i]!) * width, (cuSeqlens[i]! + length) * width)),
    );
    return Float64Array.from(rows);
  };
  const newQ = chosen(q);
  return kernelCase({
    op: 'attention_cached',
    shape: `${name}, ${fresh} new`,
    dtype: labelOf(precision),
    samePaths: compute !== 'bf16',
    buffers: {
      cuSeqlens: input('i32', prefixSums(newTokens)),
      cacheRows: input('i32', cacheRows),
      past: input('i32', past),
      q: input(stored, newQ),
      k: input(stored, scattered(k)),
      v: input(stored, scattered(v)),
      o: output(stored, newQ.length),
    },
    call: (ops, at) =>
      ops.attentionCached(
        DTYPE_CODE[compute],
        DTYPE_CODE[stored],
        newQ.length / (heads * headDim),
        past.length,
        at.cuSeqlens,
        at.cacheRows,
        at.past,
        heads,
        kvHeads,
        headDim,
        scale,
        window,
        at.q,
        at.k,
        at.v,
        at.o,
      ),
    expected: () => {
      const operand = (x: Numbers): Numbers => rounded(compute, x);
      const o = chosen(attention(operand(q), operand(k), operand(v), shape).o);
      const units = 8 + Math.sqrt(headDim) + Math.sqrt(longest) + (compute === 'bf16' ? rounding(compute) : 0);
      return { o: within(units, stored, o, `products over ${headDim}, sums over up to ${longest} keys`) };
    },
  });
}

function backwardCase(spec: Shape, precision: Precision): Case {
  const { compute, stored } = precision;
  const { name, shape, longest, tokens, q, k, v, draws } = inputsOf(spec, stored);
  const { cuSeqlens, heads, kvHeads, headDim, scale, window, visible } = shape;
  const dO = draws.values(stored, q.length);
  const forward = attention(q, k, v, shape);
  return kernelCase({
    op: 'attention_backward',
    shape: name,
    dtype: labelOf(precision),
    samePaths: compute !== 'bf16',
    buffers: {
      cuSeqlens: input('i32', cuSeqlens),
      visible: input('i32', visible ?? []),
      q: input(stored, q),
      k: input(stored, k),
      v: input(stored, v),
      o: input(stored, rounded(stored, forward.o)),
      lse: input('f32', rounded('f32', forward.lse)),
      dO: input(stored, dO),
      dq: output(stored, q.length),
      dk: output(stored, k.length),
      dv: output(stored, v.length),
    },
    call: (ops, at) =>
      ops.attentionBackward(
        DTYPE_CODE[compute],
        DTYPE_CODE[stored],
        cuSeqlens.at(-1)!,
        cuSeqlens.length - 1,
        at.cuSeqlens,
        visible ? at.visible : 0,
        heads,
        kvHeads,
        headDim,
        scale,
        window,
        at.q,
        at.k,
        at.v,
        at.o,
        at.lse,
        at.dO,
        at.dq,
        at.dk,
        at.dv,
      ),
    expected: () => {
      const work = tokens * Math.min(longest, window || longest) * heads * headDim;
      const sums = `products over ${headDim}, sums over up to ${longest} tokens; finite differences`;
      const units = 12 + 2 * Math.sqrt(headDim) + 2 * Math.sqrt(longest);
      // o is rounded to storage and its product with dO is what dP cancels against; 16-bit products round P and dS too
      const roundings = stored === 'f32' ? 0 : compute === 'f32' ? 2 : 3;
      const bound = (x: Numbers, of: (at: Float64Array) => number, more: Partial<Expected> = {}) => {
        const only = sample(draws, x.length, work, 1.5e7);
        return within(units + roundings * rounding(stored), stored, gradient(of, x, only), sums, { ...more, only });
      };
      // a token that sees only itself gives q and k no gradient: terms of size 1 cancel, but for their roundings
      const alone = longest === 1 || window === 1;
      const cancels = alone ? { norm: Math.sqrt(q.length) } : {};
      return {
        dq: bound(q, (at) => project(attention(at, k, v, shape).o, dO), cancels),
        dk: bound(k, (at) => project(attention(q, at, v, shape).o, dO), cancels),
        dv: bound(v, (at) => project(attention(q, k, at, shape).o, dO)),
      };
    },
  });
}

/** The cases of this file. */
export function attentionCases(): Case[] {
  const all = [
    ...SMALL.flatMap((shape) => PRECISIONS.map((precision) => [shape, precision] as const)),
    ...LARGE.flatMap((shape) =>
      [PRECISIONS[0], PRECISIONS[2], PRECISIONS[3]].map((precision) => [shape, precision] as const),
    ),
    // one key too many or too few shows in f16, which rounds finely
    ...TILES.map((shape) => [shape, PRECISIONS[shape.headDim === 2 ? 3 : 2]] as const),
  ];
  return [
    ...all.map(([shape, precision]) => forwardCase(shape, precision)),
    forwardCase(SMALL[1]!, { compute: 'bf16', stored: 'f32' }),
    ...all.flatMap(([shape, precision]) =>
      shape.visible ? [] : [1, 7].map((fresh) => cachedCase(shape, precision, fresh)),
    ),
    // so many new tokens that a tile of queries begins and ends among them
    ...[TILES[0]!, TILES[1]!, TILES[5]!].map((shape) => cachedCase(shape, PRECISIONS[2], 67)),
    // the first new token sees all but the last key of a tile
    cachedCase({ lengths: [72], heads: 1, kvHeads: 1, headDim: 2, window: 0 }, PRECISIONS[3], 10),
    cachedCase(TILES[0]!, PRECISIONS[0], 40),
    // a row of heads of one kv head that does not fit a tile
    ...[1, 3].map((fresh) =>
      cachedCase({ lengths: [90, 70], heads: 20, kvHeads: 1, headDim: 16, window: 0 }, PRECISIONS[3], fresh),
    ),
    // sequences enough for a block each, so that keys are not dealt out
    cachedCase(
      { lengths: [65, ...MANY_EMPTY, 3, 0, 17], heads: 8, kvHeads: 8, headDim: 8, window: 0 },
      PRECISIONS[2],
      1,
    ),
    forwardCase(SMALL[1]!, { compute: 'f16', stored: 'f32' }),
    // sequences so many that the GPU finds one of them in three steps; spans of 128 queries that no sequence has in between
    forwardCase(
      {
        lengths: Array.from({ length: 1100 }, (_, i) => (i % 97 === 0 ? 130 : i % 13 === 5 ? 3 : 0)),
        heads: 1,
        kvHeads: 1,
        headDim: 2,
        window: 0,
      },
      PRECISIONS[3],
    ),
    ...all.map(([shape, precision]) => backwardCase(shape, precision)),
  ];
}

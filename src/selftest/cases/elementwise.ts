/** fill, copy, cast, add, scale, swiglu, geglu, dropout, uniform, normal. */
import { DTYPE_CODE } from '../../native/tensor';
import { type Case, exactly, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import { gradient, project, STEP } from '../gradients';
import * as reference from '../reference/elementwise';
import { type FloatDtype, type Numbers, rounded, roundTo } from '../reference/formats';

/** One element, a tail, a whole vector, one more, and more than one task's worth (16,384) with a tail. */
const SIZES = [1, 7, 16, 33, 16_401] as const;
const FLOATS = ['f32', 'bf16', 'f16'] as const;

/** Every combination of two lists. */
const pairs = <A, B>(a: readonly A[], b: readonly B[]): [A, B][] => a.flatMap((x) => b.map((y): [A, B] => [x, y]));

function fillCase(n: number, dtype: FloatDtype): Case {
  const value = Math.fround(-1.2345678);
  return kernelCase({
    op: 'fill',
    shape: `${n}`,
    dtype,
    buffers: { y: output(dtype, n) },
    call: (ops, at) => ops.fill(DTYPE_CODE[dtype], n, value, at.y),
    expected: () => ({ y: exactly(new Float64Array(n).fill(roundTo(dtype, value)), 'one rounding to nearest even') }),
  });
}

function copyCase(bytes: number): Case {
  const x = new Draws(`copy ${bytes}`).integers(bytes, 256);
  return kernelCase({
    op: 'copy',
    shape: `${bytes}`,
    dtype: 'bytes',
    buffers: { x: input('u8', x), y: output('u8', bytes) },
    call: (ops, at) => ops.copy(bytes, at.x, at.y),
    expected: () => ({ y: exactly(x, 'a copy') }),
  });
}

/** Numbers at which rounding goes wrong: ties, the largest and smallest of each format, infinities, NaN. */
function awkwardNumbers(from: FloatDtype): Float64Array {
  const list = [0, -0, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  for (const bits of [8, 11, 24]) {
    // between 1 and its neighbour, on both sides of the tie, to even and away from it
    const half = 2 ** -bits;
    list.push(1 + half, 1 + 3 * half, 1 + half + 2 ** -23, 1 + half - 2 ** -23, -(1 + half));
  }
  list.push(65504, 65519, 65520, 65536, -70000, 3.4e38, 3.3961e38, -3.4e38); // overflow of fp16, of bf16
  list.push(2 ** -14, 2 ** -24, 2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25, 2 ** -26, 5.9e-8, 1e-7); // fp16's subnormals
  list.push(2 ** -126, 2 ** -133, 2 ** -134, 3 * 2 ** -134, 2 ** -149, -(2 ** -149), 1e-40); // bf16's and fp32's
  return rounded(from, Float64Array.from(list));
}

function castCase(from: FloatDtype, to: FloatDtype, name: string, x: Numbers): Case {
  return kernelCase({
    op: 'cast',
    shape: name,
    dtype: `${from} to ${to}`,
    buffers: { x: input(from, x), y: output(to, x.length) },
    call: (ops, at) => ops.cast(DTYPE_CODE[from], DTYPE_CODE[to], x.length, at.x, at.y),
    expected: () => ({ y: exactly(rounded(to, x), 'one rounding to nearest even') }),
  });
}

/** Every value of fp16 but its NaNs, of which one is enough. */
function everyHalf(): Float64Array {
  const halves = Uint16Array.from({ length: 2 * 0x7c01 }, (_, i) => (i % 2) * 0x8000 + (i >> 1));
  return Float64Array.from([...new Float16Array(halves.buffer), Number.NaN]);
}

/** Around the middle of each two neighbours of fp16: the float below it, the middle, the float above it. */
function middlesOfHalves(): Float64Array {
  const halves = everyHalf().filter((value, i) => i % 14 === 0 && value < 65504);
  const ulp = (x: number): number => 2 ** (Math.max(Math.floor(Math.log2(x)), -126) - 23);
  const triples = Array.from(halves, (value) => {
    const middle = value + 2 ** (Math.max(Math.floor(Math.log2(Math.max(value, 2 ** -24))), -14) - 11);
    return [middle - ulp(middle), middle, middle + ulp(middle)];
  });
  return Float64Array.from(triples.flat());
}

function addCase(n: number, dtype: FloatDtype, inPlace: boolean): Case {
  const draws = new Draws(`add ${n} ${dtype} ${inPlace}`);
  const [a, b] = [draws.values(dtype, n), draws.values(dtype, n)];
  const sum = () =>
    exactly(rounded(dtype, rounded('f32', reference.add(a, b))), 'one rounding to fp32, one to storage');
  const [code, shape] = [DTYPE_CODE[dtype], `${n}${inPlace ? ' in place' : ''}`];
  if (inPlace) {
    return kernelCase({
      op: 'add',
      shape,
      dtype,
      buffers: { a: update(dtype, a), b: input(dtype, b) },
      call: (ops, at) => ops.add(code, n, at.a, at.b, at.a),
      expected: () => ({ a: sum() }),
    });
  }
  return kernelCase({
    op: 'add',
    shape,
    dtype,
    buffers: { a: input(dtype, a), b: input(dtype, b), y: output(dtype, n) },
    call: (ops, at) => ops.add(code, n, at.a, at.b, at.y),
    expected: () => ({ y: sum() }),
  });
}

function scaleCase(n: number, dtype: FloatDtype, accumulate: 0 | 1): Case {
  const draws = new Draws(`scale ${n} ${dtype} ${accumulate}`);
  const [x, before] = [draws.values(dtype, n), draws.values(dtype, n)];
  const alpha = Math.fround(-0.7371);
  return kernelCase({
    op: 'scale',
    shape: `${n}${accumulate ? ' +=' : ''}`,
    dtype,
    buffers: { x: input(dtype, x), y: accumulate ? update(dtype, before) : output(dtype, n) },
    call: (ops, at) => ops.scale(DTYPE_CODE[dtype], n, alpha, at.x, at.y, accumulate),
    expected: () => {
      const y = reference.scale(alpha, x, accumulate ? before : null);
      if (accumulate) return { y: within(1, dtype, y, 'one fma') };
      return { y: exactly(rounded(dtype, rounded('f32', y)), 'one rounding to fp32, one to storage') };
    },
  });
}

/** Gates up to where e^-g overflows in fp32. */
function gates(draws: Draws, n: number, dtype: FloatDtype): Float64Array {
  const gate = draws.values(dtype, n, 3);
  [90, -90, 120, -120, 0].forEach((value, i) => {
    if (n > 16) gate[3 * i] = value;
  });
  return gate;
}

const GATED = { swiglu: reference.swiglu, geglu: reference.geglu };
type Gated = keyof typeof GATED;

function gatedForwardCase(op: Gated, n: number, dtype: FloatDtype): Case {
  const draws = new Draws(`${op} ${n} ${dtype}`);
  const [gate, up] = [gates(draws, n, dtype), draws.values(dtype, n)];
  return kernelCase({
    op: `${op}_forward`,
    shape: `${n}`,
    dtype,
    buffers: { gate: input(dtype, gate), up: input(dtype, up), y: output(dtype, n) },
    call: (ops, at) => ops[`${op}Forward`](DTYPE_CODE[dtype], n, at.gate, at.up, at.y),
    expected: () => ({
      y: within(4, dtype, GATED[op](gate, up), 'exp within 1 ulp, a sum, a division, a product'),
    }),
  });
}

/** Gates so large that their exponential overflows, NaN, and both zeros: the unit is gate * up or 0, whatever is in between. */
function gatedLimitsCase(op: Gated, dtype: FloatDtype): Case {
  const gate = [200, -200, 6e4, -6e4, ...(dtype === 'f16' ? [] : [2 ** 100, -(2 ** 100)]), 0, -0, Number.NaN];
  const up = gate.map((_, i) => (i % 3) + 0.5);
  const y = gate.map((g, i) => (g > 0 ? g * up[i]! : g < 0 ? -0 : g));
  return kernelCase({
    op: `${op}_forward`,
    shape: 'limits',
    dtype,
    buffers: { gate: input(dtype, gate), up: input(dtype, up), y: output(dtype, gate.length) },
    call: (ops, at) => ops[`${op}Forward`](DTYPE_CODE[dtype], gate.length, at.gate, at.up, at.y),
    expected: () => ({ y: exactly(rounded(dtype, Float64Array.from(y)), 'the sigmoid is 0 or 1') }),
  });
}

/** What dgate and dup are written over. */
type Over = 'dy and gate' | 'gate and up' | null;

function gatedBackwardCase(op: Gated, n: number, dtype: FloatDtype, over: Over): Case {
  const draws = new Draws(`${op} backward ${n} ${dtype}`);
  const [gate, up, dy] = [gates(draws, n, dtype), draws.values(dtype, n), draws.values(dtype, n)];
  // elementwise: one perturbation of all elements at once differentiates every one of them
  const expected = () => {
    const slope = (above: Numbers, below: Numbers, i: number): number => ((above[i]! - below[i]!) / 2 / STEP) * dy[i]!;
    const shifted = (x: Numbers, by: number): Float64Array => Float64Array.from(x, (value) => value + by);
    const [gateAbove, gateBelow] = [GATED[op](shifted(gate, STEP), up), GATED[op](shifted(gate, -STEP), up)];
    const [upAbove, upBelow] = [GATED[op](gate, shifted(up, STEP)), GATED[op](gate, shifted(up, -STEP))];
    const reason = 'exp within 1 ulp and six operations';
    // the two terms of the slope cancel where it is zero, which shows where there is one element only
    const norm = n === 1 ? { norm: Math.abs(dy[0]! * up[0]!) } : {};
    return {
      dgate: within(
        8,
        dtype,
        Float64Array.from(dy, (_, i) => slope(gateAbove, gateBelow, i)),
        reason,
        norm,
      ),
      dup: within(
        8,
        dtype,
        Float64Array.from(dy, (_, i) => slope(upAbove, upBelow, i)),
        reason,
      ),
    };
  };
  const code = DTYPE_CODE[dtype];
  const head = { op: `${op}_backward`, shape: `${n}${over === null ? '' : `, over ${over}`}`, dtype };
  if (over === 'dy and gate') {
    return kernelCase({
      ...head,
      buffers: { dgate: update(dtype, dy), dup: update(dtype, gate), up: input(dtype, up) },
      call: (ops, at) => ops[`${op}Backward`](code, n, at.dgate, at.dup, at.up, at.dgate, at.dup),
      expected,
    });
  }
  if (over === 'gate and up') {
    return kernelCase({
      ...head,
      buffers: { dy: input(dtype, dy), dgate: update(dtype, gate), dup: update(dtype, up) },
      call: (ops, at) => ops[`${op}Backward`](code, n, at.dy, at.dgate, at.dup, at.dgate, at.dup),
      expected,
    });
  }
  return kernelCase({
    ...head,
    buffers: {
      dy: input(dtype, dy),
      gate: input(dtype, gate),
      up: input(dtype, up),
      dgate: output(dtype, n),
      dup: output(dtype, n),
    },
    call: (ops, at) => ops[`${op}Backward`](code, n, at.dy, at.gate, at.up, at.dgate, at.dup),
    expected,
  });
}

interface DropoutShape {
  readonly n: number;
  readonly p: number;
  readonly offset: number;
  readonly accumulate: 0 | 1;
}

function dropoutCase({ n, p, offset, accumulate }: DropoutShape, dtype: FloatDtype): Case {
  const draws = new Draws(`dropout ${n} ${p} ${dtype}`);
  const [x, before] = [draws.values(dtype, n), draws.values(dtype, n)];
  const mask = { p: Math.fround(p), seedLow: 0x89abcdef, seedHigh: 0xfedcba98, offset };
  return kernelCase({
    op: 'dropout',
    shape: `${n}, p ${p}${offset > 0 ? `, offset ${offset}` : ''}${accumulate ? ' +=' : ''}`,
    dtype,
    buffers: { x: input(dtype, x), y: accumulate ? update(dtype, before) : output(dtype, n) },
    call: (ops, at) =>
      ops.dropout(DTYPE_CODE[dtype], n, mask.p, mask.seedLow, mask.seedHigh, offset, at.x, at.y, accumulate),
    expected: () => {
      const kept = reference.dropout(x, mask);
      const y = accumulate ? reference.add(before, kept) : kept;
      // a wrong bit of the mask is an error of about 1/sqrt(n), far above the tolerance
      return { y: within(4, dtype, y, '1 - p, its reciprocal, a product, a sum') };
    },
  });
}

/** Dropout is its own backward: the gradient of a projection of its output is dropout of the projection. */
function dropoutGradientCase(): Case {
  const n = 61;
  const draws = new Draws('dropout gradient');
  const [x, dy] = [draws.values('f32', n), draws.values('f32', n)];
  const mask = { p: 0.25, seedLow: 7, seedHigh: 0, offset: 4 };
  return kernelCase({
    op: 'dropout',
    shape: `${n}, gradient`,
    dtype: 'f32',
    buffers: { dy: input('f32', dy), dx: output('f32', n) },
    call: (ops, at) =>
      ops.dropout(DTYPE_CODE.f32, n, mask.p, mask.seedLow, mask.seedHigh, mask.offset, at.dy, at.dx, 0),
    expected: () => ({
      dx: within(
        4,
        'f32',
        gradient((at) => project(reference.dropout(at, mask), dy), x),
        'finite differences',
      ),
    }),
  });
}

function uniformCase(n: number, low: number, high: number): Case {
  const seed = [0xdeadbeef, 0x01234567] as const;
  const unit = low === 0 && high === 1;
  return kernelCase({
    op: 'uniform',
    shape: `${n}, [${low}, ${high})`,
    dtype: 'f32',
    buffers: { y: output('f32', n) },
    call: (ops, at) => ops.uniform(n, low, high, ...seed, at.y),
    expected: () => {
      const y = reference.uniform(n, low, high, ...seed);
      return { y: unit ? exactly(y, '24 random bits are exact in fp32') : within(1, 'f32', y, 'one fma') };
    },
  });
}

function normalCase(n: number, mean: number, std: number): Case {
  const seed = [42, 3] as const;
  return kernelCase({
    op: 'normal',
    shape: `${n}, N(${mean}, ${std})`,
    dtype: 'f32',
    buffers: { y: output('f32', n) },
    call: (ops, at) => ops.normal(n, mean, std, ...seed, at.y),
    expected: () => ({
      y: within(
        4,
        'f32',
        reference.normal(n, mean, std, ...seed),
        'log and sin within 1 ulp, a root, a product, an fma',
      ),
    }),
  });
}

/** The cases of this file. */
export function elementwiseCases(): Case[] {
  return [
    ...pairs(SIZES, FLOATS).map(([n, dtype]) => fillCase(n, dtype)),
    ...[...SIZES, 70_001].map(copyCase),
    ...pairs(FLOATS, FLOATS).map(([from, to]) => castCase(from, to, 'awkward numbers', awkwardNumbers(from))),
    ...pairs(FLOATS, FLOATS).map(([from, to]) =>
      castCase(from, to, '16401', new Draws(`cast ${from}`).values(from, 16_401)),
    ),
    castCase('f16', 'f32', 'every half', everyHalf()),
    castCase('f32', 'f16', 'every half', everyHalf()),
    castCase('f32', 'f16', 'middles of halves', middlesOfHalves()),
    ...pairs(SIZES, FLOATS).map(([n, dtype]) => addCase(n, dtype, n === 33)),
    ...pairs(SIZES, FLOATS).flatMap(([n, dtype]) => [scaleCase(n, dtype, 0), scaleCase(n, dtype, 1)]),
    ...(['swiglu', 'geglu'] as const).flatMap((op) => [
      ...pairs(SIZES, FLOATS).map(([n, dtype]) => gatedForwardCase(op, n, dtype)),
      ...FLOATS.map((dtype) => gatedLimitsCase(op, dtype)),
      ...pairs(SIZES, FLOATS).map(([n, dtype]) => gatedBackwardCase(op, n, dtype, n === 33 ? 'gate and up' : null)),
      ...FLOATS.map((dtype) => gatedBackwardCase(op, 100, dtype, 'dy and gate')),
    ]),
    ...pairs(
      [
        { n: 1, p: 0.5, offset: 0, accumulate: 0 },
        { n: 37, p: 0, offset: 0, accumulate: 0 },
        { n: 1003, p: 0.05, offset: 0, accumulate: 0 },
        { n: 1003, p: 0.1, offset: 4 * 2 ** 32 - 500 * 4, accumulate: 1 },
        { n: 20_001, p: 0.9, offset: 8, accumulate: 0 },
      ] as const,
      FLOATS,
    ).map(([shape, dtype]) => dropoutCase(shape, dtype)),
    dropoutGradientCase(),
    uniformCase(1, 0, 1),
    uniformCase(20_003, 0, 1),
    uniformCase(1001, -0.125, 0.125),
    uniformCase(1001, 3, 5),
    normalCase(1, 0, 1),
    normalCase(20_003, 0, 1),
    normalCase(1001, 0.5, 0.02),
  ];
}

/** Sums, AdamW and Adafactor. */
import { dynamicMap } from '../../nn/quantisation';
import { type Case, type Expected, encode, exactly, input, kernelCase, output, update, within } from '../case';
import { Draws } from '../draws';
import * as reference from '../reference/reductions';

/** One element, a tail, one chunk of 4,096, one more, and many with a tail. */
const SIZES = [1, 15, 4096, 4097, 70_001] as const;
/** More than the blocks of a GPU take at a time. */
const MANY = 2_100_003;

/** Each lane adds 256 terms, lanes and chunks a few more; the sum of magnitudes bounds every partial sum. */
function doubleSum(value: number, magnitudes: number): Expected {
  const reason = 'at most 300 roundings of a double in a row, of sums below the sum of magnitudes';
  return { values: [value], norm: magnitudes, tolerance: 300 * 2 ** -53, reason };
}

function sumCase(n: number): Case {
  const x = new Draws(`sum ${n}`).values('f32', n);
  return kernelCase({
    op: 'sum',
    shape: `${n}`,
    dtype: 'f32',
    buffers: { x: input('f32', x), out: output('f64', 1) },
    call: (ops, at) => ops.sum(n, at.x, at.out),
    expected: () => ({ out: doubleSum(reference.sum(x), reference.sum(x.map(Math.abs))) }),
  });
}

/** Sizes of arrays that are summed together: a chunk of a GPU's block, tails, nothing, more than one block. */
const TOGETHER = [2048, 70_001, 1, 0, 15, 4096, 4097] as const;

function sumSquaresEachCase(): Case {
  const arrays = TOGETHER.map((n) => new Draws(`sum of squares ${n} of several`).values('f32', n, 1e-3));
  const sums = arrays.map(reference.sumSquares);
  const shape = TOGETHER.join(', ');
  const { tolerance, reason } = doubleSum(0, 0);
  return {
    op: 'sum_squares_each',
    shape,
    dtype: 'f32',
    samePaths: true,
    expected: () => ({ out: { values: sums, tolerance, reason } }),
    execute: (device, { poison, shift }) =>
      device.scope(() => {
        const spans = arrays.flatMap((values) => {
          const at = device.empty([values.length + shift], 'f32').address + 4 * shift;
          device.write(device.view(at, [values.length], 'f32'), encode('f32', values));
          return [BigInt(at), BigInt(values.length)];
        });
        const list = new Uint8Array(BigInt64Array.from(spans).buffer);
        const out = device.empty([arrays.length], 'f64');
        const before = new Uint8Array(out.bytes).fill(poison);
        device.write(out, before);
        const { address } = device.fromArray(list, [list.length], 'u8');
        device.ops.sumSquaresEach(arrays.length, Math.max(...TOGETHER), address, out.address);
        return { outputs: { out: { dtype: 'f64', before, after: device.readBytes(out) } }, trespasses: [] };
      }),
  };
}

interface AdamWCase {
  readonly n: number;
  readonly step: number;
  readonly weightDecay: number;
  readonly gradScale: number;
  readonly beta1?: number;
}

function adamwCase({ n, step, weightDecay, gradScale, beta1 = 0.9 }: AdamWCase): Case {
  const betas = beta1 === 0.9 ? '' : `, beta1 ${beta1}`;
  const name = `${n}, step ${step}, decay ${weightDecay}, scale ${gradScale}${betas}`;
  const draws = new Draws(`adamw ${name}`);
  const param = draws.values('f32', n);
  const grad = draws.values('f32', n, 1e-2);
  // a gradient of exactly 0 on a fresh state leaves 0 / (0 + eps)
  grad[0] = n > 1 ? 0 : grad[0]!;
  const m = step === 1 ? new Float64Array(n) : draws.values('f32', n, 1e-2);
  const v = step === 1 ? new Float64Array(n) : draws.values('f32', n, 1e-2).map((value) => Math.fround(value * value));
  const options = { lr: 0.01, beta1, beta2: 0.999, eps: 1e-8, weightDecay, step, gradScale };
  const { lr, beta2, eps } = options;
  return kernelCase({
    op: 'adamw',
    shape: name,
    dtype: 'f32',
    buffers: { param: update('f32', param), grad: input('f32', grad), m: update('f32', m), v: update('f32', v) },
    call: (ops, at) =>
      ops.adamw(
        n,
        at.param,
        at.grad,
        at.m,
        at.v,
        lr,
        beta1,
        beta2,
        eps,
        weightDecay,
        1 - beta1 ** step,
        1 - beta2 ** step,
        gradScale,
      ),
    expected: () => {
      const after = reference.adamw(param, grad, m, v, options);
      return {
        param: within(3, 'f32', after.param, 'decay, an update a hundredth of the parameter, a sum'),
        m: within(4, 'f32', after.m, '1 - beta1, the scaled gradient, a difference, an fma'),
        v: within(5, 'f32', after.v, 'beta2, 1 - beta2, the scaled gradient twice, a sum'),
      };
    },
  });
}

function adamw8Case(n: number, step: number, weightDecay: number): Case {
  const name = `${n}, step ${step}, decay ${weightDecay}`;
  const draws = new Draws(`adamw 8 bit ${name}`);
  const param = draws.values('f32', n);
  const grad = draws.values('f32', n, 1e-2).map((value, i) => (i % 9 === 4 ? value * 2 ** -40 : value));
  const maps = { m: dynamicMap(true), v: dynamicMap(false) };
  const blocks = Math.ceil(n / 256);
  const moment = (size: number): reference.Moment8 =>
    step === 1
      ? { codes: new Uint8Array(n), absmax: new Float64Array(blocks) }
      : {
          codes: Uint8Array.from(draws.integers(n, 256)),
          absmax: draws.values('f32', blocks, size).map((value) => Math.abs(value)),
        };
  const m = moment(1e-2);
  const v = moment(1e-4);
  const options = { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay, step, gradScale: 0.37 };
  return kernelCase({
    op: 'adamw_8bit',
    shape: name,
    dtype: 'f32, u8',
    buffers: {
      param: update('f32', param),
      grad: input('f32', grad),
      mCodes: update('u8', m.codes),
      mScale: update('f32', m.absmax),
      mMap: input('f32', maps.m),
      vCodes: update('u8', v.codes),
      vScale: update('f32', v.absmax),
      vMap: input('f32', maps.v),
    },
    call: (ops, at) =>
      ops.adamw8bit(
        n,
        at.param,
        at.grad,
        at.mCodes,
        at.mScale,
        at.mMap,
        at.vCodes,
        at.vScale,
        at.vMap,
        options.lr,
        options.beta1,
        options.beta2,
        options.eps,
        weightDecay,
        1 - options.beta1 ** step,
        1 - options.beta2 ** step,
        options.gradScale,
      ),
    expected: () => {
      const after = reference.adamw8bit(param, grad, m, v, maps, options);
      return {
        param: within(3, 'f32', after.param, 'an update a hundredth of the parameter, a sum, decay'),
        mCodes: exactly(after.m.codes, 'codes are exact'),
        mScale: exactly(after.m.absmax, 'one of the new moments'),
        vCodes: exactly(after.v.codes, 'codes are exact'),
        vScale: exactly(after.v.absmax, 'one of the new moments'),
      };
    },
  });
}

interface AdafactorCase {
  readonly rows: number;
  readonly cols: number;
  readonly factored?: boolean;
  readonly momentum?: boolean;
  /** Steps scaled by the parameter's root mean square. */
  readonly scaled?: boolean;
  readonly weightDecay?: number;
  readonly fresh?: boolean;
}

function adafactorCase({ rows, cols, ...rest }: AdafactorCase): Case {
  const { factored = true, momentum = false, scaled = false, weightDecay = 0, fresh = false } = rest;
  const words = [factored ? 'factored' : 'plain', momentum && 'momentum', scaled && 'scaled', fresh && 'first step'];
  const name = `${rows}x${cols} ${words.filter((word) => word !== false).join(', ')}, decay ${weightDecay}`;
  const draws = new Draws(`adafactor ${name}`);
  const n = rows * cols;
  const param = draws.values('f32', n);
  const grad = draws.values('f32', n, 1e-2);
  const squares = (count: number): Float64Array =>
    fresh
      ? new Float64Array(count)
      : draws.values('f32', count, 1e-2).map((value) => Math.fround(value * value + 1e-5));
  const row = squares(factored ? rows : 0);
  const column = squares(factored ? cols : n);
  const m = momentum ? draws.values('f32', n, 1e-3) : new Float64Array(0);
  const options: reference.AdafactorOptions = {
    rows,
    cols,
    factored,
    stepSize: 0.01,
    beta1: momentum ? 0.9 : 0,
    beta2: fresh ? 0 : 0.9,
    eps1: 1e-30,
    eps2: scaled ? 1e-3 : -1,
    clip: 1,
    weightDecay,
    gradScale: 0.37,
  };
  return kernelCase({
    op: 'adafactor',
    shape: name,
    dtype: 'f32',
    buffers: {
      param: update('f32', param),
      grad: input('f32', grad),
      m: update('f32', m),
      row: update('f32', row),
      column: update('f32', column),
    },
    call: (ops, at) =>
      ops.adafactor(
        rows,
        cols,
        at.param,
        at.grad,
        momentum ? at.m : 0,
        factored ? at.row : 0,
        at.column,
        options.stepSize,
        options.beta1,
        options.beta2,
        options.eps1,
        options.eps2,
        options.clip,
        weightDecay,
        options.gradScale,
      ),
    expected: () => {
      const after = reference.adafactor(param, grad, { param, m, row, column } as reference.AdafactorState, options);
      return {
        param: within(3, 'f32', after.param, 'decay, an update a hundredth of the parameter, a difference'),
        m: within(14, 'f32', after.m, 'the scaled gradient, two roots and quotients, two products, an fma'),
        row: within(5, 'f32', after.row, 'the scaled gradient twice, a mean, beta2, an fma'),
        column: within(5, 'f32', after.column, 'the scaled gradient twice, a mean, beta2, an fma'),
      };
    },
  });
}

/** The cases of this file. */
export function reductionCases(): Case[] {
  return [
    ...[...SIZES, MANY].map(sumCase),
    sumSquaresEachCase(),
    adamwCase({ n: 1, step: 1, weightDecay: 0, gradScale: 1 }),
    adamwCase({ n: 33, step: 1, weightDecay: 0.01, gradScale: 1 }),
    adamwCase({ n: 33, step: 7, weightDecay: 0.01, gradScale: 0.37 }),
    adamwCase({ n: 33, step: 3, weightDecay: 0, gradScale: 1, beta1: 0.4 }),
    adamwCase({ n: 16_401, step: 1000, weightDecay: 0.1, gradScale: 1 }),
    adamw8Case(1, 1, 0),
    adamw8Case(255, 1, 0.01),
    adamw8Case(513, 7, 0.01),
    adamw8Case(33_001, 3, 0),
    adafactorCase({ rows: 1, cols: 1 }),
    adafactorCase({ rows: 4, cols: 33, fresh: true }),
    adafactorCase({ rows: 65, cols: 7, momentum: true, weightDecay: 0.1 }),
    adafactorCase({ rows: 17, cols: 80, scaled: true }),
    adafactorCase({ rows: 1029, cols: 9, scaled: true }),
    adafactorCase({ rows: 2, cols: 16_401, weightDecay: 0.01 }),
    adafactorCase({ rows: 1, cols: 100, factored: false, scaled: true, fresh: true }),
    adafactorCase({ rows: 1, cols: 20_003, factored: false, momentum: true }),
  ];
}

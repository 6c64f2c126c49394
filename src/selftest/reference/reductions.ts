/** Sums, AdamW and Adafactor. */
import type { Numbers } from './formats';
import { midpoints, place } from './quantisation';

/** Neumaier's compensated sum: as good as twice the digits. */
export function sum(x: Numbers): number {
  let total = 0;
  let lost = 0;
  for (let i = 0; i < x.length; i++) {
    const next = total + x[i]!;
    lost += Math.abs(total) >= Math.abs(x[i]!) ? total - next + x[i]! : x[i]! - next + total;
    total = next;
  }
  return total + lost;
}

/** The square of an fp32 number is exact in double. */
export const sumSquares = (x: Numbers): number => sum(Float64Array.from(x, (value) => value * value));

export interface AdamWOptions {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** Counts from 1. */
  readonly step: number;
  /** Factor on the gradient (clipping). */
  readonly gradScale: number;
}

export interface AdamWState {
  readonly param: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
}

export interface AdafactorOptions {
  readonly rows: number;
  readonly cols: number;
  readonly factored: boolean;
  readonly stepSize: number;
  /** 0 keeps no first moment. */
  readonly beta1: number;
  readonly beta2: number;
  readonly eps1: number;
  /** Least root mean square of the parameter; negative: steps are not scaled by it. */
  readonly eps2: number;
  readonly clip: number;
  readonly weightDecay: number;
  readonly gradScale: number;
}

export interface AdafactorState {
  readonly param: Float64Array;
  readonly m: Float64Array;
  readonly row: Float64Array;
  /** Means of the columns, or the moment of every element. */
  readonly column: Float64Array;
}

/** One step of Adafactor (Shazeer and Stern 2018) as transformers defines it. */
export function adafactor(param: Numbers, grad: Numbers, before: AdafactorState, o: AdafactorOptions): AdafactorState {
  const { rows, cols, factored, beta1, beta2, weightDecay } = o;
  const g = Float64Array.from(grad, (value) => value * o.gradScale);
  const squares = g.map((value) => value * value + o.eps1);
  const rms = (x: Numbers): number => Math.sqrt(sumSquares(x) / x.length);
  const mix = (old: number, value: number): number => beta2 * old + (1 - beta2) * value;
  const rowOf = (r: number): Float64Array => squares.subarray(r * cols, (r + 1) * cols);
  const row = factored ? before.row.map((old, r) => mix(old, sum(rowOf(r)) / cols)) : before.row;
  const columnOf = (c: number): Float64Array => Float64Array.from({ length: rows }, (_, r) => squares[r * cols + c]!);
  const columnMean = (c: number): number => sum(columnOf(c)) / rows;
  const column = before.column.map((old, i) => mix(old, factored ? columnMean(i) : squares[i]!));
  const mean = factored ? sum(row) / rows : 1;
  const moment = (i: number): number =>
    factored ? (row[Math.floor(i / cols)]! / mean) * column[i % cols]! : column[i]!;
  const update = g.map((value, i) => value / Math.sqrt(moment(i)));
  const lr = o.stepSize * (o.eps2 < 0 ? 1 : Math.max(o.eps2, rms(param)));
  const divisor = Math.max(1, rms(update) / o.clip);
  const m = before.m.map((old, i) => beta1 * old + ((1 - beta1) * update[i]! * lr) / divisor);
  const next = Float64Array.from(param, (value, i) => {
    const change = m.length > 0 ? m[i]! : (update[i]! * lr) / divisor;
    return value - weightDecay * lr * value - change;
  });
  return { param: next, m, row, column };
}

/** One step of AdamW (Loshchilov and Hutter 2019) as torch.optim.AdamW defines it. */
export function adamw(param: Numbers, grad: Numbers, m: Numbers, v: Numbers, options: AdamWOptions): AdamWState {
  const { lr, beta1, beta2, eps, weightDecay, step, gradScale } = options;
  const g = Float64Array.from(grad, (value) => value * gradScale);
  const newM = Float64Array.from(m, (value, i) => beta1 * value + (1 - beta1) * g[i]!);
  const newV = Float64Array.from(v, (value, i) => beta2 * value + (1 - beta2) * g[i]! ** 2);
  const newParam = Float64Array.from(param, (value, i) => {
    const mHat = newM[i]! / (1 - beta1 ** step);
    const vHat = newV[i]! / (1 - beta2 ** step);
    return value - lr * weightDecay * value - (lr * mHat) / (Math.sqrt(vHat) + eps);
  });
  return { param: newParam, m: newM, v: newV };
}

/** A moment in 8 bits: codes, and the largest magnitude of each block of 256. */
export interface Moment8 {
  readonly codes: Uint8Array;
  readonly absmax: Float64Array;
}

export interface AdamW8State {
  readonly param: Float64Array;
  readonly m: Moment8;
  readonly v: Moment8;
}

/**
 * One step of AdamW with moments in 8 bits, as bitsandbytes' CUDA kernel defines it. Codes depend on the last bit of what they stand
 * for, so every operation is rounded to fp32 as the ops round it.
 */
export function adamw8bit(
  param: Numbers,
  grad: Numbers,
  m: Moment8,
  v: Moment8,
  maps: { readonly m: Float32Array; readonly v: Float32Array },
  { lr, beta1, beta2, eps, weightDecay, step, gradScale }: AdamWOptions,
): AdamW8State {
  const f = Math.fround;
  const restored = ({ codes, absmax }: Moment8, map: Float32Array, i: number): number =>
    f(map[codes[i]!]! * absmax[Math.floor(i / 256)]!);
  const kept = (x: Float64Array, map: Float32Array): Moment8 => {
    const bounds = midpoints(Array.from(map));
    const absmax = Float64Array.from({ length: Math.ceil(x.length / 256) }, (_, b) =>
      x.subarray(b * 256, b * 256 + 256).reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    );
    const codes = Uint8Array.from(x, (value, i) => {
      const code = place(bounds, f(value / (absmax[Math.floor(i / 256)]! || 1)));
      const negative = value < 0 || Object.is(value, -0);
      return negative && map[code] === 0 && code > 0 ? code - 1 : code;
    });
    return { codes, absmax };
  };
  const g = Float64Array.from(grad, (value) => f(value * f(gradScale)));
  const first = g.map((value, i) => f(f(1 - beta1) * value + f(restored(m, maps.m, i) * f(beta1))));
  const second = g.map((value, i) => f(f(f(1 - beta2) * value) * value + f(restored(v, maps.v, i) * f(beta2))));
  const rootBias = f(Math.sqrt(1 - beta2 ** step));
  const next = Float64Array.from(param, (value, i) => {
    const denominator = f(f(f(Math.sqrt(second[i]!)) / rootBias) + f(eps));
    const change = f(f(f(-(lr / (1 - beta1 ** step))) * first[i]!) / denominator);
    return f(f(value + change) * f(1 - lr * weightDecay));
  });
  return { param: next, m: kept(first, maps.m), v: kept(second, maps.v) };
}

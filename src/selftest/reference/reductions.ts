/** Sums and AdamW. */
import type { Numbers } from './formats';

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

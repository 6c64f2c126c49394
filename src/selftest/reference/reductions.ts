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

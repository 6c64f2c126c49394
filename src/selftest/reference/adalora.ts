/** AdaLoRA's parts (Zhang et al. 2023), in double. */
import type { Numbers } from './formats';

/** factors[r] * x[r, :]. */
export const scaleRows = (x: Numbers, factors: Numbers, cols: number): Float64Array =>
  Float64Array.from(x, (value, i) => value * factors[Math.floor(i / cols)]!);

/** x - I. */
export const subtractIdentity = (x: Numbers, n: number): Float64Array =>
  Float64Array.from(x, (value, i) => value - (Math.floor(i / n) === i % n ? 1 : 0));

export interface Importance {
  readonly sensitivity: Float64Array;
  readonly uncertainty: Float64Array;
}

/** Moving averages of |param * grad| and of its distance from its own average. */
export function importance(
  param: Numbers,
  grad: Numbers,
  before: { readonly sensitivity: Numbers; readonly uncertainty: Numbers },
  { gradScale, beta1, beta2 }: { readonly gradScale: number; readonly beta1: number; readonly beta2: number },
): Importance {
  const now = Float64Array.from(param, (value, i) => Math.abs(value * grad[i]! * gradScale));
  const sensitivity = now.map((value, i) => beta1 * before.sensitivity[i]! + (1 - beta1) * value);
  const uncertainty = now.map(
    (value, i) => beta2 * before.uncertainty[i]! + (1 - beta2) * Math.abs(value - sensitivity[i]!),
  );
  return { sensitivity, uncertainty };
}

/** Score of each triplet: that of its singular value, and the means of those of its two vectors. */
export function score(a: Numbers, e: Numbers, b: Numbers): Float64Array {
  const rank = e.length;
  const [inFeatures, outFeatures] = [a.length / rank, b.length / rank];
  return Float64Array.from(e, (value, r) => {
    let [left, right] = [0, 0];
    for (let i = 0; i < inFeatures; i++) right += a[r * inFeatures + i]!;
    for (let o = 0; o < outFeatures; o++) left += b[o * rank + r]!;
    return value + right / inFeatures + left / outFeatures;
  });
}

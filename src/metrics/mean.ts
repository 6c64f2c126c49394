/**
 * Means as numpy computes them. Its sums are pairwise, not from left to right; a Macro F1 over 82 classes that is summed
 * another way differs from scikit-learn's in the last bits.
 */

/** numpy's `add.reduce` over contiguous float64: blocks of at most 128, each in eight running sums. */
export function pairwiseSum(values: ArrayLike<number>, from = 0, count: number = values.length): number {
  if (count < 8) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[from + i]!;
    return sum;
  }
  if (count <= 128) {
    const lanes = Array.from({ length: 8 }, (_, lane) => values[from + lane]!);
    const whole = count - (count % 8);
    for (let i = 8; i < whole; i += 8) for (let lane = 0; lane < 8; lane++) lanes[lane]! += values[from + i + lane]!;
    const [a, b, c, d, e, f, g, h] = lanes as [number, number, number, number, number, number, number, number];
    let sum = a + b + (c + d) + (e + f + (g + h));
    for (let i = whole; i < count; i++) sum += values[from + i]!;
    return sum;
  }
  const half = Math.floor(count / 2);
  const left = half - (half % 8);
  return pairwiseSum(values, from, left) + pairwiseSum(values, from + left, count - left);
}

/** `numpy.mean`; NaN of nothing. */
export function mean(values: ArrayLike<number>): number {
  return pairwiseSum(values) / values.length;
}

/** `numpy.average(values, weights)`; the plain mean when all weights are zero, as scikit-learn falls back to. */
export function weightedMean(values: ArrayLike<number>, weights: ArrayLike<number>): number {
  const scale = pairwiseSum(weights);
  if (scale === 0) return mean(values);
  return pairwiseSum(Float64Array.from(values, (value, i) => value * weights[i]!)) / scale;
}

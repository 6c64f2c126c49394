/** bitsandbytes' 8-bit map, and torch's mean, which its double quantisation depends on. */

/**
 * A dynamic 8-bit map, ascending (bitsandbytes `functional.create_dynamic_map`): for each exponent 10^-6 .. 10^0, the midpoints of
 * equal steps of [0.1, 1], then 0 and 1. Signed: 2^i steps for the i-th exponent, each positive and negative; there is no -1.
 * Unsigned: twice as many.
 */
export function dynamicMap(signed = true): Float32Array {
  const values: number[] = [];
  for (let i = 0; i < 7; i++) {
    const steps = 2 ** (signed ? i : i + 1) + 1;
    const boundaries = linspaceF32(0.1, 1, steps);
    for (let j = 0; j + 1 < steps; j++) {
      const mean = Math.fround(Math.fround(boundaries[j]! + boundaries[j + 1]!) / 2);
      // torch multiplies the fp32 tensor by the Python scalar in fp32
      const value = Math.fround(Math.fround(10 ** (i - 6)) * mean);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  values.push(0, 1);
  return Float32Array.from(values).sort();
}

/** torch.linspace in fp32: the first half counts up from the start, the second down from the end, one fma each. */
function linspaceF32(start: number, end: number, steps: number): Float32Array {
  const step = Math.fround(Math.fround(end - start) / (steps - 1));
  const first = Math.fround(start);
  const last = Math.fround(end);
  return Float32Array.from({ length: steps }, (_, i) =>
    i < Math.floor(steps / 2) ? Math.fround(first + step * i) : Math.fround(last - step * (steps - i - 1)),
  );
}

/** Lanes of the vector torch sums with (its sum kernel is built for AVX2 at most). */
const LANES = 8;
/** Rows of vectors torch sums side by side. */
const ROWS = 4;
const LEVELS = 4;

/**
 * torch.mean of contiguous fp32 values on one CPU thread, to the bit: bitsandbytes takes the offset of double quantisation
 * from it, and one unit in its last place changes codes. Sums cascade over four levels in 8 lanes by 4 rows
 * (aten/src/ATen/native/cpu/SumKernel.cpp). With several threads torch splits 32,768 values or more and may differ.
 */
export function torchMean(values: Float32Array): number {
  const vectors = Math.floor(values.length / LANES);
  const lanes = rowSum(values, vectors);
  let total = 0;
  for (let i = vectors * LANES; i < values.length; i++) total = Math.fround(total + values[i]!);
  for (const lane of lanes) total = Math.fround(total + lane);
  return Math.fround(total / values.length);
}

const ceilLog2 = (x: number): number => (x <= 2 ? 1 : 32 - Math.clz32(x - 1));

/** Sum of `count` vectors, one result per lane. */
function rowSum(values: Float32Array, count: number): Float32Array {
  const groups = Math.floor(count / ROWS);
  const partial = cascade(values, groups);
  const addVector = (into: number, vector: number): void => {
    for (let lane = 0; lane < LANES; lane++) partial[into * LANES + lane]! += values[vector * LANES + lane]!;
  };
  for (let vector = groups * ROWS; vector < count; vector++) addVector(0, vector);
  for (let row = 1; row < ROWS; row++) {
    for (let lane = 0; lane < LANES; lane++) partial[lane]! += partial[row * LANES + lane]!;
  }
  return partial.subarray(0, LANES);
}

/** Cascade sums of `size` groups of ROWS vectors: [ROWS * LANES]. Typed-array stores round each addition to fp32. */
function cascade(values: Float32Array, size: number): Float32Array {
  const width = ROWS * LANES;
  const power = Math.max(4, Math.floor(ceilLog2(size) / LEVELS));
  const step = 2 ** power;
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const bottom = levels[0]!;
  const addGroup = (group: number): void => {
    for (let i = 0; i < width; i++) bottom[i]! += values[group * width + i]!;
  };
  let group = 0;
  while (group + step <= size) {
    for (let j = 0; j < step; j++, group++) addGroup(group);
    for (let level = 1; level < LEVELS; level++) {
      const above = levels[level]!;
      const below = levels[level - 1]!;
      for (let i = 0; i < width; i++) above[i]! += below[i]!;
      below.fill(0);
      if (Math.floor(group / 2 ** (level * power)) % step !== 0) break;
    }
  }
  for (; group < size; group++) addGroup(group);
  for (let level = 1; level < LEVELS; level++) {
    for (let i = 0; i < width; i++) bottom[i]! += levels[level]![i]!;
  }
  return bottom;
}

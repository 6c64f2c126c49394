/**
 * Exact gradients of the references by central finite differences in double precision.
 *
 * With step h the error is h^2 f'''/6 from the curve and eps |f| / h from rounding: about 1e-10 of the values below, a
 * thousandth of an fp32 tolerance. No derivative is ever written down, so none can share a mistake with a kernel.
 */
import type { Numbers } from './reference/formats';

/** Near the cube root of the double's epsilon, where both errors are equal; a power of two, so that x + h is exact. */
export const STEP = 2 ** -17;

/**
 * The gradient of `f` at `x`, for the coordinates asked for (all by default) and 0 elsewhere.
 * `f` is given one array that changes between calls; it must not keep it.
 */
export function gradient(f: (x: Float64Array) => number, x: Numbers, coordinates?: readonly number[]): Float64Array {
  const point = Float64Array.from(x);
  const result = new Float64Array(point.length);
  const differentiate = (i: number): void => {
    const centre = point[i]!;
    point[i] = centre + STEP;
    const above = f(point);
    point[i] = centre - STEP;
    const below = f(point);
    point[i] = centre;
    result[i] = (above - below) / (2 * STEP);
  };
  if (coordinates === undefined) for (let i = 0; i < point.length; i++) differentiate(i);
  else for (const i of coordinates) differentiate(i);
  return result;
}

/** sum(x * weights): the scalar whose gradient a backward kernel computes when the output's gradient is `weights`. */
export function project(x: Numbers, weights: Numbers): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += x[i]! * weights[i]!;
  return total;
}

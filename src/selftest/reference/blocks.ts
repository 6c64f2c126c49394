/** What is between the matrix products of a transformer block: embedding, norm, rotation, rows. */
import type { Numbers } from './formats';

/** y[t, :] = table[ids[t], :] */
export function embedding(table: Numbers, ids: Numbers, hidden: number): Float64Array {
  return gatherRows(table, ids, hidden);
}

/** y[i, :] = x[rows[i], :] */
export function gatherRows(x: Numbers, rows: Numbers, cols: number): Float64Array {
  return Float64Array.from(
    { length: rows.length * cols },
    (_, i) => x[rows[Math.floor(i / cols)]! * cols + (i % cols)]!,
  );
}

/** `before` with row rows[i] replaced by row i of x. */
export function scatterRows(x: Numbers, rows: Numbers, cols: number, before: Numbers): Float64Array {
  const y = Float64Array.from(before);
  for (let i = 0; i < rows.length; i++) for (let c = 0; c < cols; c++) y[rows[i]! * cols + c] = x[i * cols + c]!;
  return y;
}

/** 1 / sqrt(mean(x^2) + eps) of each row. */
export function reciprocalRms(x: Numbers, cols: number, eps: number): Float64Array {
  return Float64Array.from({ length: x.length / cols }, (_, row) => {
    let squares = 0;
    for (let c = 0; c < cols; c++) squares += x[row * cols + c]! ** 2;
    return 1 / Math.sqrt(squares / cols + Math.fround(eps));
  });
}

/** RMSNorm (Zhang and Sennrich 2019): x / rms(x) * w over rows of `w.length` elements. */
export function rmsNorm(x: Numbers, w: Numbers, eps: number): Float64Array {
  const cols = w.length;
  const rstd = reciprocalRms(x, cols, eps);
  return Float64Array.from(x, (value, i) => value * rstd[Math.floor(i / cols)]! * w[i % cols]!);
}

/** x + b in every row of `b.length` elements. */
export function addBias(x: Numbers, b: Numbers): Float64Array {
  return Float64Array.from(x, (value, i) => value + b[i % b.length]!);
}

export interface RotationTables {
  /** [positions, head_dim / 2] */
  readonly cos: Numbers;
  readonly sin: Numbers;
  /** [tokens] */
  readonly positions: Numbers;
}

/**
 * Rotary embedding (Su et al. 2021) in transformers' half-split layout: elements c and c + head_dim/2 of a head are the
 * coordinates of a point that is rotated by the angle of the token's position; `inverse` rotates it back.
 */
export function rope(
  x: Numbers,
  heads: number,
  headDim: number,
  { cos, sin, positions }: RotationTables,
  inverse = false,
): Float64Array {
  const half = headDim / 2;
  const y = new Float64Array(x.length);
  for (let token = 0; token < positions.length; token++) {
    for (let head = 0; head < heads; head++) {
      for (let c = 0; c < half; c++) {
        const first = (token * heads + head) * headDim + c;
        const second = first + half;
        const cosine = cos[positions[token]! * half + c]!;
        const sine = sin[positions[token]! * half + c]! * (inverse ? -1 : 1);
        y[first] = x[first]! * cosine - x[second]! * sine;
        y[second] = x[second]! * cosine + x[first]! * sine;
      }
    }
  }
  return y;
}

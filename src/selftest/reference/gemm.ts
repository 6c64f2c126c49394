/** The matrix product from its definition. */
import { type FloatDtype, type Numbers, rounded } from './formats';

/** A stored matrix; `ld` is its row stride in elements. */
export interface Stored {
  readonly values: Numbers;
  readonly ld: number;
  readonly transposed: boolean;
}

const at = ({ values, ld, transposed }: Stored, row: number, col: number): number =>
  values[transposed ? col * ld + row : row * ld + col]!;

/** A matrix whose rows follow each other, as it is or transposed. */
export const dense = (values: Numbers, ld: number, transposed = false): Stored => ({ values, ld, transposed });

/** alpha * op(A) op(B): [m, n], dense. The operands are rounded to `compute` first; sums are exact. */
export function gemm(
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: Stored,
  b: Stored,
  compute: FloatDtype = 'f32',
): Float64Array {
  if (compute !== 'f32') {
    return gemm(
      m,
      n,
      k,
      alpha,
      { ...a, values: rounded(compute, a.values) },
      { ...b, values: rounded(compute, b.values) },
    );
  }
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let inner = 0; inner < k; inner++) sum += at(a, i, inner) * at(b, inner, j);
      c[i * n + j] = alpha * sum;
    }
  }
  return c;
}

/** x [rows, in] times the transpose of w [out, in]: torch's linear without bias. */
export function linear(x: Numbers, w: Numbers, inFeatures: number): Float64Array {
  return gemm(
    x.length / inFeatures,
    w.length / inFeatures,
    inFeatures,
    1,
    dense(x, inFeatures),
    dense(w, inFeatures, true),
  );
}

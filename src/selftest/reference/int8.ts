/**
 * LLM.int8 (Dettmers et al. 2022) as bitsandbytes' default back end defines it, fp32 rounding included: codes, scales and
 * scaled integer products are meant to be equal to the bit.
 */
import { type FloatDtype, type Numbers, roundTo } from './formats';

export interface Int8Rows {
  /** In [-127, 127]. */
  readonly codes: Int8Array;
  /** fp32, one per row. */
  readonly absmax: Float64Array;
  /** Columns with an outlier, ascending. */
  readonly outliers: readonly number[];
}

/** 1/127 and 1/127^2 as bitsandbytes writes them. */
const CODE_SCALE = Math.fround(7.874015718698502e-3);
const PRODUCT_SCALE = Math.fround(6.200124e-5);

/** Rows of x through fp16; codes of columns with any |x| >= threshold are 0, and such values are left out of absmax. */
export function quantizeInt8(x: Numbers, cols: number, threshold: number): Int8Rows {
  const half = Array.from(x, (value) => roundTo('f16', value));
  const isOutlier = (value: number): boolean => threshold > 0 && Math.abs(value) >= threshold;
  const outliers = [...new Set(half.flatMap((value, i) => (isOutlier(value) ? [i % cols] : [])))].sort((a, b) => a - b);
  const rows = half.length / cols;
  const absmax = Float64Array.from({ length: rows }, (_, row) =>
    half
      .slice(row * cols, (row + 1) * cols)
      .reduce((most, value) => (isOutlier(value) ? most : Math.max(most, Math.abs(value))), 0),
  );
  const codes = Int8Array.from(half, (value, i) => {
    const scale = absmax[Math.floor(i / cols)]!;
    if (scale === 0 || outliers.includes(i % cols)) return 0;
    return roundHalfToEven(Math.fround(value * Math.fround(127 * Math.fround(1 / scale))));
  });
  return { codes, absmax, outliers };
}

/** The matrix restored from the codes, in `dtype`. */
export function dequantizeInt8({ codes, absmax }: Int8Rows, cols: number, dtype: FloatDtype): Float64Array {
  return Float64Array.from(codes, (code, i) =>
    roundTo(dtype, Math.fround(code * Math.fround(absmax[Math.floor(i / cols)]! * CODE_SCALE))),
  );
}

/** x W^T: integer products scaled and rounded to `dtype`, then the outlier columns of x itself, one product at a time. */
export function int8Linear(x: Numbers, rows: Int8Rows, w: Int8Rows, cols: number, dtype: FloatDtype): Float64Array {
  const outputs = w.absmax.length;
  return Float64Array.from({ length: rows.absmax.length * outputs }, (_, i) => {
    const [row, output] = [Math.floor(i / outputs), i % outputs];
    let sum = 0;
    for (let c = 0; c < cols; c++) sum += rows.codes[row * cols + c]! * w.codes[output * cols + c]!;
    const scale = Math.fround(rows.absmax[row]! * w.absmax[output]!);
    let y = roundTo(dtype, Math.fround(Math.fround(Math.fround(sum) * scale) * PRODUCT_SCALE));
    for (const c of rows.outliers) {
      const code = Math.fround(w.codes[output * cols + c]! * w.absmax[output]!);
      y = Math.fround(y + x[row * cols + c]! * roundTo(dtype, Math.fround(code * CODE_SCALE)));
    }
    return roundTo(dtype, y);
  });
}

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * Number formats from their definition (IEEE 754): a value is rounded to the nearest multiple of the spacing its format has
 * at that magnitude, ties to the even multiple.
 */

/** What the references read: any list of numbers. */
export type Numbers = ArrayLike<number>;

export interface Format {
  /** Significant bits, the implied one included. */
  readonly precision: number;
  /** Exponent of the smallest normal number. */
  readonly minExponent: number;
  /** Exponent of the largest numbers. */
  readonly maxExponent: number;
}

export const FORMATS = {
  f32: { precision: 24, minExponent: -126, maxExponent: 127 },
  bf16: { precision: 8, minExponent: -126, maxExponent: 127 },
  f16: { precision: 11, minExponent: -14, maxExponent: 15 },
} as const satisfies Record<string, Format>;

export type FloatDtype = keyof typeof FORMATS;

/** Largest relative error of one rounding to nearest: half a unit of the last of `precision` bits. */
export const unitRoundoff = (dtype: FloatDtype): number => 2 ** -FORMATS[dtype].precision;

/** `x` rounded to a format; overflow gives infinity, NaN stays NaN. */
export function roundTo(dtype: FloatDtype, x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const { precision, minExponent, maxExponent } = FORMATS[dtype];
  const exponent = Math.max(floorLog2(Math.abs(x)), minExponent);
  const spacing = 2 ** (exponent - precision + 1);
  const magnitude = roundHalfToEven(Math.abs(x) / spacing) * spacing;
  return Math.sign(x) * (magnitude >= 2 ** (maxExponent + 1) ? Number.POSITIVE_INFINITY : magnitude);
}

/** Every element rounded. */
export function rounded(dtype: FloatDtype, x: Numbers): Float64Array {
  return Float64Array.from(x, (value) => roundTo(dtype, value));
}

// --- internal ---

/** The exponent e with 2^e <= x < 2^(e+1). */
function floorLog2(x: number): number {
  let exponent = Math.floor(Math.log2(x));
  while (2 ** exponent > x) exponent--;
  while (2 ** (exponent + 1) <= x) exponent++;
  return exponent;
}

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

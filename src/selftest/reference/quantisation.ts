/**
 * bitsandbytes' 4-bit and blockwise 8-bit formats as its default (plain torch) back end computes them on a CPU. These are
 * definitions in fp32, rounding included: codes and values are meant to be equal to the bit, so every operation rounds.
 */
import { type FloatDtype, type Numbers, roundTo } from './formats';

export type Kind4 = 'nf4' | 'fp4';

/** The values of the sixteen codes (Dettmers et al. 2023, "QLoRA", appendix E, for NF4). */
export const CODE_BOOKS: Readonly<Record<Kind4, readonly number[]>> = {
  nf4: [
    -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
  ],
  fp4: [
    0, 0.0052083334885537624, 0.6666666865348816, 1, 0.3333333432674408, 0.5, 0.1666666716337204, 0.25, 0,
    -0.0052083334885537624, -0.6666666865348816, -1, -0.3333333432674408, -0.5, -0.1666666716337204, -0.25,
  ],
};

/** A scale is taken to be at least this before anything is divided by it. */
const SMALLEST_SCALE = Math.fround(1e-38);

export interface Quantised {
  readonly codes: Uint8Array;
  /** fp32, one per block. */
  readonly absmax: Float64Array;
}

/**
 * Blocks of `blocksize` brought to [-1, 1]: a whole block is multiplied by the reciprocal of its largest magnitude, a
 * shorter last block is divided by it. Only the last block stores the clamped scale.
 */
function scaledBlocks(x: Numbers, blocksize: number): { scaled: number[]; absmax: Float64Array } {
  const scaled: number[] = [];
  const absmax: number[] = [];
  for (let begin = 0; begin < x.length; begin += blocksize) {
    const block = Array.from({ length: Math.min(blocksize, x.length - begin) }, (_, i) => x[begin + i]!);
    const whole = block.length === blocksize;
    const largest = block.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const scale = Math.max(largest, SMALLEST_SCALE);
    absmax.push(whole ? largest : scale);
    const reciprocal = Math.fround(1 / scale);
    for (const value of block) {
      const ratio = Math.fround(whole ? value * reciprocal : value / scale);
      scaled.push(Math.min(1, Math.max(-1, ratio)));
    }
  }
  return { scaled, absmax: Float64Array.from(absmax) };
}

/** Fp32 midpoints between neighbours of ascending values. */
export const midpoints = (values: readonly number[]): number[] =>
  values.slice(1).map((value, i) => Math.fround(Math.fround(value + values[i]!) / 2));

/** How many bounds are below x: the nearest value's place, the lower one on a tie. */
export const place = (bounds: readonly number[], x: number): number => bounds.filter((bound) => bound < x).length;

/** Codes in the order of their values; of FP4's two zeros the one with the sign bit (8) is above the other. */
function sortedCodes(kind: Kind4): number[] {
  const book = CODE_BOOKS[kind];
  return book.map((_, code) => code).sort((a, b) => book[a]! - book[b]! || a - b);
}

/** Nearest codes of x / absmax, two a byte, the even element in the high nibble; an odd count is padded with a zero. */
export function quantize4bit(kind: Kind4, x: Numbers, blocksize: number): Quantised {
  const order = sortedCodes(kind);
  const bounds = midpoints(order.map((code) => CODE_BOOKS[kind][code]!));
  const { scaled, absmax } = scaledBlocks(x, blocksize);
  if (scaled.length % 2 === 1) scaled.push(0);
  const codes = scaled.map((value) => order[place(bounds, value)]!);
  const packed = Uint8Array.from({ length: codes.length / 2 }, (_, i) => codes[2 * i]! * 16 + codes[2 * i + 1]!);
  return { codes: packed, absmax };
}

/** code book value * absmax in fp32, then rounded to the output type. */
export function dequantize4bit(
  kind: Kind4,
  n: number,
  packed: Uint8Array,
  absmax: Numbers,
  blocksize: number,
  dtype: FloatDtype,
): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    const byte = packed[Math.floor(i / 2)]!;
    const code = i % 2 === 0 ? byte >> 4 : byte & 15;
    return roundTo(dtype, Math.fround(CODE_BOOKS[kind][code]! * absmax[Math.floor(i / blocksize)]!));
  });
}

/** codes[i] = index of the entry of the ascending `map` nearest to (x[i] - offset) / absmax, absmax of x - offset per block. */
export function quantize8bit(x: Numbers, blocksize: number, offset: number, map: Numbers): Quantised {
  const shifted = Float64Array.from(x, (value) => Math.fround(value - Math.fround(offset)));
  const bounds = midpoints(Array.from(map));
  const { scaled, absmax } = scaledBlocks(shifted, blocksize);
  return { codes: Uint8Array.from(scaled, (value) => place(bounds, value)), absmax };
}

/** map[code] * absmax + offset, each operation rounded to fp32. */
export function dequantize8bit(
  codes: Uint8Array,
  absmax: Numbers,
  blocksize: number,
  offset: number,
  map: Numbers,
): Float64Array {
  return Float64Array.from(codes, (code, i) =>
    Math.fround(Math.fround(map[code]! * absmax[Math.floor(i / blocksize)]!) + Math.fround(offset)),
  );
}

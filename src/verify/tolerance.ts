/**
 * What a printed number allows: "0.4441" stands for every value that rounds to it, and for no other.
 *
 * Comparisons with the ends of a rounding interval are exact: a double is a binary fraction and a printed string a decimal
 * one, and both are compared as ratios of integers. There is nothing to tune here.
 */

import { specError } from '../errors';

/** A printed number, `mantissa * 10^exponent`; the exponent says how many digits were printed. */
export interface Printed {
  readonly text: string;
  readonly mantissa: bigint;
  readonly exponent: number;
  /** The paper itself says "about" (`~29.33`). */
  readonly approximate: boolean;
}

/** An exact decimal, `mantissa * 10^exponent`. */
export interface Decimal {
  readonly mantissa: bigint;
  readonly exponent: number;
}

/**
 * Reads a number as papers print it: `0.4441`, `27,951`, `~29.33`, `44.4%`, `1.2e-5`, `2×10^-4`, `−0.5`.
 *
 * @throws MedreproError `spec` when it is not a number.
 */
export function parsePrinted(text: string): Printed {
  const plain = text
    .trim()
    .replace(/\u2212/g, '-')
    .replace(/\s+/g, ' ');
  const match = plain.length > MAX_PRINTED ? null : PRINTED.exec(plain);
  const shift = Number((match?.[5] ?? match?.[6] ?? '0').replace(/[{}^]/g, ''));
  if (match === null || !/\d/.test(plain) || Math.abs(shift) > MAX_EXPONENT) {
    throw specError(
      `'${text.length > MAX_PRINTED ? `${text.slice(0, MAX_PRINTED)}…` : text}' is not a printed number`,
      { remedy: "write it as the paper does: '0.444'" },
    );
  }
  const [, about, sign, whole = '', fraction = '', , , percent] = match;
  const digits = whole.replaceAll(',', '') + fraction;
  const mantissa = BigInt(digits) * (sign === '-' ? -1n : 1n);
  const exponent = shift - fraction.length - (percent === undefined ? 0 : 2);
  return { text, mantissa, exponent, approximate: about !== undefined };
}

/** The double nearest to a printed number. */
export function printedValue(text: string): number {
  return decimalToNumber(parsePrinted(text));
}

/** The values that round to the printed one: x -+ half of its last digit, both ends included. */
export function roundingInterval(printed: Printed): { readonly low: Decimal; readonly high: Decimal } {
  const exponent = printed.exponent - 1;
  return {
    low: { mantissa: printed.mantissa * 10n - 5n, exponent },
    high: { mantissa: printed.mantissa * 10n + 5n, exponent },
  };
}

/** How a measured value agrees with a printed one, with the arithmetic. */
export interface PrintedCheck {
  /** By rounding; else truncated (`floor`) or rounded up (`ceil`); null = not at all. */
  readonly how: 'rounded' | 'floor' | 'ceil' | null;
  readonly arithmetic: string;
}

/** Whether `value` could have been printed as `text`. */
export function checkPrinted(value: number, text: string): PrintedCheck {
  const printed = parsePrinted(text);
  const { low, high } = roundingInterval(printed);
  const about = printed.approximate ? ', printed as approximate' : '';
  const interval = `[${formatDecimal(low)}, ${formatDecimal(high)}]${about}`;
  if (inside(value, low, high))
    return { how: 'rounded', arithmetic: `${value} is inside ${interval}, so it prints as ${text}` };
  // the double nearest to a neighbouring decimal counts as that neighbour, on whichever side of it the double is
  const next = { mantissa: printed.mantissa + 1n, exponent: printed.exponent };
  const before = { mantissa: printed.mantissa - 1n, exponent: printed.exponent };
  if (inside(value, printed, next) && value !== decimalToNumber(next)) {
    return {
      how: 'floor',
      arithmetic: `${value} is outside ${interval}, but prints as ${text} when cut off instead of rounded`,
    };
  }
  if (inside(value, before, printed) && value !== decimalToNumber(before)) {
    return { how: 'ceil', arithmetic: `${value} is outside ${interval}, but prints as ${text} when rounded up` };
  }
  return { how: null, arithmetic: `${value} is outside ${interval}` };
}

/** Half of the last printed digit: 0.0005 for `0.444`. */
export function halfUnit(text: string): number {
  const { exponent } = parsePrinted(text);
  return decimalToNumber({ mantissa: 5n, exponent: exponent - 1 });
}

/** Below 0 when `value` is less than `decimal`, 0 when equal, above 0 when greater; exact. */
export function compareDecimal(value: number, decimal: Decimal): number {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? Number.NaN : value;
  let [left, right] = [1n, decimal.mantissa];
  const { mantissa, exponent } = binaryOf(value);
  left = mantissa;
  if (exponent >= 0) left <<= BigInt(exponent);
  else right <<= BigInt(-exponent);
  if (decimal.exponent >= 0) right *= 10n ** BigInt(decimal.exponent);
  else left *= 10n ** BigInt(-decimal.exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A decimal as plain digits: `0.4445`. */
export function formatDecimal({ mantissa, exponent }: Decimal): string {
  const sign = mantissa < 0n ? '-' : '';
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString();
  if (exponent >= 0) return sign + digits + '0'.repeat(digits === '0' ? 0 : exponent);
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

/** The 64 bits of a double as 16 hex digits, sign first. */
export function bitsOf(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0).toString(16).padStart(16, '0');
}

// --- internal ---

/** More characters than any paper prints of a number, and an exponent that doubles do not have. */
const MAX_PRINTED = 100;
const MAX_EXPONENT = 400;

const PRINTED =
  /^(~|≈|about |approximately )? ?([+-])?(\d{1,3}(?:,\d{3})+|\d+)?(?:\.(\d+))?(?:[eE]([+-]?\d+)| ?[×x*] ?10 ?(\^?\{?[+-]?\d+\}?))? ?(%)?$/;

function inside(value: number, low: Decimal, high: Decimal): boolean {
  return compareDecimal(value, low) >= 0 && compareDecimal(value, high) <= 0;
}

/** The double nearest to a decimal. Through the string: parsing rounds once, arithmetic would round at every step. */
export function decimalToNumber({ mantissa, exponent }: Decimal): number {
  return Number(`${mantissa}e${exponent}`);
}

/** A finite double as `mantissa * 2^exponent`, exactly. */
function binaryOf(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const magnitude = biased === 0 ? fraction : fraction | (1n << 52n);
  return { mantissa: bits >> 63n === 1n ? -magnitude : magnitude, exponent: Math.max(biased, 1) - 1075 };
}

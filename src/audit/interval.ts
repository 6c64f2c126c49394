/**
 * Interval arithmetic on printed numbers: "19.61" stands for every value that rounds to it, and a statement is consistent
 * when some choice of such values makes it true.
 *
 * Ends are widened by a relative 1e-12: a boundary that doubles miss by their own rounding must not become a finding.
 */

import { decimalToNumber, parsePrinted, roundingInterval } from '../verify/tolerance';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** What a printed string allows, times `unit`. A leading `+` is a sign, `±` nothing. @throws MedreproError `spec` */
export function printedInterval(text: string, unit = 1): Interval {
  const { low, high } = roundingInterval(parsePrinted(text.replace(/^\s*\+/, '')));
  return scale({ low: decimalToNumber(low), high: decimalToNumber(high) }, unit);
}

/**
 * What a printed string allows where whole numbers are counts: one without decimals, exponent, percent sign or `~` stands
 * for itself, anything else for every value that rounds to it. @throws MedreproError `spec`
 */
export function countInterval(text: string): Interval {
  return isWhole(text) ? exact(printedNumber(text)) : printedInterval(text);
}

/** Whether a printed string is a whole number as counts are printed: `3`, `16,404`, `-2`; not `~3`, `3.0`, `3%`. */
export const isWhole = (text: string): boolean => /^[+\-\u2212]?\d[\d,]*$/.test(text.trim());

/** The value in the middle of {@link printedInterval}. */
export function printedNumber(text: string, unit = 1): number {
  return decimalToNumber(parsePrinted(text.replace(/^\s*\+/, ''))) * unit;
}

export const exact = (value: number): Interval => ({ low: value, high: value });

export function subtract(a: Interval, b: Interval): Interval {
  return { low: a.low - b.high, high: a.high - b.low };
}

export function add(a: Interval, b: Interval): Interval {
  return { low: a.low + b.low, high: a.high + b.high };
}

export function multiply(a: Interval, b: Interval): Interval {
  const ends = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
  return { low: Math.min(...ends), high: Math.max(...ends) };
}

/** Null when the divisor may be zero. */
export function divide(a: Interval, b: Interval): Interval | null {
  if (b.low <= 0 && b.high >= 0) return null;
  return multiply(a, { low: 1 / b.high, high: 1 / b.low });
}

export const exp = ({ low, high }: Interval): Interval => ({ low: Math.exp(low), high: Math.exp(high) });

export function scale({ low, high }: Interval, by: number): Interval {
  return by < 0 ? { low: high * by, high: low * by } : { low: low * by, high: high * by };
}

/** Whether some value lies in both. */
export function meet(a: Interval, b: Interval): boolean {
  const slack = 1e-12 * Math.max(Math.abs(a.low), Math.abs(a.high), Math.abs(b.low), Math.abs(b.high));
  return a.low <= b.high + slack && b.low <= a.high + slack;
}

/** `[0.404, 0.405]` with seven digits. */
export function show({ low, high }: Interval): string {
  return low === high ? digits(low) : `[${digits(low)}, ${digits(high)}]`;
}

/** At most seven significant digits, integers whole. */
export function digits(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(7)));
}

/**
 * Typed access to what citty parsed. A rejected value is a usage error that names the flag.
 */

import { usageError } from '../errors';

export class Flags {
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    /** The words that are not flags: targets, files. */
    readonly words: readonly string[],
  ) {}

  /** A boolean flag; false when it was not given and has no default. */
  is(name: string): boolean {
    return this.values[name] === true;
  }

  /** null when it was not given and has no default. */
  text(name: string): string | null {
    const value = this.values[name];
    return typeof value === 'string' ? value : null;
  }

  /** One of `options`, or null when the flag was not given. */
  choice<const T extends string>(name: string, options: readonly T[]): T | null {
    const text = this.text(name);
    if (text === null) return null;
    const found = options.find((option) => option === text);
    if (found === undefined) throw usageError(`--${name} is one of ${options.join(', ')}, not '${text}'`);
    return found;
  }

  /** A whole number within [min, max], or null when the flag was not given. */
  integer(name: string, range: { min: number; max?: number }): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const { min, max = Number.MAX_SAFE_INTEGER } = range;
    const value = Number(text);
    if (!/^[+-]?\d+$/.test(text) || value < min || value > max) {
      const bounds = range.max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
      throw usageError(`--${name} takes a whole number ${bounds}, not '${text}'`);
    }
    return value;
  }

  /** A number within [min, max], or above `above`; null when the flag was not given. */
  number(name: string, range: { min?: number; above?: number; max?: number }): number | null {
    const text = this.text(name);
    if (text === null) return null;
    const { min, above, max } = range;
    const value = Number(text);
    const low = above === undefined ? value >= (min ?? Number.NEGATIVE_INFINITY) : value > above;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !low || value > (max ?? Number.MAX_VALUE)) {
      const lower = above === undefined ? (min === undefined ? [] : [`of at least ${min}`]) : [`above ${above}`];
      const bounds = [...lower, ...(max === undefined ? [] : [`at most ${max}`])].join(' and ');
      throw usageError(`--${name} takes a number ${bounds}, not '${text}'`, 'write it as 0.1 or 1e-3');
    }
    return value;
  }
}

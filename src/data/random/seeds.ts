/** Checks that every generator shares: seeds come from specs and from `--seed`, so a bad one is a usage error. */

import { usageError } from '../../errors';

/** The largest seed numpy's RandomState takes. */
export const MAX_SEED_32 = 2 ** 32 - 1;

/**
 * A seed as a safe non-negative integer up to `max`.
 *
 * @throws MedreproError `usage` when it is not an integer in [0, max].
 */
export function checkSeed(seed: number, max: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(seed) && seed >= 0 && seed <= max) return seed;
  throw usageError(`seed ${seed} is not an integer from 0 to ${max}`, 'choose another --seed (or seed in the spec)');
}

/**
 * A whole number of items that fits the generators' 32-bit draws.
 *
 * @throws MedreproError `usage` when it is not an integer in [0, max].
 */
export function checkCount(n: number, max: number = MAX_SEED_32): number {
  if (Number.isSafeInteger(n) && n >= 0 && n <= max) return n;
  throw usageError(`cannot permute ${n} items: not an integer from 0 to ${max}`);
}

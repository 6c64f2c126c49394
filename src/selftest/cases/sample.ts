/** Which coordinates of a gradient are differentiated. */
import type { Draws } from '../draws';

/**
 * All of n coordinates when that costs at most `budget` operations (each evaluates a function of `work` operations
 * twice); otherwise the first, the last and as many others as are affordable, at least 12 in all.
 */
export function sample(draws: Draws, n: number, work: number, budget = 4e6): number[] {
  const affordable = Math.max(12, Math.floor(budget / (2 * work)));
  if (n <= affordable) return Array.from({ length: n }, (_, i) => i);
  const between = Array.from(draws.distinct(affordable - 2, n - 2), (i) => i + 1);
  return [0, n - 1, ...between];
}

/** Draws for the bootstrap: resample r of item i is the same number in every order and on every machine. */
import { philox4x32 } from '../data/random/philox';

/**
 * Fills `indices` with draws from 0 ... n-1, with replacement.
 *
 * @param seed the key
 * @param resample counts the draws of a bootstrap from 0
 * @param stream keeps draws for different purposes apart
 */
export function drawIndices(indices: Uint32Array, n: number, seed: number, resample: number, stream: number): void {
  const words = new Uint32Array(4);
  for (let i = 0; i < indices.length; i++) {
    if ((i & 3) === 0) philox4x32(i >>> 2, resample, stream, 0, seed, Math.floor(seed / 2 ** 32), words);
    // the high word of a 32 x 32 bit product, exact below 2^53
    indices[i] = Math.floor(((words[i & 3] ?? 0) * n) / 2 ** 32);
  }
}

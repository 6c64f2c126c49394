/**
 * numpy's legacy `RandomState(seed)`, which scikit-learn draws from.
 *
 * Equals numpy bit for bit (its stream is frozen since 1.16): test/fixtures/numpy/randomstate.json.
 */

import { maskedInterval, range, shuffle, type Uint32Source } from './interval';
import { Mt19937 } from './mt19937';
import { checkCount, checkSeed, MAX_SEED_32 } from './seeds';

export class RandomState implements Uint32Source {
  private readonly twister: Mt19937;

  /** @throws MedreproError `usage` for a seed outside [0, 2^32), as numpy. */
  constructor(seed: number) {
    this.twister = new Mt19937(checkSeed(seed, MAX_SEED_32));
  }

  nextUint32(): number {
    return this.twister.nextUint32();
  }

  /** A uniform double in [0, 1) with 53 bits. Equals `random_sample()`. */
  randomSample(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A uniform integer in [low, high). Equals `randint(low, high)` for ranges below 2^32. */
  randint(low: number, high: number): number {
    return low + maskedInterval(this, high - low - 1);
  }

  /** `permutation(n)`: (n,) indices. */
  permutation(n: number): Uint32Array {
    const items = range(checkCount(n));
    shuffle(this, items);
    return items;
  }

  /** A shuffled copy. Equals `permutation(items)`. */
  permuted(items: Uint32Array): Uint32Array {
    const copy = items.slice();
    shuffle(this, copy);
    return copy;
  }

  /** Shuffles in place. Equals `shuffle(items)`. */
  shuffle(items: Uint32Array): void {
    shuffle(this, items);
  }

  /** `size` distinct items. Equals `choice(items, size, replace=False)`: the head of a full permutation. */
  choiceWithoutReplacement(items: Uint32Array, size: number): Uint32Array {
    return this.permutation(items.length)
      .subarray(0, size)
      .map((i) => items[i]!);
  }
}

/**
 * numpy's `default_rng`: a Generator over PCG64 (XSL-RR, 128 bits of state), seeded by SeedSequence.
 *
 * Equals numpy 1.17 to 2.x bit for bit (test/fixtures/numpy/generator.json). Hugging Face datasets' `shuffle` and
 * `train_test_split` draw from it. The state is a BigInt: a permutation of 30,000 items takes some tens of milliseconds,
 * and 128-bit products in 32-bit limbs would be four times the code.
 */

import { maskedInterval, range, shuffle, type Uint32Source } from './interval';
import { seedSequenceState } from './seed-sequence';
import { checkCount } from './seeds';

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const MASK_64 = 0xffffffffffffffffn;

/** `numpy.random.default_rng(seed)`. */
export class NumpyGenerator implements Uint32Source {
  private state: bigint;
  private readonly increment: bigint;
  /** The upper half of the last 64-bit draw, waiting for the next 32-bit one; -1 when there is none. */
  private spare = -1;

  /** @throws MedreproError `usage` for a seed that is not a safe non-negative integer. */
  constructor(seed: number) {
    const words = seedSequenceState(seed, 8);
    const word64 = (i: number) => (BigInt(words[2 * i + 1]!) << 32n) | BigInt(words[2 * i]!);
    const start = (word64(0) << 64n) | word64(1);
    const sequence = (word64(2) << 64n) | word64(3);
    this.increment = BigInt.asUintN(128, (sequence << 1n) | 1n);
    this.state = BigInt.asUintN(128, this.increment + start);
    this.step();
  }

  /** The next 64 bits. Does not touch the spare half that `nextUint32` may hold. */
  nextUint64(): bigint {
    this.step();
    const folded = (this.state >> 64n) ^ (this.state & MASK_64);
    const rotation = this.state >> 122n;
    return ((folded >> rotation) | (folded << (64n - rotation))) & MASK_64;
  }

  /** The next 32 bits: the low half of a 64-bit draw, then its high half. */
  nextUint32(): number {
    if (this.spare >= 0) {
      const value = this.spare;
      this.spare = -1;
      return value;
    }
    const bits = this.nextUint64();
    this.spare = Number(bits >> 32n);
    return Number(bits & 0xffffffffn);
  }

  /** A uniform double in [0, 1) with 53 bits. Equals `Generator.random()`. */
  random(): number {
    return Number(this.nextUint64() >> 11n) / 2 ** 53;
  }

  /** A uniform integer in [0, max], as shuffles draw it. */
  interval(max: number): number {
    return maskedInterval(this, max);
  }

  /** `Generator.permutation(n)`: (n,) indices. */
  permutation(n: number): Uint32Array {
    const items = range(checkCount(n));
    shuffle(this, items);
    return items;
  }

  /**
   * `Generator.choice(items, size, replace=False)`: Floyd's sampling and a shuffle, or the tail of a shuffle for large
   * samples of more than 10,000 items.
   */
  choiceWithoutReplacement(items: Uint32Array, size: number): Uint32Array {
    const n = items.length;
    if (n > 10000 && size > Math.floor(n / 50)) {
      const pool = items.slice();
      for (let i = n - 1; i >= Math.max(n - size, 1); i--) swap(pool, i, this.bounded(i));
      return pool.slice(n - size);
    }
    const chosen = new Set<number>();
    const places = new Uint32Array(size);
    for (let j = n - size; j < n; j++) {
      const drawn = this.bounded(j);
      const place = chosen.has(drawn) ? j : drawn;
      chosen.add(place);
      places[j - n + size] = place;
    }
    for (let i = size - 1; i >= 1; i--) swap(places, i, this.bounded(i));
    return places.map((place) => items[place]!);
  }

  /** The items in the order of a permutation. Equals `Generator.permutation(items)`. */
  permuted(items: Uint32Array): Uint32Array {
    const copy = items.slice();
    shuffle(this, copy);
    return copy;
  }

  /** A uniform integer in [0, max] by Lemire's method, as `Generator.integers` and `choice` draw it; `max` < 2^32 - 1. */
  private bounded(max: number): number {
    if (max === 0) return 0;
    const count = BigInt(max) + 1n;
    let product = BigInt(this.nextUint32()) * count;
    let rest = product & 0xffffffffn;
    if (rest < count) {
      const threshold = (0xffffffffn - BigInt(max)) % count;
      while (rest < threshold) {
        product = BigInt(this.nextUint32()) * count;
        rest = product & 0xffffffffn;
      }
    }
    return Number(product >> 32n);
  }

  private step(): void {
    this.state = BigInt.asUintN(128, this.state * MULTIPLIER + this.increment);
  }
}

/** A fresh generator, named as in numpy. */
export function defaultRng(seed: number): NumpyGenerator {
  return new NumpyGenerator(seed);
}

// --- internal ---

function swap(items: Uint32Array, i: number, j: number): void {
  const item = items[j]!;
  items[j] = items[i]!;
  items[i] = item;
}

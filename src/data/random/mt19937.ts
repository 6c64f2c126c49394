/**
 * The Mersenne Twister (Matsumoto and Nishimura 1998), 32-bit, seeded with the 2002 `init_genrand`.
 *
 * numpy's RandomState(seed) and torch.manual_seed(seed) both start it this way; they differ in what they draw from it.
 */

import type { Uint32Source } from './interval';

const WORDS = 624;
const SHIFT = 397;
const MATRIX = 0x9908b0df;

export class Mt19937 implements Uint32Source {
  private readonly key = new Uint32Array(WORDS);
  private position = WORDS;

  /** Only the low 32 bits of `seed` (a safe non-negative integer) count. */
  constructor(seed: number) {
    let word = seed >>> 0;
    for (let i = 0; i < WORDS; i++) {
      this.key[i] = word;
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i + 1) >>> 0;
    }
  }

  nextUint32(): number {
    if (this.position === WORDS) this.refill();
    let y = this.key[this.position++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  private refill(): void {
    const key = this.key;
    for (let i = 0; i < WORDS; i++) {
      const y = (key[i]! & 0x80000000) | (key[(i + 1) % WORDS]! & 0x7fffffff);
      key[i] = key[(i + SHIFT) % WORDS]! ^ (y >>> 1) ^ (y & 1 ? MATRIX : 0);
    }
    this.position = 0;
  }
}

/**
 * A small generator of random integers: PCG-style output of a 32-bit Weyl counter, in Math.imul arithmetic only.
 *
 * Data made with it must be byte-equal on every machine and for years, so it uses neither Math.random, nor doubles,
 * nor BigInt: only 32-bit integer operations whose results the language fixes exactly.
 */
export class Random {
  #state: number;
  readonly #step: number;

  /** `seed` and `stream` are 32-bit integers; different streams of one seed do not overlap in practice. */
  constructor(seed: number, stream = 0) {
    const a = mix((seed ^ 0x9e3779b9) | 0);
    const b = mix((stream ^ 0x7f4a7c15) | 0);
    this.#state = mix((a ^ Math.imul(b, 0x85ebca6b)) | 0);
    // An odd step visits every state once; a step of its own per stream keeps streams apart.
    this.#step = mix((b + Math.imul(a, 0xc2b2ae35)) | 0) | 1 | 0;
  }

  /** A 32-bit unsigned integer. */
  next(): number {
    this.#state = (this.#state + this.#step) | 0;
    return mix(this.#state) >>> 0;
  }

  /** An integer in [0, n); n <= 65536. The bias of the multiply-shift is below n / 2^32. */
  below(n: number): number {
    // High word of a 32 x 16-bit product, kept inside 2^48 so that doubles hold it exactly.
    return Math.floor((this.next() * n) / 4294967296);
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** One element; the list must not be empty. */
  pick<T>(list: readonly T[]): T {
    const index = this.below(list.length);
    const value = list[index];
    if (index >= list.length || value === undefined) throw new Error('pick from an empty list');
    return value;
  }

  /** `count` different elements in random order (all of them when the list is shorter). */
  sample<T>(list: readonly T[], count: number): T[] {
    const pool = list.slice();
    const taken: T[] = [];
    while (taken.length < count && pool.length > 0) taken.push(...pool.splice(this.below(pool.length), 1));
    return taken;
  }

  /** An element drawn by integer weights. */
  weighted<T>(list: readonly (readonly [T, number])[]): T {
    let total = 0;
    for (const [, weight] of list) total += weight;
    let rest = this.below(total);
    for (const [value, weight] of list) {
      if (rest < weight) return value;
      rest -= weight;
    }
    throw new Error('weighted draw from an empty list');
  }

  /** Fisher-Yates, in place. */
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const [a, b] = [list[i], list[j]];
      if (a === undefined || b === undefined) throw new Error('shuffle needs a dense list');
      list[i] = b;
      list[j] = a;
    }
    return list;
  }
}

// --- internal ---

/** Finaliser of the "lowbias32" family: every input bit flips every output bit with near even odds. */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) | 0;
}

/**
 * A map from two whole numbers to a third, in flat arrays: merges of a BPE, edges of a trie. A `Map` with a key made of both
 * takes several times the memory and time at 300,000 entries.
 */

const EMPTY = -1;

export class PairTable {
  private mask: number;
  private count = 0;
  private first: Int32Array;
  private second: Int32Array;
  private third: Int32Array;

  /** @param expected entries it will hold, roughly; it grows beyond. */
  constructor(expected: number) {
    let size = 16;
    while (size < expected * 2) size *= 2;
    this.mask = size - 1;
    this.first = new Int32Array(size).fill(EMPTY);
    this.second = new Int32Array(size);
    this.third = new Int32Array(size);
  }

  /** The number of (a, b), whole numbers below 2^31; -1 when there is none. */
  get(a: number, b: number): number {
    const { first, second, mask } = this;
    for (let i = slot(a, b) & mask; ; i = (i + 1) & mask) {
      if (first[i] === a && second[i] === b) return this.third[i]!;
      if (first[i] === EMPTY) return -1;
    }
  }

  /** Sets the number of (a, b); a second time replaces it. */
  set(a: number, b: number, value: number): void {
    if ((this.count + 1) * 2 > this.mask) this.grow();
    let i = slot(a, b) & this.mask;
    while (this.first[i] !== EMPTY && (this.first[i] !== a || this.second[i] !== b)) i = (i + 1) & this.mask;
    if (this.first[i] === EMPTY) this.count++;
    this.first[i] = a;
    this.second[i] = b;
    this.third[i] = value;
  }

  private grow(): void {
    const { first, second, third } = this;
    const larger = new PairTable(first.length);
    for (let i = 0; i < first.length; i++) if (first[i] !== EMPTY) larger.set(first[i]!, second[i]!, third[i]!);
    this.mask = larger.mask;
    this.first = larger.first;
    this.second = larger.second;
    this.third = larger.third;
  }
}

// --- internal ---

function slot(a: number, b: number): number {
  const mixed = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 3;
}

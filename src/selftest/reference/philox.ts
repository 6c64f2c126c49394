/**
 * Philox4x32-10 as the paper writes it (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): ten rounds of
 * two 32 x 32 -> 64 bit products. Equals Random123's known answers. BigInt keeps the products readable.
 */

const MASK = 0xffffffffn;
const MULTIPLIER = [0xd2511f53n, 0xcd9e8d57n] as const;
/** Added to the key after each round (the golden ratio and sqrt(3) - 1). */
const WEYL = [0x9e3779b9n, 0xbb67ae85n] as const;

export type Words4 = readonly [number, number, number, number];

/** The four words of one counter under one key. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const left = MULTIPLIER[0] * c0;
    const right = MULTIPLIER[1] * c2;
    [c0, c1, c2, c3] = [(right >> 32n) ^ c1 ^ k0, right & MASK, (left >> 32n) ^ c3 ^ k1, left & MASK];
    k0 = (k0 + WEYL[0]) & MASK;
    k1 = (k1 + WEYL[1]) & MASK;
  }
  return [Number(c0), Number(c1), Number(c2), Number(c3)];
}

/** Words of elements offset ... offset+n-1: element i is word i % 4 of the 128-bit counter floor(i / 4). */
export function philoxWords(n: number, seedLow: number, seedHigh: number, offset = 0): number[] {
  const words: number[] = [];
  for (let block = Math.floor(offset / 4); 4 * block < offset + n; block++) {
    words.push(...philox4x32([block % 2 ** 32, Math.floor(block / 2 ** 32), 0, 0], [seedLow, seedHigh]));
  }
  const skipped = offset % 4;
  return words.slice(skipped, skipped + n);
}

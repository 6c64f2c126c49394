/** Damage to files, the same in every run: what parsers are tried with. */

/** mulberry32: numbers in [0, 1) from a seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PIECES = ['9', '-1', '{', '}', '"', '1e308', '../', 'null', '[', ',', '\\u0000', '\\ud800'];

/** One to three times: bytes changed, taken out, put in, repeated or cut off. */
export function damaged(original: Uint8Array, draw: () => number): Uint8Array {
  let bytes = Buffer.from(original);
  const at = (): number => Math.floor(draw() * bytes.length);
  const replaced = (begin: number, end: number, piece: Uint8Array): Buffer<ArrayBuffer> =>
    Buffer.concat([bytes.subarray(0, begin), piece, bytes.subarray(end)]);
  for (let n = 1 + Math.floor(draw() * 3); n > 0; n--) {
    const kind = Math.floor(draw() * 5);
    const place = at();
    if (kind === 0) bytes = replaced(place, place + 1, Uint8Array.of(Math.floor(draw() * 256)));
    else if (kind === 1) bytes = replaced(place, place + 1 + Math.floor(draw() * 20), new Uint8Array());
    else if (kind === 2) bytes = replaced(place, place, Buffer.from(PIECES[Math.floor(draw() * PIECES.length)]!));
    else if (kind === 3) {
      const from = at();
      bytes = replaced(place, place, Buffer.from(bytes.subarray(from, from + 30)));
    } else bytes = bytes.subarray(0, place);
  }
  return Uint8Array.from(bytes);
}

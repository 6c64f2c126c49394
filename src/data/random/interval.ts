/**
 * Bounded draws and shuffles as numpy makes them.
 *
 * Both the legacy RandomState and the modern Generator shuffle with masked rejection: take 32 bits, keep those under the
 * smallest mask of ones that covers `max`, and draw again while the result is above `max`.
 */

/** A source of uniform 32-bit integers. */
export interface Uint32Source {
  /** The next draw, an integer in [0, 2^32). */
  nextUint32(): number;
}

/**
 * A uniform integer in [0, max], both ends included; `max` < 2^32. No draw is made for `max` = 0.
 * Equals numpy's `random_interval`.
 */
export function maskedInterval(source: Uint32Source, max: number): number {
  if (max === 0) return 0;
  const mask = 0xffffffff >>> Math.clz32(max);
  for (;;) {
    const value = (source.nextUint32() & mask) >>> 0;
    if (value <= max) return value;
  }
}

/** Shuffles in place from the last item down, as numpy's `shuffle` does for one-dimensional arrays. */
export function shuffle(source: Uint32Source, items: Uint32Array): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = maskedInterval(source, i);
    const item = items[j]!;
    items[j] = items[i]!;
    items[i] = item;
  }
}

/** 0, 1, … n-1. */
export function range(n: number): Uint32Array {
  const items = new Uint32Array(n);
  for (let i = 0; i < n; i++) items[i] = i;
  return items;
}

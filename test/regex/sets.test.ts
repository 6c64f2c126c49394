/** Unions, intersections and complements of classes hold the code points that they should, however they are nested. */
import { expect, test } from 'bun:test';
import fc from 'fast-check';
import {
  ANYTHING,
  type CharSet,
  complement,
  intersection,
  NOTHING,
  one,
  property,
  range,
  tester,
  union,
} from '../../src/regex/sets';

interface Pair {
  readonly set: CharSet;
  readonly has: (codePoint: number) => boolean;
}

const LEAVES: readonly Pair[] = [
  { set: NOTHING, has: () => false },
  { set: ANYTHING, has: () => true },
  { set: one(0x5e), has: (codePoint) => codePoint === 0x5e },
  { set: range(0x41, 0x5a), has: (codePoint) => codePoint >= 0x41 && codePoint <= 0x5a },
  { set: property('L'), has: (codePoint) => /\p{L}/u.test(String.fromCodePoint(codePoint)) },
  { set: property('Lu'), has: (codePoint) => /\p{Lu}/u.test(String.fromCodePoint(codePoint)) },
  { set: property('Nd'), has: (codePoint) => /\p{Nd}/u.test(String.fromCodePoint(codePoint)) },
];

const { nested } = fc.letrec<{ nested: Pair }>((tie) => ({
  nested: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...LEAVES),
    tie('nested').map(({ set, has }) => ({ set: complement(set), has: (at: number) => !has(at) })),
    fc.array(tie('nested'), { minLength: 1, maxLength: 3 }).map((pairs) => ({
      set: union(...pairs.map(({ set }) => set)),
      has: (at: number) => pairs.some(({ has }) => has(at)),
    })),
    fc.tuple(tie('nested'), tie('nested')).map(([a, b]) => ({
      set: intersection(a.set, b.set),
      has: (at: number) => a.has(at) && b.has(at),
    })),
  ),
}));

test('classes are what their parts say', () => {
  const samples = [0, 0x0a, 0x2d, 0x31, 0x41, 0x5e, 0x61, 0xe9, 0x661, 0x4e2d, 0xd800, 0x1d7d8, 0x1f600, 0x10ffff];
  fc.assert(
    fc.property(nested, ({ set, has }) => {
      const found = tester(set);
      expect(samples.filter(found)).toEqual(samples.filter(has));
      // a negated class inside another one takes the engine 50 ms
      expect(set.slice(1)).not.toContain('[^');
    }),
    { numRuns: 300 },
  );
});

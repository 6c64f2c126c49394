/** Known answers of the arithmetic behind verdicts. Run with `bun test test/verify`. */

import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { philox4x32 } from '../../src/data/random/philox';
import { type Items, pairedBootstrap } from '../../src/verify/bootstrap';
import { drawIndices } from '../../src/verify/philox';
import { holm, predictionInterval, tProbability, tQuantile } from '../../src/verify/statistics';
import {
  bitsOf,
  checkPrinted,
  compareDecimal,
  formatDecimal,
  halfUnit,
  parsePrinted,
  printedValue,
  roundingInterval,
} from '../../src/verify/tolerance';

describe('printed numbers', () => {
  test.each([
    ['0.4441', 0.4441, 0.00005, false],
    ['0.444', 0.444, 0.0005, false],
    ['27,951', 27951, 0.5, false],
    ['~29.33', 29.33, 0.005, true],
    ['approximately 85', 85, 0.5, true],
    ['44.4%', 0.444, 0.0005, false],
    ['1.2e-5', 1.2e-5, 5e-7, false],
    ['2×10^-4', 2e-4, 5e-5, false],
    ['2 x 10^{-4}', 2e-4, 5e-5, false],
    ['−0.50', -0.5, 0.005, false],
    ['.5', 0.5, 0.05, false],
    ['1e3', 1000, 500, false],
  ])('%s', (text, value, half, approximate) => {
    expect(printedValue(text)).toBe(value);
    expect(halfUnit(text)).toBe(half);
    expect(parsePrinted(text).approximate).toBe(approximate);
  });

  test.each(['', 'abc', '1.2.3', '1,23', '12 apples', '-', '.', '~', 'NaN', '0x10', 'Infinity'])(
    '%j is none',
    (text) => {
      expect(() => parsePrinted(text)).toThrow(/not a printed number/);
    },
  );

  test('the rounding interval, as exact decimals', () => {
    const { low, high } = roundingInterval(parsePrinted('0.444'));
    expect([formatDecimal(low), formatDecimal(high)]).toEqual(['0.4435', '0.4445']);
    expect(formatDecimal({ mantissa: -5n, exponent: -3 })).toBe('-0.005');
    expect(formatDecimal({ mantissa: 12n, exponent: 2 })).toBe('1200');
  });

  test.each([
    [0.4441, '0.444', 'rounded'],
    [0.4435, '0.444', 'rounded'],
    [0.44349999, '0.444', 'ceil'],
    [0.4449, '0.444', 'floor'],
    [0.445, '0.444', null],
    [0.443, '0.444', null],
    [0.125, '0.12', 'rounded'],
    [0.125, '0.13', 'rounded'],
    [Number.NaN, '0.12', null],
    [Number.POSITIVE_INFINITY, '0.12', null],
  ] as const)('%d as %s: %s', (value, text, how) => {
    expect(checkPrinted(value, text).how).toBe(how);
  });

  test('comparison is exact where doubles are not: 0.1 + 0.2 is above 0.3', () => {
    expect(compareDecimal(0.1 + 0.2, { mantissa: 3n, exponent: -1 })).toBe(1);
    expect(compareDecimal(0.3, { mantissa: 3n, exponent: -1 })).toBe(-1);
    expect(compareDecimal(0.5, { mantissa: 5n, exponent: -1 })).toBe(0);
    expect(compareDecimal(2 ** 70, { mantissa: 1n, exponent: 21 })).toBe(1);
    expect(compareDecimal(Number.MIN_VALUE, { mantissa: 0n, exponent: 0 })).toBe(1);
  });

  test('what toFixed prints is inside the interval of what it printed', () => {
    const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 8 }), (x, digits) => {
        expect(checkPrinted(x, x.toFixed(digits)).how).toBe('rounded');
      }),
    );
  });

  test('bits', () => {
    expect([bitsOf(0.1), bitsOf(0), bitsOf(-0), bitsOf(1)]).toEqual([
      '3fb999999999999a',
      '0000000000000000',
      '8000000000000000',
      '3ff0000000000000',
    ]);
  });
});

describe("Student's t", () => {
  test('closed forms: tan for 1 degree of freedom, algebra for 2', () => {
    for (const p of [0.6, 0.9, 0.975, 0.995, 0.9995]) {
      const a = 2 * p - 1;
      expect(tQuantile(p, 1) / Math.tan(Math.PI * (p - 0.5))).toBeCloseTo(1, 11);
      expect(tQuantile(p, 2) / (a * Math.sqrt(2 / (1 - a * a)))).toBeCloseTo(1, 11);
    }
  });

  test.each([
    [3, 3.182446305],
    [4, 2.776445105],
    [9, 2.262157163],
    [29, 2.045229642],
    [30, 2.042272456],
    [100, 1.983971519],
    [1e6, 1.959966],
  ])('t(.975, %d) = %d', (freedom, t) => {
    expect(tQuantile(0.975, freedom)).toBeCloseTo(t, 5);
  });

  test('is symmetric and its own inverse', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.integer({ min: 1, max: 200 }), (p, freedom) => {
        const t = tQuantile(p, freedom);
        expect(tProbability(t, freedom)).toBeCloseTo(p, 9);
        expect(tQuantile(1 - p, freedom)).toBeCloseTo(-t, 6);
      }),
    );
    expect(tQuantile(0.975, 0)).toBeNaN();
    expect(tQuantile(1, 5)).toBeNaN();
  });
});

test('the prediction interval of 3 seeds: wide, and of low power', () => {
  const interval = predictionInterval([0.44, 0.45, 0.46]);
  expect(interval.mean).toBeCloseTo(0.45, 12);
  expect(interval.deviation).toBeCloseTo(0.01, 12);
  expect(interval.half).toBeCloseTo(4.302652729749 * 0.01 * Math.sqrt(4 / 3), 10);
  expect(interval.lowPower).toBe(true);
  expect(predictionInterval([1, 2, 3, 4, 5]).lowPower).toBe(false);
});

describe('Holm', () => {
  test('known answers', () => {
    expect(holm([0.01, 0.04, 0.03]).map((p) => Number(p.toFixed(10)))).toEqual([0.03, 0.06, 0.06]);
    expect(holm([0.5, 0.6])).toEqual([1, 1]);
    expect(holm([0.02], 3)).toEqual([0.06]);
    expect(holm([])).toEqual([]);
  });

  test('keeps the order of the p values, never lowers one, never exceeds Bonferroni', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 10 }), (p) => {
        const adjusted = holm(p);
        for (const [i, a] of p.entries()) {
          expect(adjusted[i]).toBeGreaterThanOrEqual(a);
          expect(adjusted[i]).toBeLessThanOrEqual(Math.min(1, a * p.length));
          for (const [j, b] of p.entries()) if (a < b) expect(adjusted[i]!).toBeLessThanOrEqual(adjusted[j]!);
        }
      }),
    );
  });
});

describe('Philox4x32-10', () => {
  test.each([
    [
      [0, 0, 0, 0, 0, 0],
      ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8'],
    ],
    [
      [-1, -1, -1, -1, -1, -1],
      ['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd'],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0],
      ['d16cfe09', '94fdcceb', '5001e420', '24126ea1'],
    ],
  ])('Random123 known answer %#', ([c0 = 0, c1 = 0, c2 = 0, c3 = 0, k0 = 0, k1 = 0], words) => {
    const out = new Uint32Array(4);
    philox4x32(c0, c1, c2, c3, k0, k1, out);
    expect([...out].map((word) => word.toString(16).padStart(8, '0'))).toEqual(words);
  });

  test('draws are in range, roughly even, and the same every time', () => {
    const [first, second] = [new Uint32Array(10_000), new Uint32Array(10_000)];
    drawIndices(first, 10, 42, 3, 0);
    drawIndices(second, 10, 42, 3, 0);
    expect(first).toEqual(second);
    const counts = new Array<number>(10).fill(0);
    for (const index of first) counts[index]!++;
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});

describe('paired bootstrap', () => {
  const gold = Array.from({ length: 200 }, (_, i) => i % 4);
  const good = gold.map((label, i) => (i % 10 === 0 ? (label + 1) % 4 : label));
  const bad = gold.map((label, i) => (i % 3 === 0 ? (label + 1) % 4 : label));
  const options = { resamples: 500, seed: 42 };
  const classes = (predicted: number[], metric: 'macro-f1' | 'accuracy' = 'macro-f1'): Items[] => [
    { kind: 'classes', metric, gold, predicted },
  ];

  test('is deterministic, and another seed gives another interval near it', () => {
    const once = pairedBootstrap(classes(good), classes(bad), options);
    expect(pairedBootstrap(classes(good), classes(bad), options)).toEqual(once);
    const other = pairedBootstrap(classes(good), classes(bad), { ...options, seed: 7 });
    expect(other.low).not.toBe(once.low);
    expect(other.low).toBeCloseTo(once.low, 1);
  });

  test('known difference: 0.9 - 0.665 in accuracy, with an interval above 0', () => {
    const { observed, low, high, p } = pairedBootstrap(classes(good, 'accuracy'), classes(bad, 'accuracy'), options);
    expect(observed).toBeCloseTo(0.9 - 133 / 200, 12);
    expect(low).toBeGreaterThan(0);
    expect(low).toBeLessThan(observed);
    expect(high).toBeGreaterThan(observed);
    // no resample on the far side: the smallest p that 500 resamples can show
    expect(p).toBe(2 / 501);
  });

  test('the other way round is the mirror image', () => {
    const there = pairedBootstrap(classes(good), classes(bad), options);
    const back = pairedBootstrap(classes(bad), classes(good), options);
    expect(back.observed).toBe(-there.observed);
    expect([back.low, back.high]).toEqual([-there.high, -there.low]);
  });

  describe('a ratio of sums over rows', () => {
    const counts = Array.from({ length: 120 }, (_, i) => 1 + (i % 7));
    const sums = (perToken: number) => counts.map((count, i) => count * (perToken + ((i % 5) - 2) / 10));
    const of = (kind: 'ratio' | 'exp-ratio', perToken: number): Items[] => [
      { kind, numerators: sums(perToken), denominators: counts },
    ];
    const tokens = counts.reduce((sum, count) => sum + count, 0);
    const mean = (perToken: number) => sums(perToken).reduce((sum, value) => sum + value, 0) / tokens;

    test('loss: a constant difference has an interval of no width', () => {
      const { observed, low, high } = pairedBootstrap(of('ratio', 2), of('ratio', 1.5), options);
      for (const value of [observed, low, high]) expect(value).toBeCloseTo(0.5, 12);
    });

    test('perplexity is exp of the weighted mean, not the mean of exps', () => {
      const { observed, low, high } = pairedBootstrap(of('exp-ratio', 2), of('exp-ratio', 1.5), options);
      expect(observed).toBeCloseTo(Math.exp(mean(2)) - Math.exp(mean(1.5)), 12);
      expect(low).toBeLessThan(observed);
      expect(high).toBeGreaterThan(observed);
    });
  });

  test('a system against itself: no difference, p = 1', () => {
    expect(pairedBootstrap(classes(good), classes(good), options)).toMatchObject({
      observed: 0,
      low: 0,
      high: 0,
      p: 1,
    });
  });

  test('several seeds: the mean over them', () => {
    const { observed } = pairedBootstrap(
      [...classes(good, 'accuracy'), ...classes(bad, 'accuracy')],
      classes(bad, 'accuracy'),
      options,
    );
    expect(observed).toBeCloseTo((0.9 - 133 / 200) / 2, 12);
  });

  test('unequal lengths and nothing at all are refused', () => {
    const short: Items = { kind: 'ratio', numerators: [1], denominators: [1] };
    const none: Items = { kind: 'ratio', numerators: [], denominators: [] };
    expect(() => pairedBootstrap([short], classes(bad))).toThrow(/cannot compare/);
    expect(() => pairedBootstrap([none], [none])).toThrow(/cannot compare/);
    expect(() => pairedBootstrap([], classes(bad))).toThrow(/cannot compare/);
  });
});

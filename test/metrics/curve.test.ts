import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { curveScores, smoothed } from '../../src/metrics/curve';

const value = (losses: readonly number[], metric: keyof ReturnType<typeof curveScores>) =>
  curveScores(losses)[metric].value;

const falling = Array.from({ length: 100 }, (_, step) => 4 - step * 0.03);

describe('a curve that only falls', () => {
  test('has no spike and has not diverged', () => {
    expect(value(falling, 'early-spike')).toBe(0);
    expect(value(falling, 'diverged')).toBe(0);
  });

  test('ends at the mean of its last five steps', () => {
    expect(value(falling, 'final-train-loss')).toBeCloseTo(4 - 97 * 0.03, 12);
  });

  test('hardly swings: a line is its own moving mean, but at its ends', () => {
    expect(value(falling, 'oscillation')).toBeLessThan(1e-3);
  });
});

test('a jump in the first fifth is a spike, later it is not', () => {
  const jump = (at: number) => falling.map((loss, step) => (step >= at && step < at + 5 ? loss + 2 : loss));
  // the smoothed curve has the whole jump at the centre of the five raised steps
  expect(value(jump(8), 'early-spike')).toBeCloseTo((2 - 0.03 * 5) / (4 - 0.06), 2);
  expect(value(jump(60), 'early-spike')).toBe(0);
});

test('a curve that ends above its start, or at no number, diverged', () => {
  expect(value([...falling].reverse(), 'diverged')).toBe(1);
  expect(value([4, 3, Number.NaN], 'diverged')).toBe(1);
  expect(value([4, 3, Infinity], 'early-spike')).toBe(Infinity);
});

test('alternating losses swing by what they alternate by', () => {
  const losses = Array.from({ length: 200 }, (_, step) => 2 + (step % 2 === 0 ? 0.5 : -0.5));
  expect(value(losses, 'oscillation')).toBeCloseTo(0.5 / value(losses, 'final-train-loss'), 0);
});

test('properties: nothing changes with the unit of the loss, and a spike is never negative', () => {
  const curves = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(curves, fc.double({ min: 0.5, max: 4, noNaN: true }), (losses, unit) => {
      const [plain, scaled] = [curveScores(losses), curveScores(losses.map((loss) => loss * unit))];
      expect(plain['early-spike'].value).toBeGreaterThanOrEqual(0);
      expect(scaled['early-spike'].value).toBeCloseTo(plain['early-spike'].value, 9);
      expect(scaled.oscillation.value).toBeCloseTo(plain.oscillation.value, 9);
    }),
    { numRuns: 100 },
  );
});

test('no step is an error; a smoothed curve keeps its mean level', () => {
  expect(() => curveScores([])).toThrow(RangeError);
  expect(smoothed([1, 1, 1, 1], 3)).toEqual([1, 1, 1, 1]);
});

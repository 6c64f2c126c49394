import { describe, expect, it } from 'bun:test';
import { bootstrapInterval, percentile, standardError } from '../../src/metrics/bootstrap';
import { batchMeanLoss, meanLoss, perplexityBound, trainerLoss } from '../../src/metrics/perplexity';

describe('perplexity and loss', () => {
  const rows = [
    { sum: 3, tokens: 2 },
    { sum: 10, tokens: 3 },
  ];

  it('are token-weighted, however the rows are batched', () => {
    expect(meanLoss(rows)).toBe(13 / 5);
    expect(meanLoss([{ sum: 13, tokens: 5 }])).toBe(13 / 5);
  });

  it("the Trainer's loss is not: batches count by rows", () => {
    const batches = rows.map((row, i) => ({ ...row, rows: i + 1 }));
    expect(trainerLoss(batches)).toBeCloseTo((3 / 2 + (2 * 10) / 3) / 3, 15);
  });

  it('nor is the mean of batch means, in which a batch without a label has no part', () => {
    expect(batchMeanLoss(rows, 1)).toBe((3 / 2 + 10 / 3) / 2);
    expect(batchMeanLoss(rows, 2)).toBe(13 / 5);
    expect(batchMeanLoss([...rows, { sum: 0, tokens: 0 }], 1)).toBe((3 / 2 + 10 / 3) / 2);
  });

  it('padding that is scored makes the loss smaller', () => {
    const padded = [
      { sum: 3.5, tokens: 10 },
      { sum: 10, tokens: 3 },
    ];
    expect(meanLoss(padded)).toBe(13.5 / 13);
    expect(meanLoss(padded)).toBeLessThan(meanLoss(rows));
  });

  it('the bound is reached when padding costs nothing', () => {
    const padded = Math.exp(meanLoss([{ sum: 13, tokens: 12 }]));
    expect(perplexityBound(padded, 12, 7)).toBeCloseTo(Math.exp(13 / 5), 10);
    // a baseline of 49.479412 over 176,249 tokens, 18,249 of them padding
    expect(perplexityBound(49.479412, 176249, 18249)).toBeCloseTo(77.65, 2);
  });

  it('nothing to score is refused', () => {
    expect(() => meanLoss([])).toThrow('there are no tokens to score');
    expect(() => trainerLoss([])).toThrow('there are no rows to score');
  });
});

describe('bootstrap intervals', () => {
  it('hold the 95% of a normal mean', () => {
    const rows = Float64Array.from({ length: 400 }, (_, i) => Math.sin(i * 1.7) + i / 400);
    const mean = rows.reduce((sum, row) => sum + row, 0) / rows.length;
    const { low, high } = bootstrapInterval(rows.length, (drawn) => drawn.reduce((sum, i) => sum + rows[i]!, 0) / 400);
    expect(low).toBeCloseTo(mean - 1.96 * standardError(rows), 2);
    expect(high).toBeCloseTo(mean + 1.96 * standardError(rows), 2);
  });

  it('are the same for the same seed', () => {
    const interval = (seed: number) => bootstrapInterval(50, (drawn) => drawn[0]! + drawn[49]!, { seed, samples: 50 });
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
  });

  it('percentiles interpolate as numpy does', () => {
    // python: np.percentile([1, 2, 4, 8], [0, 2.5, 50, 90, 100])
    const values = Float64Array.of(1, 2, 4, 8);
    expect([0, 2.5, 50, 90, 100].map((q) => percentile(values, q))).toEqual([1, 1.075, 3, 6.800000000000001, 8]);
  });
});

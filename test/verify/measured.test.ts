/** Claims about single numbers: every verdict from values chosen so that it can be read off. */
import { describe, expect, test } from 'bun:test';
import type { ExperimentResult } from '../../src/run/result';
import type { Claim } from '../../src/verify/golden';
import { judgeMeasured } from '../../src/verify/measured';
import { fake } from './support';

const common = { says: 'so', where: 'here', accepted: {} } as const;

/** Results of one metric by experiment, one per seed. */
function results(metric: string, values: Readonly<Record<string, number | readonly number[]>>) {
  const of = (value: number, seed: number): ExperimentResult =>
    fake({
      experiment: 'all-linear',
      wrongEvery: 3,
      seed,
      change: { metrics: { [metric]: { value, printed: '', signature: '' } } },
    });
  return new Map(
    Object.entries(values).map(([id, value]) => [id, [value].flat().map((one, seed) => of(one as number, seed))]),
  );
}

const judged = (claim: Claim, metric: string, values: Parameters<typeof results>[1], scale: 'mini' | 'full' = 'mini') =>
  judgeMeasured(claim, scale, results(metric, values));

describe('beats', () => {
  const claim: Claim = { ...common, kind: 'beats', metric: 'final-train-loss', winner: 'a', loser: 'b' };
  test.each([
    [{ a: 1, b: 2 }, 'mini', 'DIRECTION-ONLY'],
    [{ a: 1, b: 2 }, 'full', 'REPRODUCED'],
    [{ a: 2, b: 1 }, 'mini', 'DEVIATES'],
    [{ a: 1, b: 1 }, 'mini', 'DEVIATES'],
    [{ a: [1, 4], b: [3, 3] }, 'mini', 'DIRECTION-ONLY'],
  ] as const)('a loss of %j at %s: %s', (values, scale, verdict) => {
    expect(judged(claim, 'final-train-loss', values, scale).verdict).toBe(verdict);
  });

  test('says when it rests on few seeds', () => {
    expect(judged(claim, 'final-train-loss', { a: 1, b: 2 }).lowPower).toBe(true);
    const many = { a: [1, 1, 1, 1, 1], b: [2, 2, 2, 2, 2] };
    expect(judged(claim, 'final-train-loss', many).lowPower).toBe(false);
  });

  test('a run without the metric is for a person to look at, not a pass', () => {
    expect(judged(claim, 'other', { a: 1, b: 2 })).toMatchObject({
      verdict: 'NEEDS-HUMAN',
      reason: 'b has no final-train-loss',
    });
  });
});

describe('ratio-below', () => {
  const claim: Claim = {
    ...common,
    kind: 'ratio-below',
    metric: 'perplexity',
    experiment: 'tuned',
    reference: 'base',
    below: 0.5,
  };
  test.each([
    [{ tuned: 4.1494, base: 8.7624 }, 'DIRECTION-ONLY', '0.473546x'],
    [{ tuned: 4, base: 8 }, 'DEVIATES', '0.5x'],
    [{ tuned: 9, base: 8 }, 'DEVIATES', '1.125x'],
  ] as const)('%j: %s', (values, verdict, measured) => {
    expect(judged(claim, 'perplexity', values)).toMatchObject({ verdict, measured });
  });
});

describe('changes-more', () => {
  const size: Claim = {
    ...common,
    kind: 'changes-more',
    metric: 'final-train-loss',
    larger: ['low-rate', 'high-rate'],
    smaller: ['low-rate', 'large-batch'],
    of: 'size',
  };
  test.each([
    [{ 'low-rate': 1, 'high-rate': 2, 'large-batch': 1.1 }, 'DIRECTION-ONLY'],
    [{ 'low-rate': 1, 'high-rate': 0.2, 'large-batch': 1.1 }, 'DIRECTION-ONLY'],
    [{ 'low-rate': 1, 'high-rate': 1.1, 'large-batch': 2 }, 'DEVIATES'],
  ] as const)('in size, %j: %s', (values, verdict) => {
    expect(judged(size, 'final-train-loss', values).verdict).toBe(verdict);
  });

  const diminishing: Claim = {
    ...common,
    kind: 'changes-more',
    metric: 'loss',
    larger: ['one', 'three'],
    smaller: ['three', 'five'],
    of: 'improvement',
  };
  test.each([
    [{ one: 3, three: 2, five: 1.9 }, 'DIRECTION-ONLY'],
    [{ one: 3, three: 2, five: 2.5 }, 'DIRECTION-ONLY'],
    [{ one: 3, three: 2.9, five: 2 }, 'DEVIATES'],
    [{ one: 3, three: 4, five: 3.5 }, 'DEVIATES'],
  ] as const)('improvement of a loss, %j: %s', (values, verdict) => {
    expect(judged(diminishing, 'loss', values).verdict).toBe(verdict);
  });
});

describe('bound', () => {
  const claim = (relation: 'at-most' | 'at-least'): Claim => ({
    ...common,
    kind: 'bound',
    metric: 'early-spike',
    experiment: 'a',
    relation,
    bound: 0.1,
    because: 'a tenth',
  });
  test.each([
    ['at-most', 0.1, 'DIRECTION-ONLY'],
    ['at-most', 0.11, 'DEVIATES'],
    ['at-least', 0.1, 'DIRECTION-ONLY'],
    ['at-least', 0.09, 'DEVIATES'],
  ] as const)('%s 0.1, measured %d: %s', (relation, value, verdict) => {
    expect(judged(claim(relation), 'early-spike', { a: value }).verdict).toBe(verdict);
  });
});

test('what only a person can judge stays so', () => {
  const claim: Claim = { ...common, kind: 'human', experiment: 'a', reason: 'fill in annotation.csv' };
  expect(judged(claim, 'loss', { a: 1 })).toMatchObject({ verdict: 'NEEDS-HUMAN', reason: 'fill in annotation.csv' });
});

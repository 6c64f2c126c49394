import { describe, expect, it } from 'bun:test';
import fc from 'fast-check';
import { datasetsSplit, sklearnSplit, sklearnStratifiedSplit, stratifiedSplit } from '../../src/data/splits';
import datasets from '../fixtures/numpy/datasets.json';
import errors from '../fixtures/sklearn/errors.json';
import sklearn from '../fixtures/sklearn/splits.json';
import { digest } from './digest';

/** A fixture stores short index lists whole and long ones as a digest. */
function same(actual: Uint32Array, expected: number[] | ReturnType<typeof digest>): void {
  if (Array.isArray(expected)) expect([...actual]).toEqual(expected);
  else expect(digest(actual)).toEqual(expected);
}

/** Class ids in code point order of the labels, as np.unique orders strings; numbers as they are. */
function ids(labels: readonly (number | string)[]): readonly number[] {
  if (labels.every((label) => typeof label === 'number')) return labels;
  const sorted = [...new Set(labels as readonly string[])].sort();
  return labels.map((label) => sorted.indexOf(label as string));
}

describe("datasets' train_test_split", () => {
  it.each(datasets)('n $n, seed $seed, test_size $test_size', (c) => {
    const { train, test } = datasetsSplit(c.n, c.test_size, c.seed);
    same(train, c.train);
    same(test, c.test);
  });
});

describe("scikit-learn's train_test_split", () => {
  it.each(sklearn.map((c, i) => [i, c.n, c.test_size, c.seed, 'labels' in c, c] as const))(
    'case %i: n %i, test_size %f, seed %i, stratified %p',
    (_i, n, testSize, seed, _stratified, c) => {
      const labels = 'labels' in c && c.labels !== undefined ? ids(c.labels as (number | string)[]) : undefined;
      const shuffle = !('shuffle' in c && c.shuffle === false);
      const { train, test } =
        labels === undefined
          ? sklearnSplit(n, testSize, seed, shuffle)
          : sklearnStratifiedSplit(labels, testSize, seed);
      same(train, c.train);
      same(test, c.test);
      if (labels !== undefined) {
        const ours = stratifiedSplit(labels, testSize, seed);
        expect(ours).toEqual({ train, test, kept: [], sparse: false });
      }
    },
  );

  const refused = {
    'class-with-one-member': () => sklearnStratifiedSplit([0, 0, 0, 1, 1, 2], 0.5, 0),
    'fewer-test-rows-than-classes': () => sklearnStratifiedSplit([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], 2, 0),
    'fewer-train-rows-than-classes': () => sklearnStratifiedSplit([0, 0, 1, 1, 2, 2], 4, 0),
    'test-size-too-large': () => sklearnSplit(5, 5, 0),
    'empty-train': () => sklearnSplit(1, 0.5, 0),
  };
  it.each(Object.entries(refused))('refuses what scikit-learn refuses: %s', (name, split) => {
    expect(errors[name as keyof typeof refused].type).toBe('ValueError');
    expect(split).toThrow('cannot split the data');
  });
});

describe('stratifiedSplit', () => {
  it('keeps classes with one row in train and lists them', () => {
    const labels = [5, 0, 0, 1, 9, 1, 0, 0];
    const split = stratifiedSplit(labels, 0.5, 0);
    expect(split.kept).toEqual([5, 9]);
    expect([...split.train.slice(-2)]).toEqual([0, 4]);
    const others = [1, 2, 3, 5, 6, 7];
    const alone = sklearnStratifiedSplit(
      others.map((i) => labels[i]!),
      0.5,
      0,
    );
    expect([...split.test]).toEqual(Array.from(alone.test, (i) => others[i]!));
    expect([...split.train.slice(0, -2)]).toEqual(Array.from(alone.train, (i) => others[i]!));
  });

  it('says when a side has fewer rows than classes', () => {
    const split = stratifiedSplit([0, 0, 1, 1, 2, 2, 3, 3], 0.1, 0);
    expect(split.test.length).toBe(1);
    expect(split.sparse).toBe(true);
  });

  it('refuses labels that are all different', () => {
    expect(() => stratifiedSplit([1, 2, 3], 0.5, 0)).toThrow('every class has only one row');
  });

  const labelled = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 4, maxLength: 300 });
  const share = fc.double({ min: 0.01, max: 0.9, noNaN: true });
  const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 });

  it('is disjoint, complete, of the right size, and within one row of each class share', () => {
    fc.assert(
      fc.property(labelled, share, seed, (labels, testShare, s) => {
        const counts = new Map<number, number>();
        for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
        const n = [...counts.values()].filter((count) => count > 1).reduce((a, b) => a + b, 0);
        fc.pre(n > 0 && Math.ceil(testShare * n) < n);
        const { train, test, kept } = stratifiedSplit(labels, testShare, s);
        expect([...train, ...test].sort((a, b) => a - b)).toEqual([...labels.keys()]);
        expect(test.length).toBe(Math.ceil(testShare * n));
        expect(kept).toEqual([...counts.keys()].filter((c) => counts.get(c) === 1).sort((a, b) => a - b));
        for (const [label, count] of counts) {
          if (count === 1) continue;
          const inTest = test.reduce((sum, i) => sum + (labels[i] === label ? 1 : 0), 0);
          expect(Math.abs(inTest - (count * test.length) / n)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('plain splits are disjoint and complete', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 500 }), share, seed, (n, testShare, s) => {
        fc.pre(Math.ceil(testShare * n) < n);
        for (const { train, test } of [sklearnSplit(n, testShare, s), datasetsSplit(n, testShare, s)]) {
          expect(test.length).toBe(Math.ceil(testShare * n));
          expect([...train, ...test].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        }
      }),
      { numRuns: 100 },
    );
  });
});

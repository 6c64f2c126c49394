import { describe, expect, it } from 'bun:test';
import fc from 'fast-check';
import { CLASS_METRICS, classMetricById, scoreClasses } from '../../src/metrics';
import { accuracy } from '../../src/metrics/accuracy';
import { confusionMatrix } from '../../src/metrics/confusion';
import { macroF1, microF1, weightedF1 } from '../../src/metrics/f1';
import { perClass } from '../../src/metrics/per-class';

const label = fc.integer({ min: 0, max: 9 });
const rows = fc.array(fc.tuple(label, label), { minLength: 1, maxLength: 200 });
const columns = (pairs: readonly (readonly [number, number])[]) =>
  [pairs.map((pair) => pair[0]), pairs.map((pair) => pair[1])] as const;

describe('signatures', () => {
  it('name every argument that can change the number', () => {
    expect(macroF1.signature()).toBe('macro-f1|labels:union|zero_division:0|equals:sklearn-1.x|v:1');
    expect(macroF1.signature({ labels: [0, 1, 2] })).toBe(
      'macro-f1|labels:0..2|zero_division:0|equals:sklearn-1.x|v:1',
    );
    expect(microF1.signature({ labels: [4, 2] })).toBe('micro-f1|labels:4,2|zero_division:0|equals:sklearn-1.x|v:1');
    expect(accuracy.signature({ labels: [4, 2] })).toBe('accuracy|equals:sklearn-1.x|v:1');
  });

  it('differ between metrics', () => {
    expect(new Set(CLASS_METRICS.map((metric) => metric.signature())).size).toBe(CLASS_METRICS.length);
  });
});

describe('scores', () => {
  it('print four decimals and keep the double', () => {
    expect(accuracy.score([0, 1, 1], [0, 1, 0])).toEqual({
      metric: 'accuracy',
      value: 2 / 3,
      printed: '0.6667',
      signature: 'accuracy|equals:sklearn-1.x|v:1',
    });
  });

  it('come by id, in order', () => {
    const scores = scoreClasses(['macro-f1', 'accuracy'], [0, 1], [0, 1]);
    expect(Object.keys(scores)).toEqual(['macro-f1', 'accuracy']);
    expect(scores['macro-f1']?.value).toBe(1);
    expect(() => classMetricById('f1')).toThrow('there is no metric "f1"');
  });

  it.each([
    ['no rows', [], [], 'there are no rows to score'],
    ['different lengths', [1], [1, 2], '1 gold labels and 2 predictions cannot be compared'],
  ] as [string, number[], number[], string][])('refuse %s', (_name, gold, predicted, message) => {
    for (const metric of CLASS_METRICS) expect(() => metric.score(gold, predicted)).toThrow(message);
    expect(() => confusionMatrix(gold, predicted)).toThrow(message);
    expect(() => perClass(gold, predicted)).toThrow(message);
  });

  it('refuse a class listed twice', () => {
    expect(() => macroF1.score([0], [0], { labels: [0, 0] })).toThrow('listed twice');
  });
});

describe('properties', () => {
  it('every score lies in [0, 1]; perfect is 1; all wrong is 0', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [gold, predicted] = columns(pairs);
        for (const metric of CLASS_METRICS) {
          const { value } = metric.score(gold, predicted);
          expect(value >= 0 && value <= 1).toBe(true);
          // weights are divided by their sum, so a weighted mean of ones can miss 1 by rounding
          expect(metric.score(gold, gold).value).toBeCloseTo(1, 14);
          expect(
            metric.score(
              gold,
              gold.map((l) => l + 10),
            ).value,
          ).toBe(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('the order of rows does not matter, to the last bit', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [gold, predicted] = columns(pairs);
        const [backGold, backPredicted] = columns(pairs.toReversed());
        for (const metric of CLASS_METRICS) {
          expect(metric.score(backGold, backPredicted).value).toBe(metric.score(gold, predicted).value);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('micro F1 over all classes is the accuracy', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [gold, predicted] = columns(pairs);
        expect(microF1.score(gold, predicted).value).toBe(accuracy.score(gold, predicted).value);
      }),
    );
  });

  it('the confusion matrix holds every row and the counts of the classes', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [gold, predicted] = columns(pairs);
        const { labels, counts } = confusionMatrix(gold, predicted);
        expect(counts.flat().reduce((a, b) => a + b)).toBe(pairs.length);
        const scores = perClass(gold, predicted);
        expect(scores.labels).toEqual(labels);
        expect(counts.map((row) => row.reduce((a, b) => a + b))).toEqual([...scores.support]);
      }),
    );
  });

  it('labels absent on both sides pull a macro score down and leave a weighted one', () => {
    const [gold, predicted] = [
      [0, 1, 1],
      [0, 1, 0],
    ];
    const labels = [0, 1, 2, 3];
    const union = macroF1.score(gold, predicted).value;
    expect(macroF1.score(gold, predicted, { labels }).value).toBeCloseTo(union / 2, 15);
    expect(weightedF1.score(gold, predicted, { labels }).value).toBe(weightedF1.score(gold, predicted).value);
  });
});

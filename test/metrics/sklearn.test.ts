import { describe, expect, it } from 'bun:test';
import { accuracy } from '../../src/metrics/accuracy';
import { confusionMatrix } from '../../src/metrics/confusion';
import { macroF1, microF1, weightedF1 } from '../../src/metrics/f1';
import { mean, pairwiseSum } from '../../src/metrics/mean';
import { perClass } from '../../src/metrics/per-class';
import { macroPrecision, macroRecall } from '../../src/metrics/precision-recall';
import cases from '../fixtures/sklearn/metrics.json';

describe('bit-equal to scikit-learn', () => {
  it.each(cases.map((c) => [c.name, c] as const))('%s', (_name, c) => {
    const options = c.labels === null ? {} : { labels: c.labels };
    const value = (metric: typeof macroF1) => metric.score(c.y_true, c.y_pred, options).value;
    expect({ macro: value(macroF1), micro: value(microF1), weighted: value(weightedF1) }).toEqual(c.f1);
    expect(value(accuracy)).toBe(c.accuracy);
    expect([value(macroPrecision), value(macroRecall)]).toEqual(c.precision_recall_macro);
    const scores = perClass(c.y_true, c.y_pred, options);
    expect(scores.labels).toEqual(c.classes);
    expect([...scores.precision]).toEqual(c.precision);
    expect([...scores.recall]).toEqual(c.recall);
    expect([...scores.f1]).toEqual(c.fscore);
    expect([...scores.support]).toEqual(c.support);
    const matrix = () => confusionMatrix(c.y_true, c.y_pred, options).counts;
    if (Array.isArray(c.confusion_matrix)) expect(matrix()).toEqual(c.confusion_matrix as number[][]);
    else expect(matrix).toThrow('none of the classes to score is the class of a row');
  });
});

describe('numpy means', () => {
  // python: float(np.sum(1.0 / np.arange(1, n + 1)))
  it.each([
    [7, 2.5928571428571425],
    [8, 2.7178571428571425],
    [82, 4.9900200799090815],
    [128, 5.433147092589173],
    [129, 5.440899030573669],
    [1000, 7.485470860550345],
    [18634, 10.409985645343365],
  ])('sum of the first %i reciprocals', (n, expected) => {
    const values = Float64Array.from({ length: n }, (_, i) => 1 / (i + 1));
    expect(pairwiseSum(values)).toBe(expected);
    expect(mean(values)).toBe(expected / n);
  });
});

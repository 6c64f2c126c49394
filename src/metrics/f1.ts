/**
 * F1 over classes: macro (mean of the classes), weighted (by gold rows) and micro (of the pooled counts).
 *
 * Equals scikit-learn's `f1_score(average=…, zero_division=0)` to the last bit. Absent classes: by default the classes are
 * those that occur among gold or predicted labels, so a class the model invents counts as 0 and a class that occurs on
 * neither side does not count at all. With `labels` given, exactly those count, absent ones as 0.
 */

import { countClasses } from './counts';
import { mean, pairwiseSum, weightedMean } from './mean';
import { classMetric } from './metric';
import { divide, ratios } from './per-class';

const ZERO = { zero_division: 0 };

export const macroF1 = classMetric(
  'macro-f1',
  'Mean of the F1 of the classes.',
  ZERO,
  true,
  (gold, predicted, options) => mean(ratios(countClasses(gold, predicted, options)).f1),
);

export const weightedF1 = classMetric(
  'weighted-f1',
  'Mean of the F1 of the classes, weighted by gold rows.',
  ZERO,
  true,
  (gold, predicted, options) => {
    const { f1, support } = ratios(countClasses(gold, predicted, options));
    return weightedMean(f1, support);
  },
);

export const microF1 = classMetric(
  'micro-f1',
  'F1 of the pooled counts of all classes.',
  ZERO,
  true,
  (gold, predicted, options) => {
    const counts = countClasses(gold, predicted, options);
    return divide(2 * pairwiseSum(counts.truePositives), pairwiseSum(counts.support) + pairwiseSum(counts.predicted));
  },
);

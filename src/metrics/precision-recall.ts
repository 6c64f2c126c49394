/**
 * Macro precision and recall. Equals scikit-learn's `precision_score` and `recall_score(average='macro',
 * zero_division=0)` to the last bit; classes as in f1.ts.
 */

import { countClasses } from './counts';
import { mean } from './mean';
import { classMetric } from './metric';
import { ratios } from './per-class';

const ZERO = { zero_division: 0 };

export const macroPrecision = classMetric(
  'macro-precision',
  'Mean of the precision of the classes.',
  ZERO,
  true,
  (gold, predicted, options) => mean(ratios(countClasses(gold, predicted, options)).precision),
);

export const macroRecall = classMetric(
  'macro-recall',
  'Mean of the recall of the classes.',
  ZERO,
  true,
  (gold, predicted, options) => mean(ratios(countClasses(gold, predicted, options)).recall),
);

/** Share of rows predicted right. Equals scikit-learn's `accuracy_score` to the last bit. */

import { countClasses } from './counts';
import { classMetric } from './metric';

export const accuracy = classMetric('accuracy', 'Share of rows predicted right.', {}, false, (gold, predicted) => {
  const { correct, rows } = countClasses(gold, predicted);
  return correct / rows;
});

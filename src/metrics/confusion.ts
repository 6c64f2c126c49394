/** Confusion matrix. Equals scikit-learn's `confusion_matrix`: rows are gold classes, columns predicted ones. */

import { inputError } from '../errors';
import { checkRows, occurring, places } from './counts';
import type { ClassOptions } from './metric';

export interface ConfusionMatrix {
  /** (C,) the classes of rows and columns, in order. */
  readonly labels: readonly number[];
  /** (C, C) `counts[gold][predicted]`; rows with a label outside `labels` on either side are not counted. */
  readonly counts: readonly (readonly number[])[];
}

/** @throws MedreproError `input`: no rows, lists of different length, or labels of which none is a gold one. */
export function confusionMatrix(
  gold: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: ClassOptions = {},
): ConfusionMatrix {
  checkRows(gold, predicted);
  const labels = options.labels ?? occurring(gold, predicted);
  const place = places(labels);
  if (!Array.from(gold).some((label) => place.has(label))) {
    throw inputError('none of the classes to score is the class of a row');
  }
  const counts = labels.map(() => labels.map(() => 0));
  for (let i = 0; i < gold.length; i++) {
    const [row, column] = [place.get(gold[i]!), place.get(predicted[i]!)];
    if (row !== undefined && column !== undefined) counts[row]![column]!++;
  }
  return { labels, counts };
}

/** Per-class counts, the base of every classification metric: integers, so order and threads cannot change them. */

import { inputError } from '../errors';
import type { ClassOptions } from './metric';

export interface ClassCounts {
  /** (C,) the classes, in the order of the other arrays. */
  readonly labels: readonly number[];
  /** (C,) rows of the class that were predicted as it. */
  readonly truePositives: Float64Array;
  /** (C,) rows predicted as the class. */
  readonly predicted: Float64Array;
  /** (C,) rows of the class: scikit-learn's support. */
  readonly support: Float64Array;
  /** Rows in all, and those predicted right, whatever `labels` says. */
  readonly rows: number;
  readonly correct: number;
}

/**
 * Counts rows by class.
 *
 * @throws MedreproError `input`: no rows, lists of different length, or a label twice in `options.labels`.
 */
export function countClasses(
  gold: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: ClassOptions = {},
): ClassCounts {
  checkRows(gold, predicted);
  const labels = options.labels ?? occurring(gold, predicted);
  const place = places(labels);
  const counts = {
    labels,
    truePositives: new Float64Array(labels.length),
    predicted: new Float64Array(labels.length),
    support: new Float64Array(labels.length),
    rows: gold.length,
    correct: 0,
  };
  for (let i = 0; i < gold.length; i++) {
    const [own, said] = [place.get(gold[i]!), place.get(predicted[i]!)];
    if (own !== undefined) counts.support[own]!++;
    if (said !== undefined) counts.predicted[said]!++;
    if (gold[i] !== predicted[i]) continue;
    counts.correct++;
    if (own !== undefined) counts.truePositives[own]!++;
  }
  return counts;
}

/** Every class that occurs among gold or predicted labels, ascending. */
export function occurring(gold: ArrayLike<number>, predicted: ArrayLike<number>): number[] {
  return [...new Set([...Array.from(gold), ...Array.from(predicted)])].sort((a, b) => a - b);
}

/** Place of each label in a list. @throws MedreproError `input` when one occurs twice. */
export function places(labels: readonly number[]): Map<number, number> {
  const place = new Map(labels.map((label, i) => [label, i]));
  if (place.size !== labels.length) throw inputError('a class is listed twice among the labels to score');
  return place;
}

/** @throws MedreproError `input`: no rows, or lists of different length. */
export function checkRows(gold: ArrayLike<number>, predicted: ArrayLike<number>): void {
  if (gold.length !== predicted.length) {
    throw inputError(`${gold.length} gold labels and ${predicted.length} predictions cannot be compared`);
  }
  if (gold.length === 0) throw inputError('there are no rows to score');
}

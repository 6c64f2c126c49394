/**
 * Precision, recall and F1 of each class. Equals scikit-learn's `precision_recall_fscore_support(average=None,
 * zero_division=0)` to the last bit.
 */

import { type ClassCounts, countClasses } from './counts';
import { type ClassOptions, labelsPart, signatureOf } from './metric';

/** Scores of every class, (C,) each, in the order of `labels`. */
export interface PerClass {
  readonly labels: readonly number[];
  readonly precision: Float64Array;
  readonly recall: Float64Array;
  readonly f1: Float64Array;
  /** Gold rows of the class. */
  readonly support: Float64Array;
  readonly signature: string;
}

/** @throws MedreproError `input`: no rows, or lists of different length. */
export function perClass(gold: ArrayLike<number>, predicted: ArrayLike<number>, options: ClassOptions = {}): PerClass {
  const counts = countClasses(gold, predicted, options);
  return { ...ratios(counts), signature: perClassSignature(options) };
}

export function perClassSignature(options: ClassOptions = {}): string {
  return signatureOf('per-class', { labels: labelsPart(options), zero_division: 0, equals: 'sklearn-1.x', v: 1 });
}

/** The ratios from counts; a ratio with denominator zero (a class absent on that side) is 0. */
export function ratios(counts: ClassCounts): Omit<PerClass, 'signature'> {
  const { labels, truePositives, predicted, support } = counts;
  return {
    labels,
    precision: truePositives.map((hits, c) => divide(hits, predicted[c]!)),
    recall: truePositives.map((hits, c) => divide(hits, support[c]!)),
    f1: truePositives.map((hits, c) => divide(2 * hits, support[c]! + predicted[c]!)),
    support,
  };
}

/** a / b, and 0 when b is 0 (zero_division=0). */
export function divide(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

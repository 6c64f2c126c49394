/** The metrics a spec can name, by id. */

import { specError } from '../errors';
import { accuracy } from './accuracy';
import { macroF1, microF1, weightedF1 } from './f1';
import type { ClassMetric, ClassOptions, Score } from './metric';
import { macroPrecision, macroRecall } from './precision-recall';

export const CLASS_METRICS: readonly ClassMetric[] = [
  macroF1,
  microF1,
  weightedF1,
  macroPrecision,
  macroRecall,
  accuracy,
];

/** @throws MedreproError `spec` when there is no such metric. */
export function classMetricById(id: string): ClassMetric {
  const metric = CLASS_METRICS.find((candidate) => candidate.id === id);
  if (metric === undefined) {
    throw specError(`there is no metric ${JSON.stringify(id)}`, {
      remedy: `it is one of ${CLASS_METRICS.map((candidate) => candidate.id).join(', ')}`,
    });
  }
  return metric;
}

/** The scores of several metrics by id, in the order given. */
export function scoreClasses(
  ids: readonly string[],
  gold: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: ClassOptions = {},
): Record<string, Score> {
  return Object.fromEntries(ids.map((id) => [id, classMetricById(id).score(gold, predicted, options)]));
}

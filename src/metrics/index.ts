/** The metrics a spec can name, by id. */

import { specError } from '../errors';
import { accuracy } from './accuracy';
import { macroF1, microF1, weightedF1 } from './f1';
import { meteor, meteorNltk310 } from './meteor';
import type { ClassMetric, ClassOptions, Score } from './metric';
import { macroPrecision, macroRecall } from './precision-recall';
import { ROUGE_TYPES, rougeMetric } from './rouge';
import { sacrebleu } from './sacrebleu';
import { squadExactMatch, squadF1 } from './squad';
import type { TextMetric } from './text-metric';

export const CLASS_METRICS: readonly ClassMetric[] = [
  macroF1,
  microF1,
  weightedF1,
  macroPrecision,
  macroRecall,
  accuracy,
];

/** ROUGE in every mode it has. */
const ROUGE = ROUGE_TYPES.flatMap((type) =>
  ([{}, { stemmer: true }] as const).flatMap((options) => [
    rougeMetric(type, options),
    rougeMetric(type, { ...options, aggregate: 'bootstrap' }),
  ]),
);

/** The metrics over generated texts. */
export const TEXT_METRICS: readonly TextMetric[] = [
  squadExactMatch,
  squadF1,
  sacrebleu,
  ...ROUGE,
  meteor,
  meteorNltk310,
];

/** Whether a metric reads generated texts. */
export const isTextMetric = (id: string): boolean => TEXT_METRICS.some((metric) => metric.id === id);

/** @throws MedreproError `spec` when there is no such metric. */
export function textMetricById(id: string): TextMetric {
  return byId(TEXT_METRICS, id);
}

/** @throws MedreproError `spec` when there is no such metric. */
export function classMetricById(id: string): ClassMetric {
  return byId(CLASS_METRICS, id);
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

// --- internal ---

function byId<M extends { readonly id: string }>(metrics: readonly M[], id: string): M {
  const metric = metrics.find((candidate) => candidate.id === id);
  if (metric !== undefined) return metric;
  const ids = metrics.map((candidate) => candidate.id).join(', ');
  throw specError(`there is no metric ${JSON.stringify(id)}`, { remedy: `it is one of ${ids}` });
}

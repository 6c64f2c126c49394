/** What a claim is judged by: a finished run, or published predictions that were scored again. */

import type { ExperimentResult } from '../run/result';
import { type Items, isClassStatistic } from './bootstrap';

export interface Evidence {
  readonly experiment: string;
  /** Null for published predictions. */
  readonly seed: number | null;
  readonly metrics: Readonly<Record<string, { readonly value: number }>>;
  readonly test: ExperimentResult['test'];
  readonly items?: NonNullable<ExperimentResult['items']>;
  readonly validation: ExperimentResult['validation'];
  readonly selectedStep: number;
  /** Identifies the test rows, where they are known: only results on the same rows can be paired. */
  readonly rows?: string;
  readonly file: string;
}

/** Whether the evidence is a run rather than published predictions. */
export const isRun = (evidence: Evidence): evidence is ExperimentResult => 'specSha256' in evidence;

/** What the paired bootstrap needs to compute `metric` on any sample of the test rows; null when the result has no such items. */
export function itemsOf({ test, items }: Evidence, metric: string): Items | null {
  const own = items?.[metric];
  if (own !== undefined) return own;
  if (test === null || !isClassStatistic(metric)) return null;
  return { kind: 'classes', metric, gold: test.gold, predicted: test.predicted };
}

/** The validation value of a metric at the step whose weights were kept; null when there is none. */
export function validationMetric(result: Evidence, metric: string): number | null {
  return result.validation.find(({ step }) => step === result.selectedStep)?.metrics[metric] ?? null;
}

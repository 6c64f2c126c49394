/** Which metrics an experiment can name, by task. */

import { specError } from '../errors';
import { CURVE_METRICS } from '../metrics/curve';
import { classMetricById, isTextMetric, textMetricById } from '../metrics/index';
import type { Experiment } from '../spec/types';

/** Metrics of the rows' own losses, and of training; the others read generated texts. */
export const LOSS_METRICS = [
  'loss',
  'perplexity',
  'batch-mean-loss',
  'batch-mean-perplexity',
  'text-loss',
  'text-perplexity',
  'trainer-loss',
  'trainer-perplexity',
] as const;
export const TRAINING_METRICS = ['train-loss', ...CURVE_METRICS] as const;

/**
 * Before anything runs, because the metrics come last.
 *
 * @throws MedreproError `spec` naming a metric that the task has not, or one that needs texts when none are generated.
 */
export function checkMetrics({ task, metrics, generation, training }: Experiment): void {
  for (const id of metrics) {
    if (task === 'sequence-classification') {
      classMetricById(id);
      continue;
    }
    if (includes(LOSS_METRICS, id)) continue;
    if (includes(TRAINING_METRICS, id)) {
      if (training.epochs > 0) continue;
      throw specError(`metrics: ${id} is of training, and training.epochs is 0`, { remedy: 'leave it out' });
    }
    if (!isTextMetric(id)) textMetricById(id);
    if (generation === null) {
      throw specError(`metrics: ${id} reads generated texts, and generation is null`, {
        remedy: 'say under generation how test rows are answered, or leave the metric out',
      });
    }
  }
}

export const includes = <T extends string>(list: readonly T[], id: string): id is T =>
  (list as readonly string[]).includes(id);

/** Which metrics an experiment can name, by task. */

import { specError } from '../errors';
import { CHOICE_METRICS, type ChoiceMetric, choiceMetricOf } from '../metrics/choices';
import { CURVE_METRICS } from '../metrics/curve';
import { CLASS_METRICS, classMetricById, isTextMetric, TEXT_METRICS, textMetricById } from '../metrics/index';
import type { Experiment } from '../paper/types';

/** Metrics of the test rows' losses. */
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

/** Every metric that a spec can name, except those of single files of test rows (`choice-accuracy-<file>`). */
export const METRIC_IDS: readonly string[] = [
  ...CLASS_METRICS.map(({ id }) => id),
  ...TEXT_METRICS.map(({ id }) => id),
  ...LOSS_METRICS,
  ...TRAINING_METRICS,
  ...CHOICE_METRICS,
];

/**
 * Checks the metrics of a spec before anything runs, because they are computed last.
 *
 * @throws MedreproError `spec` naming a metric that the task does not have, or one that reads generated texts when none are generated.
 */
export function checkMetrics({ task, metrics, generation, choices, training, data }: Experiment): void {
  const parts = testParts(data);
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
    const choice = choiceMetricOf(id, parts);
    if (choice !== null) {
      checkChoiceMetric(id, choice.metric, choices);
      continue;
    }
    if (id.startsWith('choice-')) {
      const names = parts.length === 0 ? '' : `, or one of them with '-' and one of ${parts.join(', ')} behind it`;
      throw specError(`there is no metric ${JSON.stringify(id)}`, {
        remedy: `of choices there are ${CHOICE_METRICS.join(', ')}${names}`,
      });
    }
    if (!isTextMetric(id)) textMetricById(id);
    if (generation === null) {
      throw specError(`metrics: ${id} reads generated texts, and generation is null`, {
        remedy: 'say under generation how test rows are answered, or leave the metric out',
      });
    }
  }
}

/** Names of the files that test rows come from, where there are several. */
export const testParts = ({ testData }: Experiment['data']): string[] =>
  (testData?.parts ?? []).map(({ name }) => name);

function checkChoiceMetric(id: string, metric: ChoiceMetric, choices: Experiment['choices']): void {
  if (choices === null) throw specError(`metrics: ${id} is of choices, and choices is null`);
  const wanted = metric === 'choice-accuracy' ? null : metric === 'choice-unparsed' ? 'generated' : 'log-likelihood';
  if (wanted === null || wanted === choices.by) return;
  throw specError(`metrics: ${id} is of choices by ${wanted}, and choices.by is ${choices.by}`, {
    remedy: 'leave it out',
  });
}

export const includes = <T extends string>(list: readonly T[], id: string): id is T =>
  (list as readonly string[]).includes(id);

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

/** A metric as docs/spec.md lists it. */
export interface MetricEntry {
  readonly id: string;
  readonly description: string;
}

/** Every metric that a spec can name, by what it is of; except those of single files of test rows (`choice-accuracy-<file>`). */
export const METRICS = {
  classes: CLASS_METRICS satisfies readonly MetricEntry[],
  texts: TEXT_METRICS satisfies readonly MetricEntry[],
  losses: entriesOf(LOSS_METRICS, {
    loss: 'Mean loss of a label over the test rows, in nats.',
    perplexity: 'exp of `loss`.',
    'batch-mean-loss': 'Mean of the means of evaluation batches, however many tokens each has.',
    'batch-mean-perplexity': 'exp of `batch-mean-loss`.',
    'text-loss': '`loss` without the padding that `data.labels` leaves labelled.',
    'text-perplexity': 'exp of `text-loss`.',
    'trainer-loss': "The HF Trainer's `eval_loss`: the mean of each evaluation batch, counted once a row.",
    'trainer-perplexity': 'exp of `trainer-loss`.',
  }),
  training: entriesOf(TRAINING_METRICS, {
    'train-loss': "The HF Trainer's `train_loss`: the mean of the losses of all steps.",
    'final-train-loss': 'Mean loss of the last window of steps.',
    'early-spike':
      'Highest rise of the smoothed loss in the first fifth of the steps, as a share of the loss at the start.',
    oscillation: 'Mean distance of the loss from the smoothed curve, as a share of the loss at the start.',
    diverged: '1 when a loss is not finite or the curve ends above its start, else 0.',
  }),
  choices: entriesOf(CHOICE_METRICS, {
    'choice-accuracy':
      'Share of questions answered right: the likeliest choice, or the one that the generated answer names.',
    'choice-accuracy-norm': 'The same by likelihood divided by the characters of the choice (`acc_norm`).',
    'choice-accuracy-bytes': 'The same by likelihood divided by the bytes of the choice.',
    'choice-unparsed': 'Share of generated answers that name no choice; they count as wrong.',
  }),
} as const;

/** The ids of {@link METRICS}. */
export const METRIC_IDS: readonly string[] = Object.values(METRICS).flatMap((all) => all.map(({ id }) => id));

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

function entriesOf<T extends string>(ids: readonly T[], about: Readonly<Record<T, string>>): MetricEntry[] {
  return ids.map((id) => ({ id, description: about[id] }));
}

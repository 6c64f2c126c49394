/** What a metric's id says about it, for claims: which way is better, and whether it is a sum over test rows. */

/** Metrics of which less is better. */
const LOWER_IS_BETTER = /(^|-)(loss|perplexity|spike|oscillation|diverged)$|^choice-unparsed(-|$)/;

/** Metrics that the paired bootstrap can compute on any choice of test rows. */
const PER_ROW = new Set([
  'macro-f1',
  'accuracy',
  'loss',
  'perplexity',
  'exact-match',
  'f1',
  'meteor',
  'rouge1',
  'rouge2',
  'rougeL',
  'rougeLsum',
]);

const IN_PERCENT = new Set(['exact-match', 'f1', 'bleu']);

/** Whether a smaller value is the better one. */
export const lowerIsBetter = (metric: string): boolean => LOWER_IS_BETTER.test(metric);

/** Whether a comparison of the metric is tested over test rows; false for one number per run, such as a training loss. */
export const isPerRow = (metric: string): boolean => PER_ROW.has(metric) || metric.startsWith('choice-');

/** Whether a metric is between 0 and 1; SQuAD's and BLEU are in percent, a loss is in nats. */
export const isShare = (metric: string): boolean => !lowerIsBetter(metric) && !IN_PERCENT.has(metric);

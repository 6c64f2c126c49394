/**
 * Which evaluation is the best one, and when to stop: the Trainer's `load_best_model_at_end` with its EarlyStoppingCallback.
 * Both are functions of the evaluations so far, so a resumed run needs no state of its own for them.
 */
import { lowerIsBetter } from '../metrics/direction';
import type { Training } from '../paper/types';

/** The metric that selects the weights; null when the last ones are kept. */
export const selectionMetric = ({ selection }: Pick<Training, 'selection'>): string | null =>
  selection === 'last' ? null : selection.slice('best-'.length);

export interface Verdict {
  /** Index of the best evaluation, the first of equals; null without any. */
  readonly best: number | null;
  /** As many evaluations in a row as the patience allows brought no improvement. */
  readonly stop: boolean;
}

/**
 * Judges the evaluations of a run in order.
 *
 * The callback compares with the best value of the evaluations before, and counts an evaluation as an improvement only when it
 * is better by more than the threshold; the best value itself moves with any improvement.
 */
export function judge(values: readonly number[], metric: string, early: Training['earlyStopping']): Verdict {
  const better = (a: number, b: number): boolean => (lowerIsBetter(metric) ? a < b : a > b);
  let best: number | null = null;
  let idle = 0;
  let stop = false;
  values.forEach((value, index) => {
    const before = best === null ? null : values[best]!;
    const improved = before === null || (better(value, before) && Math.abs(value - before) > (early?.threshold ?? 0));
    idle = improved ? 0 : idle + 1;
    if (early !== null && idle >= early.patience) stop = true;
    if (before === null || better(value, before)) best = index;
  });
  return { best, stop };
}

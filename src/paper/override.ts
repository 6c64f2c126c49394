/**
 * What the command line changes of a resolved experiment. Every change that can change a result goes through here
 * before the experiment is hashed: a run with another seed or other data must not pass for the spec's own.
 */

import type { Experiment } from './types';

export interface Overrides {
  readonly seed?: number | null;
  /** What `--data` named; recorded as the source `files:<what>`. */
  readonly data?: string | null;
  /** Column names of `--map`. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
  /** A local folder for the weights and, unless `tokenizer` is given, the tokeniser. */
  readonly model?: string | null;
  readonly precision?: Experiment['training']['precision'] | null;
}

/** The experiment with the overrides applied; the same object when there are none. */
export function withOverrides(experiment: Experiment, overrides: Overrides): Experiment {
  let result = experiment;
  const { seed, data, columns, model, precision } = overrides;
  if (seed !== undefined && seed !== null) result = { ...result, training: { ...result.training, seed } };
  if (precision !== undefined && precision !== null) {
    result = { ...result, training: { ...result.training, precision } };
  }
  if (data !== undefined && data !== null) result = { ...result, data: { ...result.data, source: `files:${data}` } };
  if (columns !== undefined && Object.keys(columns).length > 0) {
    result = { ...result, data: { ...result.data, columns: { ...result.data.columns, ...columns } } };
  }
  if (model !== undefined && model !== null) result = { ...result, model: { id: model, revision: null } };
  return result;
}

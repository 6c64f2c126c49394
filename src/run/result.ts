/**
 * The result of one finished run, as stored in `metrics.json`. Written by `run/`, read by `verify/` and `report/`.
 *
 * Doubles are unrounded: JSON carries the shortest decimal that reads back as the same bits.
 */

import { inputError } from '../errors';
import { ISAS, type Isa } from '../native/isa';
import { type } from '../paper/type';

/** The kernel path a run took: a CPU path or CUDA. */
export type KernelPath = Isa | 'cuda';

const Sha256 = /^[0-9a-f]{64}$/;

const Metric = type({
  /** Unrounded. */
  value: 'number',
  /** Rounded for people. */
  printed: 'string',
  /** Names each argument that can change the number. */
  signature: 'string',
});

/** Classes of the test rows; null where the task has none. */
export const TestClasses = type({
  gold: 'number.integer[]',
  predicted: 'number.integer[]',
  /** The name of class i. */
  labels: 'string[]',
}).or('null');

/** Per test row, for metrics that are a ratio of sums over rows (or exp of one), by metric id. */
export const ItemsByMetric = type({
  '[string]': { kind: "'ratio' | 'exp-ratio'", numerators: 'number[]', denominators: 'number[]' },
});

export const ResultFile = type({
  format: "'medrepro-result-1'",
  paper: 'string',
  experiment: 'string',
  scale: "'mini' | 'full'",
  seed: 'number.integer >= 0',
  /** `specSha256` of the experiment as it was run, overrides included. */
  specSha256: Sha256,
  /** Hash of the rows, in order, that the run trained and was evaluated on. */
  dataSha256: Sha256,
  precision: "'fp32' | 'bf16' | 'fp16'",
  kernelPath: type.enumerated(...ISAS, 'cuda'),
  /** Version and kernel hash of the build: a result of another build is not reused. */
  'build?': 'string',
  /** Flags that changed an input (`--data`, `--model`, `--tokenizer`): such a run has no golden verdict. */
  overrides: 'string[]',
  /** On the test split, by metric id. */
  metrics: { '[string]': Metric },
  test: TestClasses,
  'items?': ItemsByMetric,
  /** Evaluations on the validation split, in order. */
  validation: type({ step: 'number.integer', epoch: 'number', metrics: 'Record<string, number>' }).array(),
  /** Warnings that qualify the result: a stable id and a sentence each. */
  'warnings?': type({ id: 'string', message: 'string' }).array(),
  /** The step whose weights were evaluated on the test split. */
  selectedStep: 'number.integer',
});

type ResultData = typeof ResultFile.infer;

/** A result and where it was read. */
export interface ExperimentResult extends ResultData {
  /** The `metrics.json`. */
  readonly file: string;
}

/**
 * Reads a `metrics.json`.
 *
 * @throws MedreproError `input` when it is not one.
 */
export function parseResult(text: string, file: string): ExperimentResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw inputError('is not JSON', { where: { file }, cause, remedy: 'the run did not finish: run it again' });
  }
  const result = ResultFile(value);
  if (result instanceof type.errors) {
    throw inputError(`is not a result: ${result.summary}`, {
      where: { file },
      remedy: 'the file comes from another version of medrepro: run it again',
    });
  }
  checkItems(result, file);
  return { ...result, file };
}

/** @throws MedreproError `input` when the lists of test rows have different lengths. */
export function checkItems({ test, items }: Pick<ResultData, 'test' | 'items'>, file: string): void {
  if (test !== null && test.gold.length !== test.predicted.length) {
    throw inputError('has a different number of gold and predicted labels', { where: { file } });
  }
  for (const [metric, { numerators, denominators }] of Object.entries(items ?? {})) {
    if (numerators.length !== denominators.length) {
      throw inputError(`has a different number of numerators and denominators for ${metric}`, { where: { file } });
    }
  }
}

/**
 * Runs with the same numeric path agree bit for bit: fp32 on all CPU paths is one path, bf16 and CUDA each are paths of their own.
 */
export function numericPath({ precision, kernelPath }: Pick<ExperimentResult, 'precision' | 'kernelPath'>): string {
  return precision === 'fp32' && kernelPath !== 'cuda' ? 'cpu-fp32' : `${kernelPath}-${precision}`;
}

/**
 * The result of one finished run, as stored in `metrics.json`. Written by `run/`, read by `verify/` and `report/`.
 *
 * Doubles are unrounded: JSON carries the shortest decimal that reads back as the same bits.
 */

import { inputError } from '../errors';
import { ISAS, type Isa } from '../native/isa';
import { PRECISIONS, SCALES } from '../paper/lists';
import { whole } from '../paper/schema/numbers';
import { list, map, nullable, object, pattern, value, words } from '../paper/schema-part';
import { accepts, type Fault, summary } from '../paper/validate';

/** The kernel path a run took: a CPU path or CUDA. */
export type KernelPath = Isa | 'cuda';

const sha256 = pattern(/^[0-9a-f]{64}$/);
const wholeNumber = value('number.integer');

const Metric = object({
  value: value('number').describe('Unrounded.'),
  printed: value('string').describe('Rounded for people.'),
  signature: value('string').describe('Names each argument that can change the number.'),
});

/** Classes of the test rows; null where the task has none. */
export const TestClasses = nullable(
  object({
    gold: value('number.integer[]'),
    predicted: value('number.integer[]'),
    labels: value('string[]').describe('The name of class i.'),
  }),
);

/** Per test row, for metrics that are a ratio of sums over rows (or exp of one), by metric id. */
export const ItemsByMetric = map(
  object({ kind: words('ratio', 'exp-ratio'), numerators: value('number[]'), denominators: value('number[]') }),
);

const ResultFile = object({
  format: words('medrepro-result-1'),
  paper: value('string'),
  experiment: value('string'),
  scale: words(...SCALES),
  seed: whole,
  specSha256: sha256.describe('`specSha256` of the experiment as it was run, overrides included.'),
  dataSha256: sha256.describe('Hash of the rows, in order, that the run trained and was evaluated on.'),
  precision: words(...PRECISIONS),
  kernelPath: words(...ISAS, 'cuda'),
  'build?': value('string').describe('Version and kernel hash of the build: a result of another build is not reused.'),
  overrides: value('string[]').describe(
    'Flags that changed an input (`--data`, `--model`, `--tokenizer`): such a run has no golden verdict.',
  ),
  metrics: map(Metric).describe('On the test split, by metric id.'),
  test: TestClasses,
  'items?': ItemsByMetric,
  validation: list(object({ step: wholeNumber, epoch: value('number'), metrics: map(value('number')) })).describe(
    'Evaluations on the validation split, in order.',
  ),
  'warnings?': list(object({ id: value('string'), message: value('string') })).describe(
    'Warnings that qualify the result: a stable id and a sentence each.',
  ),
  selectedStep: wholeNumber.describe('The step whose weights were evaluated on the test split.'),
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
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw inputError('is not JSON', { where: { file }, cause, remedy: 'the run did not finish: run it again' });
  }
  const faults: Fault[] = [];
  if (!accepts(ResultFile, content, faults)) {
    throw inputError(`is not a result: ${summary(faults)}`, {
      where: { file },
      remedy: 'the file comes from another version of medrepro: run it again',
    });
  }
  checkItems(content, file);
  return { ...content, file };
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

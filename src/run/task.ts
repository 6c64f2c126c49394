/** What depends on a run's task: how the model is evaluated, and what is recorded. */
import type { ConfusionMatrix } from '../metrics/confusion';
import type { PerClass } from '../metrics/per-class';
import type { StepResult } from '../train/trainer';
import type { ExperimentResult } from './result';

export interface Task {
  /** One line, before step 1: the labels in `rows` training rows. */
  trainsOn(rows: number): string;
  /** Metrics of the validation rows by id, `selection` among them. */
  validate(selection: string | null): Record<string, number>;
  /** Evaluates the test rows and summarises the training, whose steps are in `log`. */
  test(log: readonly StepResult[]): TestOutcome;
}

export interface TestOutcome {
  readonly metrics: ExperimentResult['metrics'];
  /** Of a classifier; null otherwise. */
  readonly classes: ExperimentResult['test'];
  /** Sums per test row, for metrics that are a ratio of them; null where there are none. */
  readonly items: NonNullable<ExperimentResult['items']> | null;
  /** One line of `predictions.jsonl` per test row. */
  readonly predictions: readonly object[];
  /** Further files of the run directory by name: text is stored verbatim, anything else as JSON. */
  readonly files: Readonly<Record<string, unknown>>;
  /** Of a classifier with test rows; null otherwise. */
  readonly tables: ClassTables | null;
}

/** Per-class scores and the confusion matrix of the test rows. */
export interface ClassTables {
  readonly classes: readonly string[];
  /** The fields of PerClass as plain lists: JSON has no typed arrays. */
  readonly scores: {
    readonly [Name in keyof PerClass]: PerClass[Name] extends Float64Array ? number[] : PerClass[Name];
  };
  readonly confusion: ConfusionMatrix;
}

/** What a run does that depends on its task: how the model is evaluated, and what is kept of it. */
import type { ConfusionMatrix } from '../metrics/confusion';
import type { PerClass } from '../metrics/per-class';
import type { StepResult } from '../train/trainer';
import type { ExperimentResult } from './result';

export interface Task {
  /** One line, before step 1: what `rows` training rows teach. */
  trainsOn(rows: number): string;
  /** Metrics of the validation rows by id, the one that weights are selected by among them. */
  validate(selection: string | null): Record<string, number>;
  /** Everything about the test rows, and about the training that `log` holds the steps of. */
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
  /** Further files of the run directory by name: text as it is, anything else as JSON. */
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

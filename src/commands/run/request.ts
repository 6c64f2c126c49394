/** What `run` is asked and answers. */
import type { TargetRequest } from '../../run/request';
import type { ExperimentResult } from '../../run/result';
import type { ClassTables } from '../../run/task';
import type { Comparison } from '../../verify/compare';

export interface RunRequest extends TargetRequest {
  /** Number of seeds: the request's (or spec's) seed and the ones that follow it. */
  readonly seeds: number;
  /** The parent of the run directories. */
  readonly out: string;
  /** Continue the newest unfinished run of the same target and settings under `out`. */
  readonly resume: boolean;
}

export interface RunDocument {
  readonly runs: readonly FinishedRun[];
  readonly unmeasured: readonly SkippedRun[];
  readonly comparisons: readonly Comparison[];
}

export interface FinishedRun extends ExperimentResult {
  /** The run directory. */
  readonly directory: string;
  readonly seconds: number;
  /** Of a classifier; null otherwise. */
  readonly perClass: ClassTables | null;
}

/** An experiment that was asked for and not run. */
export interface SkippedRun {
  readonly target: string;
  readonly reason: string;
}

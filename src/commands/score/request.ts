/** What `score` is asked and answers. */
import type { ExitCode } from '../../errors';
import type { Reading } from '../../paper/types';
import type { ColumnMap, SourceFile } from '../../score/pairs';
import type { ScoreResult } from '../../score/score';

export interface ScoreRequest {
  /** `paper/experiment` or `spec.yaml/experiment`; null = metrics alone. */
  readonly target: string | null;
  readonly predictions: string;
  readonly references: string;
  /** Training rows, for their overlap with the references. */
  readonly train: string | null;
  /** Metric ids; null = the experiment's. */
  readonly metrics: readonly string[] | null;
  /** Column names by role. */
  readonly map: ColumnMap;
  readonly reading: Reading | null;
  readonly golden: string | null;
  /** The parent of run directories to keep the scores in; null = they are only printed. */
  readonly out: string | null;
}

export interface ScoreDocument extends Omit<ScoreResult, 'perRow'> {
  /** `paper/experiment`; null where only metrics were asked for. */
  readonly target: string | null;
  readonly files: readonly SourceFile[];
  readonly disclaimers: readonly string[];
  readonly notes: readonly string[];
  readonly level: 'score' | null;
  readonly exitCode: ExitCode;
}

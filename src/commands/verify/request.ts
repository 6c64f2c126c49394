/** What `verify` is asked and answers. */
import type { TargetRequest } from '../../run/request';
import type { Comparison } from '../../verify/compare';

export interface VerifyRequest extends TargetRequest {
  /** The parent of the run directories. */
  readonly out: string;
  /** Run what is missing; false = compare what is there. */
  readonly run: boolean;
  /** A JUnit file to write. */
  readonly junit: string | null;
  /** The level every claim must reach, else exit 4. */
  readonly require: 'L1' | 'L2' | 'L3' | null;
  /** Published predictions to score again, by `paper/experiment`. */
  readonly scored: readonly { readonly target: string; readonly predictions: string; readonly references: string }[];
}

export interface VerifyDocument {
  readonly comparisons: readonly Comparison[];
}

/** What `audit` is asked and answers. */
import type { Finding } from '../../audit/audit';

export interface AuditRequest {
  readonly targets: readonly string[];
  readonly all: boolean;
  /** A SARIF file to write. */
  readonly sarif: string | null;
  /** Annotations of GitHub Actions instead of text. */
  readonly github: boolean;
  /** Exit with 0 whatever is found. */
  readonly exitZero: boolean;
}

export interface AuditDocument {
  /** Ids of the papers. */
  readonly papers: readonly string[];
  readonly inconsistent: number;
  readonly consistent: number;
  readonly findings: readonly Finding[];
}

/**
 * The audit level of a verification: the inconsistencies that arithmetic finds in a paper, against those that were accepted.
 */

import type { Golden } from './golden';
import type { Outcome } from './verdict';

/** The part of an audit finding that verification needs. */
export interface AuditedItem {
  /** The statement's name in the spec, or the dotted path of a setting. */
  readonly item: string;
  readonly rule: string;
  readonly where: string;
  readonly consistent: boolean;
  readonly message: string;
  readonly arithmetic: readonly string[];
  /** The claim it changes; null = none. */
  readonly claim: string | null;
}

/** An item that is inconsistent, or was accepted as inconsistent. */
export interface AuditRow extends AuditedItem {
  readonly paper: string;
  readonly verdict: 'INCONSISTENT' | 'CONSISTENT';
  /** Why it was accepted as inconsistent; null when it was not. */
  readonly accepted: string | null;
  readonly outcome: Outcome;
}

/**
 * One row per item that is inconsistent now or was accepted as such. An item that is consistent, and was never accepted as
 * anything else, has no row.
 */
export function auditRows(paper: string, findings: readonly AuditedItem[], golden: Golden | null): AuditRow[] {
  const accepted = golden?.audit ?? null;
  const rows = findings.flatMap((finding): AuditRow[] => {
    const reason = accepted?.[finding.item] ?? null;
    if (finding.consistent && reason === null) return [];
    const verdict = finding.consistent ? 'CONSISTENT' : 'INCONSISTENT';
    const outcome: Outcome =
      accepted === null ? 'no-golden' : finding.consistent ? 'improved' : reason === null ? 'differs' : 'equal';
    return [{ ...finding, paper, verdict, accepted: reason, outcome }];
  });
  const gone = Object.entries(accepted ?? {}).filter(([item]) => !findings.some((finding) => finding.item === item));
  return [
    ...rows,
    ...gone.map(
      ([item, reason]): AuditRow => ({
        paper,
        item,
        rule: 'none',
        where: 'golden file',
        consistent: true,
        verdict: 'CONSISTENT',
        message: 'the spec states no such item any more',
        arithmetic: [],
        claim: null,
        accepted: reason,
        outcome: 'differs',
      }),
    ),
  ];
}

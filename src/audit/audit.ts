/**
 * The audit (L0): what a paper states, checked by arithmetic alone. Everything that was checked is a finding, the
 * consistent as well as the inconsistent.
 */

import { MedreproError } from '../errors';
import type { Paper } from '../paper/load';
import type { Reading } from '../paper/types';
import type { Check, Context } from './rule';
import { RULES } from './rules';
import { settingDifferences, sourced } from './rules/readings';

export interface Finding extends Check {
  readonly paper: string;
  readonly rule: string;
  /** The statement's name in the spec, or the dotted path of a setting. */
  readonly item: string;
  /** Section or table of the paper. */
  readonly where: string;
  /** The claim that changes; null = none. */
  readonly claim: string | null;
  readonly note: string | null;
  /** The spec file and the line of the statement (1 for a setting). */
  readonly file: string;
  readonly line: number;
}

/** Both readings of a paper; `released` is null where its code is not known. */
export interface AuditedPaper {
  readonly written: Paper;
  readonly released: Paper | null;
  /** The spec file, as messages name it. */
  readonly file: string;
}

/**
 * Everything arithmetic can decide about a paper, in the order of the spec.
 *
 * @throws MedreproError `spec`, at the statement's line: a string that is no printed number, an experiment or an architecture
 *   that the spec does not hold.
 */
export function audit({ written, released, file }: AuditedPaper): Finding[] {
  const base = { paper: written.id, file };
  const stated = written.statements.flatMap(({ id, line, statement }) => {
    const reading: Reading = statement.reading ?? 'as-written';
    const context: Context = { paper: reading === 'as-released' ? (released ?? written) : written, reading };
    const rule = RULES.find(({ kind }) => kind === statement.kind);
    if (rule === undefined) throw new Error(`no rule for statements of the kind ${statement.kind}`);
    const { where, claim = null, note = null } = statement;
    const checks = placed(file, line, () => rule.check(statement, context));
    return checks.map(
      ({ part, ...check }): Finding => ({
        ...base,
        rule: rule.id,
        item: part === undefined ? id : `${id}/${part}`,
        where,
        claim: check.consistent ? null : claim,
        note,
        line,
        ...check,
      }),
    );
  });
  const settings = released === null ? [] : settingDifferences(written, released);
  const differing = settings.map(
    ({ path, experiments, check }): Finding => ({
      ...base,
      rule: sourced.id,
      item: path,
      where: `setting of ${experiments.join(', ')}`,
      claim: null,
      note: null,
      line: 1,
      ...check,
    }),
  );
  return [...stated, ...differing];
}

// --- internal ---

/** Errors of a statement are reported at its line. */
function placed<T>(file: string, line: number, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof MedreproError) || error.where !== undefined) throw error;
    const { code, message, remedy } = error;
    throw new MedreproError(code, message, { remedy, where: { file, line }, cause: error });
  }
}

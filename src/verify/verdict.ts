/**
 * The vocabulary of verdicts and levels, and what counts as a change for the better.
 */

/** Levels of evidence, weakest first. */
export const LEVELS = ['audit', 'mini', 'score', 'full'] as const;
export type Level = (typeof LEVELS)[number];

/** L0 ... L3, as `--require` names them. */
export const LEVEL_CODE: Readonly<Record<Level, 'L0' | 'L1' | 'L2' | 'L3'>> = {
  audit: 'L0',
  mini: 'L1',
  score: 'L2',
  full: 'L3',
};

export const VERDICTS = [
  'REPRODUCED',
  'WITHIN',
  'DIRECTION-ONLY',
  'DEVIATES',
  'INCONSISTENT',
  'NEEDS-HUMAN',
  'UNMEASURED',
] as const;
export type Verdict = (typeof VERDICTS)[number];

/** How a claim or value compares with its golden. */
export type Outcome =
  /** As accepted. */
  | 'equal'
  /** Changed toward REPRODUCED: accept it. */
  | 'improved'
  /** Changed: exit 1. */
  | 'differs'
  /** Nothing was accepted for this seed, data, setting or path. */
  | 'no-golden'
  /** The results it needs are not here. */
  | 'not-run';

/** Outcomes in texts for people. */
export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  equal: 'as accepted',
  improved: 'better than accepted',
  differs: 'DIFFERS',
  'no-golden': 'no golden verdict',
  'not-run': 'not run',
};

/** Whether `now` is closer to REPRODUCED than `accepted`. */
export function isImprovement(accepted: Verdict, now: Verdict): boolean {
  return POSITIVE[now] > 0 && POSITIVE[now] > POSITIVE[accepted];
}

// --- internal ---

const POSITIVE: Readonly<Record<Verdict, number>> = {
  REPRODUCED: 3,
  WITHIN: 2,
  'DIRECTION-ONLY': 1,
  DEVIATES: 0,
  INCONSISTENT: 0,
  'NEEDS-HUMAN': 0,
  UNMEASURED: 0,
};

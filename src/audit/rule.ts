/**
 * What a rule of the audit is: a pure function from one kind of statement, and the experiments it speaks of, to whether
 * it is consistent. A rule knows no paper.
 */

import { specError } from '../errors';
import type { Paper } from '../paper/load';
import type { Statement } from '../paper/statements';
import type { Experiment, Reading } from '../paper/types';
import { digits, type Interval, meet, printedInterval, printedNumber, show } from './interval';

/** A rule's result for one statement. */
export interface Check {
  readonly consistent: boolean;
  /** One line: what was compared, and the result. */
  readonly message: string;
  /** The arithmetic, step by step. */
  readonly arithmetic: readonly string[];
  /** The value that the arithmetic gives, unrounded; null where it is a range or no number. */
  readonly raw: number | null;
  /** As the paper would print it. */
  readonly rounded: string | null;
  /** As the paper prints it. */
  readonly printed: string | null;
  /** Distinguishes several checks of one statement; absent for a single one. */
  readonly part?: string;
}

/** What a rule may read besides the statement. */
export interface Context {
  /** The paper in the reading of the statement. */
  readonly paper: Paper;
  readonly reading: Reading;
}

export type StatementOf<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

export interface Rule<K extends Statement['kind'] = Statement['kind']> {
  /** Stable: scripts and SARIF name it. */
  readonly id: string;
  /** One line for lists of rules. */
  readonly title: string;
  readonly kind: K;
  readonly check: (statement: StatementOf<K>, context: Context) => readonly Check[];
}

/** A rule of any kind, for the registry. */
export function rule<K extends Statement['kind']>(of: Rule<K>): Rule {
  return of as unknown as Rule;
}

/**
 * Compares what arithmetic allows with what is printed.
 *
 * @param what the quantity, for the message.
 * @param allowed the values the arithmetic gives for all values the other printed numbers stand for.
 * @param raw the value from the printed numbers as they stand.
 * @param printed the statement's own string, in units of `unit`.
 */
export function compare(
  what: string,
  allowed: Interval | null,
  raw: number | null,
  printed: string,
  arithmetic: readonly string[],
  unit = 1,
): Check {
  const stated = printedInterval(printed, unit);
  const consistent = allowed !== null && meet(allowed, stated);
  const rounded = raw === null ? null : roundedLike(raw / unit, printed);
  const gives = allowed === null ? 'nothing' : show(allowed);
  return {
    consistent,
    message: `${what} ${outcome(consistent, raw === null ? null : raw / unit, printed, gives)} the printed ${printed}`,
    arithmetic: [...arithmetic, `printed ${printed} stands for ${show(stated)}; the arithmetic gives ${gives}`],
    raw,
    rounded,
    printed,
  };
}

/** `value` with as many digits as `printed` has. */
export function roundedLike(value: number, printed: string): string {
  const decimals = /\.(\d+)/.exec(printed)?.[1]?.length ?? 0;
  return value.toFixed(Math.min(decimals, 12));
}

const UNITS = { million: 1e6, billion: 1e9 } as const;

/** The factor of a printed number. */
export const scaleOf = (unit: keyof typeof UNITS | undefined): number => (unit === undefined ? 1 : UNITS[unit]);

/** The value beside the printed one, with enough digits to show the difference. */
function outcome(consistent: boolean, value: number | null, printed: string, gives: string): string {
  const rounded = value === null ? gives : roundedLike(value, printed);
  if (consistent) {
    return Number(rounded) === printedNumber(printed) ? `${rounded} agrees with` : `${gives} may round to`;
  }
  // rounded to whole numbers, the difference would not show
  return `${value === null || rounded.includes('.') ? rounded : digits(value)} does not agree with`;
}

/** The experiment a statement names, at the full scale. @throws MedreproError `spec` when there is none. */
export function experimentOf({ paper }: Context, id: string): Experiment {
  const experiment = paper.experiments.find((one) => one.id === id)?.scales.full;
  if (experiment !== undefined) return experiment;
  throw specError(`a statement names the experiment '${id}', which ${paper.id} does not describe at the full scale`);
}

/** The architecture a statement needs. @throws MedreproError `spec` when the spec does not hold it. */
export function architectureOf({ paper }: Context, model: string) {
  const facts = paper.models[model];
  if (facts !== undefined) return facts.architecture;
  throw specError(`a statement needs the architecture of ${model}`, { remedy: `add it under 'models' in the spec` });
}

export { digits };

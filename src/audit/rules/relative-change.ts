import {
  countInterval,
  digits,
  divide,
  exact,
  type Interval,
  printedInterval,
  printedNumber,
  scale,
  show,
  subtract,
} from '../interval';
import { type Check, compare, rule } from '../rule';

/** (to - from) / from in percent, over the digits that are printed and over those that logs have. */
export const relativeChange = rule({
  id: 'relative-change',
  title: 'a relative gain follows from the values it compares',
  kind: 'relative-change',
  check: ({ from, to, percent, beyond = false, counts = false, released }) => {
    const check = beyond ? checkBeyond : checkEqual;
    const read = counts ? countInterval : printedInterval;
    const printed = check(read(from), read(to), percentOf(from, to), percent, `${from} to ${to}`);
    if (released === undefined) return [printed];
    const [start, end] = [printedNumber(released.from), printedNumber(released.to)];
    const logged = percentOf(released.from, released.to);
    const name = `${released.from} to ${released.to} (released)`;
    return [printed, { ...check(exact(start), exact(end), logged, percent, name), part: 'released' }];
  },
});

// --- internal ---

function percentOf(from: string, to: string): number {
  return 100 * (printedNumber(to) / printedNumber(from) - 1);
}

function checkEqual(from: Interval, to: Interval, raw: number, percent: string, name: string): Check {
  const { allowed, step } = changeOf(from, to);
  return compare(`${name}: change in percent`, allowed, raw, percent, [step]);
}

/** Whether some change that the digits allow goes further than `percent`. */
function checkBeyond(from: Interval, to: Interval, raw: number, percent: string, name: string): Check {
  const { allowed, step } = changeOf(from, to);
  const limit = printedNumber(percent);
  const consistent = allowed !== null && (limit < 0 ? allowed.low < limit : allowed.high > limit);
  const gives = digits(raw);
  return {
    consistent,
    message: `${name}: change in percent ${gives} ${consistent ? 'goes' : 'does not go'} beyond the printed ${percent}`,
    arithmetic: [step],
    raw,
    rounded: null,
    printed: percent,
  };
}

/** to / from is monotone in both, so the ends of the ratio are the ends of the change. */
function changeOf(from: Interval, to: Interval): { allowed: Interval | null; step: string } {
  const ratio = divide(to, from);
  const allowed = ratio === null ? null : scale(subtract(ratio, exact(1)), 100);
  const shown = allowed === null ? 'not defined' : show(allowed);
  return { allowed, step: `100 * (${show(to)} / ${show(from)} - 1) = ${shown}` };
}

import { divide, exact, type Interval, printedInterval, printedNumber, scale, show, subtract } from '../interval';
import { type Check, compare, rule } from '../rule';

/** (to - from) / from in percent, over the digits that are printed and over those that logs have. */
export const relativeChange = rule({
  id: 'relative-change',
  title: 'a relative gain follows from the values it compares',
  kind: 'relative-change',
  check: ({ from, to, percent, released }) => {
    const printed = check(printedInterval(from), printedInterval(to), percentOf(from, to), percent, `${from} to ${to}`);
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

/** to / from is monotone in both, so the ends of the ratio are the ends of the change. */
function check(from: Interval, to: Interval, raw: number, percent: string, name: string): Check {
  const ratio = divide(to, from);
  const allowed = ratio === null ? null : scale(subtract(ratio, exact(1)), 100);
  const shown = ratio === null ? 'not defined' : show(scale(subtract(ratio, exact(1)), 100));
  return compare(`${name}: change in percent`, allowed, raw, percent, [
    `100 * (${show(to)} / ${show(from)} - 1) = ${shown}`,
  ]);
}

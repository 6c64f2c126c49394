import { printedInterval, printedNumber, scale, show, subtract } from '../interval';
import { compare, rule } from '../rule';

/** to - from; points are hundredths of values that are shares. */
export const difference = rule({
  id: 'difference',
  title: 'a difference follows from the values it compares',
  kind: 'difference',
  check: ({ from, to, by, points = false }) => {
    const factor = points ? 100 : 1;
    const allowed = scale(subtract(printedInterval(to), printedInterval(from)), factor);
    const raw = factor * (printedNumber(to) - printedNumber(from));
    const name = `${to} - ${from}${points ? ' in points' : ''} =`;
    const step = `${points ? '100 * ' : ''}(${show(printedInterval(to))} - ${show(printedInterval(from))})`;
    return [compare(name, allowed, raw, by, [`${step} = ${show(allowed)}`])];
  },
});

import { countInterval, printedInterval, printedNumber, scale, show, subtract } from '../interval';
import { compare, rule } from '../rule';

/** to - from; points are hundredths of values that are shares. */
export const difference = rule({
  id: 'difference',
  title: 'a difference follows from the values it compares',
  kind: 'difference',
  check: ({ from, to, by, points = false, counts = false }) => {
    const read = counts ? countInterval : printedInterval;
    const factor = points ? 100 : 1;
    const allowed = scale(subtract(read(to), read(from)), factor);
    const raw = factor * (printedNumber(to) - printedNumber(from));
    const name = `${to} - ${from}${points ? ' in points' : ''} =`;
    const step = `${points ? '100 * ' : ''}(${show(read(to))} - ${show(read(from))})`;
    return [compare(name, allowed, raw, by, [`${step} = ${show(allowed)}`])];
  },
});

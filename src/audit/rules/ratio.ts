import { countInterval, divide, isWhole, printedInterval, printedNumber, show } from '../interval';
import { compare, rule } from '../rule';

export const ratio = rule({
  id: 'ratio',
  title: 'a ratio follows from the values it compares',
  kind: 'ratio',
  check: ({ of, to, times, counts = false }) => {
    const read = counts ? countInterval : printedInterval;
    const allowed = divide(read(of), read(to));
    const raw = printedNumber(of) / printedNumber(to);
    const step = `${show(read(of))} / ${show(read(to))}`;
    return [
      compare(`${of} / ${to} =`, allowed, raw, times, [
        `${step} = ${allowed === null ? 'not defined' : show(allowed)}`,
      ]),
    ];
  },
});

/** A share of a whole, in percent. Two whole numbers are counts; next to a number with decimals, a whole one is rounded. */
export const share = rule({
  id: 'percentage',
  title: 'a percentage follows from the part and the whole',
  kind: 'share',
  check: ({ part, whole, percent }) => {
    const read = isWhole(part) && isWhole(whole) ? countInterval : printedInterval;
    const [p, w] = [read(part), read(whole)];
    const quotient = divide(p, w);
    const allowed = quotient === null ? null : { low: 100 * quotient.low, high: 100 * quotient.high };
    const raw = (100 * printedNumber(part)) / printedNumber(whole);
    const step = `100 * ${show(p)} / ${show(w)} = ${allowed === null ? 'not defined' : show(allowed)}`;
    return [compare(`${part} of ${whole} in percent:`, allowed, raw, percent, [step])];
  },
});

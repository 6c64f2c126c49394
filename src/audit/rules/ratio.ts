import { divide, printedInterval, printedNumber, show } from '../interval';
import { compare, rule } from '../rule';

export const ratio = rule({
  id: 'ratio',
  title: 'a ratio follows from the values it compares',
  kind: 'ratio',
  check: ({ of, to, times }) => {
    const allowed = divide(printedInterval(of), printedInterval(to));
    const raw = printedNumber(of) / printedNumber(to);
    const step = `${show(printedInterval(of))} / ${show(printedInterval(to))}`;
    return [
      compare(`${of} / ${to} =`, allowed, raw, times, [
        `${step} = ${allowed === null ? 'not defined' : show(allowed)}`,
      ]),
    ];
  },
});

/** A share of a whole, in percent. */
export const share = rule({
  id: 'percentage',
  title: 'a percentage follows from the part and the whole',
  kind: 'share',
  check: ({ part, whole, percent }) => {
    const [p, w] = [printedInterval(part), printedInterval(whole)];
    const quotient = divide(p, w);
    const allowed = quotient === null ? null : { low: 100 * quotient.low, high: 100 * quotient.high };
    const raw = (100 * printedNumber(part)) / printedNumber(whole);
    const step = `100 * ${show(p)} / ${show(w)} = ${allowed === null ? 'not defined' : show(allowed)}`;
    return [compare(`${part} of ${whole} in percent:`, allowed, raw, percent, [step])];
  },
});

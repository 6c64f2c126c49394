import { countInterval, printedNumber, show } from '../interval';
import { rule } from '../rule';

/** "over 600": the limit itself is exact, not rounded. */
export const bound = rule({
  id: 'bound',
  title: 'a value lies beyond the limit it is said to exceed or to stay under',
  kind: 'bound',
  check: ({ what, value, beyond, limit }) => {
    const known =
      typeof value === 'string'
        ? countInterval(value)
        : { low: printedNumber(value[0]), high: printedNumber(value[1]) };
    const at = printedNumber(limit);
    const consistent = beyond === 'over' ? known.high > at : known.low < at;
    const shown = typeof value === 'string' ? value : show(known);
    return [
      {
        consistent,
        message: `${what}: ${shown} ${consistent ? 'is' : 'is not'} ${beyond} ${limit}`,
        arithmetic: [`${shown} stands for ${show(known)}; some of it ${beyond} ${at}: ${consistent ? 'yes' : 'no'}`],
        raw: null,
        rounded: null,
        printed: `${beyond} ${limit}`,
      },
    ];
  },
});

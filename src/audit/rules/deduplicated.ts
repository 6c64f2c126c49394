import { printedInterval, show } from '../interval';
import { rule } from '../rule';

/** After deduplication at most the distinct rows are left. */
export const deduplicated = rule({
  id: 'deduplicated-rows',
  title: 'no more rows are left after removing duplicates than differ',
  kind: 'deduplicated',
  check: ({ rows, distinct, value }) => {
    const stated = printedInterval(value);
    const consistent = stated.low <= distinct;
    return [
      {
        consistent,
        message: `${value} rows without duplicates ${consistent ? 'can be' : 'cannot be'} left of ${rows}, of which ${distinct} differ`,
        arithmetic: [`printed ${value} stands for ${show(stated)}; at most ${distinct} of ${rows} differ`],
        raw: distinct,
        rounded: String(distinct),
        printed: value,
      },
    ];
  },
});

import { add, countInterval, multiply, printedNumber, show } from '../interval';
import { compare, rule } from '../rule';

export const sum = rule({
  id: 'sum',
  title: 'parts add up to their total',
  kind: 'sum',
  check: ({ parts, total }) => {
    const allowed = parts.map(countInterval).reduce(add);
    const raw = parts.reduce((all, part) => all + printedNumber(part), 0);
    return [compare(`${parts.join(' + ')} =`, allowed, raw, total, [`${parts.join(' + ')} = ${show(allowed)}`])];
  },
});

/** Effective batch sizes and counts of groups. */
export const product = rule({
  id: 'product',
  title: 'factors multiply to their product (effective batch size, rows of several groups)',
  kind: 'product',
  check: ({ factors, product: stated }) => {
    const allowed = factors.map(countInterval).reduce(multiply);
    const raw = factors.reduce((all, factor) => all * printedNumber(factor), 1);
    return [compare(`${factors.join(' * ')} =`, allowed, raw, stated, [`${factors.join(' * ')} = ${show(allowed)}`])];
  },
});

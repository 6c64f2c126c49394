import { printedNumber } from '../interval';
import { rule } from '../rule';

/** A claim about a setting needs a run with it. */
export const outsideGrid = rule({
  id: 'outside-grid',
  title: 'a claim speaks of a setting that was tried',
  kind: 'grid',
  check: ({ factor, value, tried }) => {
    const same = (a: string, b: string): boolean =>
      a === b || (isNumber(a) && isNumber(b) && printedNumber(a) === printedNumber(b));
    const consistent = tried.some((one) => same(one, value));
    return [
      {
        consistent,
        message: `${factor} ${value} is ${consistent ? 'among' : 'not among'} those that were tried (${tried.join(', ')})`,
        arithmetic: [`${value} ${consistent ? 'in' : 'not in'} {${tried.join(', ')}}`],
        raw: null,
        rounded: null,
        printed: value,
      },
    ];
  },
});

// --- internal ---

const isNumber = (text: string): boolean => /^[\d.,]+(e[+-]?\d+)?$/i.test(text);

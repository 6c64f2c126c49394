import { printedNumber } from '../interval';
import { rule } from '../rule';

/** A claim about a setting needs a run with it; one about settings beyond (`>8`, `<1`) a run with any of those. */
export const outsideGrid = rule({
  id: 'outside-grid',
  title: 'a claim speaks of a setting that was tried',
  kind: 'grid',
  check: ({ factor, value, tried }) => {
    const consistent = tried.some((one) => covers(one, value));
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

function covers(tried: string, value: string): boolean {
  const [, beyond, limit] = /^([<>])\s*(.+)$/.exec(value) ?? [];
  if (limit === undefined) {
    return tried === value || (isNumber(tried) && isNumber(value) && printedNumber(tried) === printedNumber(value));
  }
  const difference = printedNumber(tried) - printedNumber(limit);
  return beyond === '>' ? difference > 0 : difference < 0;
}

const isNumber = (text: string): boolean => /^[\d.,]+(e[+-]?\d+)?$/i.test(text);

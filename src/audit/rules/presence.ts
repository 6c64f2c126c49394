import { printedNumber } from '../interval';
import { rule } from '../rule';

/** A placeholder or a range in the place of a number. */
export const missingNumber = rule({
  id: 'missing-number',
  title: 'a value that is needed to repeat the experiment is printed',
  kind: 'number',
  check: ({ what, value }) => {
    const shown = JSON.stringify(value);
    const problem = !/\d/.test(value) ? 'no number' : RANGE.test(value) ? 'a range and not a number' : null;
    const consistent = problem === null;
    return [
      {
        consistent,
        message: `${what} is printed as ${shown}${consistent ? '' : `, which is ${problem}`}`,
        arithmetic: [`${shown} is ${problem ?? 'a number'}`],
        raw: null,
        rounded: null,
        printed: value,
      },
    ];
  },
});

/** Identifiers that occur twice or name nothing. */
export const identifiers = rule({
  id: 'identifiers',
  title: 'identifiers are distinct and name something that exists',
  kind: 'ids',
  check: ({ what, ids, existing, count }) => {
    const repeated = [...new Set(ids.filter((id, i) => ids.indexOf(id) < i))];
    const unknown = existing === undefined ? [] : ids.filter((id) => !existing.includes(id));
    const distinct = new Set(ids).size;
    const counted = count === undefined || printedNumber(count) === distinct;
    const problems = [
      ...(repeated.length > 0 ? [`${repeated.join(', ')} more than once`] : []),
      ...(unknown.length > 0 ? [`${unknown.join(', ')} does not exist`] : []),
      ...(counted ? [] : [`${distinct} are named and ${count} stated`]),
    ];
    const consistent = problems.length === 0;
    return [
      {
        consistent,
        message: `${what}: ${consistent ? `${ids.length} distinct${existing === undefined ? '' : ', all exist'}` : problems.join('; ')}`,
        arithmetic: [`${ids.length} named, ${distinct} distinct${count === undefined ? '' : `, ${count} stated`}`],
        raw: null,
        rounded: null,
        printed: ids.join(', '),
      },
    ];
  },
});

// --- internal ---

/** `2-8`, `2–8`, `2 to 8`; not `5e-3`. */
const RANGE = /\d\s*(?:[-\u2013]|to)\s*\d/;

import { rule } from '../rule';

/** A placeholder stands where a number should. */
export const missingNumber = rule({
  id: 'missing-number',
  title: 'a value that is needed to repeat the experiment is printed',
  kind: 'number',
  check: ({ what, value }) => {
    const consistent = /\d/.test(value);
    return [
      {
        consistent,
        message: `${what} is printed as ${JSON.stringify(value)}${consistent ? '' : ', which is no number'}`,
        arithmetic: [`${JSON.stringify(value)} ${consistent ? 'holds' : 'does not hold'} a number`],
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
  check: ({ what, ids, existing }) => {
    const repeated = [...new Set(ids.filter((id, i) => ids.indexOf(id) < i))];
    const unknown = existing === undefined ? [] : ids.filter((id) => !existing.includes(id));
    const problems = [
      ...(repeated.length > 0 ? [`${repeated.join(', ')} more than once`] : []),
      ...(unknown.length > 0 ? [`${unknown.join(', ')} does not exist`] : []),
    ];
    const consistent = problems.length === 0;
    return [
      {
        consistent,
        message: `${what}: ${consistent ? `${ids.length} distinct${existing === undefined ? '' : ', all exist'}` : problems.join('; ')}`,
        arithmetic: [`${ids.length} named, ${new Set(ids).size} distinct`],
        raw: null,
        rounded: null,
        printed: ids.join(', '),
      },
    ];
  },
});

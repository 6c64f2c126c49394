import { type Interval, meet, printedInterval, show } from '../interval';
import { type Check, rule } from '../rule';

/** Values that the definition makes equal, such as two metrics on texts where they coincide. */
export const equalByConstruction = rule({
  id: 'equal-by-construction',
  title: 'values that are equal by construction are equal',
  kind: 'equal',
  check: ({ values, because }) => [
    sameValues(
      values.map(({ what, value }) => ({ name: what, value })),
      because,
    ),
  ],
});

/** One thing, stated in the text, in a table, or twice in the text. */
export const textAgainstTable = rule({
  id: 'text-against-table',
  title: 'what is stated in several places is the same everywhere',
  kind: 'restated',
  check: ({ what, places }) => [
    sameValues(
      places.map(({ value, where }) => ({ name: where, value })),
      what,
    ),
  ],
});

// --- internal ---

/** Numbers agree when one value rounds to all of them; anything else when the words are equal. */
function sameValues(values: readonly { readonly name: string; readonly value: string }[], what: string): Check {
  const shown = values.map(({ name, value }) => `${value} (${name})`).join(', ');
  const intervals = values.map(({ value }) => intervalOf(value));
  const numeric = intervals.every((interval) => interval !== null);
  const consistent = numeric
    ? intervals.every((a) => intervals.every((b) => meet(a!, b!)))
    : values.every(({ value }) => value === values[0]!.value);
  const steps = numeric ? values.map(({ value }, i) => `${value} stands for ${show(intervals[i]!)}`) : [];
  return {
    consistent,
    message: `${what}: ${shown} ${consistent ? 'agree' : 'do not agree'}`,
    arithmetic: [...steps, consistent ? 'one value rounds to all of them' : 'no value is all of them'],
    raw: null,
    rounded: null,
    printed: values.map(({ value }) => value).join(', '),
  };
}

function intervalOf(text: string): Interval | null {
  return /\d/.test(text) && /^[~+\-\u2212\d.,e%\s×^{}]+$/i.test(text) ? printedInterval(text) : null;
}

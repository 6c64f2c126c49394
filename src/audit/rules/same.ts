import { MedreproError } from '../../errors';
import { type Printed, parsePrinted } from '../../verify/tolerance';
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
  const numbers = values.map(({ value }) => numberOf(value));
  const numeric = numbers.every((number) => number !== null);
  const consistent = numeric
    ? numbers.every((a) => numbers.every((b) => agree(a, b)))
    : values.every(({ value }) => value === values[0]!.value);
  const steps = numeric ? values.map(({ value }, i) => `${value} stands for ${show(numbers[i]!.interval)}`) : [];
  return {
    consistent,
    message: `${what}: ${shown} ${consistent ? 'agree' : 'do not agree'}`,
    arithmetic: [...steps, consistent ? 'one value rounds to all of them' : 'no value is all of them'],
    raw: null,
    rounded: null,
    printed: values.map(({ value }) => value).join(', '),
  };
}

interface Stated {
  readonly printed: Printed;
  readonly interval: Interval;
}

/** With as many digits, one value rounds to one number only: 16,404 and 16,405 meet in no count, and 1.1 and 1.2 in none. */
function agree(a: Stated, b: Stated): boolean {
  if (a.printed.exponent === b.printed.exponent) return a.printed.mantissa === b.printed.mantissa;
  return meet(a.interval, b.interval);
}

/** Null for words and ranges, which are not printed numbers. */
function numberOf(text: string): Stated | null {
  try {
    return { printed: parsePrinted(text.replace(/^\s*\+/, '')), interval: printedInterval(text) };
  } catch (error) {
    if (error instanceof MedreproError) return null;
    throw error;
  }
}

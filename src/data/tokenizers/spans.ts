/**
 * Splitting at the matches of a pattern, as the Rust library's `NormalizedString::split` does.
 *
 * Spans are flat lists of units: start, end, start, end, …
 */

import { inputError } from '../../errors';
import type { Regex } from '../../regex/compile';
import { asOnigSees } from './unicode';

/** What happens with the matches. */
export const BEHAVIOURS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** Finds matches: calls `found` with each, from left to right, without overlap. */
export type Finder = (text: string, found: (start: number, end: number) => void) => void;

/** Every match of an expression, as the library's `onig` iterates over them. */
export function finderOf(regex: Regex): Finder {
  return (text, found) => {
    for (const { start, end } of regex.all(asOnigSees(text))) found(start, end);
  };
}

/** Every character of a class (source for flag `v`), each a match of its own. */
export function characterFinder(characters: string): Finder {
  const pattern = new RegExp(characters, 'gv');
  return (text, found) => {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text))
      found(match.index, pattern.lastIndex);
  };
}

/** Spans of the pieces of a text that is not empty. */
export function cut(text: string, find: Finder, behaviour: Behaviour, invert = false): number[] {
  const spans: number[] = [];
  let previous = 0;
  if (behaviour === 'Isolated') {
    // by far the most often, and nothing depends on what is a match
    find(text, (start, end) => {
      if (start !== previous) spans.push(previous, start);
      spans.push(start, end);
      previous = end;
    });
    if (previous !== text.length) spans.push(previous, text.length);
    return spans;
  }
  const flags: boolean[] = [];
  const add = (start: number, end: number, isMatch: boolean): void => {
    spans.push(start, end);
    flags.push(isMatch !== invert);
  };
  find(text, (start, end) => {
    if (start !== previous) add(previous, start, false);
    add(start, end, true);
    previous = end;
  });
  if (previous !== text.length) add(previous, text.length, false);
  switch (behaviour) {
    case 'Removed':
      return spans.filter((_, i) => !flags[i >> 1]!);
    case 'Contiguous':
      return merged(spans, flags, (isMatch, before) => isMatch === before);
    case 'MergedWithPrevious':
      return merged(spans, flags, (isMatch, before) => isMatch && !before);
    case 'MergedWithNext':
      return mergedWithNext(spans, flags);
  }
}

/** @throws MedreproError `input` when `value` is no behaviour; `name` is the part that has it. */
export function behaviourOf(value: unknown, name: string): Behaviour {
  const known = BEHAVIOURS.find((behaviour) => behaviour === value);
  if (known !== undefined) return known;
  throw inputError(`${name} has no behaviour ${JSON.stringify(value)}`, { remedy: `one of ${BEHAVIOURS.join(', ')}` });
}

// --- internal ---

/** Joins a span to the preceding one where `joins` is true. */
function merged(
  spans: readonly number[],
  flags: readonly boolean[],
  joins: (isMatch: boolean, before: boolean) => boolean,
): number[] {
  const out: number[] = [];
  let before = false;
  for (const [i, isMatch] of flags.entries()) {
    if (joins(isMatch, before) && out.length > 0) out[out.length - 1] = spans[2 * i + 1]!;
    else out.push(spans[2 * i]!, spans[2 * i + 1]!);
    before = isMatch;
  }
  return out;
}

function mergedWithNext(spans: readonly number[], flags: readonly boolean[]): number[] {
  // from the right: ends and starts alternate
  const out: number[] = [];
  let before = false;
  for (let i = flags.length - 1; i >= 0; i--) {
    const isMatch = flags[i]!;
    if (isMatch && !before && out.length > 0) out[out.length - 1] = spans[2 * i]!;
    else out.push(spans[2 * i + 1]!, spans[2 * i]!);
    before = isMatch;
  }
  return out.reverse();
}

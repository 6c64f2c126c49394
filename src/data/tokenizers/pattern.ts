/**
 * The pattern of a `Split` or `Replace`: a text, or an expression in Oniguruma's syntax.
 *
 * Both go through the project's own matcher or, where an expression is known to be linear, the engine's
 * (src/regex).
 */

import { compileRegex } from '../../regex/compile';
import { isObject, type Part } from './part';
import { type Finder, finderOf } from './spans';

/** @throws MedreproError `input` when the part has no pattern, or an expression that cannot be done. */
export function patternOf(part: Part): Finder {
  const pattern = part.get('pattern');
  if (isObject(pattern)) {
    if (typeof pattern.String === 'string') return textFinder(pattern.String);
    if (typeof pattern.Regex === 'string')
      return finderOf(compileRegex(pattern.Regex, 'oniguruma', { name: `the pattern of ${part.name}` }));
  }
  throw part.wrong('pattern');
}

// --- internal ---

function textFinder(wanted: string): Finder {
  if (wanted === '') return finderOf(compileRegex('', 'oniguruma'));
  return (text, found) => {
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      found(at, at + wanted.length);
    }
  };
}

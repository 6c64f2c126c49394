/** What stands after `is` (jinja2 3.1, tests.py). */
import type { Budget } from './budget';
import { TemplateError } from './errors';
import type { Given } from './methods';
import { arithmetic, compare, contains } from './operators';
import { str } from './text';
import { Callable, Dict, Generator, isNumber, List, SafeText, Sequence, Tuple, Undefined, type Value } from './values';

export type Test = (value: Value, given: Given, budget: Budget) => boolean;

const CASED = /[\p{Lowercase}\p{Uppercase}\p{Lt}]/u;
const parity = (value: Value, budget: Budget): Value => arithmetic('%', value, 2n, budget);
const hasItems = (value: Value): boolean =>
  typeof value === 'string' ||
  value instanceof SafeText ||
  value instanceof List ||
  value instanceof Tuple ||
  value instanceof Dict ||
  value instanceof Undefined;

const compared =
  (operator: '==' | '!=' | '<' | '<=' | '>' | '>='): Test =>
  (value, given, budget) =>
    compare(operator, value, given.value(0), budget);

export const TESTS = new Map<string, Test>([
  ['defined', (value) => !(value instanceof Undefined)],
  ['undefined', (value) => value instanceof Undefined],
  ['none', (value) => value === null],
  ['boolean', (value) => typeof value === 'boolean'],
  ['true', (value) => value === true],
  ['false', (value) => value === false],
  ['integer', (value) => typeof value === 'bigint'],
  ['float', (value) => typeof value === 'number'],
  ['number', (value) => isNumber(value)],
  ['string', (value) => typeof value === 'string' || value instanceof SafeText],
  ['mapping', (value) => value instanceof Dict],
  ['callable', (value) => value instanceof Callable],
  ['iterable', (value) => hasItems(value) || value instanceof Sequence || value instanceof Generator],
  ['sequence', (value) => hasItems(value) || (value instanceof Sequence && value.type === 'range')],
  ['odd', (value, _, budget) => compare('==', parity(value, budget), 1n, budget)],
  ['even', (value, _, budget) => compare('==', parity(value, budget), 0n, budget)],
  ['divisibleby', (value, given, budget) => compare('==', arithmetic('%', value, given.value(0), budget), 0n, budget)],
  ['lower', (value) => str(value) === str(value).toLowerCase() && CASED.test(str(value))],
  ['upper', (value) => str(value) === str(value).toUpperCase() && CASED.test(str(value))],
  ['in', (value, given, budget) => contains(given.value(0), value, budget)],
  [
    'sameas',
    (value, given) => {
      const other = given.value(0);
      if (value === null || typeof value === 'boolean' || typeof value === 'object') return value === other;
      throw new TemplateError('sameas of texts and numbers is not supported');
    },
  ],
  ['escaped', () => false],
  ...(['eq', 'equalto', '=='] as const).map((name) => [name, compared('==')] as const),
  ...(['ne', '!='] as const).map((name) => [name, compared('!=')] as const),
  ...(['lt', 'lessthan', '<'] as const).map((name) => [name, compared('<')] as const),
  ...(['le', '<='] as const).map((name) => [name, compared('<=')] as const),
  ...(['gt', 'greaterthan', '>'] as const).map((name) => [name, compared('>')] as const),
  ...(['ge', '>='] as const).map((name) => [name, compared('>=')] as const),
]);

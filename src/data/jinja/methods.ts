/** Methods of texts, dicts and lists. Those that change a value are rejected, as transformers' sandbox does. */
import type { Budget } from './budget';
import { TemplateError } from './errors';
import { formatFields } from './format';
import { integerOf, iterate, points } from './operators';
import { str } from './text';
import {
  type CallArguments,
  Callable,
  type Dict,
  equal,
  List,
  Sequence,
  Tuple,
  truth,
  typeName,
  Undefined,
  type Value,
} from './values';

/** The method `name` of `value`; null where it has none. @throws TemplateError for one that is not supported or changes it */
export function method(value: Value, name: string, budget: Budget): Callable | null {
  const type = typeName(value);
  const methods = METHODS.get(type);
  const own = methods?.get(name);
  if (own !== undefined) return new Callable(name, (args) => own(value as never, new Given(name, args), budget));
  if (UNSAFE.get(type)?.has(name)) {
    throw new TemplateError(`access to attribute '${name}' of '${type}' object is unsafe.`);
  }
  if (UNSUPPORTED.get(type)?.has(name)) throw new TemplateError(`${type}.${name} is not supported`);
  return null;
}

/** Arguments by position or name. */
export class Given {
  constructor(
    private readonly name: string,
    readonly args: CallArguments,
  ) {}

  /** The argument at `index`, or named `name`; undefined where it is not given. */
  optional(index: number, name?: string): Value | undefined {
    const found = this.args.positional[index];
    return found !== undefined || name === undefined ? found : this.args.named.get(name);
  }

  /** The same, or `fallback`. */
  or(index: number, name: string, fallback: Value): Value {
    const found = this.optional(index, name);
    return found === undefined ? fallback : found;
  }

  value(index: number, name?: string): Value {
    const found = this.optional(index, name);
    if (found === undefined) throw new TemplateError(`${this.name}() is missing an argument`);
    return found;
  }

  text(index: number, name?: string): string {
    const value = this.value(index, name);
    if (value instanceof Undefined) return value.fail();
    if (typeof value !== 'string') throw new TemplateError(`${this.name}() wants a str, not ${typeName(value)}`);
    return value;
  }

  integer(index: number, fallback: number, name?: string): number {
    const value = this.optional(index, name);
    return value === undefined ? fallback : Number(integerOf(value));
  }

  flag(index: number, name: string, fallback: boolean): boolean {
    const value = this.optional(index, name);
    return value === undefined ? fallback : truth(value);
  }

  /** @throws TemplateError for more, or for a name that is not one of `names` */
  atMost(count: number, ...names: readonly string[]): void {
    const unknown = [...this.args.named.keys()].find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new TemplateError(`${this.name}() got an unexpected keyword argument '${unknown}'`);
    if (this.args.positional.length > count) throw new TemplateError(`${this.name}() takes at most ${count} arguments`);
  }
}

/** Python's white space. */
export const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Python's `strip`, `lstrip`, `rstrip`: of white space, or of the characters of `set`. */
export function strip(text: string, set: Value, side: 'both' | 'left' | 'right'): string {
  if (set instanceof Undefined) set.fail();
  if (set !== null && typeof set !== 'string') throw new TemplateError('strip arg must be None or str');
  const characters = set === null ? null : new Set(set);
  const drop = (character: string): boolean => characters?.has(character) ?? SPACE.test(character);
  const all = characters !== null && [...characters].some((one) => one.length > 1) ? [...text] : text;
  let [from, to] = [0, all.length];
  if (side !== 'right') while (from < to && drop(all[from]!)) from++;
  if (side !== 'left') while (to > from && drop(all[to - 1]!)) to--;
  return typeof all === 'string' ? all.slice(from, to) : all.slice(from, to).join('');
}

/** Python's `str.split`. */
export function split(text: string, separator: string | null, most: number): string[] {
  const limit = most < 0 ? Number.POSITIVE_INFINITY : most;
  const parts: string[] = [];
  let rest = separator === null ? strip(text, null, 'left') : text;
  if (separator === '') throw new TemplateError('empty separator');
  const pattern = new RegExp(`[${SPACES}]+`, 'gu');
  let at = 0;
  while (parts.length < limit) {
    pattern.lastIndex = at;
    const found = separator === null ? pattern.exec(rest) : null;
    const index = separator === null ? (found?.index ?? -1) : rest.indexOf(separator, at);
    if (index < 0) break;
    parts.push(rest.slice(at, index));
    at = index + (separator?.length ?? found![0].length);
  }
  rest = rest.slice(at);
  if (separator !== null) return [...parts, rest];
  const last = parts.length < limit ? strip(rest, null, 'right') : rest;
  return last === '' ? parts : [...parts, last];
}

/** Python's `str.splitlines`. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let from = 0;
  LINE_END.lastIndex = 0;
  for (let found = LINE_END.exec(text); found !== null; found = LINE_END.exec(text)) {
    lines.push(text.slice(from, keepEnds ? LINE_END.lastIndex : found.index));
    from = LINE_END.lastIndex;
  }
  return from < text.length ? [...lines, text.slice(from)] : lines;
}

/** Python's `str.replace`. */
export function replaced(text: string, old: string, by: string, most: number, budget: Budget): string {
  let pieces = old === '' ? ['', ...text, ''] : text.split(old);
  if (most >= 0 && pieces.length > most + 1) {
    pieces = [...pieces.slice(0, most), pieces.slice(most).join(old)];
  }
  budget.step(pieces.length);
  budget.text(text.length + (pieces.length - 1) * by.length);
  return pieces.join(by);
}

export const capitalised = (text: string): string => {
  const [first = ''] = text;
  return titled(first) + lower(text.slice(first.length));
};

/** Python lowers a final sigma by what precedes it, as JavaScript does. */
export const lower = (text: string): string => text.toLowerCase();

// --- internal ---

/** The separators of files, groups and records end a line too. */
const LINE_END = new RegExp(`\r\n|[\n\v\f\r${String.fromCharCode(0x1c, 0x2d, 0x1e)}\x85\u2028\u2029]`, 'g');
const SPACE = new RegExp(`[${SPACES}]`, 'u');

/** A letter in title case: for most the upper case, for the digraphs their own. */
function titled(character: string): string {
  const own = TITLE_CASE.get(character);
  if (own !== undefined) return own;
  const upper = character.toUpperCase();
  const [first = ''] = upper;
  return first + upper.slice(first.length).toLowerCase();
}

const TITLE_CASE = new Map(['Ǆǅǆ', 'Ǉǈǉ', 'Ǌǋǌ', 'Ǳǲǳ'].flatMap((three) => [...three].map((one) => [one, three[1]!])));

type Method<T> = (value: T, given: Given, budget: Budget) => Value;

const every =
  (pattern: RegExp) =>
  (text: string): boolean =>
    text !== '' && pattern.test(text);
const isCased = (text: string, [own, other]: readonly [RegExp, RegExp]): boolean => own.test(text) && !other.test(text);
const LOWER = /\p{Lowercase}/u;
const UPPER = /[\p{Uppercase}\p{Lt}]/u;

function pad(text: string, given: Given, budget: Budget, left: (missing: number) => number): string {
  given.atMost(2);
  const fill = given.optional(1) === undefined ? ' ' : given.text(1);
  if (points(fill) !== 1) throw new TemplateError('The fill character must be exactly one character long');
  const width = Number(integerOf(given.value(0)));
  const missing = Math.max(0, width - points(text));
  budget.text(text.length + missing);
  const before = left(missing);
  return fill.repeat(before) + text + fill.repeat(missing - before);
}

function affixed(given: Given, test: (part: string) => boolean): boolean {
  given.atMost(1);
  const parts = given.value(0);
  if (parts instanceof Tuple) return parts.items.some((part) => typeof part === 'string' && test(part));
  if (parts instanceof Undefined) return parts.fail();
  if (typeof parts !== 'string')
    throw new TemplateError(`first arg must be str or a tuple of str, not ${typeName(parts)}`);
  return test(parts);
}

/** A position of code points for one of UTF-16. */
function found(text: string, index: number): bigint {
  return index < 0 ? -1n : BigInt(points(text.slice(0, index)));
}

function search(text: string, given: Given, last: boolean): bigint {
  given.atMost(1);
  const part = given.text(0);
  return found(text, last ? text.lastIndexOf(part) : text.indexOf(part));
}

function splitting(text: string, given: Given, budget: Budget, right: boolean): List {
  given.atMost(2, 'sep', 'maxsplit');
  const separator = given.optional(0, 'sep') ?? null;
  const most = given.integer(1, -1, 'maxsplit');
  const sep = separator === null ? null : given.text(0, 'sep');
  let parts: string[];
  if (!right || most < 0) parts = split(text, sep, most);
  else {
    // from the right: the text and what separates it, the other way round
    const reversed = [...text].reverse().join('');
    const turned = sep === null ? null : [...sep].reverse().join('');
    parts = split(reversed, turned, most)
      .map((part) => [...part].reverse().join(''))
      .reverse();
  }
  budget.step(parts.length);
  budget.text(text.length);
  return new List(parts);
}

function partition(text: string, separator: string, last: boolean): Tuple {
  if (separator === '') throw new TemplateError('empty separator');
  const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
  if (at < 0) return new Tuple(last ? ['', '', text] : [text, '', '']);
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

function counted(text: string, part: string): bigint {
  return part === '' ? BigInt(points(text) + 1) : BigInt(text.split(part).length - 1);
}

const STR = new Map<string, Method<string>>([
  ['upper', (text) => text.toUpperCase()],
  ['lower', (text) => lower(text)],
  ['casefold', (text) => text.toUpperCase().toLowerCase()],
  ['capitalize', (text) => capitalised(text)],
  ['swapcase', (text) => [...text].map((one) => (UPPER.test(one) ? one.toLowerCase() : one.toUpperCase())).join('')],
  ['title', (text) => text.replace(/[\p{L}\p{Lowercase}\p{Uppercase}]+/gu, (word) => capitalised(word))],
  ['strip', (text, given) => strip(text, given.optional(0) ?? null, 'both')],
  ['lstrip', (text, given) => strip(text, given.optional(0) ?? null, 'left')],
  ['rstrip', (text, given) => strip(text, given.optional(0) ?? null, 'right')],
  ['split', (text, given, budget) => splitting(text, given, budget, false)],
  ['rsplit', (text, given, budget) => splitting(text, given, budget, true)],
  [
    'splitlines',
    (text, given, budget) => {
      const lines = splitLines(text, given.flag(0, 'keepends', false));
      budget.step(lines.length);
      return new List(lines);
    },
  ],
  ['startswith', (text, given) => affixed(given, (part) => text.startsWith(part))],
  ['endswith', (text, given) => affixed(given, (part) => text.endsWith(part))],
  [
    'replace',
    (text, given, budget) => replaced(text, given.text(0), given.text(1), given.integer(2, -1, 'count'), budget),
  ],
  ['find', (text, given) => search(text, given, false)],
  ['rfind', (text, given) => search(text, given, true)],
  [
    'index',
    (text, given) => {
      const at = search(text, given, false);
      if (at < 0n) throw new TemplateError('substring not found');
      return at;
    },
  ],
  [
    'count',
    (text, given) => {
      given.atMost(1);
      return counted(text, given.text(0));
    },
  ],
  [
    'join',
    (text, given, budget) => {
      const items = iterate(given.value(0), budget).map((item) => {
        if (typeof item !== 'string') throw new TemplateError(`expected str instance, ${typeName(item)} found`);
        return item;
      });
      budget.text(items.reduce((sum, item) => sum + item.length + text.length, 0));
      return items.join(text);
    },
  ],
  ['format', (text, given, budget) => formatFields(text, given.args.positional, given.args.named, budget)],
  [
    'zfill',
    (text, given, budget) => {
      const missing = Math.max(0, Number(integerOf(given.value(0))) - points(text));
      budget.text(text.length + missing);
      const sign = /^[-+]/.exec(text)?.[0] ?? '';
      return sign + '0'.repeat(missing) + text.slice(sign.length);
    },
  ],
  ['ljust', (text, given, budget) => pad(text, given, budget, () => 0)],
  ['rjust', (text, given, budget) => pad(text, given, budget, (missing) => missing)],
  [
    'center',
    (text, given, budget) =>
      // as CPython: the extra character is on the left when the width is odd
      pad(text, given, budget, (missing) => Math.floor(missing / 2) + (missing & (missing + points(text)) & 1)),
  ],
  ['partition', (text, given) => partition(text, given.text(0), false)],
  ['rpartition', (text, given) => partition(text, given.text(0), true)],
  ['removeprefix', (text, given) => (text.startsWith(given.text(0)) ? text.slice(given.text(0).length) : text)],
  [
    'removesuffix',
    (text, given) => {
      const suffix = given.text(0);
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  ],
  ['isdigit', every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u)],
  ['isdecimal', every(/^\p{Nd}+$/u)],
  ['isnumeric', every(/^\p{N}+$/u)],
  ['isalpha', every(/^\p{L}+$/u)],
  ['isalnum', every(/^[\p{L}\p{N}]+$/u)],
  ['isspace', every(new RegExp(`^[${SPACES}]+$`, 'u'))],
  ['isascii', (text) => /^\p{ASCII}*$/u.test(text)],
  ['isupper', (text) => isCased(text, [UPPER, LOWER])],
  ['islower', (text) => isCased(text, [LOWER, UPPER])],
]);

const DICT = new Map<string, Method<Dict>>([
  [
    'items',
    (dict) =>
      new Sequence(
        'dict_items',
        dict.entries().map((entry) => new Tuple(entry)),
      ),
  ],
  ['keys', (dict) => new Sequence('dict_keys', dict.keys())],
  ['values', (dict) => new Sequence('dict_values', dict.values())],
  [
    'get',
    (dict, given) => {
      given.atMost(2);
      const found = dict.get(given.value(0));
      return found === undefined ? (given.optional(1) ?? null) : found;
    },
  ],
  ['copy', (dict) => dict],
]);

const LIST = new Map<string, Method<List | Tuple>>([
  [
    'index',
    (list, given) => {
      given.atMost(1);
      const at = list.items.findIndex((item) => equal(item, given.value(0)));
      if (at < 0) throw new TemplateError(`${str(given.value(0))} is not in list`);
      return BigInt(at);
    },
  ],
  ['count', (list, given) => BigInt(list.items.filter((item) => equal(item, given.value(0))).length)],
  ['copy', (list) => list],
]);

const METHODS = new Map<string, ReadonlyMap<string, Method<never>>>([
  ['str', STR as ReadonlyMap<string, Method<never>>],
  ['dict', DICT as ReadonlyMap<string, Method<never>>],
  ['list', LIST as ReadonlyMap<string, Method<never>>],
  ['tuple', LIST as ReadonlyMap<string, Method<never>>],
]);

const UNSAFE = new Map([
  ['dict', new Set(['clear', 'pop', 'popitem', 'setdefault', 'update'])],
  ['list', new Set(['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove'])],
]);

const UNSUPPORTED = new Map([
  [
    'str',
    new Set([
      'encode',
      'expandtabs',
      'format_map',
      'isidentifier',
      'isprintable',
      'istitle',
      'maketrans',
      'rindex',
      'translate',
    ]),
  ],
  ['dict', new Set(['fromkeys'])],
]);

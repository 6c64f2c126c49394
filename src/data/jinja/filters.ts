/** What stands after `|` (jinja2 3.1, filters.py; `tojson` as transformers has it). */
import type { Budget } from './budget';
import { TemplateError } from './errors';
import { fixed, formatted } from './format';
import { capitalised, Given, lower, replaced, SPACES, splitLines, strip } from './methods';
import { arithmetic, integerOf, iterate, length, points } from './operators';
import { TESTS } from './tests';
import { json, str } from './text';
import {
  type CallArguments,
  Dict,
  equal,
  Generator,
  isNumber,
  List,
  numeric,
  order,
  SafeText,
  Tuple,
  truth,
  typeName,
  Undefined,
  type Value,
  weight,
} from './values';

export interface FilterContext {
  readonly budget: Budget;
  /** `value[name]`, as a template has it. */
  readonly item: (value: Value, name: Value) => Value;
  /** A method or the like; no item. */
  readonly attribute: (value: Value, name: string) => Value;
}

/** @throws TemplateError for a filter that is unknown, not supported, or rejects the value */
export function applyFilter(name: string, value: Value, args: CallArguments, context: FilterContext): Value {
  const filter = FILTERS.get(name);
  if (filter === undefined) {
    throw new TemplateError(REFUSED.has(name) ? `the filter ${name} is not supported` : `no filter named '${name}'`);
  }
  return filter(value, new Given(name, args), context);
}

/** @throws TemplateError for a test that is unknown or rejects the value */
export function applyTest(name: string, value: Value, args: CallArguments, budget: Budget): boolean {
  const test = TESTS.get(name);
  if (test === undefined) throw new TemplateError(`no test named '${name}'`);
  return test(value, new Given(name, args), budget);
}

export const isFilter = (name: string): boolean => FILTERS.has(name);

// --- internal ---

type Filter = (value: Value, given: Given, context: FilterContext) => Value;

const REFUSED = new Set([
  'random',
  'urlize',
  'pprint',
  'xmlattr',
  'striptags',
  'filesizeformat',
  'forceescape',
  'escape',
  'e',
  'wordwrap',
]);

/** Text of a value, which has been counted. */
function text(value: Value, { budget }: FilterContext): string {
  budget.text(weight(value));
  return str(value);
}

/** Reads `attribute` as jinja2 does: parts after dots, whole numbers as indices; null gives the item itself. */
function getter(attribute: Value | undefined, context: FilterContext, fallback?: Value): (item: Value) => Value {
  if (attribute === undefined || attribute === null) return (item) => item;
  const parts: readonly Value[] =
    typeof attribute === 'string'
      ? attribute.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
      : [attribute];
  return (item) => {
    let found = item;
    for (const part of parts) {
      found = context.item(found, part);
      if (found instanceof Undefined && fallback !== undefined) found = fallback;
    }
    return found;
  };
}

const caseless = (given: Given, index: number): ((value: Value) => Value) => {
  const sensitive = given.flag(index, 'case_sensitive', false);
  return (value) => (!sensitive && typeof value === 'string' ? lower(value) : value);
};

function sorted(
  items: readonly Value[],
  key: (item: Value) => Value,
  reverse: boolean,
  { budget }: FilterContext,
): Value[] {
  budget.step(items.length * 4);
  const keyed = items.map((item) => [key(item), item] as const);
  keyed.sort(([a], [b]) => {
    budget.step(1 + Math.min(weight(a), weight(b)) / 8);
    return reverse ? order(b, a) : order(a, b);
  });
  return keyed.map(([, item]) => item);
}

/** The one item whose key is before all others'; the first of equal ones. */
function extreme(value: Value, given: Given, context: FilterContext, sign: 1 | -1): Value {
  const items = iterate(value, context.budget);
  if (items.length === 0) return new Undefined('No aggregated item, sequence was empty.');
  const cased = caseless(given, 0);
  const of = getter(given.optional(1, 'attribute'), context);
  const key = (item: Value): Value => cased(of(item));
  return items.reduce((best, item) => (order(key(item), key(best)) * sign < 0 ? item : best));
}

/** `select` and its like: which items, by a test on them or on an attribute. */
function selecting(byAttribute: boolean, keep: boolean): Filter {
  return (value, given, context) => {
    const { positional, named } = given.args;
    const at = byAttribute ? 1 : 0;
    const of = byAttribute ? getter(given.value(0), context) : (item: Value) => item;
    const name = positional[at];
    if (name !== undefined && typeof name !== 'string') throw new TemplateError('the name of a test is a text');
    const rest = { positional: positional.slice(at + 1), named };
    const { budget } = context;
    if (!truth(value)) return new Generator([]);
    return new Generator(
      iterate(value, budget).filter((item) => {
        const inner = of(item);
        return (name === undefined ? truth(inner) : applyTest(name, inner, rest, budget)) === keep;
      }),
    );
  };
}

const map: Filter = (value, given, context) => {
  if (!truth(value)) return new Generator([]);
  const { positional, named } = given.args;
  const items = iterate(value, context.budget);
  if (positional.length === 0 && named.has('attribute')) {
    given.atMost(0, 'attribute', 'default');
    return new Generator(items.map(getter(named.get('attribute'), context, named.get('default'))));
  }
  const name = given.text(0);
  return new Generator(
    items.map((item) => applyFilter(name, item, { positional: positional.slice(1), named }, context)),
  );
};

const join: Filter = (value, given, context) => {
  const { budget } = context;
  const separator = given.optional(0, 'd') === undefined ? '' : text(given.value(0, 'd'), context);
  const of = getter(given.optional(1, 'attribute'), context);
  const items = iterate(value, budget).map((item) => text(of(item), context));
  budget.text(items.length * separator.length);
  return items.join(separator);
};

const tojson: Filter = (value, given, { budget }) => {
  given.atMost(5, 'ensure_ascii', 'indent', 'separators', 'sort_keys');
  const indent = given.optional(1, 'indent') ?? null;
  const separators = given.optional(2, 'separators') ?? null;
  let pair = [indent === null ? ', ' : ',', ': '];
  if (separators instanceof Tuple || separators instanceof List) pair = separators.items.map(str);
  else if (separators !== null) throw new TemplateError('separators are two texts');
  if (pair.length !== 2) throw new TemplateError('separators are two texts');
  const spaces = indent === null || typeof indent === 'string' ? indent : ' '.repeat(small(integerOf(indent)));
  // each leaf may be on a line of its own, indented
  budget.text(weight(value) * (1 + (spaces === null ? 0 : spaces.length / 4)));
  return budget.made(
    json(value, {
      indent: spaces,
      itemSeparator: pair[0]!,
      keySeparator: pair[1]!,
      sortKeys: given.flag(3, 'sort_keys', false),
      ensureAscii: given.flag(0, 'ensure_ascii', false),
    }),
  );
};

/** A width or an indent, below what any text needs. */
function small(value: bigint): number {
  if (value > 10_000n) throw new TemplateError('a width above 10000');
  return Math.max(0, Number(value));
}

const indent: Filter = (value, given, context) => {
  const width = given.optional(0, 'width') ?? 4n;
  const before = typeof width === 'string' ? width : ' '.repeat(small(integerOf(width)));
  const first = given.flag(1, 'first', false);
  const blank = given.flag(2, 'blank', false);
  if (value instanceof Undefined) value.fail();
  if (typeof value !== 'string') throw new TemplateError(`indent() wants a str, not ${typeName(value)}`);
  const source = `${value}\n`;
  const lines = blank ? source.split('\n').slice(0, -1) : splitLines(source);
  context.budget.step(lines.length);
  context.budget.text(value.length + lines.length * before.length);
  const rest = lines.slice(1).map((line) => (line === '' && !blank ? line : before + line));
  const joined = [lines[0] ?? '', ...rest].join('\n');
  return first ? before + joined : joined;
};

const round: Filter = (value, given) => {
  const digits = given.integer(0, 0, 'precision');
  const how = given.optional(1, 'method') ?? 'common';
  if (!isNumber(value)) throw new TemplateError(`type ${typeName(value)} doesn't define __round__ method`);
  const number = numeric(value);
  if (Math.abs(digits) > 50) throw new TemplateError('a precision above 50');
  if (how === 'ceil' || how === 'floor') {
    const scale = 10 ** digits;
    return (how === 'ceil' ? Math.ceil(Number(number) * scale) : Math.floor(Number(number) * scale)) / scale;
  }
  if (how !== 'common') throw new TemplateError('method must be common, ceil or floor');
  if (typeof number === 'bigint') return digits >= 0 ? number : toTens(number, 10n ** BigInt(-digits));
  if (!Number.isFinite(number) || Math.abs(number) >= 2 ** 53) return number;
  return digits >= 0
    ? Number(fixed(number, digits))
    : Number(toTens(BigInt(Math.round(number)), 10n ** BigInt(-digits)));
};

/** To the nearest multiple; halves to the even one. */
function toTens(value: bigint, unit: bigint): bigint {
  const rest = ((value % unit) + unit) % unit;
  const down = value - rest;
  if (rest * 2n === unit) return (down / unit) % 2n === 0n ? down : down + unit;
  return rest * 2n > unit ? down + unit : down;
}

/** Python's `int(text)`; null for what is none. */
function wholeNumber(source: string, base: number): bigint | null {
  const stripped = strip(source, null, 'both').replace(/(?<=[0-9a-zA-Z])_(?=[0-9a-zA-Z])/g, '');
  const found = /^([-+]?)(.+)$/s.exec(stripped);
  if (found === null) return null;
  let digits = found[2]!;
  const prefix = { 2: /^0[bB]/, 8: /^0[oO]/, 16: /^0[xX]/ }[base];
  if (prefix !== undefined) digits = digits.replace(prefix, '');
  const allowed = { 2: /^[01]+$/, 8: /^[0-7]+$/, 10: /^[0-9]+$/, 16: /^[0-9a-fA-F]+$/ }[base];
  if (allowed === undefined) throw new TemplateError(`int() with base ${base} is not supported`);
  if (!allowed.test(digits) || digits.length > 4300) return null;
  const value = BigInt(
    { 2: '0b', 8: '0o', 16: '0x' }[base as 2 | 8 | 16] === undefined
      ? digits
      : { 2: '0b', 8: '0o', 16: '0x' }[base as 2 | 8 | 16] + digits,
  );
  return found[1] === '-' ? -value : value;
}

/** Python's `float(text)`; null for what is none. */
function realNumber(source: string): number | null {
  const stripped = strip(source, null, 'both').replace(/(?<=\d)_(?=\d)/g, '');
  if (/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(stripped)) return Number(stripped);
  const named = /^([-+]?)(inf|infinity|nan)$/i.exec(stripped);
  if (named === null) return null;
  if (named[2]!.toLowerCase() === 'nan') return Number.NaN;
  return named[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const int: Filter = (value, given) => {
  const fallback = given.or(0, 'default', 0n);
  const base = given.integer(1, 10, 'base');
  if (value instanceof Undefined) return value.fail();
  if (typeof value === 'string') {
    const whole = wholeNumber(value, base);
    if (whole !== null) return whole;
    const real = realNumber(value);
    return real === null || !Number.isFinite(real) ? fallback : BigInt(Math.trunc(real));
  }
  if (!isNumber(value)) return fallback;
  if (typeof value !== 'number') return numeric(value);
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : fallback;
};

const realFilter: Filter = (value, given) => {
  const fallback = given.or(0, 'default', 0);
  if (value instanceof Undefined) return value.fail();
  if (isNumber(value)) return Number(value);
  return typeof value === 'string' ? (realNumber(value) ?? fallback) : fallback;
};

const title: Filter = (value, _, context) =>
  text(value, context)
    .split(new RegExp(`([-${SPACES}({\\[<]+)`, 'u'))
    .filter((part) => part !== '')
    .map((part) => {
      const [first = ''] = part;
      return first.toUpperCase() + lower(part.slice(first.length));
    })
    .join('');

const truncate: Filter = (value, given, context) => {
  const source = text(value, context);
  const most = given.integer(0, 255, 'length');
  const killWords = given.flag(1, 'killwords', false);
  const end = given.optional(2, 'end') === undefined ? '...' : given.text(2, 'end');
  const leeway = given.integer(3, 5, 'leeway');
  const characters = [...source];
  context.budget.step(characters.length / 8);
  if (most < points(end)) throw new TemplateError(`expected length >= ${points(end)}, got ${most}`);
  if (leeway < 0) throw new TemplateError(`expected leeway >= 0, got ${leeway}`);
  if (characters.length <= most + leeway) return source;
  const cut = characters.slice(0, most - points(end)).join('');
  if (killWords) return cut + end;
  const space = cut.lastIndexOf(' ');
  return (space < 0 ? cut : cut.slice(0, space)) + end;
};

function batches(items: readonly Value[], size: number, fill: Value | undefined): List[] {
  if (size < 1) throw new TemplateError('batches of less than one');
  const found: List[] = [];
  for (let at = 0; at < items.length; at += size) {
    const part = items.slice(at, at + size);
    if (fill !== undefined && fill !== null) while (part.length < size) part.push(fill);
    found.push(new List(part));
  }
  return found;
}

function slices(items: readonly Value[], count: number, fill: Value | undefined): List[] {
  if (count < 1) throw new TemplateError('slices of less than one');
  const [each, longer] = [Math.floor(items.length / count), items.length % count];
  return Array.from({ length: count }, (_, i) => {
    const start = i * each + Math.min(i, longer);
    const part = items.slice(start, start + each + (i < longer ? 1 : 0));
    if (fill !== undefined && fill !== null && i >= longer) part.push(fill);
    return new List(part);
  });
}

const dictsort: Filter = (value, given, context) => {
  if (!(value instanceof Dict)) throw new TemplateError(`'${typeName(value)}' object has no attribute 'items'`);
  const by = given.optional(1, 'by') ?? 'key';
  if (by !== 'key' && by !== 'value') throw new TemplateError('You can only sort by either "key" or "value"');
  const cased = caseless(given, 0);
  const entries = value.entries().map((entry) => new Tuple(entry));
  const key = (entry: Value): Value => cased((entry as Tuple).items[by === 'key' ? 0 : 1]!);
  return new List(sorted(entries, key, given.flag(2, 'reverse', false), context));
};

const sort: Filter = (value, given, context) => {
  const cased = caseless(given, 1);
  const attribute = given.optional(2, 'attribute');
  let key: (item: Value) => Value;
  if (typeof attribute === 'string' && attribute.includes(',')) {
    const parts = attribute.split(',').map((part) => getter(part, context));
    key = (item) => new List(parts.map((of) => cased(of(item))));
  } else {
    const of = getter(attribute, context);
    key = (item) => cased(of(item));
  }
  return new List(sorted(iterate(value, context.budget), key, given.flag(0, 'reverse', false), context));
};

const unique: Filter = (value, given, context) => {
  const cased = caseless(given, 0);
  const of = getter(given.optional(1, 'attribute'), context);
  const seen = new Dict();
  return new Generator(
    iterate(value, context.budget).filter((item) => {
      const key = cased(of(item));
      if (seen.has(key)) return false;
      seen.set(key, true);
      return true;
    }),
  );
};

const groupby: Filter = (value, given, context) => {
  const cased = caseless(given, 2);
  const of = getter(given.value(0, 'attribute'), context, given.optional(1, 'default'));
  const items = sorted(iterate(value, context.budget), (item) => cased(of(item)), false, context);
  const groups: { key: Value; shown: Value; items: Value[] }[] = [];
  for (const item of items) {
    const key = cased(of(item));
    const last = groups.at(-1);
    if (last !== undefined && equal(last.key, key)) last.items.push(item);
    else groups.push({ key, shown: of(item), items: [item] });
  }
  return new List(groups.map((group) => new Group([group.shown, new List(group.items)])));
};

/** A pair that also has its parts by name: `grouper`, `list`. */
export class Group extends Tuple {}

const last: Filter = (value, _, context) => {
  if (value instanceof Generator) throw new TemplateError("'generator' object is not reversible");
  const found = iterate(value, context.budget).at(-1);
  return found === undefined ? new Undefined('No last item, sequence was empty.') : found;
};

const first: Filter = (value, _, context) => {
  const [found] = iterate(value, context.budget);
  return found === undefined ? new Undefined('No first item, sequence was empty.') : found;
};

const reverse: Filter = (value, _, context) => {
  if (typeof value === 'string') return context.budget.made([...value].reverse().join(''));
  return new Generator([...iterate(value, context.budget)].reverse());
};

const sum: Filter = (value, given, context) => {
  const of = getter(given.optional(0, 'attribute'), context);
  const start = given.optional(1, 'start') ?? 0n;
  return iterate(value, context.budget).reduce<Value>((total, item) => {
    if (typeof total === 'string') throw new TemplateError("sum() can't sum strings [use ''.join(seq) instead]");
    return arithmetic('+', total, of(item), context.budget);
  }, start);
};

const items: Filter = (value) => {
  if (value instanceof Undefined) return new Generator([]);
  if (!(value instanceof Dict)) throw new TemplateError('Can only get item pairs from a mapping.');
  return new Generator(value.entries().map((entry) => new Tuple(entry)));
};

const fallback: Filter = (value, given) => {
  const instead = given.or(0, 'default_value', '');
  return value instanceof Undefined || (given.flag(1, 'boolean', false) && !truth(value)) ? instead : value;
};

const abs: Filter = (value) => {
  if (!isNumber(value)) throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
  const number = numeric(value);
  return typeof number === 'bigint' ? (number < 0n ? -number : number) : Math.abs(number);
};

const urlencode: Filter = (value, _, context) => {
  const quote = (part: Value, keepSlash: boolean): string => {
    const encoded = encodeURIComponent(text(part, context).toWellFormed()).replace(
      /[!'()*]/g,
      (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
    );
    return keepSlash ? encoded.replaceAll('%2F', '/') : encoded.replaceAll('%20', '+');
  };
  const isText =
    typeof value === 'string' || !(value instanceof Dict || value instanceof List || value instanceof Tuple);
  if (isText) return quote(value, true);
  const pairs = value instanceof Dict ? value.entries() : value.items.map((item) => (item as Tuple).items ?? []);
  return pairs.map(([key = null, inner = null]) => `${quote(key, false)}=${quote(inner, false)}`).join('&');
};

const center: Filter = (value, given, context) => {
  const source = text(value, context);
  const width = small(BigInt(given.integer(0, 80, 'width')));
  const missing = Math.max(0, width - points(source));
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return ' '.repeat(left) + source + ' '.repeat(missing - left);
};

const FILTERS = new Map<string, Filter>([
  ['abs', abs],
  ['attr', (value, given, context) => context.attribute(value, given.text(0))],
  [
    'batch',
    (value, given, { budget }) =>
      new Generator(batches(iterate(value, budget), given.integer(0, 0, 'linecount'), given.optional(1, 'fill_with'))),
  ],
  ['capitalize', (value, _, context) => capitalised(text(value, context))],
  ['center', center],
  ['default', fallback],
  ['d', fallback],
  ['dictsort', dictsort],
  ['first', first],
  ['float', realFilter],
  [
    'format',
    (value, given, { budget }) =>
      formatted(
        str(value),
        given.args.named.size > 0 ? new Dict(given.args.named) : new Tuple(given.args.positional),
        budget,
      ),
  ],
  ['groupby', groupby],
  ['indent', indent],
  ['int', int],
  ['items', items],
  ['join', join],
  ['last', last],
  ['length', (value, _, { budget }) => BigInt(length(value, budget))],
  ['count', (value, _, { budget }) => BigInt(length(value, budget))],
  ['list', (value, _, { budget }) => new List(iterate(value, budget))],
  ['lower', (value, _, context) => lower(text(value, context))],
  ['map', map],
  ['max', (value, given, context) => extreme(value, given, context, -1)],
  ['min', (value, given, context) => extreme(value, given, context, 1)],
  ['reject', selecting(false, false)],
  ['rejectattr', selecting(true, false)],
  [
    'replace',
    (value, given, context) =>
      replaced(
        text(value, context),
        text(given.value(0, 'old'), context),
        text(given.value(1, 'new'), context),
        given.optional(2, 'count') === null ? -1 : given.integer(2, -1, 'count'),
        context.budget,
      ),
  ],
  ['reverse', reverse],
  ['round', round],
  ['safe', (value, _, context) => new SafeText(text(value, context))],
  ['select', selecting(false, true)],
  ['selectattr', selecting(true, true)],
  [
    'slice',
    (value, given, { budget }) =>
      new Generator(slices(iterate(value, budget), given.integer(0, 0, 'slices'), given.optional(1, 'fill_with'))),
  ],
  ['sort', sort],
  ['string', (value, _, context) => text(value, context)],
  ['sum', sum],
  ['title', title],
  ['tojson', tojson],
  ['trim', (value, given, context) => strip(text(value, context), given.optional(0, 'chars') ?? null, 'both')],
  ['truncate', truncate],
  ['unique', unique],
  ['upper', (value, _, context) => text(value, context).toUpperCase()],
  ['urlencode', urlencode],
  ['wordcount', (value, _, context) => BigInt((text(value, context).match(/[\p{L}\p{N}_]+/gu) ?? []).length)],
]);

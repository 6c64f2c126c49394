/** What operators, brackets and loops do with Python's values. */
import type { BinaryOperator, Comparison } from './ast';
import type { Budget } from './budget';
import { TemplateError } from './errors';
import { formatted } from './format';
import { str } from './text';
import {
  Dict,
  equal,
  Generator,
  isNumber,
  List,
  numeric,
  order,
  SafeText,
  Sequence,
  Tuple,
  typeName,
  Undefined,
  type Value,
  weight,
} from './values';

/** The items a loop goes through; characters of a text, keys of a dict. @throws TemplateError for what has none */
export function iterate(value: Value, budget: Budget): readonly Value[] {
  let items: readonly Value[];
  if (value instanceof List || value instanceof Tuple || value instanceof Sequence) items = value.items;
  else if (value instanceof Dict) items = value.keys();
  else if (value instanceof Generator) items = value.take();
  else if (value instanceof Undefined) items = [];
  else if (typeof value === 'string') {
    budget.step(value.length);
    items = [...value];
  } else throw new TemplateError(`'${typeName(value)}' object is not iterable`);
  budget.step(items.length);
  return items;
}

/** Python's `len`. @throws TemplateError for what has none */
export function length(value: Value, budget: Budget): number {
  if (typeof value === 'string') {
    budget.step(value.length / 16);
    return points(value);
  }
  if (value instanceof List || value instanceof Tuple || value instanceof Sequence) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof Undefined) return 0;
  throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}

/** `value[index]`, or {@link MISSING}. */
export function item(value: Value, index: Value, budget: Budget): Value {
  if (value instanceof Dict) {
    const found = index instanceof List || index instanceof Dict ? undefined : value.get(index);
    return found === undefined ? MISSING : found;
  }
  if (typeof index !== 'bigint' && typeof index !== 'boolean') return MISSING;
  const at = Number(index);
  if (typeof value === 'string') {
    const count = length(value, budget);
    const character = count === value.length ? value.charAt(at < 0 ? count + at : at) : [...value].at(at);
    return character === undefined || character === '' ? MISSING : character;
  }
  if (value instanceof List || value instanceof Tuple || (value instanceof Sequence && value.type === 'range')) {
    const found = value.items.at(at);
    return found === undefined || at >= value.items.length ? MISSING : found;
  }
  return MISSING;
}

/** An item that does not exist, where null is a value. */
export const MISSING = new Undefined('missing');

/** `value[start:stop:step]`; null for a part that is omitted. */
export function slice(value: Value, parts: readonly Value[], budget: Budget): Value {
  if (value instanceof Undefined) return value.fail();
  const isText = typeof value === 'string';
  if (!isText && !(value instanceof List || value instanceof Tuple))
    return new Undefined(`'${typeName(value)}' object is not subscriptable`);
  const items: readonly Value[] = isText ? [...value] : value.items;
  budget.step(isText ? items.length / 8 : items.length);
  const [start = null, stop = null, step = null] = parts.map((part) => {
    if (part === null) return null;
    if (typeof part !== 'bigint' && typeof part !== 'boolean') {
      throw new TemplateError('slice indices must be integers or None or have an __index__ method');
    }
    return Number(part);
  });
  const by = step ?? 1;
  if (by === 0) throw new TemplateError('slice step cannot be zero');
  const count = items.length;
  const [lowest, highest] = by > 0 ? [0, count] : [-1, count - 1];
  const bound = (at: number | null, fallback: number): number =>
    at === null ? fallback : Math.min(Math.max(at < 0 ? at + count : at, lowest), highest);
  const from = bound(start, by > 0 ? 0 : count - 1);
  const to = bound(stop, by > 0 ? count : -1);
  const found: Value[] = [];
  for (let at = from; by > 0 ? at < to : at > to; at += by) found.push(items[at]!);
  if (isText) return budget.made(found.join(''));
  return value instanceof List ? new List(found) : new Tuple(found);
}

export function compare(operator: Comparison, left: Value, right: Value, budget: Budget): boolean {
  budget.step(Math.min(weight(left), weight(right)) / 8);
  switch (operator) {
    case '==':
      return equal(left, right);
    case '!=':
      return !equal(left, right);
    case 'in':
      return contains(right, left, budget);
    case 'not in':
      return !contains(right, left, budget);
    default: {
      const sign = order(left, right, operator);
      const nan = [left, right].some((value) => typeof value === 'number' && Number.isNaN(value));
      if (nan) return false;
      return operator === '<' ? sign < 0 : operator === '<=' ? sign <= 0 : operator === '>' ? sign > 0 : sign >= 0;
    }
  }
}

/** Python's `value in container`. */
export function contains(container: Value, value: Value, budget: Budget): boolean {
  if (typeof container === 'string') {
    if (value instanceof Undefined) return value.fail();
    if (typeof value !== 'string') {
      throw new TemplateError(`'in <string>' requires string as left operand, not ${typeName(value)}`);
    }
    budget.step(container.length / 16);
    return container.includes(value);
  }
  if (container instanceof Dict) return container.has(value);
  if (
    !(
      container instanceof List ||
      container instanceof Tuple ||
      container instanceof Sequence ||
      container instanceof Generator ||
      container instanceof Undefined
    )
  ) {
    throw new TemplateError(`argument of type '${typeName(container)}' is not iterable`);
  }
  return iterate(container, budget).some((one) => {
    budget.step(Math.min(weight(one), weight(value)) / 8);
    return equal(one, value);
  });
}

/** Arithmetic, and what `+`, `*` and `%` do with texts and lists; `and` and `or` are the caller's. */
export function arithmetic(
  operator: Exclude<BinaryOperator, 'and' | 'or'>,
  left: Value,
  right: Value,
  budget: Budget,
): Value {
  for (const value of [left, right]) if (value instanceof Undefined) value.fail();
  if (operator === '%' && typeof left === 'string') return formatted(left, right, budget);
  if (isNumber(left) && isNumber(right)) return ofNumbers(operator, numeric(left), numeric(right));
  if (operator === '+') {
    if (typeof left === 'string' && typeof right === 'string') {
      budget.text(left.length + right.length);
      return left + right;
    }
    if (isSafePair(left, right) || isSafePair(right, left)) {
      budget.text(weight(left) + weight(right));
      return new SafeText(escaped(left, budget) + escaped(right, budget));
    }
    if (left instanceof List && right instanceof List) return new List(joined(left.items, right.items, budget));
    if (left instanceof Tuple && right instanceof Tuple) return new Tuple(joined(left.items, right.items, budget));
  }
  if (operator === '*') {
    const repeated = times(left, right, budget) ?? times(right, left, budget);
    if (repeated !== null) return repeated;
  }
  throw new TemplateError(
    `unsupported operand type(s) for ${operator === '**' ? '** or pow()' : operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

export function negative(operator: '-' | '+', value: Value): Value {
  if (value instanceof Undefined) return value.fail();
  if (!isNumber(value)) throw new TemplateError(`bad operand type for unary ${operator}: '${typeName(value)}'`);
  const number = numeric(value);
  return operator === '-' ? -number : number;
}

/** `left ~ right ~ ...` */
export function concatenated(parts: readonly Value[], budget: Budget): string {
  for (const part of parts) budget.text(weight(part));
  return parts.map(str).join('');
}

/** A call's integer argument. */
export function integerOf(value: Value): bigint {
  if (value instanceof Undefined) return value.fail();
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return BigInt(value);
  throw new TemplateError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

/** How many code points a text has. */
export function points(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = text.charCodeAt(at + 1);
      if (next >= 0xdc00 && next <= 0xdfff) count--;
    }
  }
  return count;
}

// --- internal ---

const isSafePair = (safe: Value, other: Value): boolean =>
  safe instanceof SafeText && (typeof other === 'string' || other instanceof SafeText);

/** Text for HTML, unless it is safe already (markupsafe's `escape`). */
function escaped(value: Value, budget: Budget): string {
  if (value instanceof SafeText) return value.text;
  const text = str(value).replace(/[&<>'"]/g, (character) => `&${ENTITIES.get(character)};`);
  return budget.made(text);
}

const ENTITIES = new Map([
  ['&', 'amp'],
  ['<', 'lt'],
  ['>', 'gt'],
  ["'", '#39'],
  ['"', '#34'],
]);

/** Bits of the largest integer that is made. */
const MOST_BITS = 20_000;

function joined(left: readonly Value[], right: readonly Value[], budget: Budget): readonly Value[] {
  budget.step(left.length + right.length);
  return [...left, ...right];
}

function times(value: Value, count: Value, budget: Budget): Value | null {
  if (typeof count !== 'bigint' && typeof count !== 'boolean') return null;
  const n = Math.max(0, Number(count));
  if (typeof value === 'string') {
    budget.text(value.length * n);
    return value.length === 0 ? '' : value.repeat(n);
  }
  if (!(value instanceof List || value instanceof Tuple)) return null;
  if (value.items.length === 0) return value;
  budget.step(value.items.length * n);
  const items = Array.from({ length: n }, () => value.items).flat();
  return value instanceof List ? new List(items) : new Tuple(items);
}

function ofNumbers(
  operator: Exclude<BinaryOperator, 'and' | 'or'>,
  left: bigint | number,
  right: bigint | number,
): Value {
  if (operator === '/') {
    if (Number(right) === 0) throw new TemplateError('division by zero');
    return Number(left) / Number(right);
  }
  if (typeof left === 'bigint' && typeof right === 'bigint') return ofIntegers(operator, left, right);
  const [a, b] = [Number(left), Number(right)];
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '**':
      if (a === 0 && b < 0) throw new TemplateError('0.0 cannot be raised to a negative power');
      if (a < 0 && !Number.isInteger(b)) throw new TemplateError('a complex number');
      return a ** b;
    case '//':
      if (b === 0) throw new TemplateError('float floor division by zero');
      return Math.floor((a - modulo(a, b)) / b + 0.5);
    case '%':
      if (b === 0) throw new TemplateError('float modulo by zero');
      return modulo(a, b);
  }
}

function ofIntegers(operator: Exclude<BinaryOperator, 'and' | 'or' | '/'>, left: bigint, right: bigint): Value {
  switch (operator) {
    case '+':
      return bounded(left + right);
    case '-':
      return bounded(left - right);
    case '*':
      return bounded(left * right);
    case '//':
    case '%': {
      if (right === 0n) throw new TemplateError('integer division or modulo by zero');
      const rest = left % right;
      const below = rest !== 0n && rest < 0n !== right < 0n;
      if (operator === '%') return below ? rest + right : rest;
      return left / right - (below ? 1n : 0n);
    }
    case '**': {
      if (right < 0n) {
        if (left === 0n) throw new TemplateError('0.0 cannot be raised to a negative power');
        return Number(left) ** Number(right);
      }
      const bits = left.toString(2).length;
      if (left * left > 1n && Number(right) * bits > MOST_BITS) throw new TemplateError('a power of very many digits');
      return left ** right;
    }
  }
}

function bounded(value: bigint): bigint {
  // the digits are only counted for what may have many
  if ((value > LARGE || value < -LARGE) && value.toString(16).length * 4 > MOST_BITS) {
    throw new TemplateError('an integer of very many digits');
  }
  return value;
}

const LARGE = 2n ** 1000n;

/** Python's `%` of floats: the sign of the divisor. */
function modulo(left: number, right: number): number {
  const rest = left % right;
  if (rest === 0) return right < 0 ? -0 : 0;
  return rest < 0 !== right < 0 ? rest + right : rest;
}

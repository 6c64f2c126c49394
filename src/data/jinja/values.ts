/**
 * The values of a template: Python's, none of them a JavaScript object whose properties a template could read.
 * An integer is a bigint, a float a number.
 */
import { TemplateError } from './errors';

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Undefined
  | List
  | Tuple
  | Dict
  | Sequence
  | Generator
  | SafeText
  | Namespace
  | Callable;

/** A name or member that is not there. What needs its value fails with `message`; as text it is empty. */
export class Undefined {
  constructor(readonly message: string) {}

  fail(): never {
    throw new TemplateError(this.message);
  }
}

/**
 * How much text a value is at most, about: known when it is made, since one list may stand many times in another and its text
 * be longer than any memory.
 */
export function weight(value: Value): number {
  if (typeof value === 'string') return value.length + 4;
  if (value instanceof SafeText) return value.text.length + 4;
  return value instanceof Items || value instanceof Dict ? value.weight : 8;
}

/** What has items inside. */
abstract class Items {
  readonly weight: number;
  readonly depth: number;

  constructor(readonly items: readonly Value[]) {
    let sum = 4;
    let depth = 0;
    for (const item of items) {
      sum += weight(item);
      depth = Math.max(depth, depthOf(item));
    }
    this.weight = sum;
    this.depth = deeper(depth);
  }
}

export class List extends Items {}

export class Tuple extends Items {}

/** What `dict.items()` and its like and `range` give: it has a length, is not text and not a list. */
export class Sequence extends Items {
  constructor(
    readonly type: 'dict_keys' | 'dict_values' | 'dict_items' | 'range',
    items: readonly Value[],
    /** How Python prints a range. */
    readonly shown?: string,
  ) {
    super(items);
  }
}

/** What `map`, `select` and `items` return: it can be iterated once. */
export class Generator {
  private left: readonly Value[] | null;

  constructor(items: readonly Value[]) {
    this.left = items;
  }

  take(): readonly Value[] {
    const { left } = this;
    this.left = null;
    return left ?? [];
  }
}

export class Namespace {
  readonly members = new Map<string, Value>();
}

export interface CallArguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/**
 * What `safe` gives: what is added to it is escaped for HTML. It can be shown, compared and added to, nothing else.
 */
export class SafeText {
  constructor(readonly text: string) {}
}

/** A function, a method or a macro. */
export class Callable {
  constructor(
    readonly name: string,
    readonly call: (args: CallArguments) => Value,
  ) {}
}

/** In order of insertion; 1, 1.0 and True are one key, as in Python. */
export class Dict {
  private readonly byKey = new Map<string, readonly [Value, Value]>();
  /** As of {@link Items}. */
  weight = 4;
  depth = 1;

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.byKey.size;
  }

  get(key: Value): Value | undefined {
    return this.byKey.get(hashed(key))?.[1];
  }

  has(key: Value): boolean {
    return this.byKey.has(hashed(key));
  }

  /** Only while it is made: a template changes no dict. */
  set(key: Value, value: Value): void {
    const hash = hashed(key);
    this.weight += weight(key) + weight(value);
    this.depth = Math.max(this.depth, deeper(Math.max(depthOf(key), depthOf(value))));
    this.byKey.set(hash, [this.byKey.get(hash)?.[0] ?? key, value]);
  }

  entries(): (readonly [Value, Value])[] {
    return [...this.byKey.values()];
  }

  keys(): Value[] {
    return this.entries().map(([key]) => key);
  }

  values(): Value[] {
    return this.entries().map(([, value]) => value);
  }
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'string') return 'str';
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof List) return 'list';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Dict) return 'dict';
  if (value instanceof Sequence) return value.type;
  if (value instanceof Generator) return 'generator';
  if (value instanceof SafeText) return 'Markup';
  return value instanceof Namespace ? 'Namespace' : 'function';
}

export function truth(value: Value): boolean {
  if (value === null || value instanceof Undefined) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return value !== 0n;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'string') return value !== '';
  if (value instanceof SafeText) return value.text !== '';
  if (value instanceof List || value instanceof Tuple || value instanceof Sequence) return value.items.length > 0;
  return !(value instanceof Dict) || value.size > 0;
}

export const isNumber = (value: Value): value is boolean | bigint | number =>
  typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number';

/** A number as one of the two kinds that are computed with. */
export const numeric = (value: boolean | bigint | number): bigint | number =>
  typeof value === 'boolean' ? BigInt(value) : value;

const isNotANumber = (value: Value): boolean => typeof value === 'number' && Number.isNaN(value);

export function equal(left: Value, right: Value): boolean {
  if (isNumber(left) && isNumber(right)) return order(left, right) === 0 && !isNotANumber(left) && !isNotANumber(right);
  if (left instanceof Undefined) return right instanceof Undefined;
  if (left instanceof SafeText) return equal(left.text, right);
  if (right instanceof SafeText) return equal(left, right.text);
  if ((left instanceof List && right instanceof List) || (left instanceof Tuple && right instanceof Tuple)) {
    return left.items.length === right.items.length && left.items.every((one, i) => equal(one, right.items[i]!));
  }
  if (left instanceof Dict && right instanceof Dict) {
    if (left.size !== right.size) return false;
    return left.entries().every(([key, value]) => {
      const other = right.get(key);
      return other !== undefined && equal(value, other);
    });
  }
  return left === right;
}

/** Negative, zero or positive, as `left` is before, equal to or after `right`. @throws TemplateError for what has no order */
export function order(left: Value, right: Value, operator = '<'): number {
  if (isNumber(left) && isNumber(right)) {
    const [a, b] = [numeric(left), numeric(right)];
    return a < b ? -1 : a > b ? 1 : 0;
  }
  if (typeof left === 'string' && typeof right === 'string') return orderOfTexts(left, right);
  if ((left instanceof List && right instanceof List) || (left instanceof Tuple && right instanceof Tuple)) {
    for (let i = 0; i < Math.min(left.items.length, right.items.length); i++) {
      if (!equal(left.items[i]!, right.items[i]!)) return order(left.items[i]!, right.items[i]!, operator);
    }
    return left.items.length - right.items.length;
  }
  for (const value of [left, right]) if (value instanceof Undefined) value.fail();
  throw new TemplateError(
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** By code points, as Python orders texts. */
function orderOfTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  if (at === length) return left.length - right.length;
  const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
  // surrogates encode code points above all others
  const [highA, highB] = [a >= 0xd800 && a <= 0xdfff, b >= 0xd800 && b <= 0xdfff];
  return highA === highB ? a - b : highA ? 1 : -1;
}

/** Plain JSON data as values. A number that is whole is an integer. @throws TemplateError for anything else */
export function fromJson(data: unknown): Value {
  if (data === null || typeof data === 'boolean' || typeof data === 'string' || typeof data === 'bigint') return data;
  if (typeof data === 'number') return Number.isInteger(data) ? BigInt(data) : data;
  if (Array.isArray(data)) return new List(data.map(fromJson));
  if (typeof data === 'object') return new Dict(Object.entries(data).map(([key, value]) => [key, fromJson(value)]));
  throw new TemplateError(`a variable that is a ${typeof data}`);
}

// --- internal ---

const DEEPEST = 200;

const depthOf = (value: Value): number => (value instanceof Items || value instanceof Dict ? value.depth : 0);

function deeper(depth: number): number {
  if (depth >= DEEPEST) throw new TemplateError(`a value nested more than ${DEEPEST} deep`);
  return depth + 1;
}

function hashed(key: Value): string {
  if (typeof key === 'string') return `s${key}`;
  if (isNumber(key)) return `n${String(numeric(key))}`;
  if (key === null) return 'N';
  if (key instanceof Undefined) return 'U';
  if (key instanceof Tuple) return `t${JSON.stringify(key.items.map(hashed))}`;
  throw new TemplateError(`unhashable type: '${typeName(key)}'`);
}

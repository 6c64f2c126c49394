/** Values as text: Python's `str`, `repr` and `json.dumps`. */
import { floatText } from '../../python';
import { TemplateError } from './errors';
import { Dict, Generator, List, Namespace, SafeText, Sequence, Tuple, typeName, Undefined, type Value } from './values';

/** Python's `str(value)`; what is undefined is empty. */
export function str(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof SafeText) return value.text;
  return value instanceof Undefined ? '' : repr(value);
}

/** Python's `repr(value)`. @throws TemplateError for what Python prints with its address */
export function repr(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'bigint') return integer(value);
  if (typeof value === 'number') return floatText(value);
  if (typeof value === 'string') return quoted(value);
  if (value instanceof SafeText) return `Markup(${quoted(value.text)})`;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof List) return `[${value.items.map(repr).join(', ')}]`;
  if (value instanceof Tuple) return `(${value.items.map(repr).join(', ')}${value.items.length === 1 ? ',' : ''})`;
  if (value instanceof Dict)
    return `{${value
      .entries()
      .map((entry) => entry.map(repr).join(': '))
      .join(', ')}}`;
  if (value instanceof Sequence) return value.shown ?? `${value.type}([${value.items.map(repr).join(', ')}])`;
  // Python prints their addresses; a namespace may hold itself
  const what =
    value instanceof Generator
      ? 'a generator (add |list)'
      : value instanceof Namespace
        ? 'a namespace'
        : `the function ${value.name}`;
  throw new TemplateError(`${what} has no text`);
}

export interface JsonOptions {
  /** The indent of a level; null for one line. */
  readonly indent: string | null;
  readonly itemSeparator: string;
  readonly keySeparator: string;
  readonly sortKeys: boolean;
  readonly ensureAscii: boolean;
}

/** Python's `json.dumps(value)`. @throws TemplateError for what is not JSON */
export function json(value: Value, options: JsonOptions, level = 0): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return integer(value);
  if (typeof value === 'number') return jsonFloat(value);
  if (typeof value === 'string') return jsonText(value, options.ensureAscii);
  if (value instanceof SafeText) return jsonText(value.text, options.ensureAscii);
  if (value instanceof List || value instanceof Tuple) {
    return brackets(
      '[]',
      value.items.map((item) => json(item, options, level + 1)),
      options,
      level,
    );
  }
  if (value instanceof Dict) {
    const entries = value.entries().map(([key, inner]) => [jsonKey(key), inner] as const);
    if (options.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const parts = entries.map(
      ([key, inner]) => jsonText(key, options.ensureAscii) + options.keySeparator + json(inner, options, level + 1),
    );
    return brackets('{}', parts, options, level);
  }
  throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
}

/** The longest text of an integer Python makes. */
const MOST_DIGITS = 4300;

/** An integer's digits. */
export function integer(value: bigint): string {
  const text = String(value);
  if (text.length > MOST_DIGITS) throw new TemplateError('an integer of more than 4300 digits');
  return text;
}

// --- internal ---

function brackets(
  pair: string,
  parts: readonly string[],
  { indent, itemSeparator }: JsonOptions,
  level: number,
): string {
  const [open, close] = [pair[0]!, pair[1]!];
  if (parts.length === 0) return pair;
  if (indent === null) return open + parts.join(itemSeparator) + close;
  const line = `\n${indent.repeat(level + 1)}`;
  return `${open}${line}${parts.join(itemSeparator + line)}\n${indent.repeat(level)}${close}`;
}

function jsonFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? floatText(value) : value > 0 ? 'Infinity' : '-Infinity';
}

function jsonKey(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null) return 'null';
  if (typeof key === 'boolean') return String(key);
  if (typeof key === 'bigint') return integer(key);
  if (typeof key === 'number') return jsonFloat(key);
  throw new TemplateError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function jsonText(text: string, ascii: boolean): string {
  const escaped = text.replace(
    /(?![\u007f-\u009f])[\p{Cc}"\\]/gu,
    (character) => JSON_ESCAPES.get(character) ?? unicode(character),
  );
  return `"${ascii ? escaped.replace(/[^ -~]/gu, (one) => [...Array(one.length).keys()].map((i) => unicode(one[i]!)).join('')) : escaped}"`;
}

const unicode = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

const JSON_ESCAPES = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\f', '\\f'],
  ['\b', '\\b'],
]);

/** A text in quotes: single ones unless it has those and no double ones; what does not print is escaped. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"]|[[\p{C}\p{Z}]--[ ]]/gv, (character) => {
    if (character === '\\') return '\\\\';
    if (character === "'" || character === '"') return character === quote ? `\\${character}` : character;
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    const code = character.codePointAt(0)!;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return quote + body + quote;
}

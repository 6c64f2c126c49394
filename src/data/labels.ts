/**
 * Class names from labels.
 *
 * A class id is the place of its label among all labels as numpy's `unique` (and with it scikit-learn's LabelEncoder and
 * stratified splits) orders what pandas or datasets read: numbers by value, so that 2 comes before 10, booleans False first, text
 * by code point, and the classes of a datasets `ClassLabel` as it lists them. Labels that are text are compared exactly as the file
 * writes them; look-alikes are reported, not merged.
 */

import { booleanText, floatText } from '../python';
import type { ColumnKind } from './column-kinds';

/** Orders strings by Unicode code point, as Python does; JavaScript's own order is by UTF-16 unit. */
export function compareCodePoints(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // surrogates encode code points above every other unit
    const [high, low] = [(x & 0xf800) === 0xd800, (y & 0xf800) === 0xd800];
    return high === low ? x - y : high ? 1 : -1;
  }
  return a.length - b.length;
}

/** The distinct labels in order; by code point unless told otherwise. */
export function classNames(labels: Iterable<string>, compare: Compare = compareCodePoints): string[] {
  return [...new Set(labels)].sort(compare);
}

/** How the labels of a column become classes, over all files that have it. */
export interface Labelling {
  /** The class of a cell; null when it is an id that its `ClassLabel` does not have. */
  className(cell: string, kind: ColumnKind): string | null;
  /** The distinct classes in the order of their ids. */
  sorted(names: Iterable<string>): string[];
  /** Every class of the `ClassLabel`s, whether or not a row has it; null for any other column. */
  readonly listed: readonly string[] | null;
}

/**
 * The labelling of a column.
 *
 * @param kinds what the column is in each file; numbers stay numbers when all files have numbers
 * @param encoded whether labels are ordered as datasets' `class_encode_column` does: by their texts as Python prints them, so that
 *   10 comes before 2. It leaves a `ClassLabel` as it is.
 */
export function labelling(kinds: readonly ColumnKind[], encoded = false): Labelling {
  const lists = kinds.flatMap(({ classNames }) => (classNames === null ? [] : [classNames]));
  if (lists.length > 0) {
    const listed = [...new Set(lists.flat())];
    const places = new Map(listed.map((name, place) => [name, place]));
    const place = (name: string): number => places.get(name) ?? listed.length;
    return {
      className: (cell, { classNames }) => (classNames === null ? cell : (classNames[Number(cell)] ?? null)),
      sorted: (names) => classNames(names, (a, b) => place(a) - place(b) || compareCodePoints(a, b)),
      listed,
    };
  }
  const { printed, compare } = TYPES[jointType(kinds)];
  return {
    className: printed,
    sorted: (names) => classNames(names, encoded ? compareCodePoints : compare),
    listed: null,
  };
}

/** Pairs of class names that differ only in case, surrounding spaces or Unicode normal form: usually one class. */
export function lookAlikes(classes: readonly string[]): [string, string][] {
  const first = new Map<string, string>();
  const pairs: [string, string][] = [];
  for (const name of classes) {
    const key = name.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase();
    const other = first.get(key);
    if (other === undefined) first.set(key, name);
    else pairs.push([other, name]);
  }
  return pairs;
}

/** A label for messages, cut to a readable length. */
export function quote(label: string): string {
  return JSON.stringify(label.length > 60 ? `${label.slice(0, 60)}…` : label);
}

// --- internal ---

type Type = ColumnKind['type'];
type Compare = (a: string, b: string) => number;

/** How a cell of a column is printed, and how two are ordered. */
interface Printing {
  readonly printed: (cell: string) => string;
  readonly compare: Compare;
}

const byValue: Compare = (a, b) => toNumber(a) - toNumber(b);

const TYPES: Readonly<Record<Type, Printing>> = {
  integer: {
    printed: (cell) => String(toInteger(cell)),
    // without loss above 2^53
    compare: (a, b) => (BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0),
  },
  float: { printed: (cell) => floatText(toNumber(cell)), compare: byValue },
  boolean: { printed: (cell) => booleanText(cell.toLowerCase() === 'true'), compare: compareCodePoints },
  text: { printed: (cell) => cell, compare: compareCodePoints },
};

/** Integers and floats together are floats, as in a pandas column; anything else that differs is text. */
function jointType(kinds: readonly ColumnKind[]): Type {
  const types = new Set(kinds.map(({ type }) => type));
  const [first = 'text', ...others] = types;
  if (others.length === 0) return first;
  return types.size === 2 && types.has('integer') && types.has('float') ? 'float' : 'text';
}

const toInteger = (cell: string): bigint => BigInt(cell.trim().replace(/^\+/, ''));

/** A float as Python or pandas reads it. */
function toNumber(cell: string): number {
  const text = cell.trim();
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  return infinite === null ? Number(text) : infinite[1] === '-' ? -Infinity : Infinity;
}

/**
 * Checks a value against a schema. Objects, lists and the choice among kinds are walked here, one level after the other; what has
 * no fields is arktype's. A key that a schema does not name is refused, at any depth.
 */

import type * as Arktype from 'arktype';
import { isRecord } from '../json';
import { type Fields, membersOf, type Node, type Notation, type Part, plainName, wordsOf } from './schema-part';

/** Keys of maps and indices of lists, from the root of a value. */
export type Path = readonly (string | number)[];

/** What is wrong with a value, and where in it. */
export interface Fault {
  readonly path: Path;
  readonly is: 'wrong' | 'missing' | 'unknown';
  /** What would be right, after "must be"; of an unknown field, nothing. */
  readonly expected: string;
  /** What is there instead; null where there is nothing to show. */
  readonly actual: string | null;
  /** The names that an unknown field could have, or the words that an unknown kind could be. */
  readonly known: readonly string[];
}

/** Whether `value` is what `part` says; what is wrong is added to `faults`. */
export function accepts<T>(part: Part<T>, value: unknown, faults: Fault[]): value is T {
  const before = faults.length;
  walk(part, value, [], faults);
  return faults.length === before;
}

/** A fault in words, after the path of what is wrong. */
export function phrase({ is, expected }: Fault): string {
  if (is === 'unknown') return 'is not a known field';
  return is === 'missing' ? `is missing: it must be ${expected}` : `must be ${expected}`;
}

/** Faults in one line. */
export const summary = (faults: readonly Fault[]): string =>
  faults
    .slice(0, MAX_SUMMARY)
    .map((fault) => {
      const was = fault.actual === null ? '' : ` (was ${fault.actual})`;
      return `${fault.path.length === 0 ? 'it' : fault.path.join('.')} ${phrase(fault)}${was}`;
    })
    .join('; ');

/** The JSON Schema of what has no fields, as arktype gives it. */
export function leafJsonSchema(notation: Notation): Readonly<Record<string, unknown>> {
  const { $schema: _dialect, ...rest }: Readonly<Record<string, unknown>> = { ...typeOf(notation).toJsonSchema() };
  return rest;
}

// --- internal ---

/** More faults than these have one cause: the file is of another kind. */
const MAX_SUMMARY = 5;

type ArkType = Arktype.Type;

function walk(part: Part, value: unknown, path: Path, faults: Fault[]): void {
  const { node } = part;
  if (node.is === 'union') walkUnion(part, membersOf(node.members), value, path, faults);
  else if (node.is === 'object' && isRecord(value)) walkObject(node.fields, value, path, faults);
  else if (node.is === 'map' && isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) walk(node.values, inner, [...path, key], faults);
  } else if (node.is === 'list' && Array.isArray(value)) {
    for (const [i, item] of value.entries()) walk(node.items, item, [...path, i], faults);
    if (value.length < node.atLeast) {
      const expected = node.atLeast === 1 ? 'non-empty' : `at least length ${node.atLeast}`;
      faults.push(wrong(path, expected, value.length === 0 ? null : `${value.length}`));
    }
  } else if (Array.isArray(value) && (node.is === 'object' || node.is === 'map')) {
    // to arktype a list is an object too
    faults.push(wrong(path, 'an object', 'an array'));
  } else judge(plainType(part), value, path, faults);
}

function walkObject(fields: Fields, value: Fieldwise, path: Path, faults: Fault[]): void {
  for (const [name, part] of Object.entries(fields)) {
    const key = plainName(name);
    const inner = Object.hasOwn(value, key) ? value[key] : undefined;
    if (inner !== undefined) walk(part, inner, [...path, key], faults);
    else if (key === name) faults.push(missing([...path, key], expectedOf(part)));
  }
  unknownKeys(Object.keys(fields).map(plainName), value, path, faults);
}

function unknownKeys(known: readonly string[], value: Fieldwise, path: Path, faults: Fault[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    faults.push({ path: [...path, key], is: 'unknown', expected: '', actual: null, known });
  }
}

function walkUnion(whole: Part, members: readonly Part[], value: unknown, path: Path, faults: Fault[]): void {
  const objects = members.flatMap((part) => (part.node.is === 'object' ? [{ part, fields: part.node.fields }] : []));
  const list = members.find(({ node }) => node.is === 'list');
  const map = members.find(({ node }) => node.is === 'map');
  if (Array.isArray(value) && list !== undefined) walk(list, value, path, faults);
  else if (isRecord(value) && map !== undefined) walk(map, value, path, faults);
  else if (isRecord(value) && objects.length === 1) walk(objects[0]!.part, value, path, faults);
  else if (isRecord(value) && objects.length > 1) walkKinds(objects, value, path, faults);
  else if (Array.isArray(value) && objects.length > 0 && !members.some((part) => takesList(part, value))) {
    faults.push(wrong(path, expectedOf(whole), 'an array'));
  } else judge(plainType(whole), value, path, faults);
}

/** Whether a part without fields, such as a pair, is this list; to arktype a list is an object too. */
const takesList = ({ node }: Part, value: readonly unknown[]): boolean =>
  node.is === 'value' && typeOf(node.notation).allows(value);

/** One of several objects: by the words of `kind`, else by the names of the fields. */
function walkKinds(
  objects: readonly { readonly part: Part; readonly fields: Fields }[],
  value: Fieldwise,
  path: Path,
  faults: Fault[],
): void {
  const names = [...new Set(objects.flatMap(({ fields }) => Object.keys(fields).map(plainName)))];
  const kinds = objects.map(({ fields }) => wordsOf(fields.kind));
  if (kinds.every((words) => words.length > 0)) {
    const found = objects[kinds.findIndex((words) => words.some((word) => word === value.kind))];
    if (found !== undefined) {
      walk(found.part, value, path, faults);
      return;
    }
    const expected = eitherOf(kinds.flat().map((word) => `"${word}"`));
    if (value.kind !== undefined) {
      faults.push({ ...wrong([...path, 'kind'], expected, shown(value.kind)), known: kinds.flat() });
      return;
    }
    faults.push(missing([...path, 'kind'], expected));
    unknownKeys(names, value, path, faults);
    return;
  }
  const fitting = objects.filter(({ fields }) => Object.keys(fields).some((name) => Object.hasOwn(value, name)));
  if (fitting.length === 1) walk(fitting[0]!.part, value, path, faults);
  else if (fitting.length > 1) faults.push(wrong(path, `only one of ${eitherOf(names)}`, null));
  else {
    faults.push(wrong(path, `an object with ${eitherOf(names)}`, null));
    unknownKeys(names, value, path, faults);
  }
}

/** What arktype says of a value that has no fields or should have some. */
function judge(type: ArkType, value: unknown, path: Path, faults: Fault[]): void {
  if (type.allows(value)) return;
  const result: unknown = type(value);
  if (!(result instanceof arktype().type.errors)) return;
  for (const error of result) {
    // not path.map: arktype's path is an array class whose map makes [0] of an empty one
    const own = Array.from(error.path, (key) => (typeof key === 'number' ? key : String(key)));
    faults.push(wrong([...path, ...own], plainly(error.expected), error.actual === '' ? null : error.actual));
  }
}

/** arktype gives a whole sentence for a union and a list of bullets for several rules at once. */
function plainly(expected: string): string {
  const sentence = /^must be ([\s\S]*) \(was [\s\S]*\)$/.exec(expected);
  const bullets = expected.split('◦').map((part) => part.trim());
  return sentence?.[1] ?? bullets.filter((part) => part !== '').join(' and ');
}

/** What a part must be, in the words for a value that is missing. */
function expectedOf(part: Part): string {
  const faults: Fault[] = [];
  judge(plainType(part), undefined, [], faults);
  return faults[0]?.expected ?? 'there';
}

/** A part without its fields: what is left to check where a value has none. Each is built once. */
function plainType({ node }: Part): ArkType {
  switch (node.is) {
    case 'value':
      return typeOf(node.notation);
    case 'object':
    case 'map':
      return typeOf('object');
    case 'list':
      return typeOf('Array');
    case 'union': {
      const known = unions.get(node);
      if (known !== undefined) return known;
      const made = membersOf(node.members)
        .map(plainType)
        .reduce((all, one) => all.or(one));
      unions.set(node, made);
      return made;
    }
  }
}

const unions = new WeakMap<Node, ArkType>();
const types = new Map<Notation, ArkType>();

function typeOf(notation: Notation): ArkType {
  const known = types.get(notation);
  if (known !== undefined) return known;
  const made = arktype().type.raw(notation);
  types.set(notation, made);
  return made;
}

let loaded: typeof Arktype | undefined;

/** Loaded when the first value is checked: it takes as long as everything else of a short command. */
function arktype(): typeof Arktype {
  loaded ??= require('arktype');
  return loaded!;
}

const wrong = (path: Path, expected: string, actual: string | null): Fault => ({
  path,
  is: 'wrong',
  expected,
  actual,
  known: [],
});

const missing = (path: Path, expected: string): Fault => ({ path, is: 'missing', expected, actual: null, known: [] });

/** `a, b or c` */
const eitherOf = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

const shown = (value: unknown): string =>
  isRecord(value) ? 'an object' : Array.isArray(value) ? 'an array' : JSON.stringify(value);

type Fieldwise = Readonly<Record<string, unknown>>;

/**
 * Paths into nested rows, as `--map` and a spec's columns write them.
 *
 *     choices[0]                                  the first element of a column of lists
 *     answers.text[0]                             a field of a column of objects
 *     data[].paragraphs[].qas[].question          a row for every element, as SQuAD nests its rows
 *
 * A column's own name comes first: a file may have one that is written like a path.
 */

import { EACH, isObject, type Place, type Step } from './formats/format';
import { decodeJson } from './formats/json-reader';

/** The place of a column; null when it does not exist. */
export function placeOf(columns: readonly string[], wanted: string): Place | null {
  for (const [name, steps] of readings(wanted)) {
    const column = indexOfName(columns, name);
    if (column >= 0) return { column, steps };
  }
  return null;
}

/** The name that {@link placeOf} looks for last: the path without its steps. */
export function columnOfPath(wanted: string): string {
  return readings(wanted).at(-1)![0];
}

/** Where a name stands, or where the only name stands that differs in case alone; -1 = nowhere. */
export function indexOfName(names: readonly string[], wanted: string): number {
  const exact = names.indexOf(wanted);
  if (exact >= 0) return exact;
  const alike = names.flatMap((name, i) => (name.toLowerCase() === wanted.toLowerCase() ? [i] : []));
  return alike.length === 1 ? alike[0]! : -1;
}

/** Why a path has no value in a row: `what` is found instead. */
export class NoElement {
  constructor(readonly what: string) {}
}

/** A key or an index. */
export type Inner = Exclude<Step, typeof EACH>;

/** Follows keys and indices; a missing value stays missing, and what is not there is a {@link NoElement}. */
export function follow(value: unknown, steps: readonly Inner[]): unknown {
  let current = value;
  for (const step of steps) {
    if (current === undefined || current === null) return undefined;
    const inner = opened(current);
    if (typeof step === 'string') {
      if (!isObject(inner)) return new NoElement('no object');
      current = Object.hasOwn(inner, step) ? inner[step] : undefined;
    } else {
      if (!Array.isArray(inner)) return new NoElement('no list');
      if (typeof step === 'number' && step >= inner.length) return new NoElement(`a list of ${inner.length}`);
      current = inner[step];
    }
  }
  return current;
}

/** A list or object, or one that is written as JSON in a format whose cells are text, such as CSV. */
export function opened(value: unknown): unknown {
  return typeof value === 'string' && /^\s*[[{]/.test(value) ? decodeJson(value) : value;
}

/** The parts of a path around its `[]`: `a[].b[].c` is `a`, `.b`, `.c`. */
export function levels(steps: readonly Step[]): Inner[][] {
  const parts: Inner[][] = [[]];
  for (const step of steps) {
    if (step === EACH) parts.push([]);
    else parts.at(-1)!.push(step);
  }
  return parts;
}

// --- internal ---

const STEP = /^(?:\.([^.[\]]+)|\[(\d{1,9})\]|\[\])/;

/** Every way to read a path: the name of a column and the steps after it, the longest name first. */
function readings(wanted: string): [string, Step[]][] {
  const found: [string, Step[]][] = [[wanted, []]];
  for (let at = wanted.length - 1; at > 0; at--) {
    if (wanted[at] !== '.' && wanted[at] !== '[') continue;
    const steps = stepsOf(wanted.slice(at));
    if (steps !== null) found.push([wanted.slice(0, at), steps]);
  }
  return found;
}

function stepsOf(text: string): Step[] | null {
  const steps: Step[] = [];
  for (let rest = text; rest !== ''; ) {
    const match = STEP.exec(rest);
    if (match === null) return null;
    steps.push(match[1] ?? (match[2] === undefined ? EACH : Number(match[2])));
    rest = rest.slice(match[0].length);
  }
  return steps;
}

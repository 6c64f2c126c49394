/** Settings by dotted path: `training.optimiser.beta1`. */

import { isRecord } from '../json';

/** The dotted paths of all values (leaves) of an object; lists are values. */
export function leafPaths(value: unknown, prefix = ''): string[] {
  if (!isRecord(value)) return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => leafPaths(inner, prefix === '' ? key : `${prefix}.${key}`));
}

/** The value at a path; undefined where there is none. */
export function valueAt(settings: unknown, path: string): unknown {
  let value = settings;
  for (const key of path.split('.')) {
    if (!isRecord(value)) return undefined;
    value = value[key];
  }
  return value;
}

/** Settings, by path, and the values they may have; `task` is the paper's. */
export type When = Readonly<Record<string, readonly unknown[]>>;

/** Whether settings are of a condition; those that are absent are not. */
export function matches(when: When | undefined, settings: unknown): boolean {
  return Object.entries(when ?? {}).every(([path, values]) => values.includes(valueAt(settings, path)));
}

/**
 * Lays the blocks of a paper file over each other and remembers, for every value, which block set it.
 *
 * Rules a spec's author can rely on:
 * - later blocks win, field by field: defaults.both, defaults.as-released, defaults.<scale>, then the same three of the
 *   experiment; the as-released blocks count in that reading only;
 * - lists are replaced, never joined;
 * - an object whose `kind` changes is replaced as a whole, so a focal loss keeps nothing of the Dice loss below it;
 * - `section`, `released` and `assumed` describe values of their own block only.
 */

import { type Problem, suggest } from './problems';
import type { Block } from './schema';
import { type Path, problemAt, type YamlSource } from './source';
import type { Mark } from './types';

/** A block and where it stands in the file. */
export interface Layer {
  readonly path: Path;
  readonly block: Block;
}

export interface Layered {
  /** The merged settings, not yet checked for completeness. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Dotted path of every value -> the layer that set it. */
  readonly origin: ReadonlyMap<string, Layer>;
  /** Dotted path of every value that is explained -> how. */
  readonly marks: Readonly<Record<string, { readonly mark: Mark; readonly reason: string }>>;
}

export function layOver(layers: readonly Layer[]): Layered {
  const settings: Record<string, unknown> = {};
  const origin = new Map<string, Layer>();
  for (const layer of layers) {
    for (const [key, value] of Object.entries(settingsOf(layer.block))) lay(settings, key, value, key, layer, origin);
  }
  const marks: Record<string, { mark: Mark; reason: string }> = {};
  for (const [path, layer] of origin) {
    const mark = markOf(layer.block, path);
    if (mark !== null) marks[path] = mark;
  }
  return { settings, origin, marks };
}

/** Every note must explain a value that stands in the same block, and only one note may explain it. */
export function checkNotes(source: YamlSource, { path, block }: Layer): Problem[] {
  const problems: Problem[] = [];
  const known = allPaths(settingsOf(block));
  const seen = new Map<string, string>();
  for (const { kind } of NOTES) {
    for (const noted of Object.keys(block[kind] ?? {})) {
      const at = [...path, kind, noted];
      if (!known.includes(noted)) {
        const suggestion = suggest(noted, known);
        problems.push(problemAt(source, at, 'must be the dotted path of a value in the same block', { suggestion }));
      }
      const other = seen.get(noted);
      if (other !== undefined) problems.push(problemAt(source, at, `must stand in one place only: '${other}' has it`));
      seen.set(noted, kind);
    }
  }
  return problems;
}

/** The dotted paths of all values (leaves) of an object; lists are values. */
export function leafPaths(value: unknown, prefix = ''): string[] {
  if (!isRecord(value)) return [prefix];
  return Object.entries(value).flatMap(([key, inner]) => leafPaths(inner, prefix === '' ? key : `${prefix}.${key}`));
}

// --- internal ---

const NOTES = [
  { kind: 'section', mark: 'as-written' },
  { kind: 'released', mark: 'as-released' },
  { kind: 'assumed', mark: 'assumed' },
] as const satisfies readonly { kind: keyof Block; mark: Mark }[];

function settingsOf(block: Block): Record<string, unknown> {
  const { section: _section, released: _released, assumed: _assumed, ...settings } = block;
  return settings;
}

function lay(
  target: Record<string, unknown>,
  key: string,
  value: unknown,
  path: string,
  layer: Layer,
  origin: Map<string, Layer>,
): void {
  const below = target[key];
  if (isRecord(value) && isRecord(below) && !replaces(key, value, below)) {
    for (const [inner, next] of Object.entries(value)) lay(below, inner, next, `${path}.${inner}`, layer, origin);
    return;
  }
  for (const known of [...origin.keys()]) if (known === path || known.startsWith(`${path}.`)) origin.delete(known);
  target[key] = structuredClone(value);
  for (const leaf of leafPaths(value, path)) origin.set(leaf, layer);
}

/** `warmup` and `final` have no `kind`: steps and ratio exclude each other. */
function replaces(key: string, value: Record<string, unknown>, below: Record<string, unknown>): boolean {
  return key === 'warmup' || key === 'final' || (value.kind !== undefined && value.kind !== below.kind);
}

/** The note of `block` with the longest path that covers `path`. */
function markOf(block: Block, path: string): { mark: Mark; reason: string } | null {
  let best: { length: number; mark: Mark; reason: string } | null = null;
  for (const { kind, mark } of NOTES) {
    for (const [noted, text] of Object.entries(block[kind] ?? {})) {
      const covers = path === noted || path.startsWith(`${noted}.`);
      if (!covers || (best !== null && best.length >= noted.length)) continue;
      best = { length: noted.length, mark, reason: mark === 'as-written' ? `section ${text}` : text };
    }
  }
  return best === null ? null : { mark: best.mark, reason: best.reason };
}

function allPaths(value: unknown, prefix = ''): string[] {
  const own = prefix === '' ? [] : [prefix];
  if (!isRecord(value)) return own;
  const inner = Object.entries(value).flatMap(([key, next]) =>
    allPaths(next, prefix === '' ? key : `${prefix}.${key}`),
  );
  return [...own, ...inner];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

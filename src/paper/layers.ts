/**
 * Lays the blocks of a paper file over each other and remembers, for every value, which block set it.
 *
 * Lowest first, field by field:
 * 1. defaults of medrepro (`defaults.ts`);
 * 2. what the releases that `peers` names did (`peers.ts`);
 * 3. the paper's `defaults`: `both`, `as-released`, then the scale's block;
 * 4. the same three of the experiment that this one extends, and before them of the one that extends in its turn;
 * 5. the same three of the experiment.
 * The `as-released` blocks count in that reading only.
 *
 * Rules a spec's author can rely on:
 * - lists are replaced, never joined;
 * - an object whose `kind` changes is replaced as a whole, so a focal loss keeps nothing of the Dice loss below it;
 * - `section`, `released` and `assumed` describe values of their own block only;
 * - a value of 1 or 2 is marked `assumed: default of …`.
 */

import { isRecord } from '../json';
import { DEFAULT_KINDS } from './defaults';
import { leafPaths } from './paths';
import { knownReleases, PEERS } from './peers';
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

/** The releases that a block names must be known. */
export function checkPeers(source: YamlSource, { path, block }: Layer): Problem[] {
  return PEERS.flatMap((peer) => {
    const version = block.peers?.[peer];
    const known = version === undefined ? null : knownReleases(peer, version);
    if (known === null) return [];
    const expected = `must be a release whose defaults are known: ${known}; of another one, name the settings themselves`;
    return [problemAt(source, [...path, 'peers', peer], expected, { actual: `'${version}'` })];
  });
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
  if (isRecord(value) && isRecord(below) && !replaces(path, value, below)) {
    for (const [inner, next] of Object.entries(value)) lay(below, inner, next, `${path}.${inner}`, layer, origin);
    return;
  }
  for (const known of [...origin.keys()]) if (known === path || known.startsWith(`${path}.`)) origin.delete(known);
  target[key] = structuredClone(value);
  for (const leaf of leafPaths(value, path)) origin.set(leaf, layer);
}

/** `warmup` and `final` have no `kind`: steps and ratio exclude each other. */
function replaces(path: string, value: Record<string, unknown>, below: Record<string, unknown>): boolean {
  if (/\.(warmup|final)$/.test(path)) return true;
  return value.kind !== undefined && value.kind !== (below.kind ?? DEFAULT_KINDS[path]);
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

/**
 * The experiments as a paper file describes them: listed by name, or a level of its matrix, each with what it extends; and the
 * blocks that apply to one of them (`layers.ts` lays them over each other).
 */

import type { Layer } from './layers';
import { SCALES } from './lists';
import { type Problem, suggest } from './problems';
import type { PaperFile } from './schema';
import { type Path, problemAt, type YamlSource } from './source';
import type { Reading, Scale } from './types';

export interface Described extends Blocks {
  readonly id: string;
  readonly title: string;
  /** Where it stands in the file. */
  readonly path: Path;
  /** The experiments it extends, the farthest first. */
  readonly bases: readonly Described[];
}

/** All experiments in the order of the file, and what is wrong with their names and with what they extend. */
export function describedExperiments(file: PaperFile, source: YamlSource): { all: Described[]; problems: Problem[] } {
  const own = ownExperiments(file);
  const ids = own.map(({ id }) => id);
  const problems: Problem[] = [];
  for (const { id, path } of own.filter((one, i) => ids.indexOf(one.id) < i)) {
    problems.push(problemAt(source, path, 'must have an id of its own', { actual: `'${id}'` }));
  }
  for (const { id, path } of own.filter((one) => !EXPERIMENT_NAME.test(one.id))) {
    const expected =
      'must be a name of letters, digits and signs other than slashes: runs are kept in a folder of that name';
    problems.push(problemAt(source, path, expected, { actual: `'${id}'` }));
  }
  for (const { extends: base, path } of own) {
    if (base === undefined || ids.includes(base)) continue;
    const suggestion = suggest(base, ids);
    const expected = 'must be an experiment of this file';
    problems.push(problemAt(source, [...path, 'extends'], expected, { actual: `'${base}'`, suggestion }));
  }
  const inCircle = new Set<string>();
  const described = new Map<string, Described>();
  const describe = (one: OwnExperiment, derived: readonly string[]): Described => {
    const { extends: base, ...rest } = one;
    const known = described.get(one.id);
    if (known !== undefined) return known;
    const chain = [...derived, one.id];
    const next = own.find(({ id }) => id === base);
    if (next !== undefined && chain.includes(next.id)) {
      const circle = chain.slice(chain.indexOf(next.id));
      if (!inCircle.has(next.id)) {
        const expected = `must not lead back to itself: ${[...circle, next.id].join(' extends ')}`;
        problems.push(problemAt(source, [...one.path, 'extends'], expected));
      }
      for (const id of circle) inCircle.add(id);
      return { ...rest, bases: [] };
    }
    const above = next === undefined ? null : describe(next, chain);
    const made = { ...rest, bases: above === null ? [] : [...above.bases, above] };
    described.set(one.id, made);
    return made;
  };
  return { all: own.map((one) => describe(one, [])), problems };
}

/** The blocks that apply to one experiment at one scale, lowest first; null when nothing describes that scale. */
export function layersOf(file: PaperFile, experiment: Described, scale: Scale, reading: Reading): Layer[] | null {
  const sources = [{ ...file.defaults, path: ['defaults'] }, ...experiment.bases, experiment];
  if (sources.every((one) => one[scale] === undefined)) return null;
  const keys = reading === 'as-released' ? (['both', 'as-released', scale] as const) : (['both', scale] as const);
  return sources.flatMap((one) => layersIn(one, one.path, keys));
}

/** The blocks of one place of the file. */
export function layersIn(
  blocks: Blocks,
  path: Path,
  keys: readonly (keyof Blocks)[] = ['both', 'as-released', ...SCALES],
): Layer[] {
  return keys.flatMap((key) => {
    const block = blocks[key];
    return block === undefined ? [] : [{ path: [...path, key], block }];
  });
}

// --- internal ---

/** What `--out` and a target of the command line can hold: no path, no control character, nothing hidden. */
const EXPERIMENT_NAME = /^(?!\.)[^/\\\p{Cc}\p{Zl}\p{Zp}]{1,100}$/u;

type Blocks = PaperFile['defaults'];

interface OwnExperiment extends Omit<Described, 'bases'> {
  readonly extends?: string | undefined;
}

function ownExperiments(file: PaperFile): OwnExperiment[] {
  const listed = Object.entries(file.experiments).map(
    ([id, of]): OwnExperiment => ({ id, path: ['experiments', id], ...of }),
  );
  const levels = Object.entries(file.matrix ?? {}).flatMap(([factor, { title, levels: all }]) =>
    Object.entries(all).map(
      ([level, of]): OwnExperiment => ({
        ...of,
        id: `${factor}-${level}`,
        title: of.title ?? `${title}: ${level}`,
        path: ['matrix', factor, 'levels', level],
      }),
    ),
  );
  return [...listed, ...levels];
}

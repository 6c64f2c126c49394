/** Paper files: each is rejected in one line, or can be audited and planned. */

import { parse, stringify } from 'yaml';
import { readAssetText } from '../../src/assets';
import { audit } from '../../src/audit/audit';
import { decodeUtf8 } from '../../src/files';
import { loadPaper } from '../../src/paper/load';
import { embeddedPapers } from '../../src/paper/target';
import { planExperiment } from '../../src/plan/plan';
import { damageYaml } from './damage';
import type { FuzzTarget } from './harness';

/** Statements in one seed. */
const STATEMENTS = 2;

/** Characters of a sentence in a seed. */
const SENTENCE = 30;

type Map = Readonly<Record<string, unknown>>;
/** Blocks of settings, by the scale or reading they apply to; an experiment has further fields beside them. */
type Blocks = Readonly<Record<string, Map | string>>;

interface PaperFile extends Map {
  readonly defaults: Blocks;
  readonly experiments: Readonly<Record<string, Blocks>>;
  readonly models: Map;
  readonly datasets: Map;
  readonly statements: Map;
  readonly predictions?: Map;
  readonly matrix?: Readonly<Record<string, { readonly levels: Map }>>;
}

function read(text: string): void {
  const written = loadPaper(text, { kind: 'file', path: 'fuzz.yaml' }, 'as-written');
  audit({ written, released: null, file: 'fuzz.yaml' });
  for (const { scales } of written.experiments) {
    for (const experiment of Object.values(scales)) planExperiment(written, experiment);
  }
}

/**
 * The embedded papers in pieces that can be read alone: parsing a whole one takes twenty milliseconds, and most damage is in one
 * place. Each piece has one experiment, and is about one scale, the layers, the notes, the matrix or a few statements.
 */
function seeds(): Uint8Array[] {
  const texts = embeddedPapers().flatMap((id) => {
    const paper = parse(readAssetText(`papers/${id}.yaml`)) as PaperFile;
    const [first, ...others] = Object.keys(paper.experiments);
    const required = [
      ...['full', 'mini'].map((scale) => piece(paper, first!, ['both', scale])),
      piece(paper, first!, ['both', 'as-released', 'full', 'mini']),
      piece(paper, first!, ['both', 'full'], {}, true),
      ...others.map((one) => piece(paper, one, ['both', 'full'])),
      ...Object.keys(paper.predictions ?? {}).map((one) =>
        piece(paper, one, ['both', 'full'], { predictions: { [one]: paper.predictions![one] } }),
      ),
      ...Object.entries(paper.matrix ?? {}).map(([factor, { levels, ...rest }]) =>
        piece(paper, first!, ['both', 'mini'], {
          matrix: { [factor]: { ...rest, levels: Object.fromEntries(Object.entries(levels).slice(0, 1)) } },
        }),
      ),
    ];
    for (const text of required) read(text);
    const statements = Object.entries(paper.statements);
    const stated = Array.from({ length: Math.ceil(statements.length / STATEMENTS) }, (_, i) =>
      piece(paper, first!, ['both', 'full'], {
        statements: Object.fromEntries(statements.slice(i * STATEMENTS, (i + 1) * STATEMENTS)),
      }),
    );
    return [...required, ...stated.filter(readable)];
  });
  return texts.map((text) => new TextEncoder().encode(text));
}

/** One experiment with the blocks named, what it refers to, and `more`. */
function piece(paper: PaperFile, experiment: string, keys: readonly string[], more: Map = {}, notes = false): string {
  const blocksOf = (blocks: Blocks): Blocks =>
    Object.fromEntries(
      Object.entries(blocks)
        .filter(([key, block]) => typeof block === 'string' || keys.includes(key))
        .map(([key, block]) => [key, typeof block === 'string' ? block : settingsOf(block, notes)]),
    );
  const described = Object.fromEntries(
    withBases(paper, experiment).map((one) => [one, blocksOf(paper.experiments[one]!)]),
  );
  const settings = { defaults: blocksOf(paper.defaults), experiments: described };
  const text = JSON.stringify([settings, more]);
  const named = (all: Map): Map =>
    Object.fromEntries(Object.entries(all).filter(([name]) => text.includes(JSON.stringify(name))));
  const { statements: _statements, predictions: _predictions, matrix: _matrix, ...rest } = paper;
  return stringify({
    ...rest,
    title: 'a title',
    citation: 'a citation',
    disclaimers: ['a disclaimer'],
    models: named(paper.models),
    datasets: named(paper.datasets),
    ...settings,
    ...more,
  });
}

/** An experiment and all that it extends. */
function withBases(paper: PaperFile, experiment: string): string[] {
  const base = paper.experiments[experiment]?.extends;
  return [...(typeof base === 'string' ? withBases(paper, base) : []), experiment];
}

function settingsOf(block: Map, notes: boolean): Map {
  const { section, released, assumed, ...settings } = block;
  if (!notes) return settings;
  const short = Object.entries({ section, released, assumed }).map(([kind, all]) => [
    kind,
    Object.fromEntries(Object.entries(all ?? {}).map(([path, reason]) => [path, String(reason).slice(0, SENTENCE)])),
  ]);
  return { ...settings, ...Object.fromEntries(short) };
}

/** Whether a piece is valid alone: a statement may refer to another experiment. */
function readable(text: string): boolean {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}

export const target: FuzzTarget = {
  name: 'spec',
  seeds,
  parse: (input) => read(decodeUtf8(input, 'fuzz.yaml')),
  mutate: damageYaml,
};

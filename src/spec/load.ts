/**
 * From the text of a paper file to experiments that are complete, checked and typed.
 *
 * All problems of a file are reported at once, each with its line. Every experiment is resolved at every scale while
 * loading, so a spec that loads has no surprise left for `run`.
 */

import { type } from 'arktype';
import { usageError } from '../errors';
import { checkNotes, type Layer, layOver } from './layers';
import { type Problem, suggest, throwProblems } from './problems';
import {
  type Architecture,
  type Block,
  type DatasetFacts,
  type ModelFacts,
  PaperFile,
  paperJsonSchema,
  Settings,
} from './schema';
import { type Path, parseYaml, problemAt, problemsOf, type YamlSource } from './source';
import type { Experiment, Scale } from './types';

export type { Architecture, DatasetFacts, ModelFacts };

/** Where a file came from: inside the binary, or a path the user gave. */
export type FileOrigin =
  | { readonly kind: 'embedded'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string };

/** One experiment of a paper at the scales its spec describes. */
export interface PaperExperiment {
  readonly id: string;
  readonly title: string;
  readonly scales: { readonly [S in Scale]?: Experiment };
}

export interface Paper {
  readonly id: string;
  readonly title: string;
  readonly citation: string;
  readonly task: Experiment['task'];
  /** Sentences every report must show. */
  readonly disclaimers: readonly string[];
  readonly origin: FileOrigin;
  /** The golden file as the spec names it, relative to the spec; null when it names none. */
  readonly golden: string | null;
  readonly models: Readonly<Record<string, ModelFacts>>;
  readonly datasets: Readonly<Record<string, DatasetFacts>>;
  /** In the order of the file. */
  readonly experiments: readonly PaperExperiment[];
}

/**
 * Reads a paper file.
 *
 * @throws MedreproError `spec` with one line per problem.
 */
export function loadPaper(text: string, origin: FileOrigin): Paper {
  const source = parseYaml(text, fileOf(origin));
  throwProblems(source.syntax, REMEDY);
  const file = PaperFile(source.value);
  if (file instanceof type.errors) {
    throwProblems(problemsOf(file, source, paperJsonSchema()), REMEDY);
    throw new Error('unreachable: arktype reported no problem');
  }
  const problems: Problem[] = [];
  for (const layer of allLayers(file)) problems.push(...checkNotes(source, layer));
  const experiments = Object.entries(file.experiments).map(([id, { title }]) => {
    const scales: { [S in Scale]?: Experiment } = {};
    for (const scale of SCALES) {
      const resolved = resolve(file, id, scale, source);
      if (resolved === null) continue;
      if (Array.isArray(resolved)) problems.push(...resolved);
      else scales[scale] = resolved as Experiment;
    }
    return { id, title, scales };
  });
  if (experiments.length === 0) problems.push(problemAt(source, ['experiments'], 'must hold at least one experiment'));
  throwProblems(distinct(problems), REMEDY);
  return {
    id: file.id,
    title: file.title,
    citation: file.citation,
    task: file.task,
    disclaimers: file.disclaimers,
    origin,
    golden: file.golden ?? null,
    models: file.models ?? {},
    datasets: file.datasets ?? {},
    experiments,
  };
}

/**
 * One experiment, ready for the engine.
 *
 * @throws MedreproError `usage` when the paper has no such experiment or does not describe it at this scale.
 */
export function resolveExperiment(paper: Paper, experimentId: string, scale: Scale): Experiment {
  const experiment = paper.experiments.find(({ id }) => id === experimentId);
  if (experiment === undefined) {
    const ids = paper.experiments.map(({ id }) => id);
    const near = suggest(experimentId, ids);
    throw usageError(
      `${paper.id} has no experiment '${experimentId}'`,
      near === null ? `its experiments: ${ids.join(', ')}` : `did you mean '${paper.id}/${near}'?`,
    );
  }
  const resolved = experiment.scales[scale];
  if (resolved === undefined) {
    throw usageError(
      `${fileOf(paper.origin)} does not describe ${experimentId} at the ${scale} scale`,
      `add 'defaults.${scale}' to the spec, or choose the other --scale`,
    );
  }
  return resolved;
}

/** As messages name a file. */
export function fileOf(origin: FileOrigin): string {
  return origin.kind === 'embedded' ? origin.name : origin.path;
}

export const SCALES = ['full', 'mini'] as const satisfies readonly Scale[];

// --- internal ---

const REMEDY =
  'compare with papers/abjadmed.yaml, or let your editor check the file against papers/schema/paper.schema.json';

/** The blocks that apply to one experiment at one scale, lowest first; null when nothing describes that scale. */
function layersOf(file: PaperFile, id: string, scale: Scale): Layer[] | null {
  const experiment = file.experiments[id];
  if (file.defaults[scale] === undefined && experiment?.[scale] === undefined) return null;
  const candidates: [Path, Block | undefined][] = [
    [['defaults', 'both'], file.defaults.both],
    [['defaults', scale], file.defaults[scale]],
    [['experiments', id, 'both'], experiment?.both],
    [['experiments', id, scale], experiment?.[scale]],
  ];
  return candidates.flatMap(([path, block]) => (block === undefined ? [] : [{ path, block }]));
}

function allLayers(file: PaperFile): Layer[] {
  const blocks = (path: Path, of: PaperFile['defaults']): Layer[] =>
    (['both', ...SCALES] as const).flatMap((name) => {
      const block = of[name];
      return block === undefined ? [] : [{ path: [...path, name], block }];
    });
  const experiments = Object.entries(file.experiments).flatMap(([id, of]) => blocks(['experiments', id], of));
  return [...blocks(['defaults'], file.defaults), ...experiments];
}

/** The experiment, or what is wrong with it, or null when the file does not describe this scale. */
function resolve(file: PaperFile, id: string, scale: Scale, source: YamlSource): Experiment | Problem[] | null {
  const layers = layersOf(file, id, scale);
  if (layers === null) return null;
  const { settings: merged, origin, marks } = layOver(layers);
  const settings = Settings({ unmeasured: null, ...merged });
  if (settings instanceof type.errors) {
    return problemsOf(settings, source, Settings.toJsonSchema(), (path) => {
      const dotted = path.join('.');
      const [, layer] = [...origin].find(([known]) => known === dotted || known.startsWith(`${dotted}.`)) ?? [];
      return layer === undefined ? ['experiments', id, scale, ...path] : [...layer.path, ...path];
    });
  }
  const { model, unmeasured, ...rest } = settings;
  return {
    paper: file.id,
    id,
    scale,
    title: file.experiments[id]?.title ?? id,
    unmeasured,
    task: file.task,
    model: { id: model, revision: file.models?.[model]?.revision ?? null },
    ...rest,
    marks,
  };
}

/** A field that the defaults forgot is missing in every experiment: say it once. */
function distinct(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter(({ line, path, expected }) => {
    const field = expected.startsWith('is missing') ? path.split('.').slice(3).join('.') : `${line} ${path}`;
    const key = `${field} ${expected}`;
    return !seen.has(key) && seen.add(key);
  });
}

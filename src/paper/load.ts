/**
 * From the text of a paper file to experiments that are complete, checked and typed.
 *
 * All problems of a file are reported at once, each with its line. Every experiment is resolved at every scale while
 * loading, so a spec that loads has no surprise left for `run`.
 */

import { type MedreproError, usageError } from '../errors';
import { isRecord } from '../json';
import { contradictions } from './check';
import { DEFAULT_DISCLAIMERS, miniatureMarks, withDefaults } from './defaults';
import { type Described, describedExperiments, layersIn, layersOf } from './experiments';
import { checkNotes, checkPeers, layOver } from './layers';
import { SCALES } from './lists';
import { type Problem, suggest, throwProblems } from './problems';
import { type Architecture, type DatasetFacts, type ModelFacts, PaperFile, Settings, SPEC_VERSION } from './schema';
import { checked, type Path, parseYaml, problemAt, problemsOf, type YamlSource } from './source';
import type { StatedItem } from './statements';
import type { Experiment, Reading, Scale } from './types';
import { accepts, type Fault } from './validate';

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
  /** Predictions that the authors published, by experiment: where they are. */
  readonly predictions: Readonly<Record<string, { readonly source: string }>>;
  /** What the audit checks, in the order of the file. */
  readonly statements: readonly StatedItem[];
  /** In the order of the file. */
  readonly experiments: readonly PaperExperiment[];
  /** The readings the spec describes: `as-released` only where something is known of the released code. */
  readonly readings: readonly Reading[];
  /** The reading that `experiments` are of. */
  readonly reading: Reading;
}

/**
 * Reads a paper file.
 *
 * @param wanted the reading; null = as-released where the paper has one
 * @throws MedreproError `spec` with one line per problem; `usage` when the paper has no such reading.
 */
export function loadPaper(text: string, origin: FileOrigin, wanted: Reading | null = null): Paper {
  const source = parseYaml(text, fileOf(origin));
  const file = checked(PaperFile, source, { field: 'spec', version: SPEC_VERSION }, REMEDY);
  const { all: described, problems } = describedExperiments(file, source);
  throwProblems(problems, REMEDY);
  const layers = [...layersIn(file.defaults, ['defaults']), ...described.flatMap((one) => layersIn(one, one.path))];
  for (const layer of layers) problems.push(...checkNotes(source, layer), ...checkPeers(source, layer));
  const ids = described.map(({ id }) => id);
  for (const id of Object.keys(file.predictions ?? {}).filter((one) => !ids.includes(one))) {
    const suggestion = suggest(id, ids);
    problems.push(problemAt(source, ['predictions', id], 'must be an experiment', { actual: `'${id}'`, suggestion }));
  }
  const released = layers.some(({ path }) => path.at(-1) === 'as-released');
  const readings: readonly Reading[] = released ? ['as-written', 'as-released'] : ['as-written'];
  // every reading must be complete, whichever is asked for
  const byReading = readings.map((reading) =>
    described.map((one): PaperExperiment => {
      const scales: { [S in Scale]?: Experiment } = {};
      for (const scale of SCALES) {
        const resolved = resolve(file, one, scale, reading, source);
        if (resolved === null) continue;
        if (Array.isArray(resolved)) problems.push(...resolved);
        else scales[scale] = resolved as Experiment;
      }
      return { id: one.id, title: one.title, scales };
    }),
  );
  if (described.length === 0) problems.push(problemAt(source, ['experiments'], 'must hold at least one experiment'));
  throwProblems(distinct(problems), REMEDY);
  const reading = wanted ?? readings.at(-1)!;
  const experiments = byReading[readings.indexOf(reading)];
  if (experiments === undefined) {
    throw noSuchReading(file.id, reading);
  }
  return {
    id: file.id,
    title: file.title,
    citation: file.citation,
    task: file.task,
    disclaimers: file.disclaimers ?? DEFAULT_DISCLAIMERS,
    origin,
    golden: file.golden ?? null,
    models: file.models ?? Object.create(null),
    datasets: file.datasets ?? Object.create(null),
    predictions: file.predictions ?? Object.create(null),
    statements: Object.entries(file.statements ?? {}).map(([id, statement]) => ({
      id,
      line: source.lineOf(['statements', id]),
      statement,
    })),
    experiments,
    readings,
    reading,
  };
}

/** Of a reading that a paper does not have. */
export const noSuchReading = (id: string, reading: Reading): MedreproError =>
  usageError(`${id} has no ${reading} reading: nothing is known of its code`, 'leave --reading out');

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

// --- internal ---

const REMEDY =
  'compare with papers/abjadmed.yaml, or let your editor check the file against papers/schema/paper.schema.json';

/** The experiment, or what is wrong with it, or null when the file does not describe this scale. */
function resolve(
  file: PaperFile,
  described: Described,
  scale: Scale,
  reading: Reading,
  source: YamlSource,
): Experiment | Problem[] | null {
  const layers = layersOf(file, described, scale, reading);
  if (layers === null) return null;
  const { settings: merged, origin, marks } = layOver(layers);
  const { peers, ...named } = merged;
  const filled = withDefaults(named, file.task, isRecord(peers) ? peers : {});
  const settings: unknown = { unmeasured: null, ...filled.settings };
  /** Where a value of the settings stands in the file; a list is one value. */
  const place = (path: Path): Path => {
    for (let length = path.length; length > 0 && (length > 1 || path.length === 1); length--) {
      const dotted = path.slice(0, length).join('.');
      const [, layer] = [...origin].find(([known]) => known === dotted || known.startsWith(`${dotted}.`)) ?? [];
      if (layer !== undefined) return [...layer.path, ...path];
    }
    return [...described.path, scale, ...path];
  };
  const faults: Fault[] = [];
  if (!accepts(Settings, settings, faults)) return problemsOf(faults, source, place);
  const wrong = contradictions({ task: file.task, ...settings });
  if (wrong.length > 0) {
    return wrong.map(({ path, expected, actual }) =>
      problemAt(source, place(path), expected, actual === undefined ? {} : { actual }),
    );
  }
  const { model, unmeasured, ...rest } = settings;
  return {
    paper: file.id,
    id: described.id,
    scale,
    title: described.title,
    unmeasured,
    task: file.task,
    model: { id: model, revision: file.models?.[model]?.revision ?? null },
    ...rest,
    marks: { ...miniatureMarks(filled.settings), ...marks, ...filled.marks },
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

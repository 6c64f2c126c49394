/**
 * What a target would take, before anything runs: rows, steps, arithmetic, memory, downloads, disk, hours.
 */

import { MedreproError } from '../errors';
import { specSha256 } from '../paper/canonical';
import { defaultOwner } from '../paper/defaults';
import type { Paper } from '../paper/load';
import type { Architecture, DatasetFacts } from '../paper/schema';
import type { Experiment, Scale } from '../paper/types';
import { CARDS, type CardPlan, smallestCard } from './card';
import {
  countFlops,
  countParameters,
  estimateMemory,
  type Memory,
  type Parameters,
  type Steps,
  stepsAfterSplit,
  stepsOf,
  trainedParameters,
} from './size';

/** Facts the spec does not hold because files do: the miniatures' own config and rows. */
export interface PlanFacts {
  readonly architectures?: Readonly<Record<string, Architecture>>;
  readonly datasets?: Readonly<Record<string, DatasetFacts>>;
  /** Bytes of an embedded model, by id. */
  readonly embeddedBytes?: Readonly<Record<string, number>>;
  /** Rows of each split and classes, where the rows were read; null or absent = what the spec says of its source. */
  readonly measured?: MeasuredRows | null;
  /** Floating-point operations per second this machine reaches, as a range; null = the paper's card. */
  readonly flopsPerSecond?: Range | null;
}

export interface MeasuredRows {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly classes: number;
}

export interface Range {
  readonly low: number;
  readonly high: number;
}

export interface Download {
  readonly what: string;
  readonly bytes: number;
  /** The terms to accept or the people to ask first; null when anyone can download it. */
  readonly gated: string | null;
}

/** One experiment's plan; null stands for "not known". */
export interface ExperimentPlan {
  readonly target: string;
  readonly scale: Scale;
  readonly title: string;
  readonly specSha256: string;
  /** Why it cannot run; null when it can. */
  readonly unmeasured: string | null;
  readonly model: string;
  readonly parameters: Parameters | null;
  /** Adapter and head. */
  readonly trainable: number | null;
  readonly rows: { readonly train: number; readonly validation: number; readonly test: number } | null;
  readonly steps: Steps | null;
  /** Mean tokens a row is taken to have. */
  readonly tokensPerRow: number | null;
  readonly flops: { readonly training: number; readonly evaluation: number } | null;
  readonly memory: Memory | null;
  /** The smallest GPU it trains on and how; null where that was not asked or the architecture is not known. */
  readonly gpu: CardPlan | null;
  /** Peak bytes of the run, from running its code dry; null where the weights or the rows are not here. */
  readonly peakBytes: number | null;
  readonly hours: Range | null;
  readonly downloads: readonly Download[];
  /** Things only a person can get. */
  readonly gated: readonly string[];
  /** Downloads plus checkpoint and the adapter or model that is kept, in bytes. */
  readonly disk: number | null;
  /** Values that the paper does not give, and that the spec gives with a reason. */
  readonly assumed: number;
  /** Values that the spec does not give either: whose default they have -> their paths. */
  readonly defaults: Readonly<Record<string, readonly string[]>>;
}

/** What one H100 reaches in training at bf16: 5% (padded rows, small batches) to 45% of its 989 TFLOP/s. */
export const H100: Range = { low: 0.05 * 989e12, high: 0.45 * 989e12 };

/** The plan of one experiment, overrides applied or not. */
export function planExperiment(paper: Paper, experiment: Experiment, facts: PlanFacts = {}): ExperimentPlan {
  const { model, data, scale } = experiment;
  const architecture = facts.architectures?.[model.id] ?? paper.models[model.id]?.architecture ?? null;
  const dataset = facts.datasets?.[data.source] ?? paper.datasets[data.source] ?? null;
  const measured = facts.measured ?? null;
  const classes = measured?.classes ?? dataset?.classes ?? null;
  const parameters = architecture && countParameters(architecture, experiment, classes);
  const steps = measured
    ? stepsOf(experiment, measured)
    : dataset && stepsAfterSplit(experiment, trainingRows(experiment, dataset));
  const tested = measured?.test ?? (dataset && testRows(experiment, dataset));
  const tokensPerRow = steps && Math.min(dataset?.meanTokens ?? data.maxLength, data.maxLength);
  const flops =
    parameters && steps && tested !== null && tokensPerRow !== null
      ? countFlops(experiment, parameters, steps, tested, tokensPerRow)
      : null;
  const memory = architecture && parameters && estimateMemory(architecture, experiment, parameters);
  const downloads = downloadsOf(paper, experiment, parameters);
  const trainable = architecture && parameters && trainedParameters(architecture, experiment, parameters);
  const rate = facts.flopsPerSecond === undefined ? (scale === 'full' ? H100 : null) : (facts.flopsPerSecond ?? H100);
  const bytes = downloads.reduce((total, download) => total + download.bytes, 0);
  return {
    target: `${paper.id}/${experiment.id}`,
    scale,
    title: experiment.title,
    specSha256: specSha256(experiment),
    unmeasured: experiment.unmeasured,
    model: model.id,
    parameters,
    trainable,
    rows: steps && tested !== null ? { train: steps.trainRows, validation: steps.validationRows, test: tested } : null,
    steps,
    tokensPerRow,
    flops,
    memory,
    peakBytes: null,
    gpu: null,
    hours: flops && rate && hoursOf(flops.training + flops.evaluation, rate),
    downloads,
    gated: gatedOf(paper, experiment, dataset),
    // checkpoint: weights and two moments in fp32, kept twice while one replaces the other; what is kept: weights in fp32
    disk: trainable === null ? null : bytes + trainable * (2 * 12 + 4),
    ...assumptions(experiment),
  };
}

/** The smallest GPU for the plan of a full-scale experiment; takes seconds. Null where the paper does not know the sizes. */
export function planCard(paper: Paper, experiment: Experiment): CardPlan | null {
  const architecture = paper.models[experiment.model.id]?.architecture ?? null;
  const dataset = paper.datasets[experiment.data.source] ?? null;
  if (architecture === null || dataset === null || experiment.unmeasured !== null) return null;
  const rows = Math.max(1, trainingRows(experiment, dataset));
  return smallestCard(architecture, experiment, { rows, classes: dataset.classes });
}

/** What experiments lack on a machine that cannot run them at the full scale, in words that stay the same. */
export function fullScaleNeeds(paper: Paper, ...experiments: readonly Experiment[]): string {
  const plans = experiments.map((experiment) => planExperiment(paper, experiment));
  const memory = Math.max(...plans.map((plan) => plan.memory?.total ?? 0));
  const card = memory === 0 ? 'a GPU' : `a GPU with ${cardFor(memory)} GB`;
  const gated = [...new Set(plans.flatMap((plan) => plan.gated))];
  return `needs ${[card, ...gated].join(', ')}`;
}

/** Training rows before validation rows are held out. */
export function trainingRows(experiment: Experiment, dataset: DatasetFacts): number {
  return experiment.data.extraTrain.reduce((total, name) => {
    const rows = dataset.extra?.[name];
    if (rows === undefined) {
      throw new MedreproError('spec', `${experiment.data.source} has no extra training rows '${name}'`, {
        remedy: `add their number to 'datasets.${experiment.data.source}.extra'`,
      });
    }
    return total + rows;
  }, dataset.train);
}

// --- internal ---

function assumptions({ marks }: Experiment): Pick<ExperimentPlan, 'assumed' | 'defaults'> {
  const defaults: Record<string, string[]> = {};
  let assumed = 0;
  for (const [path, { mark, reason }] of Object.entries(marks)) {
    const owner = defaultOwner(reason);
    if (owner !== null) defaults[owner] = [...(defaults[owner] ?? []), path];
    else if (mark === 'assumed') assumed++;
  }
  return { assumed, defaults };
}

/** Rows that are tested: those held out, or the training rows too. */
function testRows({ data }: Experiment, { train, test }: DatasetFacts): number {
  return data.testRows === 'all' ? train + test : test;
}

function cardFor(bytes: number): number {
  const needed = (bytes * 1.1) / 1e9;
  return CARDS.find((size) => size >= needed) ?? Math.ceil(needed);
}

function hoursOf(flops: number, rate: Range): Range {
  return { low: flops / rate.high / 3600, high: flops / rate.low / 3600 };
}

function downloadsOf(paper: Paper, { model }: Experiment, parameters: Parameters | null): Download[] {
  if (!model.id.startsWith('hub:')) return [];
  const what = `${model.id.slice('hub:'.length)}${model.revision === null ? '' : ` @${model.revision.slice(0, 8)}`}`;
  // published in bf16, two bytes a weight; the tokeniser adds about 10 MB
  const bytes = parameters === null ? 0 : parameters.total * 2 + 10e6;
  return [{ what, bytes, gated: paper.models[model.id]?.gated ?? null }];
}

function gatedOf(paper: Paper, { model }: Experiment, dataset: DatasetFacts | null): string[] {
  return [paper.models[model.id]?.gated, dataset?.gated].filter((terms): terms is string => typeof terms === 'string');
}

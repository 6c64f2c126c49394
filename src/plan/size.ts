/**
 * How big an experiment is, from its settings and the model's architecture alone: parameters, steps, arithmetic, memory.
 *
 * Counts are exact. Memory, hours and tokens are estimates, and each says what it is made of.
 */

import { linearShapes } from '../nn/config';
import { MULTIMODAL_PREFIX, respell, TEXT_PREFIX } from '../paper/module-names';
import type { Architecture } from '../paper/schema';
import { splitCounts, stepTotals } from '../paper/sizes';
import { isSaved, isTarget, patternValue } from '../paper/targets';
import type { Adapter, Experiment, Quantisation } from '../paper/types';

export interface Parameters {
  /** The published model, output embedding included. */
  readonly total: number;
  /** The weights of the blocks' linear layers: what is quantised and what costs arithmetic. */
  readonly linear: number;
  readonly embedding: number;
  /** Adapter weights; without an adapter, every weight trains. */
  readonly adapter: number;
  /** The score head of a classifier; 0 when its number of classes is not known. */
  readonly head: number;
}

export function countParameters(
  a: Architecture,
  experiment: Pick<Experiment, 'adapter' | 'head'>,
  classes: number | null,
): Parameters {
  const linear = a.layers * sum(Object.values(linearShapes(a)).map(([outputs, inputs]) => outputs * inputs));
  const biases = a.family === 'qwen2' ? a.layers * (a.heads + 2 * a.kvHeads) * a.headDim : 0;
  const headNorms = a.family === 'qwen3' || a.family === 'gemma3' ? 2 * a.headDim : 0;
  const blockNorms = (a.family === 'gemma3' ? 4 : 2) * a.hiddenSize;
  const norms = a.layers * (blockNorms + headNorms) + a.hiddenSize;
  const embedding = a.vocabulary * a.hiddenSize;
  const total = linear + biases + norms + embedding * (a.tiedEmbeddings ? 1 : 2);
  const head = experiment.head.kind === 'classification' ? (classes ?? 0) * a.hiddenSize : 0;
  return { total, linear, embedding, adapter: adapterParameters(a, experiment.adapter), head };
}

/** What a run trains: every weight where there is no adapter, and nothing where it only evaluates. */
export function trainedParameters(a: Architecture, experiment: Experiment, parameters: Parameters): number {
  const { total, embedding, adapter, head } = parameters;
  if (!isFullParameter(experiment)) return adapter + head;
  // a classifier has no output embedding
  return total + head - (experiment.task === 'sequence-classification' && !a.tiedEmbeddings ? embedding : 0);
}

/** Whether every weight is trained. */
export const isFullParameter = ({ adapter, training }: Pick<Experiment, 'adapter' | 'training'>): boolean =>
  adapter === null && training.epochs > 0;

export interface Steps {
  readonly trainRows: number;
  readonly validationRows: number;
  readonly perEpoch: number;
  readonly total: number;
}

/**
 * Steps after the validation rows are held out.
 *
 * @param rows training rows before that, extra files included
 */
export function stepsAfterSplit(experiment: Experiment, rows: number): Steps {
  const { data } = experiment;
  const sizes = splitCounts(rows, { ...data, test: 0 });
  return stepsOf(experiment, { train: Math.min(sizes.train, data.trainRows ?? rows), validation: sizes.validation });
}

/** Steps where the rows of each split are known. */
export function stepsOf(
  { training }: Experiment,
  rows: { readonly train: number; readonly validation: number },
): Steps {
  const { perEpoch, total } = stepTotals(rows.train, training);
  return { trainRows: rows.train, validationRows: rows.validation, perEpoch, total };
}

/**
 * Floating-point operations of training and the evaluations, for a number of tokens per row.
 *
 * Per token and weight: 2 forward, 2 for the gradient of the activations, 2 more when checkpointing repeats the forward
 * pass; adapter weights add their own gradient. Attention's own products are left out (under 3% at these lengths).
 */
export function countFlops(
  experiment: Experiment,
  parameters: Parameters,
  steps: Steps,
  testRows: number,
  tokensPerRow: number,
): { readonly training: number; readonly evaluation: number } {
  const { training, adapter } = experiment;
  const passes = training.gradientCheckpointing ? 6 : 4;
  const frozen = adapter === null ? passes + 2 : passes;
  const perToken = frozen * parameters.linear + (passes + 2) * parameters.adapter;
  const trained = steps.trainRows * training.epochs * tokensPerRow;
  const evaluated = (steps.validationRows * Math.ceil(training.epochs) + testRows) * tokensPerRow;
  return { training: perToken * trained, evaluation: 2 * (parameters.linear + parameters.adapter) * evaluated };
}

export interface Memory {
  readonly base: number;
  readonly trainable: number;
  readonly activations: number;
  readonly total: number;
}

/**
 * Estimated peak memory in bytes for full micro-batches of `maxLength` tokens, unpacked.
 *
 * Base: quantised linear layers (4 bits, plus absmax) or 16 bits, embeddings in fp32 as PEFT's preparation leaves them.
 * Trainable: 16 bytes a weight (fp32 weight, gradient, two AdamW moments), 10 with moments in 8 bits. Activations: one fp32 residual per block when
 * checkpointing, plus one whole block.
 */
export function estimateMemory(a: Architecture, experiment: Experiment, parameters: Parameters): Memory {
  const { quantisation, training, data } = experiment;
  const weight = bytesPerWeight(quantisation);
  // what is trained is counted there
  const base = isFullParameter(experiment) ? 0 : parameters.linear * weight + parameters.embedding * 4;
  const trainable = trainedParameters(a, experiment, parameters) * (training.optimiser.kind === 'adamw-8bit' ? 10 : 16);
  const tokens = training.batchSize * data.maxLength;
  const bytes = training.precision === 'fp32' ? 4 : 2;
  const block = tokens * (8 * a.hiddenSize + 2 * a.heads * a.headDim + 4 * a.intermediateSize) * bytes;
  const kept = training.gradientCheckpointing ? tokens * a.hiddenSize * 4 * a.layers : block * (a.layers - 1);
  const activations = kept + block;
  return { base, trainable, activations, total: base + trainable + activations };
}

// --- internal ---

/** What an adapter trains besides a score head: its matrices, and full copies of saved matrices (not of norms or biases). */
function adapterParameters(a: Architecture, adapter: Adapter | null): number {
  if (adapter === null) return 0;
  const blocks = Array.from({ length: a.layers }, (_, layer) =>
    Object.entries(linearShapes(a)).map(([name, [outputs, inputs]]) => ({
      name: `model.layers.${layer}.${name}`,
      inputs,
      outputs,
    })),
  ).flat();
  // a spec's expression may be for the names of the multimodal model, which the architecture does not tell
  const spellings = [TEXT_PREFIX, MULTIMODAL_PREFIX];
  const adapted = blocks.filter(({ name }) => spellings.some((prefix) => isTarget(adapter, respell(name, prefix))));
  const low = adapted.map(({ name, inputs, outputs }) =>
    adapter.kind === 'adalora'
      ? adapter.initialRank * (inputs + outputs + 1)
      : (patternValue(adapter.rankPattern, name) ?? adapter.rank) * (inputs + outputs),
  );
  const embeddings = ['model.embed_tokens', 'lm_head'].map((name) => ({
    name,
    inputs: a.vocabulary,
    outputs: a.hiddenSize,
  }));
  const saved = [...blocks, ...embeddings].filter(({ name }) => isSaved(adapter, name));
  return sum(low) + sum(saved.map(({ inputs, outputs }) => inputs * outputs));
}

/** Bytes of a linear's weight as stored; LLM.int8's scales are one per row and not worth counting. */
function bytesPerWeight(quantisation: Quantisation | null): number {
  if (quantisation === null) return 2;
  if (quantisation.kind === 'int8') return 1;
  return 0.5 + absmaxBytes(quantisation.doubleQuant) / quantisation.blockSize;
}

/** Per block of weights: one fp32, or one byte and a 256th of an fp32. */
function absmaxBytes(doubleQuant: boolean): number {
  return doubleQuant ? 1 + 4 / 256 : 4;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

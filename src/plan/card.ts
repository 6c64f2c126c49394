/**
 * The smallest GPU that an experiment trains on, from the architecture alone: its own training code, run dry on rows of the
 * spec's full length.
 */
import { CUDA_TOKENS_PER_PASS } from '../native/device';
import { adapterOptions } from '../nn/adapter';
import { type DecoderConfig, decoderConfig } from '../nn/config';
import { tensorShapes } from '../nn/initialise';
import type { ModelFiles } from '../nn/model';
import { TEXT_PREFIX } from '../paper/module-names';
import type { Architecture } from '../paper/schema';
import type { Experiment } from '../paper/types';
import type { Row } from '../train/pass';
import { countSteps } from '../train/schedule';
import { allPlans, type MemoryPlan, type Planned } from './memory';

/** How an experiment fits a card. */
export interface CardPlan extends MemoryPlan {
  /** Bytes of the card. */
  readonly card: number;
}

/** Memory sizes cards come in, GB. */
export const CARDS = [8, 16, 24, 40, 48, 80, 96, 141, 192] as const;
/** Share of a card's memory that the driver leaves. */
const USABLE = 0.95;

/** Null when no card is large enough. */
export function smallestCard(
  architecture: Architecture,
  experiment: Experiment,
  { rows, classes }: { readonly rows: number; readonly classes: number },
): CardPlan | null {
  const plans = allPlans(plannedStep(architecture, experiment, rows, classes));
  for (const gigabytes of CARDS) {
    const card = gigabytes * 1e9;
    // host memory is only for a card that is there already
    const plan = plans.find(({ peakBytes, offloaded }) => !offloaded && peakBytes <= card * USABLE);
    if (plan !== undefined) return { card, ...plan };
  }
  return null;
}

// --- internal ---

/** One optimiser step of full-length rows. */
function plannedStep(architecture: Architecture, experiment: Experiment, trainRows: number, classes: number): Planned {
  const { training, data, task, adapter, quantisation } = experiment;
  const ids = new Int32Array(data.maxLength);
  const row: Row = { ids, label: 0, labels: task === 'causal-lm' ? ids : null };
  // as many as the largest pass takes: more of them are more passes, one after the other
  const { batchSize, accumulation } = training;
  const largest = Math.max(batchSize, Math.ceil(CUDA_TOKENS_PER_PASS / data.maxLength));
  const rows = Array.from({ length: Math.min(batchSize * accumulation, largest) }, () => row);
  const model: Planned['model'] = {
    task,
    classes,
    compute: training.precision,
    quantisation,
    adapter: adapter && adapterOptions(adapter, countSteps(trainRows, training).steps),
    fullParameter: adapter === null,
    seed: training.seed,
  };
  const order = (): number[] => [...rows.keys()];
  return {
    backend: 'cuda',
    files: publishedFiles(configOf(architecture, data.maxLength)),
    model,
    rows,
    evaluationRows: rows.slice(0, 1),
    options: { task, training: { ...training, epochs: 1 }, loss: experiment.loss, order },
    generated: null,
    tested: null,
  };
}

function configOf(a: Architecture, positions: number): DecoderConfig {
  return decoderConfig(a.family, {
    vocabSize: a.vocabulary,
    hiddenSize: a.hiddenSize,
    layers: a.layers,
    heads: a.heads,
    kvHeads: a.kvHeads,
    headDim: a.headDim,
    intermediateSize: a.intermediateSize,
    rmsNormEpsilon: 1e-6,
    maxPositions: positions,
    tieWordEmbeddings: a.tiedEmbeddings,
    labels: 0,
    padTokenId: null,
    eosTokenIds: [],
    ropeTheta: 1e4,
  });
}

/** A checkpoint in bf16, as models are published, of which only shapes are known. */
function publishedFiles(config: DecoderConfig): ModelFiles {
  const tensors = tensorShapes(config).map(([name, shape]) => {
    const bytes = 2 * shape.reduce((product, side) => product * side, 1);
    return [name, { dtype: 'bf16', shape, bytes, address: NOWHERE, release: () => {} }] as const;
  });
  const held = { tensors: new Map(tensors), metadata: {}, close: () => {} };
  return {
    name: 'architecture',
    config,
    quantisation: null,
    tensors: held,
    storedNames: new Map(),
    prefix: TEXT_PREFIX,
    sha256: '',
    warnings: [],
  };
}

/** Never read: a planned device has no memory. */
const NOWHERE = 4096;

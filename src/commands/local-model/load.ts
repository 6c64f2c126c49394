/** A model on disk, as `eval`, `generate` and `merge` load it. */
import { inputError } from '../../errors';
import { type AskedSampling, readCheckpointGeneration, resolveGeneration } from '../../generate/checkpoint';
import type { GenerationOptions } from '../../generate/generate';
import type { JobContext } from '../../job';
import { backendOf, openDevice } from '../../native/choose';
import type { Device } from '../../native/device';
import { withEmbeddings } from '../../nn/adapter-embeddings';
import { beyondPositions } from '../../nn/config';
import type { LoraOptions } from '../../nn/lora';
import { loadModel, type Model, type ModelFiles, openModelFolder } from '../../nn/model';
import { type AdapterFiles, loadAdapter, openAdapterFolder } from '../../nn/peft';
import type { QuantisationOptions } from '../../nn/weights';
import type { DescribedModel, LocalModelRequest } from './request';

export interface LocalModel {
  readonly device: Device;
  readonly model: Model;
  /** The base, with the embedding rows of the adapter. */
  readonly files: ModelFiles;
  /** The base as its folder has it. */
  readonly published: ModelFiles;
  readonly adapter: AdapterFiles | null;
  readonly task: 'causal-lm' | 'sequence-classification';
}

/** The part of the model that is trained. */
export interface Trained {
  readonly lora: LoraOptions | null;
  readonly fullParameter: boolean;
  readonly seed: number;
}

const NOTHING: Trained = { lora: null, fullParameter: false, seed: 0 };

/**
 * Loads the model asked for and runs `body` with it; everything is released afterwards.
 * @throws MedreproError `input` when the folder holds no model that can be run
 */
export function withLocalModel<Result>(
  request: LocalModelRequest,
  context: JobContext,
  check: (files: ModelFiles, task: LocalModel['task']) => void,
  body: (local: LocalModel) => Result,
  trained: Trained = NOTHING,
): Result {
  const published = openModelFolder(request.model);
  let [files, adapter]: [ModelFiles, AdapterFiles | null] = [published, null];
  try {
    if (request.adapter !== null) {
      adapter = openAdapterFolder(request.adapter);
      ({ files, adapter } = withEmbeddings(published, adapter));
    }
    const { task, classes } = taskOf(files, adapter);
    if (task === 'sequence-classification' && adapter === null && !files.tensors.tensors.has('score.weight')) {
      throw inputError(`${request.model} is a classifier without a head: there is no score.weight`, {
        remedy: 'name the folder of the whole model, or an --adapter that holds its head',
      });
    }
    for (const message of files.warnings) context.emit({ kind: 'warning', message });
    check(files, task);
    const device = openDevice(request, backendOf(request), { cancelled: context.cancelled });
    try {
      const model = loadModel(device, files, {
        task,
        classes,
        compute: request.precision,
        quantisation: quantisationOf(request.quantise),
        resident: false,
        adapter: trained.lora ?? adapter?.options ?? null,
        fullParameter: trained.fullParameter,
        seed: trained.seed,
      });
      if (adapter !== null) {
        const warnings = loadAdapter(device, model, adapter, files);
        for (const message of warnings) context.emit({ kind: 'warning', message });
      }
      return body({ device, model, files, published, adapter, task });
    } finally {
      device.destroy();
    }
  } finally {
    adapter?.tensors.close();
    files.tensors.close();
  }
}

/** The task of a model with its adapter: the adapter's, where it names one. */
export function taskOf(
  files: ModelFiles,
  adapter: AdapterFiles | null,
): Pick<LocalModel, 'task'> & { classes: number } {
  const { labels } = files.config;
  const task = adapter?.task ?? ((adapter?.classes ?? labels) > 0 ? 'SEQ_CLS' : 'CAUSAL_LM');
  if (task === 'CAUSAL_LM') return { task: 'causal-lm', classes: 0 };
  return { task: 'sequence-classification', classes: adapter?.classes ?? labels };
}

/** Settings of generation: the checkpoint's where no flag sets them. Warns of what is not implemented. */
export function generationOptions(
  request: LocalModelRequest,
  sampling: AskedSampling | null,
  { config }: ModelFiles,
  context: JobContext,
): GenerationOptions {
  const { precision, maxNewTokens, repetitionPenalty, noRepeatNgramSize, eos } = request;
  const checkpoint = readCheckpointGeneration(request.model, config);
  const asked = { maxNewTokens, repetitionPenalty, noRepeatNgramSize, sampling, compute: precision, eosTokenIds: eos };
  const { options, warnings } = resolveGeneration(checkpoint, asked);
  for (const message of warnings) context.emit({ kind: 'warning', message });
  if (sampling === null && checkpoint.sampling.wanted) {
    const message =
      'the checkpoint asks for drawn tokens (do_sample); decoding is greedy, because no flag asks for them';
    context.emit({ kind: 'info', message });
  }
  return options;
}

/** Warns of rows longer than the positions of the model; transformers computes them too. */
export function warnBeyond(positions: number, { config }: ModelFiles, context: JobContext): void {
  const message = beyondPositions(config, positions);
  if (message !== null) context.emit({ kind: 'warning', message, remedy: 'use shorter rows or fewer new tokens' });
}

export function describeModel(request: LocalModelRequest, { device, model, files, task }: LocalModel): DescribedModel {
  return {
    model: request.model,
    sha256: request.record === false ? null : files.sha256,
    adapter: request.adapter,
    task,
    parameters: model.baseParameters,
    precision: request.precision,
    quantise: request.quantise,
    path: device.name,
    threads: device.threads,
  };
}

// --- internal ---

function quantisationOf(kind: LocalModelRequest['quantise']): QuantisationOptions | null {
  if (kind === null) return null;
  if (kind === 'int8') return { kind, threshold: INT8_THRESHOLD };
  return { kind, doubleQuant: false, blockSize: FOUR_BIT_BLOCK };
}

/** bitsandbytes' defaults. */
const FOUR_BIT_BLOCK = 64;
const INT8_THRESHOLD = 6;

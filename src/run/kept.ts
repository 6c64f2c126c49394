/** The trained weights in a run directory: an adapter for PEFT, or a checkpoint for transformers. */
import { join } from 'node:path';
import { readAsset, readAssetText } from '../assets';
import { readText } from '../files';
import type { Device } from '../native/device';
import type { AdapterOptions } from '../nn/adapter';
import { copyDescription, writeWeights } from '../nn/checkpoint';
import { checkpointConfig } from '../nn/merge';
import type { Model } from '../nn/model';
import { adapterConfigJson, adapterMetadata, adapterTensors } from '../nn/peft';
import { writeSafetensors } from '../nn/safetensors';
import { trainedTensors } from '../nn/trained';
import type { Experiment } from '../paper/types';
import type { RunDirectory } from './directory';
import type { Inputs } from './inputs';
import { isEmbedded } from './requested';

/** Folders of a run directory that hold weights. */
export type Kept = 'adapter' | 'model';

/** `adapter/`: the trained adapter, as PEFT loads it. */
export function writeAdapter(
  directory: RunDirectory,
  experiment: Experiment,
  adapter: AdapterOptions,
  { files }: Pick<Inputs, 'files'>,
  device: Device,
  model: Model,
): Kept {
  const task = experiment.task === 'causal-lm' ? 'CAUSAL_LM' : 'SEQ_CLS';
  const config = adapterConfigJson(device, model, adapter, experiment.model, task);
  directory.write(join('adapter', 'adapter_config.json'), config);
  const path = directory.file('adapter', 'adapter_model.safetensors');
  writeSafetensors(path, adapterTensors(device, model), adapterMetadata(files.sha256));
  return 'adapter';
}

/**
 * `model/`: the trained model with its configuration and tokeniser, as transformers loads it. The weights are fp32, in which
 * they were trained.
 * @param tokenizer the folder named with --tokenizer; null = the model's own
 */
export function writeModel(
  directory: RunDirectory,
  experiment: Experiment,
  tokenizer: string | null,
  { files, data }: Pick<Inputs, 'files' | 'data'>,
  device: Device,
  model: Model,
): Kept {
  const { id } = experiment.model;
  const embedded = isEmbedded(experiment);
  const text = embedded ? readAssetText(`papers/${id}/config.json`) : readText(join(id, 'config.json'));
  const base = JSON.parse(text) as Record<string, unknown>;
  const labels = experiment.task === 'causal-lm' ? null : data.classes;
  const config = checkpointConfig(base, { tied: files.config.tieWordEmbeddings, labels });
  for (const part of [config, config.text_config as Record<string, unknown> | undefined]) {
    if (part === undefined) continue;
    delete part.torch_dtype;
    part.dtype = 'float32';
  }
  directory.writeJson(join('model', 'config.json'), config);
  const folder = directory.file('model');
  if (embedded && tokenizer === null) {
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      directory.write(join('model', name), readAsset(`papers/mini/tokenizer/${name}`));
    }
  }
  for (const from of [embedded ? null : id, tokenizer]) if (from !== null) copyDescription(from, folder);
  writeWeights(folder, trainedTensors(device, files, model, experiment.task));
  return 'model';
}

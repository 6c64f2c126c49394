/** Checkpoints as transformers saves and loads them: weights, in shards above a size, and the files that describe the text. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes, readFolder, writeWhole } from '../files';
import { elements } from '../native/tensor';
import { type LazyTensor, storedSize, writeSafetensors } from './safetensors';

/** Bytes above which `save_pretrained` of transformers 5 begins another file (`max_shard_size`). */
export const MAX_SHARD_BYTES = 50e9;

/**
 * Writes `model.safetensors`, or `model-00001-of-00002.safetensors` and so on with their index, split as transformers does
 * (`split_torch_state_dict_into_shards`). Tensors are computed one after the other.
 * @throws MedreproError `input` when the disk is full or the folder cannot be written to
 */
export function writeWeights(folder: string, tensors: readonly LazyTensor[], limit: number = MAX_SHARD_BYTES): void {
  const shards = split(tensors, limit);
  if (shards.length === 1) {
    writeSafetensors(join(folder, 'model.safetensors'), shards[0]!);
    return;
  }
  const weightMap: [string, string][] = [];
  shards.forEach((shard, index) => {
    const digits = (value: number): string => String(value).padStart(5, '0');
    const file = `model-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`;
    writeSafetensors(join(folder, file), shard);
    for (const { name } of shard) weightMap.push([name, file]);
  });
  const sum = (size: (tensor: LazyTensor) => number): number => tensors.reduce((total, one) => total + size(one), 0);
  const index = {
    metadata: { total_parameters: sum(({ shape }) => elements(shape)), total_size: sum(bytesOf) },
    weight_map: Object.fromEntries(weightMap.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  writeWhole(join(folder, 'model.safetensors.index.json'), `${JSON.stringify(index, null, 2)}\n`);
}

/** Copies the files of a checkpoint's folder that describe text, images and generation; returns their names. */
export function copyDescription(from: string, to: string): string[] {
  const copied: string[] = [];
  const copy = (name: string): void => {
    writeWhole(join(to, name), readBytes(join(from, name)));
    copied.push(name);
  };
  for (const name of DESCRIPTION) if (existsSync(join(from, name))) copy(name);
  const templates = join(from, TEMPLATES);
  if (existsSync(templates)) {
    mkdirSync(join(to, TEMPLATES), { recursive: true });
    for (const name of readFolder(templates)) if (name.endsWith('.jinja')) copy(join(TEMPLATES, name));
  }
  return copied;
}

// --- internal ---

/** The folder of a tokeniser's further chat templates. */
const TEMPLATES = 'additional_chat_templates';

const DESCRIPTION = [
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'generation_config.json',
  'merges.txt',
  'preprocessor_config.json',
  'processor_config.json',
  'sentencepiece.bpe.model',
  'special_tokens_map.json',
  'spiece.model',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'video_preprocessor_config.json',
  'vocab.json',
  'vocab.txt',
] as const;

const bytesOf = ({ dtype, shape }: LazyTensor): number => storedSize(dtype, shape);

/** A tensor above the limit is a shard of its own; otherwise one begins where the next tensor would not fit. */
function split(tensors: readonly LazyTensor[], limit: number): LazyTensor[][] {
  const shards: LazyTensor[][] = [];
  let current: LazyTensor[] = [];
  let size = 0;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor);
    if (bytes > limit) {
      shards.push([tensor]);
      continue;
    }
    if (size + bytes > limit) {
      shards.push(current);
      [current, size] = [[], 0];
    }
    current.push(tensor);
    size += bytes;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}

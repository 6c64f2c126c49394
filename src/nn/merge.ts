/**
 * An adapter folded into its base: W + scale * B A for every adapted linear, trained copies in place of what they replaced.
 * The sum is taken in fp32 and rounded once to the dtype the base is stored in, as PEFT's `merge_and_unload` does; a
 * quantised base is made dense first, so the merged model is larger and differs more from base + adapter.
 */
import { toArrayBuffer } from 'bun:ffi';
import { type LowRank, matmul } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { denseDtype, isStoredQuantised, type StoredTensors } from './bitsandbytes';
import type { Linear } from './decoder';
import type { Model, ModelFiles } from './model';
import { isFloating, type LazyTensor, type StoredTensor, storedF32 } from './safetensors';
import { DenseWeight } from './weights';

/** dtypes a merged tensor may have. */
type Floating = 'f32' | 'bf16' | 'f16';

export interface Merged {
  /** Every tensor of the merged checkpoint, computed when it is written. Read them before `files` is closed. */
  readonly tensors: readonly LazyTensor[];
  /** Linears whose matrix the adapter changed. */
  readonly linears: number;
  /** Embedding and output head are two tensors: the base's are, or the adapter trained one of them. */
  readonly untied: boolean;
}

/** @param model loaded from `files` with the adapter's values in it */
export function mergeAdapter(
  device: Device,
  files: ModelFiles,
  model: Model,
  task: 'sequence-classification' | 'causal-lm',
): Merged {
  const linears = new Map([...model.decoder.linears()].map((linear) => [`${linear.name}.weight`, linear]));
  const trained = (name: string): Tensor | undefined => model.trainable.get(`base_model.model.${name}`);
  const stored = files.tensors.tensors;
  const tensors: LazyTensor[] = [];
  const put = (name: string, dtype: Floating, shape: readonly number[], data: () => Uint8Array): void => {
    tensors.push({ name, dtype, shape, data });
  };
  for (const [name, source] of stored) {
    // parts of a quantised matrix, and what a model of this task does not have
    if (
      /\.weight\.[^.]|\.SCB$|\.weight_format$/.test(name) ||
      (task === 'sequence-classification' && name === 'lm_head.weight')
    )
      continue;
    if (name === 'score.weight') continue;
    const linear = linears.get(name);
    const copy = trained(name);
    const dtype = mergedDtype(stored, name);
    if (copy !== undefined) put(name, dtype, copy.shape, () => converted(device, copy, dtype));
    else if (linear !== undefined && (linear.lora !== null || !(linear.weight instanceof DenseWeight))) {
      const shape = [linear.weight.outFeatures, linear.weight.inFeatures];
      put(name, dtype, shape, () => mergedMatrix(device, linear, dtype));
    } else if (isFloating(source)) put(name, dtype, source.shape, () => bytesOf(source));
    else tensors.push({ ...source, name, data: () => bytesOf(source) });
  }
  const embedding = stored.get(EMBEDDING)!;
  const head = trained('lm_head.weight');
  const untied =
    task === 'causal-lm' && (!files.config.tieWordEmbeddings || (head ?? trained(EMBEDDING)) !== undefined);
  if (untied && !stored.has('lm_head.weight')) {
    const dtype = mergedDtype(stored, EMBEDDING);
    put('lm_head.weight', dtype, embedding.shape, () => (head ? converted(device, head, dtype) : bytesOf(embedding)));
  }
  if (task === 'sequence-classification') {
    const score = model.head.dense(new Tape(device, false));
    const dtype = mergedDtype(stored, EMBEDDING);
    put('score.weight', dtype, score.shape, () => converted(device, score, dtype));
  }
  const changed = [...linears.values()].filter((linear) => operands(device, linear) !== null).length;
  return { tensors, linears: changed, untied };
}

/** `config.json` of the merged model, from that of its base. */
export function mergedConfig(
  base: Readonly<Record<string, unknown>>,
  { untied }: Merged,
  classes: number | null,
): Record<string, unknown> {
  const { quantization_config: _gone, ...kept } = base;
  const config: Record<string, unknown> = kept;
  if (untied) config.tie_word_embeddings = false;
  if (classes === null) return config;
  const [architecture = ''] = Array.isArray(config.architectures) ? (config.architectures as string[]) : [];
  config.architectures = [architecture.replace(/For[A-Za-z]+$/, 'ForSequenceClassification')];
  delete config.num_labels;
  const labels = config.id2label;
  if (typeof labels !== 'object' || labels === null || Object.keys(labels).length !== classes) {
    const names = Array.from({ length: classes }, (_, i) => `LABEL_${i}`);
    config.id2label = Object.fromEntries(names.map((name, i) => [String(i), name]));
    config.label2id = Object.fromEntries(names.map((name, i) => [name, i]));
  }
  return config;
}

// --- internal ---

const EMBEDDING = 'model.embed_tokens.weight';

/**
 * What a tensor is stored in after merging: as before, float64 rounded to fp32. A matrix in four bits says what it was before;
 * one in eight bits has the dtype of the embedding, which its model was saved in.
 */
function mergedDtype(stored: StoredTensors, name: string): Floating {
  const dtype = isStoredQuantised(stored, name)
    ? (denseDtype(stored, name) ?? stored.get(EMBEDDING)?.dtype)
    : stored.get(name)?.dtype;
  if (dtype === 'f32' || dtype === 'f64') return 'f32';
  return dtype === 'f16' ? 'f16' : 'bf16';
}

/** The bytes of a stored tensor, of float64 in fp32. */
function bytesOf(source: StoredTensor): Uint8Array {
  const { address, bytes, dtype } = source;
  if (bytes === 0) return new Uint8Array(0);
  if (dtype === 'f64') return new Uint8Array(storedF32(source).buffer);
  return new Uint8Array(toArrayBuffer(address as never, 0, bytes));
}

function operands(device: Device, { lora }: Linear): LowRank | null {
  return device.scope(() => lora?.operands(new Tape(device, false), null, 0) ?? null);
}

/** Bytes of W + scale * B A, or of W alone. */
function mergedMatrix(device: Device, linear: Linear, dtype: Floating): Uint8Array {
  return device.scope(() => {
    const tape = new Tape(device, false);
    const dense = linear.weight.dense(tape);
    const sum = device.empty(dense.shape, 'f32');
    if (dense.dtype === 'f32') device.ops.copy(dense.bytes, dense.address, sum.address);
    else device.ops.cast(dense.code, sum.code, dense.size, dense.address, sum.address);
    const update = linear.lora?.operands(tape, null, 0) ?? null;
    if (update !== null) {
      matmul(tape, 'fp32', update.b, false, update.a, false, sum, { alpha: update.scale, accumulate: 1 });
    }
    return converted(device, sum, dtype);
  });
}

/** Bytes of a tensor in another dtype. */
function converted(device: Device, tensor: Tensor, dtype: Floating): Uint8Array {
  if (tensor.dtype === dtype) return device.readBytes(tensor);
  return device.scope(() => {
    const result = device.empty(tensor.shape, dtype);
    device.ops.cast(tensor.code, result.code, tensor.size, tensor.address, result.address);
    return device.readBytes(result);
  });
}

/**
 * An adapter folded into its base: W + scale * B A for every adapted linear, trained copies in place of what they replaced.
 * The sum is taken in fp32 and rounded once to the dtype the base is stored in, as PEFT's `merge_and_unload` does; a
 * quantised base is dequantised first, so the merged model is larger and differs more from base + adapter.
 *
 * Every tensor of the base keeps the name its file gives it, those of a multimodal model's vision tower as well.
 */
import { type LowRank, matmul } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import { inputError, type MedreproError } from '../errors';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';
import { imageName, isOfImages, respell } from '../paper/module-names';
import { denseDtype, isStoredQuantised, type StoredTensors, storedShape } from './bitsandbytes';
import { architectureOf } from './config-file';
import { type ImageUpdate, imageChanges } from './image-changes';
import type { Linear } from './linear';
import type { Model, ModelFiles } from './model';
import type { AdapterFiles } from './peft';
import { storedMatrix } from './quantised';
import { areFinite, isFloating, type LazyTensor, type StoredTensor, storedBytes, storedF32 } from './safetensors';
import { DenseWeight } from './weights';

export interface Merged {
  /** Every tensor of the merged checkpoint, computed when it is written. Read them before `files` is closed. */
  readonly tensors: readonly LazyTensor[];
  /** Linears whose matrix the adapter changed. */
  readonly linears: number;
  /** Embedding and output head are two tensors: the base's are, or the adapter trained one of them. */
  readonly untied: boolean;
}

/**
 * @param files the base with the embedding rows of the adapter; `published` is the base as its folder has it, which gives the dtypes
 * @param model loaded from `files` with the adapter's values in it
 * @throws MedreproError `input`, at once or when a tensor is computed: the adapter changes what the base does not have, or a
 *   value is not finite, in the base or in the sum
 */
export function mergeAdapter(
  device: Device,
  { files, published }: { readonly files: ModelFiles; readonly published: ModelFiles },
  model: Model,
  adapter: AdapterFiles,
  task: 'sequence-classification' | 'causal-lm',
): Merged {
  const linears = new Map([...model.decoder.linears()].map((linear) => [`${linear.name}.weight`, linear]));
  const trained = (name: string): Tensor | undefined =>
    model.trainable.get(`base_model.model.${respell(name, files.prefix)}`);
  const stored = files.tensors.tensors;
  const original = published.tensors.tensors;
  const dtypeOf = (name: string): FloatDtype => mergedDtype(original, original.has(name) ? name : EMBEDDING);
  const changes = imageChanges(adapter);
  const unused = new Set([...changes.updates.keys(), ...changes.copies.keys()]);
  const tensors: LazyTensor[] = [];
  const put = (name: string, dtype: FloatDtype, shape: readonly number[], make: () => Uint8Array): void => {
    const data = (): Uint8Array => {
      const bytes = make();
      if (!areFinite(bytes, dtype)) throw notFinite(files.name, name, dtype, stored.get(name));
      return bytes;
    };
    tensors.push({ name: files.storedNames.get(name) ?? name, dtype, shape, data });
  };
  for (const [name, source] of stored) {
    // parts of a quantised matrix, and tensors that a model of this task does not have
    if (/\.weight\.[^.]|\.SCB$|\.weight_format$/.test(name) || name === 'score.weight') continue;
    if (task === 'sequence-classification' && name === 'lm_head.weight') continue;
    const dtype = dtypeOf(name);
    const image = isOfImages(name) ? imageName(name) : null;
    const linear = linears.get(respell(name, files.prefix));
    const copy = trained(name) ?? null;
    const update = changes.updates.get(image ?? '');
    const replacement = changes.copies.get(image ?? '');
    unused.delete(image ?? '');
    if (copy !== null) put(name, dtype, copy.shape, () => converted(device, copy, dtype));
    else if (linear !== undefined && (linear.lora !== null || !(linear.weight instanceof DenseWeight))) {
      const shape = [linear.weight.outFeatures, linear.weight.inFeatures];
      const update = (tape: Tape): LowRank | null => updateOf(tape, linear);
      put(name, dtype, shape, () => mergedMatrix(device, (tape) => linear.weight.dense(tape), update, dtype));
    } else if (name === 'lm_head.weight' && !(model.head instanceof DenseWeight)) {
      const shape = [model.head.outFeatures, model.head.inFeatures];
      put(name, dtype, shape, () =>
        mergedMatrix(
          device,
          (tape) => model.head.dense(tape),
          () => null,
          dtype,
        ),
      );
    } else if (replacement !== undefined) {
      agree(adapter, name, replacement.shape, source.shape);
      put(name, dtype, source.shape, () => rounded(device, replacement, dtype));
    } else if (update !== undefined || isStoredQuantised(stored, name)) {
      const shape = storedShape(stored, name) ?? source.shape;
      if (update !== undefined) agree(adapter, name, [update.outputs, update.inputs], shape);
      const dense = (tape: Tape): Tensor => denseMatrix(tape, stored, name, shape);
      const change = (): LowRank | null => (update === undefined ? null : lowRank(device, update));
      put(name, dtype, shape, () => mergedMatrix(device, dense, change, dtype));
    } else if (isFloating(source)) {
      const same = dtype === plainDtype(source);
      put(name, dtype, source.shape, () => (same ? bytesOf(source) : rounded(device, source, dtype)));
    } else tensors.push({ ...source, name: files.storedNames.get(name) ?? name, data: () => bytesOf(source) });
  }
  for (const [name, source] of files.tensors.foreign ?? []) {
    tensors.push({ ...source, name: files.storedNames.get(name) ?? name, data: () => storedBytes(source) });
  }
  for (const name of unused) {
    throw inputError(`${adapter.folder} changes ${name}, which ${files.name} does not have`, {
      remedy: 'name the base the adapter was trained on',
    });
  }
  const embedding = stored.get(EMBEDDING)!;
  const head = trained('lm_head.weight');
  const untied =
    task === 'causal-lm' && (!files.config.tieWordEmbeddings || (head ?? trained(EMBEDDING)) !== undefined);
  if (untied && !stored.has('lm_head.weight')) {
    const dtype = dtypeOf(EMBEDDING);
    put('lm_head.weight', dtype, embedding.shape, () => (head ? converted(device, head, dtype) : bytesOf(embedding)));
  }
  if (task === 'sequence-classification') {
    const score = model.head.dense(new Tape(device, false));
    const dtype = dtypeOf(EMBEDDING);
    put('score.weight', dtype, score.shape, () => converted(device, score, dtype));
  }
  const changed = [...linears.values()].filter((linear) =>
    device.scope(() => updateOf(new Tape(device, false), linear)),
  );
  return { tensors, linears: changed.length + changes.updates.size, untied };
}

/** The part of a checkpoint's configuration that follows from its weights. */
export interface CheckpointShape {
  /** Whether the output head is the embedding. */
  readonly tied: boolean;
  /** Names of a classifier's classes, or how many it has; null for a causal model. */
  readonly labels: readonly string[] | number | null;
  /** Rows of the embedding; the base's where it is left out. */
  readonly vocabSize?: number;
}

/** `config.json` of a checkpoint in floating point, from that of its base. The base's class names are kept where their number fits. */
export function checkpointConfig(
  base: Readonly<Record<string, unknown>>,
  { tied, labels, vocabSize }: CheckpointShape,
): Record<string, unknown> {
  const { quantization_config: _gone, ...kept } = base;
  const config: Record<string, unknown> = kept;
  const text = typeof base.text_config === 'object' && base.text_config !== null ? { ...base.text_config } : null;
  if (text !== null) config.text_config = text;
  if (!tied) for (const part of [config, text]) if (part !== null) Object.assign(part, { tie_word_embeddings: false });
  if (vocabSize !== undefined) Object.assign(text ?? config, { vocab_size: vocabSize });
  for (const field of ['dtype', 'torch_dtype']) if (config[field] === 'float64') config[field] = 'float32';
  const task = labels === null ? 'causal-lm' : 'sequence-classification';
  config.architectures = [architectureOf(String(config.model_type), task)];
  if (labels === null) return config;
  delete config.num_labels;
  const count = typeof labels === 'number' ? labels : labels.length;
  const known = config.id2label;
  if (
    typeof labels === 'number' &&
    typeof known === 'object' &&
    known !== null &&
    Object.keys(known).length === count
  ) {
    return config;
  }
  const names = typeof labels === 'number' ? Array.from({ length: count }, (_, i) => `LABEL_${i}`) : labels;
  config.id2label = Object.fromEntries(names.map((name, i) => [String(i), name]));
  config.label2id = Object.fromEntries(names.map((name, i) => [name, i]));
  return config;
}

// --- internal ---

const EMBEDDING = 'model.embed_tokens.weight';

/**
 * The dtype of a tensor after merging: unchanged, but fp32 for float64. A matrix in four bits has the dtype it was quantised from;
 * one in eight bits that of the embedding, in which its model was saved.
 */
function mergedDtype(stored: StoredTensors, name: string): FloatDtype {
  const dtype = isStoredQuantised(stored, name)
    ? (denseDtype(stored, name) ?? stored.get(EMBEDDING)?.dtype)
    : stored.get(name)?.dtype;
  if (dtype === 'f32' || dtype === 'f64') return 'f32';
  return dtype === 'f16' ? 'f16' : 'bf16';
}

/** The dtype of a floating-point tensor's {@link bytesOf}. */
const plainDtype = ({ dtype }: StoredTensor): FloatDtype => (dtype === 'bf16' || dtype === 'f16' ? dtype : 'f32');

/** The bytes of a stored tensor, of float64 in fp32. */
const bytesOf = (source: StoredTensor): Uint8Array =>
  source.dtype === 'f64' ? new Uint8Array(storedF32(source).buffer) : storedBytes(source);

/** The source of a non-finite value: the file of the base, or the sum. */
function notFinite(base: string, name: string, dtype: FloatDtype, source: StoredTensor | undefined): MedreproError {
  if (source !== undefined && isFloating(source) && !areFinite(bytesOf(source), plainDtype(source))) {
    return inputError(`${base}: ${name} holds a value that is not a finite number`, {
      remedy: 'fetch the base again; a model with such weights gives no numbers',
    });
  }
  return inputError(`${name}: base + adapter is beyond what ${dtype} holds`, {
    remedy:
      dtype === 'f16' ? 'store the base as bf16 or fp32 and merge into that' : 'train the adapter again: it diverged',
  });
}

function agree({ folder }: AdapterFiles, name: string, found: readonly number[], expected: readonly number[]): void {
  if (found.join() === expected.join()) return;
  throw inputError(`${folder}: ${name} is [${found.join(', ')}], the base has [${expected.join(', ')}]`, {
    remedy: 'name the base the adapter was trained on',
  });
}

const updateOf = (tape: Tape, { lora }: Linear): LowRank | null => lora?.operands(tape, null, 0) ?? null;

function lowRank(device: Device, { a, b, rank, inputs, outputs, scale }: ImageUpdate): LowRank {
  const [left, right] = [device.fromArray(a, [rank, inputs], 'f32'), device.fromArray(b, [outputs, rank], 'f32')];
  return { a: left, b: right, scale, dropout: null };
}

/** A matrix of the checkpoint that is not part of the decoder. */
function denseMatrix(tape: Tape, stored: StoredTensors, name: string, shape: readonly number[]): Tensor {
  const { device } = tape;
  if (!isStoredQuantised(stored, name)) return onDevice(device, stored.get(name)!);
  return storedMatrix(device, stored, name, [shape[0]!, shape[1]!], null, 'f32').weight.dense(tape);
}

/** Bytes of W + scale * B A, or of W alone. */
function mergedMatrix(
  device: Device,
  weight: (tape: Tape) => Tensor,
  update: (tape: Tape) => LowRank | null,
  dtype: FloatDtype,
): Uint8Array {
  return device.scope(() => {
    const tape = new Tape(device, false);
    const dense = weight(tape);
    const sum = device.empty(dense.shape, 'f32');
    if (dense.dtype === 'f32') device.ops.copy(dense.bytes, dense.address, sum.address);
    else device.ops.cast(dense.code, sum.code, dense.size, dense.address, sum.address);
    const change = update(tape);
    if (change !== null) {
      matmul(tape, 'fp32', change.b, false, change.a, false, sum, { alpha: change.scale, accumulate: 1 });
    }
    return converted(device, sum, dtype);
  });
}

/** Bytes of a tensor in another dtype. */
function converted(device: Device, tensor: Tensor, dtype: FloatDtype): Uint8Array {
  if (tensor.dtype === dtype) return device.readBytes(tensor);
  return device.scope(() => {
    const result = device.empty(tensor.shape, dtype);
    device.ops.cast(tensor.code, result.code, tensor.size, tensor.address, result.address);
    return device.readBytes(result);
  });
}

/** The same of a stored tensor. */
const rounded = (device: Device, stored: StoredTensor, to: FloatDtype): Uint8Array =>
  device.scope(() => converted(device, onDevice(device, stored), to));

/** A floating-point tensor of a file as it is, float64 in fp32. */
const onDevice = (device: Device, stored: StoredTensor): Tensor =>
  stored.dtype === 'f64'
    ? device.fromArray(storedF32(stored), stored.shape, 'f32')
    : device.adopt(stored.address, stored.shape, stored.dtype);

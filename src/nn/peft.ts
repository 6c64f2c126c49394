/**
 * Adapters as PEFT stores them: `adapter_config.json` and `adapter_model.safetensors`, read and written.
 *
 * Reading rejects by name what would change the mathematics and is not implemented, and accepts fields that change nothing.
 * Pickled adapters (`adapter_model.bin`) are never opened: a pickle can run any program.
 */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inputError, type MedreproError } from '../errors';
import { readText } from '../files';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { imageName, isOfImages, MULTIMODAL_PREFIX, prefixOf, respell, TEXT_PREFIX } from '../paper/module-names';
import { type ModuleSource, unmatchedTargets } from '../paper/targets';
import type { AdaLora, AdaLoraOptions } from './adalora';
import type { AdapterOptions } from './adapter';
import { type AdapterConfig, type PeftTask, parseAdapterConfig } from './adapter-config';
import type { LoraOptions } from './lora';
import { type Model, restore } from './model';
import {
  isFloating,
  openSafetensors,
  type Safetensors,
  type StoredTensor,
  storedF32,
  type TensorToWrite,
} from './safetensors';

/** An adapter's folder, not yet on any device. */
export interface AdapterFiles extends AdapterConfig {
  readonly folder: string;
  readonly tensors: Safetensors;
  /** By names as in a model of text, without the adapter's own name: `base_model.model.model.layers.0.…`. */
  readonly stored: ReadonlyMap<string, StoredTensor>;
  /** Its tensors for the vision tower of a multimodal model, by {@link imageName}. */
  readonly images: ReadonlyMap<string, StoredTensor>;
  /** Classes of its score head; null when it has none. */
  readonly classes: number | null;
  /** sha256 of the base's weights, where medrepro wrote the adapter. */
  readonly baseSha256: string | null;
}

/**
 * Opens a folder that PEFT or medrepro wrote.
 * @throws MedreproError `input` when a file is missing or damaged, or the adapter is of a kind that is not implemented.
 */
export function openAdapterFolder(folder: string): AdapterFiles {
  const configPath = join(folder, 'adapter_config.json');
  const weightsPath = join(folder, 'adapter_model.safetensors');
  if (!existsSync(configPath)) {
    throw inputError(`${configPath} does not exist`, { remedy: 'name a folder that PEFT or medrepro wrote' });
  }
  if (!existsSync(weightsPath)) {
    const pickled = existsSync(join(folder, 'adapter_model.bin'));
    throw inputError(`${weightsPath} does not exist`, {
      remedy: pickled
        ? 'adapter_model.bin is a pickle, which is never opened: save the adapter again with PEFT (safe_serialization=True)'
        : 'save the adapter with PEFT or medrepro',
    });
  }
  const text = readText(configPath);
  return readAdapter(folder, text, openSafetensors(weightsPath));
}

/**
 * An adapter whose files have been read.
 * @param folder its name, for messages
 * @param text of adapter_config.json
 * @param tensors of adapter_model.safetensors, closed when they are rejected
 * @throws MedreproError `input` as {@link openAdapterFolder}
 */
export function readAdapter(folder: string, text: string, tensors: Safetensors): AdapterFiles {
  try {
    const config = parseAdapterConfig(text, join(folder, 'adapter_config.json'));
    for (const [name, { dtype }] of tensors.foreign ?? []) throw notFloating(folder, name, dtype);
    const { stored, images, source } = canonicalNames(tensors, folder);
    const score = [...stored].find(([name]) => name.endsWith('.score.weight'))?.[1];
    const baseSha256 = tensors.metadata[BASE_KEY] ?? null;
    const options = { ...config.options, source };
    return { ...config, options, folder, tensors, stored, images, classes: score?.shape[0] ?? null, baseSha256 };
  } catch (error) {
    tensors.close();
    throw error;
  }
}

/**
 * Puts an adapter's values into a model that `loadModel` made with its options.
 *
 * @param base what the model was loaded from
 * @returns warnings: what could not be proven, one line each
 * @throws MedreproError `input` when a tensor is missing, left over, of another shape or not finite, or the base is another one
 */
export function loadAdapter(
  device: Device,
  model: Model,
  adapter: AdapterFiles,
  base: { readonly name: string; readonly sha256: string },
): string[] {
  const { folder, stored, baseSha256 } = adapter;
  if (baseSha256 !== null && baseSha256 !== base.sha256) {
    throw inputError(`${folder} was trained on another base than ${base.name}: sha256 ${baseSha256.slice(0, 12)}…`, {
      remedy: `${base.name} has sha256 ${base.sha256.slice(0, 12)}…: name the base the adapter was trained on`,
    });
  }
  const warnings = [...adapter.warnings, ...baseWarnings(adapter, base.name), ...nameWarnings(adapter, model)];
  if ([...stored.values()].some(({ dtype }) => dtype === 'f64')) {
    warnings.push(`${folder}: the adapter is in float64: it is rounded to float32`);
  }
  const taken = new Set<string>();
  for (const [name, tensor] of model.trainable) {
    const plain = textName(name);
    taken.add(plain);
    const found = stored.get(plain);
    if (found === undefined) {
      if (!name.endsWith('.score.weight')) {
        throw inputError(`${folder} has no ${name}`, {
          remedy: 'adapter_config.json and its weights do not belong together',
        });
      }
      if (adapter.task === 'SEQ_CLS' || !model.headFromCheckpoint) {
        throw inputError(`${folder} has no score head: its predictions would come from a random one`, {
          remedy: "save the adapter with modules_to_save: ['score'] (PEFT adds it for task_type SEQ_CLS)",
        });
      }
      warnings.push(`${folder} has no score head: the base model's is used`);
      continue;
    }
    if (found.shape.join() !== tensor.shape.join()) {
      throw inputError(
        `${folder}: ${name} is [${found.shape.join(', ')}], the model takes [${tensor.shape.join(', ')}]`,
        {
          remedy: 'name the base model and the task the adapter was trained for',
        },
      );
    }
    const values = storedF32(found);
    if (!values.every(Number.isFinite)) {
      throw inputError(`${folder}: ${name} holds a value that is not a finite number`, {
        remedy: 'its training diverged, or the file is damaged: nothing it gives would be a number',
      });
    }
    restore(device, tensor, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const left = [...stored.keys()].filter((name) => !taken.has(name));
  if (model.prefix !== MULTIMODAL_PREFIX) left.push(...adapter.images.keys());
  if (left.length > 0) {
    const more = left.length === 1 ? '' : ` and ${left.length - 1} more`;
    throw inputError(`${folder} has ${left[0]}${more}, which the model does not take`, {
      remedy: 'LoRA on embeddings or the output head is not implemented; a score head needs a classifier',
    });
  }
  return warnings;
}

// ---- writing ----------------------------------------------------------------------------------------------------

/** The trained tensors as PEFT stores them; of a pruned AdaLoRA only the remaining triplets. */
export function adapterTensors(device: Device, { trainable, adalora }: Model): TensorToWrite[] {
  const kept = adalora === null ? null : keptTriplets(device, adalora);
  const cut = new Map<Tensor, { readonly rows: boolean; readonly keep: readonly boolean[] }>();
  for (const { name, a, e, b } of adalora?.modules ?? []) {
    const keep = kept?.get(name);
    // a pruned adapter that was loaded has only its remaining triplets
    if (keep === undefined || keep.length !== e.size) continue;
    cut.set(a, { rows: true, keep }).set(e, { rows: true, keep }).set(b, { rows: false, keep });
  }
  return [...trainable].map(([name, tensor]) => {
    const part = cut.get(tensor);
    if (part === undefined) return { name, dtype: 'f32', shape: tensor.shape, data: device.readBytes(tensor) };
    const rank = part.keep.filter(Boolean).length;
    const { cols } = tensor;
    const values = device.readF32(tensor).filter((_, i) => part.keep[part.rows ? Math.floor(i / cols) : i % cols]);
    const shape = part.rows ? [rank, cols] : [tensor.rows, rank];
    return { name, dtype: 'f32', shape, data: new Uint8Array(values.buffer) };
  });
}

/** Metadata of `adapter_model.safetensors`: which base it belongs to. */
export const adapterMetadata = (baseSha256: string): Record<string, string> => ({ [BASE_KEY]: baseSha256 });

/** `adapter_config.json` for PEFT. */
export function adapterConfigJson(
  device: Device,
  model: Pick<Model, 'decoder' | 'adalora' | 'prefix'>,
  options: AdapterOptions,
  base: { readonly id: string; readonly revision: string | null },
  task: PeftTask,
): string {
  const saved = [...(options.modulesToSave ?? []), ...(task === 'SEQ_CLS' ? ['classifier', 'score'] : [])];
  const fields = {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: base.id,
    bias: 'none',
    exclude_modules: options.exclude ?? null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_to_transform: null,
    lora_alpha: options.alpha,
    lora_dropout: options.dropout,
    modules_to_save: saved.length === 0 ? null : [...new Set(saved)],
    revision: base.revision,
    target_modules: targetModules(model),
    task_type: task,
    use_dora: false,
    use_rslora: false,
    ...(options.kind === 'adalora' ? adaLoraFields(device, model.adalora!, options) : loraFields(options)),
  };
  const sorted = Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`;
}

// --- internal ---

function notFloating(folder: string, name: string, dtype: string): MedreproError {
  return inputError(`${folder}: ${name.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?').slice(0, 200)} is ${dtype}`, {
    remedy: 'save the adapter in float32, bfloat16 or float16',
  });
}

const BASE_KEY = 'medrepro_base_sha256';

/** PEFT's prefix of the model's own module names. */
const WRAPPER = 'base_model.model.';

/** The name of a trained tensor as in a model of text alone. */
const textName = (name: string): string => WRAPPER + respell(name.slice(WRAPPER.length), TEXT_PREFIX);

/**
 * Names of a file without what only PEFT's live modules have (the adapter's name, wrappers of saved modules), and without what
 * depends on the release of transformers and on the model around the decoder.
 */
function canonicalNames(
  tensors: Safetensors,
  folder: string,
): Pick<AdapterFiles, 'stored' | 'images'> & { readonly source: ModuleSource } {
  const [stored, images] = [new Map<string, StoredTensor>(), new Map<string, StoredTensor>()];
  let prefix: string | null = null;
  const others = new Set<string>();
  for (const [name, tensor] of tensors.tensors) {
    if (/\.original_module\.|\.ranknum(\.|$)/.test(name)) continue;
    if (!isFloating(tensor)) throw notFloating(folder, name, tensor.dtype);
    const own = name
      .replace(/\.modules_to_save(\.[^.]+)?\.(weight|bias)$/, '.$2')
      .replace(/\.(lora_[AB])\.[^.]+\.weight$/, '.$1.weight')
      .replace(/\.(lora_[ABE])\.(?!weight$)[^.]+$/, '.$1')
      .replace(WRAPPER, (part, at: number) => (at === 0 ? '' : part));
    const ofImages = isOfImages(own);
    if (ofImages) others.add(own.replace(/\.(lora_[ABE](\.weight)?|weight|bias)$/, ''));
    prefix ??= prefixOf(own);
    const names = ofImages ? images : stored;
    const canonical = ofImages ? imageName(own) : textName(WRAPPER + own);
    if (names.has(canonical)) {
      throw inputError(`${folder}: two tensors stand for ${canonical.slice(0, 120)}`, {
        remedy: 'save the adapter again with PEFT',
      });
    }
    names.set(canonical, tensor);
  }
  const ranks = new Map<string, number>();
  for (const [name, { shape }] of stored) {
    const [, module] = /^(.*)\.lora_A(?:\.weight)?$/.exec(name) ?? [];
    if (module !== undefined) ranks.set(module.slice(WRAPPER.length), shape[0] ?? 0);
  }
  return { stored, images, source: { prefix, folder, ranks, others: [...others] } };
}

/** Warnings of an adapter made on another model around the decoder: no effect in PEFT, and modules that are ignored here. */
function nameWarnings({ folder, images, options }: AdapterFiles, { prefix }: Model): string[] {
  const warnings: string[] = [];
  const own = options.source?.prefix ?? prefix;
  // PEFT renames the older names of the multimodal model itself
  if ((own === TEXT_PREFIX) !== (prefix === TEXT_PREFIX)) {
    const names = `${folder} was made on a model whose modules begin with ${own}, and this one's with ${prefix}`;
    warnings.push(`${names}: it is applied here, and in PEFT it would have no effect`);
  }
  if (images.size > 0 && prefix === MULTIMODAL_PREFIX) {
    const modules = options.source?.others ?? [];
    const last = [...new Set(modules.map((module) => module.slice(module.lastIndexOf('.') + 1)))].sort();
    const of = [...new Set([...images.keys()].map((name) => name.split('.')[0]!))].sort();
    warnings.push(
      `${folder} also changes ${modules.length} modules of ${of.join(' and ')} (${last.slice(0, 8).join(', ')}): ` +
        'they do nothing for text and are left aside',
    );
  }
  return warnings;
}

function baseWarnings({ folder, base, baseSha256 }: AdapterFiles, name: string): string[] {
  if (baseSha256 !== null || base.id === null || basename(base.id) === basename(name)) return [];
  return [`${folder} was trained on ${base.id}; nothing in it proves that ${name} is the same model`];
}

/** Triplets that are unmasked or non-zero: the others add nothing. */
function keptTriplets(device: Device, adalora: AdaLora): Map<string, readonly boolean[]> | null {
  const { budget, kept } = adalora.options;
  if (budget === 'never-updated') return null;
  const pattern = adalora.pattern();
  if (kept === undefined) {
    for (const { name, e } of adalora.modules) {
      const values = device.readF32(e);
      pattern.set(
        name,
        pattern.get(name)!.map((keep, i) => keep || values[i] !== 0),
      );
    }
  }
  return pattern;
}

const loraFields = ({ rank, rslora, rankPattern, alphaPattern }: LoraOptions) => ({
  alpha_pattern: alphaPattern ?? {},
  peft_type: 'LORA',
  r: rank,
  rank_pattern: rankPattern ?? {},
  use_rslora: rslora ?? false,
});

function adaLoraFields(device: Device, adalora: AdaLora, options: AdaLoraOptions) {
  const kept = keptTriplets(device, adalora);
  return {
    beta1: options.beta1,
    beta2: options.beta2,
    deltaT: options.interval,
    init_r: options.initialRank,
    orth_reg_weight: options.orthogonalWeight,
    peft_type: 'ADALORA',
    r: 8,
    rank_pattern:
      kept === null ? null : Object.fromEntries([...kept].map(([name, flags]) => [`${name}.lora_E`, flags])),
    target_r: options.targetRank,
    tfinal: options.finalSteps,
    tinit: options.warmupSteps,
    total_step: options.totalSteps,
  };
}

/**
 * Last parts of names where they mean exactly the adapted linears, full names elsewhere, as in a multimodal model, whose
 * vision tower has linears of the same last parts. Never an expression: PEFT matches it against every module, including
 * activations and whole blocks.
 */
function targetModules({ decoder, prefix }: Pick<Model, 'decoder' | 'prefix'>): string[] {
  const all = [...decoder.linears()];
  const adapted = all.filter(({ lora }) => lora !== null).map(({ name }) => name);
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const short = [...new Set(adapted.map(last))].sort();
  const meant = all.filter(({ name }) => unmatchedTargets({ targets: short }, [name]).length < short.length);
  return prefix === TEXT_PREFIX && meant.length === adapted.length ? short : adapted.sort();
}

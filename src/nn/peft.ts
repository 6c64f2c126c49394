/**
 * Adapters as PEFT stores them: `adapter_config.json` and `adapter_model.safetensors`, read and written.
 *
 * Reading refuses by name what would change the mathematics and is not implemented, and accepts fields that change nothing.
 * Pickled adapters (`adapter_model.bin`) are never opened: a pickle can run any program.
 */

import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type } from 'arktype';
import { inputError, type MedreproError } from '../errors';
import { readText } from '../files';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { unmatchedTargets } from '../spec/targets';
import type { AdaLora, AdaLoraOptions } from './adalora';
import type { AdapterOptions } from './adapter';
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

export type PeftTask = 'SEQ_CLS' | 'CAUSAL_LM';

/** What `adapter_config.json` says. */
export interface AdapterConfig {
  /** For `loadModel`. */
  readonly options: AdapterOptions;
  /** null when the file names none. */
  readonly task: PeftTask | null;
  readonly base: { readonly id: string | null; readonly revision: string | null };
  /** Fields that are set and that nobody here knows: they may matter. */
  readonly warnings: readonly string[];
}

/** An adapter's folder, not yet on any device. */
export interface AdapterFiles extends AdapterConfig {
  readonly folder: string;
  readonly tensors: Safetensors;
  /** By names without the adapter's own name, as `trainable` of a model has them. */
  readonly stored: ReadonlyMap<string, StoredTensor>;
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
  const config = parseAdapterConfig(readText(configPath), configPath);
  const tensors = openSafetensors(weightsPath);
  for (const [name, dtype] of tensors.foreign ?? []) throw notFloating(folder, name, dtype);
  const stored = canonicalNames(tensors);
  const score = [...stored].find(([name]) => name.endsWith('.score.weight'))?.[1];
  const baseSha256 = tensors.metadata[BASE_KEY] ?? null;
  return { ...config, folder, tensors, stored, classes: score?.shape[0] ?? null, baseSha256 };
}

/**
 * @param text the file's content
 * @param file its name, for messages
 * @throws MedreproError `input` naming what is wrong or not implemented
 */
export function parseAdapterConfig(text: string, file: string): AdapterConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw inputError(`${file} is not JSON: ${(error as Error).message}`, { where: { file } });
  }
  const config = ConfigFile(json);
  if (config instanceof type.errors) {
    const problems = config.map(({ message }) => message.replace(/\s+/g, ' '));
    throw inputError(`${file}: ${problems.join('; ')}`, {
      where: { file },
      remedy: 'LoRA and AdaLoRA adapters of decoders are read; save it again with a current PEFT',
    });
  }
  const fields = json as Record<string, unknown>;
  refuseUnimplemented(fields, file);
  const unknown = Object.keys(fields).filter((key) => !KNOWN.has(key) && isSet(fields[key]));
  const layers = [config.layers_to_transform ?? []].flat(); // layer 0 may stand alone
  const modules = {
    targets: config.target_modules,
    ...(isSet(config.exclude_modules) ? { exclude: config.exclude_modules! } : {}),
    ...(layers.length > 0 ? { layers } : {}),
    ...(isSet(config.modules_to_save) ? { modulesToSave: config.modules_to_save! } : {}),
    dropout: config.lora_dropout ?? 0,
    alpha: config.lora_alpha,
  };
  const options = config.peft_type === 'LORA' ? loraOptions(config, modules) : adaLoraOptions(config, modules, file);
  return {
    options,
    task: (config.task_type ?? null) as PeftTask | null,
    base: { id: config.base_model_name_or_path ?? null, revision: config.revision ?? null },
    warnings: unknown.map((key) => `${file} sets ${key}, which this version does not know and leaves aside`),
  };
}

/**
 * Puts an adapter's values into a model that `loadModel` made with its options.
 *
 * @param base what the model was loaded from
 * @returns warnings: what could not be proven, one line each
 * @throws MedreproError `input` when a tensor is missing, left over or of another shape, or the base is another one
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
  const warnings = [...adapter.warnings, ...baseWarnings(adapter, base.name)];
  if ([...stored.values()].some(({ dtype }) => dtype === 'f64')) {
    warnings.push(`${folder}: the adapter is in float64: it is rounded to float32`);
  }
  for (const [name, tensor] of model.trainable) {
    const found = stored.get(name);
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
    if (!isFloating(found)) throw notFloating(folder, name, found.dtype);
    const values = storedF32(found);
    restore(device, tensor, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  const left = [...stored.keys()].filter((name) => !model.trainable.has(name));
  if (left.length > 0) {
    const more = left.length === 1 ? '' : ` and ${left.length - 1} more`;
    throw inputError(`${folder} has ${left[0]}${more}, which the model does not take`, {
      remedy: 'LoRA on embeddings or the output head is not implemented; a score head needs a classifier',
    });
  }
  return warnings;
}

// ---- writing ----------------------------------------------------------------------------------------------------

/** The trained tensors as PEFT stores them; of a pruned AdaLoRA only the triplets that are left. */
export function adapterTensors(device: Device, { trainable, adalora }: Model): TensorToWrite[] {
  const kept = adalora === null ? null : keptTriplets(device, adalora);
  const cut = new Map<Tensor, { readonly rows: boolean; readonly keep: readonly boolean[] }>();
  for (const { name, a, e, b } of adalora?.modules ?? []) {
    const keep = kept?.get(name);
    // of a pruned adapter that was loaded, only what was kept is there
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
  model: Pick<Model, 'decoder' | 'adalora'>,
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

const count = 'number.integer >= 1';
const names = 'string >= 1 | string[] | null';

const ConfigFile = type({
  peft_type: "'LORA' | 'ADALORA'",
  'task_type?': "'SEQ_CLS' | 'CAUSAL_LM' | null",
  'base_model_name_or_path?': 'string | null',
  'revision?': 'string | null',
  target_modules: 'string >= 1 | string[] >= 1',
  'exclude_modules?': names,
  'layers_to_transform?': 'number.integer >= 0 | number.integer[] | null',
  'modules_to_save?': 'string[] | null',
  'r?': count,
  lora_alpha: 'number',
  'lora_dropout?': '0 <= number < 1',
  'use_rslora?': 'boolean | null',
  'rank_pattern?': 'object | null',
  'alpha_pattern?': type('Record<string, number>').or('null'),
  'init_r?': count,
  'target_r?': 'number.integer >= 0',
  'tinit?': 'number.integer >= 0',
  'tfinal?': 'number.integer >= 0',
  'deltaT?': count,
  'beta1?': '0 < number < 1',
  'beta2?': '0 < number < 1',
  'orth_reg_weight?': 'number >= 0',
  'total_step?': 'number.integer >= 1 | null',
});
type ConfigFile = typeof ConfigFile.infer;

const LoraRanks = type({ '[string]': count });
const KeptRanks = type({ '[string]': 'boolean[]' });

type Modules = Pick<LoraOptions, 'targets' | 'exclude' | 'layers' | 'modulesToSave' | 'dropout' | 'alpha'>;

function loraOptions(config: ConfigFile, modules: Modules): LoraOptions {
  const ranks = LoraRanks(config.rank_pattern ?? {});
  if (ranks instanceof type.errors) throw inputError(`rank_pattern ${ranks.summary.replace(/\s+/g, ' ')}`);
  return {
    kind: 'lora',
    ...modules,
    rank: config.r ?? 8,
    ...(config.use_rslora ? { rslora: true } : {}),
    ...(isSet(ranks) ? { rankPattern: ranks } : {}),
    ...(isSet(config.alpha_pattern) ? { alphaPattern: config.alpha_pattern! } : {}),
  };
}

function adaLoraOptions(config: ConfigFile, modules: Modules, file: string): AdaLoraOptions {
  const pattern = KeptRanks(config.rank_pattern ?? {});
  if (pattern instanceof type.errors) throw inputError(`${file}: rank_pattern ${pattern.summary.replace(/\s+/g, ' ')}`);
  const initialRank = config.init_r ?? 12;
  const kept = Object.fromEntries(
    Object.entries(pattern).map(([name, flags]) => [name.replace(/\.lora_E(\..*)?$/, ''), flags]),
  );
  for (const [name, flags] of Object.entries(kept)) {
    if (flags.length !== initialRank) {
      throw inputError(`${file}: rank_pattern of ${name} has ${flags.length} entries, init_r is ${initialRank}`);
    }
  }
  return {
    kind: 'adalora',
    ...modules,
    // a scale of 0 would switch the adapter off: PEFT takes the initial rank then (update_layer)
    alpha: modules.alpha > 0 ? modules.alpha : initialRank,
    initialRank,
    targetRank: config.target_r ?? 8,
    warmupSteps: config.tinit ?? 0,
    finalSteps: config.tfinal ?? 0,
    interval: config.deltaT ?? 1,
    totalSteps: config.total_step ?? 1,
    beta1: config.beta1 ?? 0.85,
    beta2: config.beta2 ?? 0.85,
    orthogonalWeight: config.orth_reg_weight ?? 0.5,
    budget: config.rank_pattern == null ? 'never-updated' : 'scheduled',
    kept,
  };
}

/** Fields that say nothing about what a loaded adapter computes. */
const NEUTRAL = [
  'alora_invocation_tokens arrow_config auto_mapping corda_config ensure_weight_tying eva_config fan_in_fan_out inference_mode',
  'init_lora_weights kasa_config layer_replication layers_pattern loftq_config lora_bias lora_ga_config megatron_config',
  'megatron_core monteclora_config peft_version qalora_group_size runtime_config target_parameters trainable_token_indices',
  'use_bdlora use_dora use_qalora velora_config bias',
].flatMap((line) => line.split(' '));

const KNOWN = new Set([...NEUTRAL, ...ConfigFile.props.map(({ key }) => String(key))]);

/** Fields that change what an adapter computes when they are set. */
const UNIMPLEMENTED = [
  'alora_invocation_tokens',
  'arrow_config',
  'fan_in_fan_out',
  'kasa_config',
  'layer_replication',
  'layers_pattern',
  'lora_bias',
  'monteclora_config',
  'target_parameters',
  'trainable_token_indices',
  'use_bdlora',
  'use_dora',
  'use_qalora',
  'velora_config',
] as const;

/** Ways to start that leave the base model as it is: a loaded adapter has its own values anyway. */
const NEUTRAL_STARTS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva'];

function refuseUnimplemented(fields: Record<string, unknown>, file: string): void {
  const refused: string[] = UNIMPLEMENTED.filter((key) => isSet(fields[key]));
  if (fields.bias !== undefined && fields.bias !== 'none') refused.push('bias');
  if (!NEUTRAL_STARTS.includes(fields.init_lora_weights)) refused.push('init_lora_weights');
  if (fields.ensure_weight_tying === true && isSet(fields.modules_to_save)) refused.push('ensure_weight_tying');
  if (refused.length === 0) return;
  const named = refused.map((key) => `${key} = ${JSON.stringify(fields[key])}`.slice(0, 80)).join(', ');
  throw inputError(`${file}: ${named} changes the mathematics and is not implemented`, {
    where: { file },
    remedy: 'merge the adapter with PEFT and load the merged model, or train one without it',
  });
}

/** Not null, false, empty or zero. */
function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Names of a file without what only PEFT's live modules have: the adapter's name, wrappers of saved modules. */
function canonicalNames(tensors: Safetensors): Map<string, StoredTensor> {
  const names = new Map<string, StoredTensor>();
  for (const [name, stored] of tensors.tensors) {
    if (/\.original_module\.|\.ranknum(\.|$)/.test(name)) continue;
    const plain = name
      .replace(/\.modules_to_save(\.[^.]+)?\.(weight|bias)$/, '.$2')
      .replace(/\.(lora_[AB])\.[^.]+\.weight$/, '.$1.weight')
      .replace(/\.(lora_[ABE])\.(?!weight$)[^.]+$/, '.$1');
    names.set(plain.startsWith('base_model.model.') ? plain : `base_model.model.${plain}`, stored);
  }
  return names;
}

function baseWarnings({ folder, base, baseSha256 }: AdapterFiles, name: string): string[] {
  if (baseSha256 !== null || base.id === null || basename(base.id) === basename(name)) return [];
  return [`${folder} was trained on ${base.id}; nothing in it proves that ${name} is the same model`];
}

/** Triplets that are not masked, or still have a value: those without either add nothing. */
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
 * Last parts of names where they mean exactly the adapted linears, full names elsewhere. Never an expression: PEFT holds it
 * against every module, activations and whole blocks among them.
 */
function targetModules({ decoder }: Pick<Model, 'decoder'>): string[] {
  const all = [...decoder.linears()];
  const adapted = all.filter(({ lora }) => lora !== null).map(({ name }) => name);
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const short = [...new Set(adapted.map(last))].sort();
  const meant = all.filter(({ name }) => unmatchedTargets(short, [name]).length < short.length);
  return meant.length === adapted.length ? short : adapted.sort();
}

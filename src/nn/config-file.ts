/**
 * `config.json` of a Hugging Face checkpoint, as transformers 4 and 5 write it, for Llama, Qwen2, Qwen3 and the text part of
 * Gemma 3.
 *
 * What happens to a field:
 * - one that decides the mathematics is read, with the default transformers gives it where published files leave it out;
 * - one that would change the mathematics and is not implemented is rejected by name, unless it has its neutral value
 *   (`ONLY_NEUTRAL`, and the values the schema below allows);
 * - one that is known to change nothing here is ignored (`NEUTRAL`), as is any field that is null;
 * - any other is ignored too, and reported once by `unknownConfigFields`, for the caller to show.
 */

import { type } from 'arktype';
import { inputError, type MedreproError } from '../errors';
import { isRecord } from '../json';
import {
  DEFAULT_ROPE_THETA,
  type DecoderConfig,
  type DecoderFeatures,
  decoderConfig,
  type Family,
  type LayerKind,
  layerKind,
  type RopeOptions,
  type RopeScaling,
  shortestPattern,
} from './config';

/**
 * @param text the file's content
 * @param file its name, for messages
 * @throws MedreproError `input` naming every field that is missing, wrong or not implemented.
 */
export function parseConfig(text: string, file: string): DecoderConfig {
  const fields = withDefaults(textFields(parseObject(text, file), file));
  const refuse = refusal(file);
  const config = ConfigFile(fields);
  if (config instanceof type.errors) {
    // two problems of one field come as a list over several lines
    throw refuse(config.map(({ message }) => message.replace(/\s+/g, ' ')).join('; '));
  }
  for (const [name, neutral] of Object.entries(ONLY_NEUTRAL)) {
    const value = fields[name];
    const none = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!none && !neutral.includes(value)) {
      throw refuse(`${name} ${quote(value)} is not implemented`);
    }
  }
  const family = FAMILY_OF[config.model_type];
  const heads = config.num_attention_heads;
  const kvHeads = config.num_key_value_heads ?? heads;
  const headDim = config.head_dim ?? config.hidden_size / heads;
  if (heads % kvHeads !== 0) throw refuse('num_attention_heads is not a multiple of num_key_value_heads');
  if (!Number.isInteger(headDim))
    throw refuse('hidden_size is not a multiple of num_attention_heads, and no head_dim is');
  if (headDim % 2 !== 0) throw refuse(`head_dim ${headDim} is odd`);
  const classifier = config.architectures?.some((name) => name.endsWith('ForSequenceClassification')) ?? false;
  const eos = config.eos_token_id ?? [];
  if (heads * headDim > MAX_WIDTH) throw refuse(`${heads} heads of ${headDim} dimensions are more than ${MAX_WIDTH}`);
  const sizes = {
    vocabSize: config.vocab_size,
    hiddenSize: config.hidden_size,
    layers: config.num_hidden_layers,
    heads,
    kvHeads,
    headDim,
    intermediateSize: config.intermediate_size,
    rmsNormEpsilon: config.rms_norm_eps,
    maxPositions: config.max_position_embeddings,
    tieWordEmbeddings: config.tie_word_embeddings ?? family === 'gemma3',
    labels: classifier ? (config.num_labels ?? Object.keys(config.id2label ?? { 0: '', 1: '' }).length) : 0,
    padTokenId: config.pad_token_id ?? null,
    eosTokenIds: Array.isArray(eos) ? eos : [eos],
  };
  const rope = family === 'gemma3' ? gemmaRope(config, refuse) : plainRope(config, refuse);
  const attentionDropout = config.attention_dropout ?? 0;
  const features = {
    ...featuresOf(config, family, refuse),
    ...windows(config, family, refuse),
    rope,
    attentionDropout,
  };
  return decoderConfig(family, { ...sizes, ropeTheta: rope.full.theta }, features);
}

/** Fields of a `config.json` that are neither read nor known to change nothing; names only, sorted. */
export function unknownConfigFields(text: string, file: string): string[] {
  const fields = textFields(parseObject(text, file), file);
  return Object.keys(fields)
    .filter((name) => !READ.has(name) && !NEUTRAL.has(name) && !Object.hasOwn(ONLY_NEUTRAL, name))
    .filter((name) => fields[name] !== null)
    .sort();
}

/** The class that transformers (5.18: modeling_auto.py) gives a model of a type that `parseConfig` reads, for a task. */
export function architectureOf(modelType: string, task: 'causal-lm' | 'sequence-classification'): string {
  const [causal, classifier] = ARCHITECTURES[modelType]!;
  return task === 'causal-lm' ? causal : classifier;
}

/**
 * `config.json` as transformers would write it for this model. Rotary settings are in the form of transformers 4, which 5
 * reads too.
 */
export function configJson(config: DecoderConfig, dtype: 'bfloat16' | 'float16' | 'float32'): string {
  const { family, biases, layerPattern, rope, eosTokenIds } = config;
  const activation = config.activation === 'silu' ? 'silu' : 'gelu_pytorch_tanh';
  const task = config.labels > 0 ? 'sequence-classification' : 'causal-lm';
  const sliding = layerPattern.includes('sliding');
  const kinds = (): string[] =>
    Array.from({ length: config.layers }, (_, index) => `${layerKind(config, index)}_attention`);
  const fields: Json = {
    architectures: [architectureOf(MODEL_TYPE[family], task)],
    attention_dropout: config.attentionDropout,
    dtype,
    eos_token_id: eosTokenIds.length > 1 ? eosTokenIds : (eosTokenIds[0] ?? null),
    head_dim: config.headDim,
    [family === 'gemma3' ? 'hidden_activation' : 'hidden_act']: activation,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    model_type: MODEL_TYPE[family],
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    pad_token_id: config.padTokenId,
    rms_norm_eps: config.rmsNormEpsilon,
    rope_theta: rope.full.theta,
    tie_word_embeddings: config.tieWordEmbeddings,
    vocab_size: config.vocabSize,
  };
  if (family !== 'qwen2') fields.attention_bias = biases.includes('self_attn.o_proj');
  if (family === 'llama') fields.mlp_bias = biases.includes('mlp.gate_proj');
  if (rope.full.scaling !== null) fields.rope_scaling = scalingJson(rope.full.scaling);
  if (config.labels > 0) {
    const labels = Array.from({ length: config.labels }, (_, label) => `LABEL_${label}`);
    fields.id2label = Object.fromEntries(labels.map((name, label) => [label, name]));
    fields.label2id = Object.fromEntries(labels.map((name, label) => [name, label]));
  }
  if (sliding) Object.assign(fields, { layer_types: kinds(), sliding_window: config.window });
  if (family === 'gemma3') {
    fields.query_pre_attn_scalar = inverseSquare(config.attentionScale);
    fields.rope_local_base_freq = rope.sliding.theta;
    fields.layer_types ??= kinds();
  } else if (sliding) fields.use_sliding_window = true;
  return `${JSON.stringify(Object.fromEntries(Object.entries(fields).sort(byName)), null, 2)}\n`;
}

// --- internal ---

type Json = Record<string, unknown>;
type Refuse = (problem: string) => MedreproError;

/** Bounds far above any model, so that numbers computed from sizes are exact and lists of blocks and labels fit into memory. */
const MAX_LAYERS = 10_000;
const MAX_WIDTH = 2 ** 20;
const MAX_ROWS = 2 ** 24;
const positive = 'number.integer > 0';
const width = `1 <= number.integer <= ${MAX_WIDTH}` as const;
const rows = `1 <= number.integer <= ${MAX_ROWS}` as const;
/** The largest int32, as kernels take it. */
const distance = `1 <= number.integer <= ${2 ** 31 - 1}` as const;

/** transformers' ACT2FN: SiLU has two names there, and GELU by tanh several, each with the same formula. */
const ACTIVATIONS: Readonly<Record<string, DecoderFeatures['activation']>> = {
  silu: 'silu',
  swish: 'silu',
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_python_tanh: 'gelu-tanh',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
};

const ConfigFile = type({
  model_type: "'llama' | 'qwen2' | 'qwen3' | 'gemma3_text'",
  'architectures?': 'string[] | null',
  vocab_size: rows,
  hidden_size: width,
  num_hidden_layers: `1 <= number.integer <= ${MAX_LAYERS}`,
  num_attention_heads: width,
  'num_key_value_heads?': `${width} | null`,
  'head_dim?': `${width} | null`,
  intermediate_size: rows,
  rms_norm_eps: 'number > 0',
  max_position_embeddings: positive,
  'rope_theta?': 'number > 0',
  'rope_local_base_freq?': 'number > 0',
  'rope_scaling?': 'object | null',
  'rope_parameters?': 'object | null',
  'tie_word_embeddings?': 'boolean',
  'hidden_act?': 'string',
  'hidden_activation?': 'string | null',
  'attention_dropout?': '0 <= number < 1 | null',
  'attention_bias?': 'boolean',
  'mlp_bias?': 'boolean',
  'use_sliding_window?': 'boolean',
  'sliding_window?': `${distance} | null`,
  'max_window_layers?': 'number.integer >= 0',
  'sliding_window_pattern?': positive,
  'layer_types?': "('full_attention' | 'sliding_attention')[] | null",
  'query_pre_attn_scalar?': 'number > 0',
  'id2label?': 'object | null',
  'num_labels?': width,
  'pad_token_id?': 'number.integer | null',
  'eos_token_id?': 'number.integer | number.integer[] | null',
});
type ConfigFields = typeof ConfigFile.infer;

const FAMILY_OF: Readonly<Record<ConfigFields['model_type'], Family>> = {
  llama: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  gemma3_text: 'gemma3',
};
const MODEL_TYPE: Readonly<Record<Family, string>> = {
  llama: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
  gemma3: 'gemma3_text',
};
const ARCHITECTURES: Readonly<Record<string, readonly [causal: string, classifier: string]>> = {
  llama: ['LlamaForCausalLM', 'LlamaForSequenceClassification'],
  qwen2: ['Qwen2ForCausalLM', 'Qwen2ForSequenceClassification'],
  qwen3: ['Qwen3ForCausalLM', 'Qwen3ForSequenceClassification'],
  gemma3: ['Gemma3ForConditionalGeneration', 'Gemma3ForSequenceClassification'],
  gemma3_text: ['Gemma3ForCausalLM', 'Gemma3TextForSequenceClassification'],
};

/** Names of the schema's fields. */
const READ: ReadonlySet<string> = new Set(
  (ConfigFile.json as { required: { key: string }[]; optional: { key: string }[] }).required
    .concat((ConfigFile.json as { optional: { key: string }[] }).optional)
    .map(({ key }) => key),
);

/** Fields that change the mathematics when they have another value than these; nothing of the kind is implemented. */
const ONLY_NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  use_bidirectional_attention: [false],
  partial_rotary_factor: [1],
  clip_qkv: [],
  logit_scale: [1],
  logits_scaling: [1],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  attention_multiplier: [],
  no_rope_layers: [],
  attention_chunk_size: [],
  use_mrope: [false],
  num_experts: [0],
  num_local_experts: [0],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
};

/** Fields that change nothing in what is computed here. */
const NEUTRAL: ReadonlySet<string> = new Set(
  `_sliding_window_pattern _attn_implementation _attn_implementation_autoset _name_or_path attn_implementation auto_map bos_token_id cache_implementation
  chunk_size_feed_forward classifier_dropout cross_attention_hidden_size decoder_start_token_id dtype finetuning_task
  forced_bos_token_id forced_eos_token_id initializer_range is_decoder label2id language_model_tp_plan name_or_path
  output_attentions output_hidden_states prefix pretraining_tp problem_type pruned_heads quantization_config return_dict return_dict_in_generate sep_token_id
  task_specific_params tf_legacy_loss tie_encoder_decoder tokenizer_class torch_dtype torchscript transformers.js_config
  transformers_version unsloth_fixed unsloth_version use_bfloat16 use_cache
  bad_words_ids begin_suppress_tokens diversity_penalty do_sample early_stopping encoder_no_repeat_ngram_size
  exponential_decay_length_penalty length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams
  num_return_sequences output_scores remove_invalid_values repetition_penalty suppress_tokens temperature top_k top_p
  typical_p
  boi_token_index eoi_token_index image_token_index boi_token_id eoi_token_id image_token_id mm_tokens_per_image
  text_config vision_config`
    .trim()
    .split(/\s+/),
);

/**
 * Defaults of transformers' configuration classes (5.18) for fields that a file leaves out. The nested text_config of Gemma 3
 * holds only what differs from them. The other families always write their sizes, so one of those that is missing is an error.
 */
const QWEN_DEFAULTS: Json = {
  num_key_value_heads: 32,
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  sliding_window: 4096,
};
const DEFAULTS: Readonly<Record<string, Json>> = {
  llama: { max_position_embeddings: 2048, rms_norm_eps: 1e-6, eos_token_id: 2 },
  qwen2: QWEN_DEFAULTS,
  qwen3: { ...QWEN_DEFAULTS, head_dim: 128 },
  gemma3_text: {
    vocab_size: 262_208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    hidden_activation: 'gelu_pytorch_tanh',
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-6,
    pad_token_id: 0,
    eos_token_id: 1,
    sliding_window: 4096,
    query_pre_attn_scalar: 256,
  },
};
const GEMMA3_THETA = { full: 1e6, sliding: 1e4 } as const;
const GEMMA3_PATTERN = 6;
/** Qwen2Config's and Qwen3Config's default. */
const MAX_WINDOW_LAYERS = 28;

const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

function refusal(file: string): Refuse {
  return (problem) =>
    inputError(`${file}: ${problem}`, {
      where: { file },
      remedy: 'checkpoints of Llama, Qwen2, Qwen3 and Gemma 3 run, as transformers saves them',
    });
}

/** A value of the file, on one line of bounded length. */
function quote(value: unknown): string {
  const text = JSON.stringify(value).replace(/[\p{Zl}\p{Zp}]/gu, '?');
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function parseObject(text: string, file: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw inputError(`${file} is not JSON: ${(error as Error).message.replace(/\s+/g, ' ').slice(0, 200)}`, {
      where: { file },
      remedy: 'fetch or export the file again',
    });
  }
  if (!isRecord(json)) throw refusal(file)('not a JSON object');
  return json;
}

/** The fields of the text model: those of a multimodal Gemma 3 are in `text_config`, the head's at the top level. */
function textFields(fields: Json, file: string): Json {
  if (fields.model_type !== 'gemma3') return fields;
  const text = fields.text_config ?? {};
  if (!isRecord(text)) throw refusal(file)('text_config is not an object');
  const head = { tie_word_embeddings: true, ...withoutNull(pick(fields, HEAD_FIELDS)) };
  return { ...fields, ...withoutNull(text), ...head, model_type: 'gemma3_text' };
}

/** Fields of a multimodal config that override those of its text part; its own `tie_word_embeddings` is ignored. */
const HEAD_FIELDS = ['architectures', 'eos_token_id', 'id2label', 'num_labels', 'tie_word_embeddings'];

const pick = (fields: Json, names: readonly string[]): Json =>
  Object.fromEntries(names.map((name) => [name, fields[name]]));
const withoutNull = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));

function withDefaults(fields: Json): Json {
  const type = fields.model_type;
  return typeof type === 'string' && Object.hasOwn(DEFAULTS, type) ? { ...DEFAULTS[type], ...fields } : fields;
}

/** Biases, activation and the factor of the scores. */
function featuresOf(config: ConfigFields, family: Family, refuse: Refuse): Partial<DecoderFeatures> {
  const features: { -readonly [Name in keyof DecoderFeatures]?: DecoderFeatures[Name] } = {};
  if (family !== 'qwen2' && config.attention_bias) {
    features.biases = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'];
  }
  if (family === 'llama' && config.mlp_bias) {
    features.biases = [...(features.biases ?? []), 'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];
  }
  const field = family === 'gemma3' ? 'hidden_activation' : 'hidden_act';
  const activation = config[field] ?? null;
  if (activation !== null) {
    const known = Object.hasOwn(ACTIVATIONS, activation) ? ACTIVATIONS[activation] : undefined;
    if (known === undefined) throw refuse(`${field} ${quote(activation)} is not implemented`);
    features.activation = known;
  }
  if (family === 'gemma3') features.attentionScale = 1 / Math.sqrt(config.query_pre_attn_scalar!);
  return features;
}

/** Which layers slide, and the window, as each family's config class decides it. */
function windows(
  config: ConfigFields,
  family: Family,
  refuse: Refuse,
): Pick<DecoderFeatures, 'layerPattern' | 'window'> {
  const layers = config.num_hidden_layers;
  const qwen = family === 'qwen2' || family === 'qwen3';
  // Qwen's sliding_window counts only when it is switched on, Gemma's always
  const inUse = qwen ? config.use_sliding_window === true : family === 'gemma3';
  const window = inUse ? (config.sliding_window ?? null) : null;
  let kinds: LayerKind[] = ['full'];
  const listed = (length: number, kind: (index: number) => LayerKind): LayerKind[] =>
    Array.from({ length }, (_, index) => kind(index));
  if (config.layer_types != null) {
    if (config.layer_types.length !== layers) {
      throw refuse(`layer_types has ${config.layer_types.length} entries for ${layers} layers`);
    }
    kinds = config.layer_types.map((name) => (name === 'full_attention' ? 'full' : 'sliding'));
  } else if (family === 'gemma3') {
    const period = config.sliding_window_pattern ?? GEMMA3_PATTERN;
    kinds = listed(Math.min(period, layers), (i) => ((i + 1) % period === 0 ? 'full' : 'sliding'));
  } else if (qwen && window !== null && (config.max_window_layers ?? MAX_WINDOW_LAYERS) < layers) {
    const first = config.max_window_layers ?? MAX_WINDOW_LAYERS;
    kinds = first === 0 ? ['sliding'] : listed(layers, (i) => (i < first ? 'full' : 'sliding'));
  }
  const layerPattern = shortestPattern(kinds);
  if (!layerPattern.includes('sliding')) return { layerPattern, window: null };
  if (window === null) {
    const cause = inUse ? 'sliding_window is not given' : 'use_sliding_window is not true';
    throw refuse(`layer_types has sliding_attention, and ${cause}`);
  }
  return { layerPattern, window };
}

/** One rotary setting for every layer: `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (4). */
function plainRope(config: ConfigFields, refuse: Refuse): Readonly<Record<LayerKind, RopeOptions>> {
  const parameters = (config.rope_parameters ?? null) as Json | null;
  const nested = parameters !== null && Object.values(parameters).some(isRecord);
  if (nested) throw refuse('rope_parameters per layer type are not implemented for this model_type');
  const scaling = readScaling(config, parameters, refuse);
  const older = (config.rope_scaling ?? {}) as Json;
  const outside = config.rope_theta ?? DEFAULT_ROPE_THETA;
  const theta = readTheta(parameters, refuse) ?? outside;
  // transformers 5 takes rope_scaling for all of rope_parameters, base and all
  if (parameters !== null && Object.keys(older).length > 0 && theta !== (readTheta(older, refuse) ?? outside)) {
    throw refuse('rope_scaling and rope_parameters disagree on rope_theta');
  }
  const rope = { theta, scaling };
  return { full: rope, sliding: rope };
}

/** Gemma 3 has one rotary base for global layers and another for local ones, and scales only the former. */
function gemmaRope(config: ConfigFields, refuse: Refuse): Readonly<Record<LayerKind, RopeOptions>> {
  const parameters = (config.rope_parameters ?? {}) as Json;
  const part = (name: string): Json | null => {
    const value = parameters[name] ?? null;
    if (value !== null && !isRecord(value)) throw refuse(`rope_parameters.${name} is not an object`);
    return value;
  };
  const [full, sliding] = [part('full_attention'), part('sliding_attention')];
  const other = Object.keys(parameters).find((name) => name !== 'full_attention' && name !== 'sliding_attention');
  if (other !== undefined) {
    throw refuse(`rope_parameters.${other} is not one of full_attention and sliding_attention`);
  }
  const older = (config.rope_scaling ?? null) as Json | null;
  if (older !== null && older.rope_type === undefined && (older.type ?? 'default') !== 'default') {
    throw refuse(
      `rope_scaling.type ${quote(older.type)} scales in transformers 4 and not in 5: name it rope_type, or leave it out`,
    );
  }
  const local = { ...config, rope_scaling: null };
  return {
    full: {
      theta: readTheta(full, refuse) ?? config.rope_theta ?? GEMMA3_THETA.full,
      scaling: readScaling(config, full, refuse),
    },
    sliding: {
      theta: readTheta(sliding, refuse) ?? config.rope_local_base_freq ?? GEMMA3_THETA.sliding,
      scaling: readScaling(local, sliding, refuse),
    },
  };
}

function readTheta(parameters: Json | null, refuse: Refuse): number | null {
  const theta = parameters?.rope_theta ?? null;
  return theta === null ? null : readPositive(theta, 'rope_parameters.rope_theta', refuse);
}

/** The scaling of `rope_parameters` or `rope_scaling`; both may be there when they say the same. */
function readScaling(config: ConfigFields, parameters: Json | null, refuse: Refuse): RopeScaling | null {
  const older = (config.rope_scaling ?? null) as Json | null;
  const positions = config.max_position_embeddings;
  if (parameters === null) return older === null ? null : scalingOf(older, 'rope_scaling', positions, refuse);
  const scaling = scalingOf(parameters, 'rope_parameters', positions, refuse);
  if (older !== null && !Bun.deepEquals(scalingOf(older, 'rope_scaling', positions, refuse), scaling)) {
    throw refuse('rope_scaling and rope_parameters disagree');
  }
  return scaling;
}

function scalingOf(rope: Json, at: string, maxPositions: number, refuse: Refuse): RopeScaling | null {
  const kind = rope.rope_type ?? rope.type ?? 'default';
  if ((rope.partial_rotary_factor ?? 1) !== 1) {
    throw refuse(`${at}.partial_rotary_factor ${quote(rope.partial_rotary_factor)} is not implemented`);
  }
  const read = (name: string, otherwise?: number): number =>
    readPositive(rope[name] ?? otherwise, `${at}.${name}`, refuse);
  if (kind === 'default') return null;
  if (kind === 'linear' || kind === 'dynamic') return { kind, factor: read('factor') };
  if (kind !== 'llama3') throw refuse(`rope type ${quote(kind)} is not implemented`);
  const scaling = {
    kind,
    factor: read('factor'),
    lowFreqFactor: read('low_freq_factor'),
    highFreqFactor: read('high_freq_factor'),
    originalPositions: read('original_max_position_embeddings', maxPositions),
  } as const;
  if (scaling.highFreqFactor <= scaling.lowFreqFactor) {
    throw refuse(`${at}.high_freq_factor must be above low_freq_factor`);
  }
  return scaling;
}

function readPositive(value: unknown, name: string, refuse: Refuse): number {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value;
  throw refuse(`${name} must be a positive number (was ${value === undefined ? 'missing' : quote(value)})`);
}

/** n of a scale 1/sqrt(n), as a whole number where it is one. */
function inverseSquare(scale: number): number {
  const whole = Math.round(scale ** -2);
  return 1 / Math.sqrt(whole) === scale ? whole : scale ** -2;
}

function scalingJson(scaling: RopeScaling): Json {
  if (scaling.kind !== 'llama3') return { factor: scaling.factor, rope_type: scaling.kind };
  return {
    factor: scaling.factor,
    high_freq_factor: scaling.highFreqFactor,
    low_freq_factor: scaling.lowFreqFactor,
    original_max_position_embeddings: scaling.originalPositions,
    rope_type: 'llama3',
  };
}

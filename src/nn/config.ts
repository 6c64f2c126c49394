/**
 * `config.json` of a Hugging Face checkpoint, as far as it decides the mathematics. A field that would change the result and
 * is not implemented is refused; fields that change nothing are ignored.
 */
import { type } from 'arktype';
import { inputError } from '../errors';

/** Everything the decoder needs; names as in transformers. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly rmsNormEpsilon: number;
  readonly ropeTheta: number;
  readonly maxPositions: number;
  readonly tieWordEmbeddings: boolean;
  /** Classes of a sequence classifier, 0 for a causal LM. */
  readonly labels: number;
  readonly padTokenId: number | null;
  readonly eosTokenId: number | null;
}

const positive = 'number.integer > 0';

const Rope = type({ 'rope_theta?': 'number > 0', 'rope_type?': 'string', 'type?': 'string', 'factor?': 'number' });

const ConfigFile = type({
  model_type: "'qwen3'",
  'architectures?': 'string[] | null',
  vocab_size: positive,
  hidden_size: positive,
  num_hidden_layers: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive,
  head_dim: positive,
  intermediate_size: positive,
  rms_norm_eps: 'number > 0',
  max_position_embeddings: positive,
  'rope_theta?': 'number > 0',
  'rope_scaling?': Rope.or('null'),
  'rope_parameters?': Rope.or('null'),
  'tie_word_embeddings?': 'boolean',
  'hidden_act?': "'silu'",
  'attention_bias?': 'false',
  'use_sliding_window?': 'false',
  'layer_types?': "'full_attention'[] | null",
  'quantization_config?': 'null',
  'attention_dropout?': '0',
  'id2label?': 'object | null',
  'num_labels?': 'number.integer',
  'pad_token_id?': 'number.integer | null',
  'eos_token_id?': 'number.integer | number.integer[] | null',
});

/**
 * @param text the file's content
 * @param file its name, for messages
 * @throws MedreproError `input` naming every field that is missing, wrong or not implemented.
 */
export function parseConfig(text: string, file: string): DecoderConfig {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw inputError(`${file} is not JSON: ${(error as Error).message}`, { where: { file } });
  }
  const config = ConfigFile(json);
  if (config instanceof type.errors) {
    // two problems of one field come as a list over several lines
    const problems = config.map(({ message }) => message.replace(/\s+/g, ' '));
    throw inputError(`${file}: ${problems.join('; ')}`, {
      where: { file },
      remedy:
        'only plain Qwen3 checkpoints run in this version: no biases, sliding windows, rope scaling, quantised weights',
    });
  }
  // transformers 5 writes rope_parameters; 4 wrote rope_theta and rope_scaling
  for (const rope of [config.rope_parameters, config.rope_scaling]) {
    const kind = rope?.rope_type ?? rope?.type ?? 'default';
    if (kind !== 'default') throw inputError(`${file}: rope type ${JSON.stringify(kind)} is not implemented`);
  }
  const ropeTheta = config.rope_parameters?.rope_theta ?? config.rope_theta;
  if (ropeTheta === undefined) throw inputError(`${file}: neither rope_theta nor rope_parameters.rope_theta is given`);
  if (config.num_attention_heads % config.num_key_value_heads !== 0) {
    throw inputError(`${file}: num_attention_heads is not a multiple of num_key_value_heads`);
  }
  if (config.head_dim % 2 !== 0) throw inputError(`${file}: head_dim ${config.head_dim} is odd`);
  const classifier = config.architectures?.some((name) => name.endsWith('ForSequenceClassification')) ?? false;
  const eos = config.eos_token_id;
  return {
    vocabSize: config.vocab_size,
    hiddenSize: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    intermediateSize: config.intermediate_size,
    rmsNormEpsilon: config.rms_norm_eps,
    ropeTheta,
    maxPositions: config.max_position_embeddings,
    tieWordEmbeddings: config.tie_word_embeddings ?? false,
    labels: classifier ? (config.num_labels ?? Object.keys(config.id2label ?? { 0: '', 1: '' }).length) : 0,
    padTokenId: config.pad_token_id ?? null,
    eosTokenId: (Array.isArray(eos) ? eos[0] : eos) ?? null,
  };
}

/** `config.json` as transformers would write it for this model. */
export function configJson(config: DecoderConfig, dtype: 'bfloat16' | 'float32'): string {
  const fields = {
    architectures: [config.labels > 0 ? 'Qwen3ForSequenceClassification' : 'Qwen3ForCausalLM'],
    attention_bias: false,
    attention_dropout: 0,
    dtype,
    eos_token_id: config.eosTokenId,
    head_dim: config.headDim,
    hidden_act: 'silu',
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    model_type: 'qwen3',
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    pad_token_id: config.padTokenId,
    rms_norm_eps: config.rmsNormEpsilon,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tieWordEmbeddings,
    vocab_size: config.vocabSize,
  };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

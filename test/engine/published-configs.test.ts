/** config.json of published models, as transformers 4 and 5 write them: read alike, as transformers reads them. */
import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MedreproError } from '../../src/errors';
import { type DecoderConfig, FAMILIES, layerKind } from '../../src/nn/config';
import { configJson, parseConfig, unknownConfigFields } from '../../src/nn/config-file';
import { rotaryFrequencies } from '../../src/nn/rope';
import { FIXTURES, readTensors } from './support';

const text = (name: string): string => readFileSync(join(FIXTURES, 'configs', name), 'utf8');
const parse = (name: string): DecoderConfig => parseConfig(text(name), name);

const LLAMA3 = { kind: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalPositions: 8192 };
const QKV = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'];
const GEMMA_ROPE = {
  full: { theta: 1e6, scaling: { kind: 'linear', factor: 8 } },
  sliding: { theta: 1e4, scaling: null },
};

const MODELS: [string, Partial<DecoderConfig>][] = [
  [
    'llama-3.2-1b-instruct',
    {
      family: 'llama',
      kvHeads: 8,
      headDim: 64,
      tieWordEmbeddings: true,
      eosTokenIds: [128001, 128008, 128009],
      rope: {
        full: { theta: 5e5, scaling: LLAMA3 },
        sliding: { theta: 5e5, scaling: LLAMA3 },
      } as DecoderConfig['rope'],
    },
  ],
  ['llama-3-8b-instruct', { family: 'llama', headDim: 128, tieWordEmbeddings: false, eosTokenIds: [128009] }],
  ['tinyllama-1.1b', { family: 'llama', headDim: 64, kvHeads: 4, layers: 22, biases: [], qkNorm: false }],
  ['qwen2.5-1.5b-instruct', { family: 'qwen2', biases: QKV as DecoderConfig['biases'], qkNorm: false, window: null }],
  ['qwen3-8b', { family: 'qwen3', qkNorm: true, biases: [], tieWordEmbeddings: false, intermediateSize: 12288 }],
  [
    'medgemma-27b-text-it',
    {
      family: 'gemma3',
      headDim: 128,
      layers: 62,
      window: 1024,
      attentionScale: 1 / Math.sqrt(168),
      embeddingScale: Math.sqrt(5376),
      activation: 'gelu-tanh',
      sandwichNorms: true,
      normOffset: true,
      tieWordEmbeddings: true,
      layerPattern: ['sliding', 'sliding', 'sliding', 'sliding', 'sliding', 'full'],
      rope: GEMMA_ROPE as DecoderConfig['rope'],
    },
  ],
  // what its nested text_config leaves out has transformers' defaults
  [
    'gemma-3-4b-it',
    { family: 'gemma3', headDim: 256, heads: 8, kvHeads: 4, layers: 34, vocabSize: 262_208, eosTokenIds: [1, 106] },
  ],
];

describe.each(MODELS)('%s', (name, expected) => {
  const config = parse(`${name}.v4.json`);

  test('is read, without a field that is not known', () => {
    expect(config).toMatchObject(expected);
    for (const file of [`${name}.v4.json`, `${name}.v5.json`])
      expect(unknownConfigFields(text(file), file)).toEqual([]);
  });

  test('the files of transformers 4 and 5 say the same', () => {
    expect(parse(`${name}.v5.json`)).toEqual(config);
  });

  test('what we write says the same', () => {
    expect(parseConfig(configJson(config, 'bfloat16'), name)).toEqual(config);
  });

  test('rotary frequencies of transformers, bit for bit but for the last place of a power', () => {
    const frequencies = readTensors('configs', 'frequencies.safetensors');
    for (const kind of ['full', 'sliding'] as const) {
      const theirs = frequencies.get(`${name}.${kind}`);
      if (theirs === undefined) continue;
      const ours = rotaryFrequencies(config.headDim, config.rope[kind]);
      expect(ours.length).toBe(theirs.length);
      // one or two units in the last place, where the float32 power differs, survive the scaling
      ours.forEach((value, i) => void expect(Math.abs(value / theirs[i]! - 1)).toBeLessThan(3 * 2 ** -23));
      const equal = ours.filter((value, i) => value === theirs[i]).length;
      expect(equal / ours.length).toBeGreaterThan(0.75);
    }
  });
});

/** A small model of each family. */
const small = (fields: Record<string, unknown>): string =>
  JSON.stringify({
    vocab_size: 96,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    max_position_embeddings: 64,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    ...fields,
  });
const read = (fields: Record<string, unknown>): DecoderConfig => parseConfig(small(fields), 'config.json');
const refusal = (fields: Record<string, unknown>): string => {
  try {
    read(fields);
  } catch (error) {
    expect(error).toBeInstanceOf(MedreproError);
    expect((error as MedreproError).remedy).toBeString();
    return (error as MedreproError).message;
  }
  throw new Error('it was read');
};

describe('features', () => {
  test('windows of Qwen: from layer max_window_layers on, when they are switched on', () => {
    const fields = { model_type: 'qwen2', sliding_window: 8, max_window_layers: 1 };
    expect(read({ ...fields, use_sliding_window: false })).toMatchObject({ layerPattern: ['full'], window: null });
    const config = read({ ...fields, use_sliding_window: true });
    expect(config.window).toBe(8);
    const kinds = Array.from({ length: 4 }, (_, index) => layerKind(config, index));
    expect(kinds).toEqual(['full', 'sliding', 'sliding', 'sliding']);
    expect(read({ ...fields, use_sliding_window: true, max_window_layers: 28 }).window).toBeNull();
    expect(parseConfig(configJson(config, 'float32'), 'written')).toEqual(config);
  });

  test('biases and activations of Llama', () => {
    expect(read({ model_type: 'llama', attention_bias: true }).biases).toHaveLength(4);
    expect(read({ model_type: 'llama', attention_bias: true, mlp_bias: true }).biases).toHaveLength(7);
    expect(read({ model_type: 'llama', hidden_act: 'gelu_pytorch_tanh' }).activation).toBe('gelu-tanh');
  });

  test('what old Llama files leave out', () => {
    const fields = { model_type: 'llama', head_dim: null, num_key_value_heads: null, rope_theta: undefined };
    expect(read(fields)).toMatchObject({ headDim: 8, kvHeads: 4, rope: { full: { theta: 10_000 } } });
  });

  test('what we write of every family', () => {
    for (const family of FAMILIES) {
      const config = read({ model_type: family === 'gemma3' ? 'gemma3_text' : family });
      for (const labels of [0, 5]) {
        const written = configJson({ ...config, labels }, 'float32');
        expect(parseConfig(written, 'written')).toEqual({ ...config, labels });
      }
    }
  });
});

describe('what is refused, by name', () => {
  test.each([
    ['attn_logit_softcapping', { model_type: 'gemma3_text', attn_logit_softcapping: 50 }],
    ['final_logit_softcapping', { model_type: 'gemma3_text', final_logit_softcapping: 30 }],
    ['use_bidirectional_attention', { model_type: 'gemma3_text', use_bidirectional_attention: true }],
    ['partial_rotary_factor', { model_type: 'llama', partial_rotary_factor: 0.5 }],
    [
      'partial_rotary_factor',
      { model_type: 'llama', rope_parameters: { rope_theta: 1e4, partial_rotary_factor: 0.5 } },
    ],
    ['rope_scaling.factor', { model_type: 'llama', rope_scaling: { type: 'dynamic' } }],
    ['longrope', { model_type: 'llama', rope_scaling: { rope_type: 'longrope', factor: 2 } }],
    ['high_freq_factor', { model_type: 'llama', rope_scaling: { rope_type: 'llama3', factor: 2, low_freq_factor: 1 } }],
    [
      'high_freq_factor must be above',
      {
        model_type: 'llama',
        rope_scaling: { rope_type: 'llama3', factor: 2, low_freq_factor: 1, high_freq_factor: 1 },
      },
    ],
    [
      'disagree',
      {
        model_type: 'llama',
        rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 1e4 },
        rope_scaling: { rope_type: 'linear', factor: 4 },
      },
    ],
    [
      'disagree on rope_theta',
      {
        model_type: 'qwen2',
        rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 1e6 },
        rope_scaling: { rope_type: 'linear', factor: 2 },
      },
    ],
    ['name it rope_type', { model_type: 'gemma3_text', rope_scaling: { type: 'linear', factor: 2 } }],
    ['rope_parameters', { model_type: 'qwen2', rope_parameters: { full_attention: { rope_theta: 1e4 } } }],
    ['rope_parameters', { model_type: 'gemma3_text', rope_parameters: { rope_theta: 1e4 } }],
    ['hidden_act', { model_type: 'llama', hidden_act: 'relu' }],
    ['hidden_activation', { model_type: 'gemma3_text', hidden_activation: 'gelu' }],
    ['sliding_window', { model_type: 'gemma3_text', sliding_window: null }],
    ['head_dim', { model_type: 'llama', head_dim: undefined, hidden_size: 30 }],
    ['model_type', { model_type: 'gemma2' }],
    ['num_experts', { model_type: 'qwen3', num_experts: 8 }],
    ['text_config', { model_type: 'gemma3', text_config: 5 }],
  ])('%s %j', (name, fields) => {
    expect(refusal(fields)).toContain(name);
  });
});

test('a field nobody knows is named; one that is null is not', () => {
  const fields = { model_type: 'llama', future_gate: true, other: null, torch_dtype: 'float16', use_cache: false };
  expect(unknownConfigFields(small(fields), 'config.json')).toEqual(['future_gate']);
});

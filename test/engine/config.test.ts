/** `config.json`: both forms transformers writes are read, what is not implemented is refused by name, nothing crashes. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { MedreproError } from '../../src/errors';
import { Device } from '../../src/native/device';
import type { DecoderConfig } from '../../src/nn/config';
import { configJson, parseConfig } from '../../src/nn/config-file';
import { loadModel } from '../../src/nn/model';
import { PLAIN, readJson } from './support';

type Fields = Record<string, unknown>;
const FIXTURE = readJson<Fields>('qwen3', 'causal-tied', 'config.json');

/** The fixture with fields changed; `undefined` leaves one out. */
const config = (changes: Fields): string => JSON.stringify({ ...FIXTURE, ...changes });

function outcome(text: string): DecoderConfig | MedreproError {
  try {
    return parseConfig(text, 'config.json');
  } catch (error) {
    if (!(error instanceof MedreproError)) throw error;
    expect(error.code).toBe('input');
    expect(error.message).toStartWith('config.json');
    expect(error.message).not.toContain('\n');
    return error;
  }
}

const V4 = { rope_parameters: undefined, rope_theta: 1e6, rope_scaling: null, layer_types: undefined };

describe('what is read', () => {
  const expected = parseConfig(config({}), 'config.json');

  test('transformers 5 writes rope_parameters, 4 wrote rope_theta', () => {
    expect(expected).toMatchObject({ vocabSize: 160, hiddenSize: 48, headDim: 16, labels: 0 });
    expect(expected.rope.full).toEqual({ theta: 1e6, scaling: null });
    expect(outcome(config(V4))).toEqual(expected);
    expect(outcome(config({ ...V4, rope_scaling: undefined, sliding_window: null, max_window_layers: 2 }))).toEqual(
      expected,
    );
    expect(outcome(config({ rope_parameters: { rope_type: 'default', rope_theta: 5 }, rope_theta: 7 }))).toMatchObject({
      rope: { full: { theta: 5 } },
    });
  });

  test('a sliding window that is switched off', () => {
    expect(outcome(config({ sliding_window: 4096, use_sliding_window: false }))).toEqual(expected);
  });

  test('what we write', () => {
    const rest = { ...expected };
    expect(outcome(configJson(rest, 'float32'))).toEqual(expected);
  });

  test('numbers of layers and classes that are no length of a list', () => {
    for (const changes of [{ num_hidden_layers: 1e10 }, { num_hidden_layers: 2 ** 31 }, { num_labels: 1e10 }]) {
      expect(outcome(config({ ...V4, ...changes }))).toBeInstanceOf(MedreproError);
    }
  });

  test('the classes of a classifier', () => {
    const classifier = { architectures: ['Qwen3ForSequenceClassification'] };
    const id2label = { 0: 'a', 1: 'b', 2: 'c' };
    expect(outcome(config({ ...classifier, id2label }))).toMatchObject({ labels: 3 });
    expect(outcome(config(classifier))).toMatchObject({ labels: 2 });
    expect(outcome(config({ id2label }))).toMatchObject({ labels: 0 });
  });

  test('several eos tokens, and none', () => {
    expect(outcome(config({ eos_token_id: [5, 6] }))).toMatchObject({ eosTokenIds: [5, 6] });
    expect(outcome(config({ eos_token_id: null }))).toMatchObject({ eosTokenIds: [] });
  });
});

describe('what is refused, by name', () => {
  const cases: [string, Fields, string?][] = [
    ['use_sliding_window', { layer_types: ['full_attention', 'sliding_attention'], sliding_window: 8 }],
    ['sliding_window', { layer_types: ['full_attention', 'sliding_attention'], use_sliding_window: true }],
    ['layer_types', { layer_types: ['full_attention'] }],
    ['layer_types', { layer_types: ['full_attention', 'chunked_attention'] }],
    ['yarn', { rope_parameters: { rope_type: 'yarn', rope_theta: 1e6, factor: 4 } }],
    ['yarn', { ...V4, rope_scaling: { type: 'yarn', factor: 4 } }],
    ['rope_scaling.factor', { ...V4, rope_scaling: { rope_type: 'linear' } }],
    // both fields: the second must not hide behind the first
    ['yarn', { rope_scaling: { rope_type: 'yarn', factor: 4 } }],
    ['model_type', { model_type: 'mixtral' }],
    ['hidden_act', { hidden_act: 'gelu' }],
    ['attention_dropout', { attention_dropout: 1 }],
    ['hidden_act', { hidden_act: 'toString' }],
    ['rope_theta', { ...V4, rope_theta: 0 }],
    ['num_key_value_heads', { num_key_value_heads: 3 }],
    ['head_dim', { head_dim: 15 }],
    ['vocab_size', { vocab_size: 0 }],
    ['hidden_size', { hidden_size: -48 }],
    ['num_hidden_layers', { num_hidden_layers: 1.5 }],
    ['rms_norm_eps', { rms_norm_eps: '1e-6' }],
  ];
  test.each(cases)('%s %j', (name, changes) => {
    const error = outcome(config(changes));
    expect(error).toBeInstanceOf(MedreproError);
    expect((error as MedreproError).message).toContain(name);
  });

  test('every missing field at once', () => {
    const error = outcome('{"model_type":"qwen3"}') as MedreproError;
    for (const name of ['vocab_size', 'hidden_size', 'num_hidden_layers', 'num_attention_heads', 'intermediate_size']) {
      expect(error.message).toContain(name);
    }
  });

  test('what is no object', () => {
    for (const text of ['', '{', '[]', 'null', '"qwen3"', '5', `${'['.repeat(1e5)}`, '{"model_type":"qwen3"} x']) {
      expect(outcome(text)).toBeInstanceOf(MedreproError);
    }
  });
});

test('any value in any field is read or refused', () => {
  const names = Object.keys({ ...FIXTURE, rope_theta: 0, rope_scaling: 0, id2label: 0, num_labels: 0 });
  const extreme = fc.constantFrom(0, -1, 0.5, 1e300, 2 ** 53, 2 ** 31, null, true, '', [], {});
  const changes = fc.dictionary(fc.constantFrom(...names), fc.oneof(extreme, fc.jsonValue()), { maxKeys: 3 });
  fc.assert(
    fc.property(changes, (fields) => void outcome(config(fields))),
    { numRuns: 300 },
  );
});

test.each([
  ['vocab_size', { vocab_size: 2 ** 40 }],
  ['num_hidden_layers', { num_hidden_layers: 1e9 }],
  ['num_hidden_layers', { num_hidden_layers: 1e9, layer_types: null, use_sliding_window: true, sliding_window: 4 }],
  ['hidden_size', { hidden_size: 1e300 }],
  ['intermediate_size', { intermediate_size: 2 ** 53 }],
  ['num_attention_heads', { num_attention_heads: 2 ** 31, num_key_value_heads: 1 }],
  ['num_key_value_heads', { num_key_value_heads: 2 ** 31 }],
  ['head_dim', { head_dim: 2e9 }],
  ['heads of', { num_attention_heads: 2 ** 18, num_key_value_heads: 1, head_dim: 512 }],
  ['sliding_window', { use_sliding_window: true, sliding_window: 2 ** 31 }],
  ['num_labels', { num_labels: 2 ** 40 }],
])('a %s that no machine holds is refused before anything is allocated', (name, changes) => {
  const error = outcome(config(changes));
  expect(error).toBeInstanceOf(MedreproError);
  expect((error as MedreproError).message).toContain(name);
});

test('the largest sizes that are read end in an error about the first tensor, not in an allocation', () => {
  const sizes = { vocab_size: 2 ** 24, hidden_size: 2 ** 20, num_hidden_layers: 10_000, head_dim: 2 ** 18 };
  const files = {
    name: 'huge',
    config: outcome(config({ ...sizes, layer_types: undefined })) as DecoderConfig,
    quantisation: null,
    sha256: '',
    warnings: [],
    tensors: { tensors: new Map(), metadata: {}, close() {} },
    storedNames: new Map(),
    prefix: 'model.',
  };
  expect(() => loadModel(Device.plan(), files, PLAIN)).toThrow(
    'the checkpoint has no tensor model.embed_tokens.weight',
  );
});

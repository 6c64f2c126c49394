/** `merge` against PEFT's merge_and_unload, through the job a user runs. */
import { afterAll, describe, expect, test } from 'bun:test';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tape } from '../../src/autograd/tape';
import { mergeJob } from '../../src/commands/merge/job';
import type { MergeRequest } from '../../src/commands/merge/request';
import { checkpointConfig } from '../../src/nn/merge';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { openSafetensors, storedF32, writeSafetensors } from '../../src/nn/safetensors';
import { causalLogits, classifierLogits } from '../../src/train/pass';
import { box } from '../cli/box';
import { FIXTURES, forwardOptions, onCpu, PLAIN, readJson, readTensors, relativeError } from '../engine/support';

const folder = box();
afterAll(() => folder.remove());
const context = { emit: () => {}, cancelled: () => false };

const merge = async (adapter: string, base: string, more: Partial<MergeRequest> = {}) => {
  const out = join(folder.path, `${adapter}-${more.quantise ?? 'dense'}`);
  const request: MergeRequest = {
    model: join(FIXTURES, 'qwen3', base),
    adapter: join(FIXTURES, 'adapters', adapter),
    out,
    ids: null,
    precision: 'fp32',
    quantise: null,
    device: 'cpu',
    threads: 2,
    isa: null,
    ...more,
  };
  return { out, ...(await mergeJob(request, context)) };
};

/** Logits of a merged folder on the fixture's rows. */
function logits(out: string): Float32Array {
  return onCpu((device) => {
    const files = openModelFolder(out);
    const classifier = files.config.labels > 0;
    const task = classifier ? 'sequence-classification' : 'causal-lm';
    const model = loadModel(device, files, { ...PLAIN, task, classes: files.config.labels });
    model.decoder.prepare(32);
    const rows = readJson<number[][]>('adapters', 'rows.json').map((ids) => ({ ids, label: 0, labels: null }));
    const forward = classifier ? classifierLogits : causalLogits;
    return device.scope(() => device.readF32(forward(new Tape(device, false), model, rows, forwardOptions())));
  });
}

describe.each([
  ['peft-adalora', 'causal-tied', 11],
  ['peft-rslora', 'causal-tied', 4],
  ['peft-lora-pattern', 'causal-tied', 8],
  ['peft-modules-to-save', 'causal-tied', 4],
  ['peft-adalora-classifier', 'classifier-lora', 14],
])('%s', (adapter, base, linears) => {
  test('the merged checkpoint has PEFT\u2019s merged logits, and its distance is measured', async () => {
    const { out, exitCode, document, text } = await merge(adapter, base);
    expect(exitCode).toBe(0);
    expect(document.linears).toBe(linears);
    const { difference } = document;
    expect(difference).toMatchObject({ rows: 4, tokens: 128, sameArgmax: 1 });
    // both are fp32 roundings of one model
    expect(difference.relative).toBeLessThan(2e-6);
    expect(difference.maxAbs).toBeGreaterThan(0);
    expect(text).toContain('linears changed');
    const peft = readTensors('adapters', adapter, 'logits.safetensors').get('merged_logits')!;
    expect(relativeError(logits(out), peft)).toBeLessThan(2e-6);
  });
});

test('an output head that was trained apart from its embedding is written as its own', async () => {
  const { out } = await merge('peft-modules-to-save', 'causal-tied', { out: join(folder.path, 'untied') });
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, unknown>;
  expect(config.tie_word_embeddings).toBe(false);
});

test.each([
  ['llama', 'LlamaForCausalLM', 'LlamaForSequenceClassification'],
  ['qwen2', 'Qwen2ForCausalLM', 'Qwen2ForSequenceClassification'],
  ['qwen3', 'Qwen3ForCausalLM', 'Qwen3ForSequenceClassification'],
  ['gemma3_text', 'Gemma3ForCausalLM', 'Gemma3TextForSequenceClassification'],
  ['gemma3', 'Gemma3ForConditionalGeneration', 'Gemma3ForSequenceClassification'],
])(
  'a merged %s is of the class that transformers has for its task, whatever the base was saved as',
  (type, ...classes) => {
    for (const saved of [['LlamaModel'], [classes[1]], ['Gemma3TextModel'], [], null, undefined]) {
      const base = { model_type: type, architectures: saved };
      expect(checkpointConfig(base, { tied: true, labels: null }).architectures).toEqual([classes[0]]);
      expect(checkpointConfig(base, { tied: true, labels: 3 }).architectures).toEqual([classes[1]]);
    }
  },
);

test('into a quantised base: what it computes with, adapter included, is made dense', async () => {
  const { out, document } = await merge('peft-rslora', 'causal-tied', { quantise: 'nf4' });
  expect(document.difference.relative).toBeGreaterThan(0);
  expect(document.difference.relative).toBeLessThan(2e-6);
  // and is not the adapter on the dense base
  const dense = readTensors('adapters', 'peft-rslora', 'logits.safetensors').get('merged_logits')!;
  expect(relativeError(logits(out), dense)).toBeGreaterThan(1e-2);
});

test('a base in bf16 rounds the sum: the difference is larger, and measured', async () => {
  const base = folder.path;
  const files = openModelFolder(join(FIXTURES, 'qwen3', 'causal-tied'));
  const rounded = [...files.tensors.tensors].map(([name, stored]) => {
    const data = Uint16Array.from(new Uint32Array(storedF32(stored).buffer), (word) => (word + 0x8000) >>> 16);
    return { name, dtype: 'bf16' as const, shape: stored.shape, data: new Uint8Array(data.buffer) };
  });
  writeSafetensors(join(base, 'model.safetensors'), rounded);
  copyFileSync(join(FIXTURES, 'qwen3', 'causal-tied', 'config.json'), join(base, 'config.json'));
  const { document } = await merge('peft-rslora', 'causal-tied', { model: base, out: join(base, 'bf16') });
  expect(document.difference.relative).toBeGreaterThan(1e-4);
  expect(document.difference.relative).toBeLessThan(2e-2);
});

test('a folder with something in it is left alone', async () => {
  const { out } = await merge('peft-rslora', 'causal-tied', { out: join(folder.path, 'taken') });
  const again = merge('peft-rslora', 'causal-tied', { out });
  expect(again).rejects.toThrow('not empty');
});

test('an empty folder is taken, a file in its place is one line, and what failed leaves either as it was', async () => {
  const [empty, file] = [join(folder.path, 'empty'), join(folder.path, 'a-file')];
  mkdirSync(empty);
  writeFileSync(file, 'x');
  expect(merge('peft-rslora', 'causal-tied', { out: file })).rejects.toThrow(file);
  expect(merge('peft-rslora', 'causal-tied', { model: file, out: empty })).rejects.toThrow();
  expect(readdirSync(empty)).toEqual([]);
  await merge('peft-rslora', 'causal-tied', { out: empty });
  expect(readdirSync(empty).sort()).toEqual(['config.json', 'generation_config.json', 'model.safetensors']);
  const deep = join(folder.path, 'not', 'there');
  expect(merge('peft-rslora', 'causal-tied', { model: join(folder.path, 'none'), out: deep })).rejects.toThrow();
  expect(existsSync(join(folder.path, 'not'))).toBeFalse();
});

describe('a value that is not finite ends it, with nothing written', () => {
  /** A copy of a folder's safetensors file, fp16 where asked, with one value of one tensor changed. */
  function changed(source: string, name: string, tensor: string, value: number, half = false): string {
    const copy = join(folder.path, name);
    cpSync(source, copy, { recursive: true });
    const file = existsSync(join(copy, 'model.safetensors')) ? 'model.safetensors' : 'adapter_model.safetensors';
    const original = openSafetensors(join(source, file));
    const tensors = [...original.tensors].map(([key, stored]) => {
      const values = storedF32(stored);
      if (key === tensor) values[values.length - 1] = value;
      const data = half ? Float16Array.from(values) : values;
      return {
        name: key,
        dtype: half ? 'f16' : 'f32',
        shape: stored.shape,
        data: new Uint8Array(data.buffer),
      } as const;
    });
    original.close();
    writeSafetensors(join(copy, file), tensors);
    return copy;
  }
  const base = join(FIXTURES, 'qwen3', 'causal-tied');
  const adapter = join(FIXTURES, 'adapters', 'peft-rslora');
  const value = 'base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight';

  test.each([
    [
      'the base',
      () => ({ model: changed(base, 'nan', 'model.norm.weight', Number.NaN) }),
      'model.norm.weight holds a value',
    ],
    // no row of the comparison looks at it
    [
      'an embedding no row uses',
      () => ({ model: changed(base, 'inf', 'model.embed_tokens.weight', -1 / 0) }),
      'embed_tokens',
    ],
    [
      'the adapter',
      () => ({ adapter: changed(adapter, 'nan-adapter', value, Number.NaN) }),
      'lora_B.weight holds a value',
    ],
    [
      'a sum beyond fp16',
      () => ({
        model: changed(base, 'half', '', 0, true),
        adapter: changed(adapter, 'large-adapter', value, 1e7),
      }),
      'model.layers.0.self_attn.v_proj.weight: base + adapter is beyond what f16 holds',
    ],
    [
      'logits of finite weights',
      () => ({ model: changed(base, 'large', 'model.norm.weight', 3e38) }),
      'gives logits that are not finite numbers',
    ],
  ])('%s', async (what, make, message) => {
    const out = join(folder.path, `not-finite-${what}`);
    expect(merge('peft-rslora', 'causal-tied', { ...make(), out })).rejects.toThrow(message);
    expect(existsSync(out)).toBeFalse();
  });
});

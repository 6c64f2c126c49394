/** Adapters that PEFT wrote (make_adapters.py) load with its logits; ours have its names; what would be wrong is refused. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Tape } from '../../src/autograd/tape';
import { MedreproError } from '../../src/errors';
import type { Device } from '../../src/native/device';
import type { AdapterOptions } from '../../src/nn/adapter';
import { parseAdapterConfig } from '../../src/nn/adapter-config';
import { loadModel, type Model, openModelFolder } from '../../src/nn/model';
import {
  type AdapterFiles,
  adapterConfigJson,
  adapterMetadata,
  adapterTensors,
  loadAdapter,
  openAdapterFolder,
} from '../../src/nn/peft';
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import { causalLogits, classifierLogits } from '../../src/train/pass';
import { Trainer } from '../../src/train/trainer';
import { TRAINING, trainerOptions } from './fixture-training';
import { FIXTURES, forwardOptions, onCpu, PLAIN, readJson, readTensors, relativeError } from './support';

const FOLDER = mkdtempSync(join(tmpdir(), 'medrepro-peft-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const ADAPTERS = join(FIXTURES, 'adapters');
const CASES = [
  { name: 'peft-adalora', base: 'causal-tied' },
  { name: 'peft-rslora', base: 'causal-tied' },
  { name: 'peft-lora-pattern', base: 'causal-tied' },
  { name: 'peft-modules-to-save', base: 'causal-tied' },
  { name: 'peft-adalora-classifier', base: 'classifier-lora' },
] as const;

interface Loaded {
  readonly model: Model;
  readonly warnings: string[];
}

function load(device: Device, folder: string, base: string, classes = 5): Loaded {
  const files = openModelFolder(join(FIXTURES, 'qwen3', base));
  const adapter = openAdapterFolder(folder);
  const task = base === 'classifier-lora' ? 'sequence-classification' : 'causal-lm';
  const model = loadModel(device, files, { ...PLAIN, task, classes, adapter: adapter.options });
  return { model, warnings: loadAdapter(device, model, adapter, files) };
}

function logits(device: Device, model: Model, base: string): Float32Array {
  const rows = readJson<number[][]>('adapters', 'rows.json').map((ids) => ({ ids, label: 0, labels: null }));
  model.decoder.prepare(32);
  const forward = base === 'classifier-lora' ? classifierLogits : causalLogits;
  return device.scope(() => device.readF32(forward(new Tape(device, false), model, rows, forwardOptions())));
}

/** A folder as a run writes it. */
function write(device: Device, model: Model, options: AdapterOptions, name: string, sha256: string): string {
  const folder = join(FOLDER, name);
  mkdirSync(folder, { recursive: true });
  const task = model.trainable.has('base_model.model.score.weight') ? 'SEQ_CLS' : 'CAUSAL_LM';
  const config = adapterConfigJson(device, model, options, { id: 'a/base', revision: null }, task);
  writeFileSync(join(folder, 'adapter_config.json'), config);
  writeSafetensors(join(folder, 'adapter_model.safetensors'), adapterTensors(device, model), adapterMetadata(sha256));
  return folder;
}

/** name -> dtype and shape. */
function contents(folder: string): Record<string, string> {
  const file = openSafetensors(join(folder, 'adapter_model.safetensors'));
  const entries = [...file.tensors].map(([name, { dtype, shape }]) => [name, `${dtype} [${shape}]`]);
  file.close();
  return Object.fromEntries(entries);
}

describe.each([...CASES])('$name', ({ name, base }) => {
  test('loads with PEFT\u2019s logits, and is written again as PEFT wrote it', () => {
    onCpu((device) => {
      const { model, warnings } = load(device, join(ADAPTERS, name), base);
      expect(warnings).toEqual([]);
      const peft = readTensors('adapters', name, 'logits.safetensors').get('logits')!;
      const ours = logits(device, model, base);
      expect(relativeError(ours, peft)).toBeLessThan(2e-6);

      const { options } = openAdapterFolder(join(ADAPTERS, name));
      const sha256 = openModelFolder(join(FIXTURES, 'qwen3', base)).sha256;
      const folder = write(device, model, options, name, sha256);
      expect(contents(folder)).toEqual(contents(join(ADAPTERS, name)));
      const theirs = readJson<Record<string, unknown>>('adapters', name, 'adapter_config.json');
      const again = JSON.parse(readFileSync(join(folder, 'adapter_config.json'), 'utf8')) as Record<string, unknown>;
      for (const [key, value] of Object.entries(again)) {
        if (['base_model_name_or_path', 'target_modules', 'layers_to_transform'].includes(key)) continue;
        const same = (entry: unknown): unknown => (Array.isArray(entry) ? [...entry].sort() : (entry ?? null));
        expect({ [key]: same(value) }).toEqual({ [key]: same(theirs[key]) });
      }
      const reloaded = load(device, folder, base);
      expect(logits(device, reloaded.model, base)).toEqual(ours);
    });
  });
});

test('a trained, pruned AdaLoRA is written without its masked triplets and loads with the same logits', () => {
  onCpu((device) => {
    const files = openModelFolder(join(FIXTURES, 'qwen3', 'causal-tied'));
    const options: AdapterOptions = {
      kind: 'adalora',
      initialRank: 4,
      targetRank: 1,
      alpha: 32,
      dropout: 0,
      targets: 'all-linear',
      warmupSteps: 1,
      finalSteps: 4,
      interval: 1,
      totalSteps: 10,
      beta1: 0.85,
      beta2: 0.85,
      orthogonalWeight: 0.1,
      budget: 'scheduled',
    };
    const model = loadModel(device, files, { ...PLAIN, adapter: options });
    const rows = readJson<{ input_ids: number[] }[]>('training', 'causal-rows.json').slice(0, 20);
    const setup = { task: 'causal-lm', training: { ...TRAINING, epochs: 2 } } as const;
    const trainer = new Trainer(
      device,
      model,
      rows.map(({ input_ids: ids }) => ({ ids, label: 0, labels: ids })),
      trainerOptions(setup, rows.length),
    );
    while (!trainer.finished) trainer.run();
    const folder = write(device, model, options, 'pruned', files.sha256);
    const ranks = model.adalora!.ranks();
    expect(Object.values(ranks).reduce((sum, rank) => sum + rank, 0)).toBe(14);
    for (const [name, rank] of Object.entries(ranks)) {
      expect(contents(folder)[`base_model.model.${name}.lora_E`]).toBe(`f32 [${rank},1]`);
    }
    const before = logits(device, model, 'causal-tied');
    const { model: again } = load(device, folder, 'causal-tied');
    expect(relativeError(logits(device, again, 'causal-tied'), before)).toBeLessThan(1e-6);
  });
});

describe('names of other PEFT versions', () => {
  const renamed = (name: string, rename: (tensor: string) => string): string => {
    const folder = join(FOLDER, name);
    mkdirSync(folder, { recursive: true });
    const source = join(ADAPTERS, 'peft-modules-to-save');
    const config = readFileSync(join(source, 'adapter_config.json'), 'utf8');
    writeFileSync(join(folder, 'adapter_config.json'), config);
    const tensors = [...readTensors('adapters', 'peft-modules-to-save', 'adapter_model.safetensors')];
    const file = openSafetensors(join(source, 'adapter_model.safetensors'));
    const written = tensors.map(
      ([tensor, values]): TensorToWrite => ({
        name: rename(tensor),
        dtype: 'f32',
        shape: file.tensors.get(tensor)!.shape,
        data: new Uint8Array(values.buffer),
      }),
    );
    file.close();
    writeSafetensors(join(folder, 'adapter_model.safetensors'), written);
    return folder;
  };
  test.each([
    ['the adapter\u2019s name', (name: string) => name.replace(/\.(lora_[AB])\./, '.$1.default.')],
    [
      'saved modules in their wrapper',
      (name: string) => name.replace(/(up_proj|lm_head)\.weight$/, '$1.modules_to_save.default.weight'),
    ],
    ['an old wrapper', (name: string) => name.replace(/lm_head\.weight$/, 'lm_head.modules_to_save.weight')],
    ['no prefix', (name: string) => name.replace(/^base_model\.model\./, '')],
  ])('%s', (what, rename) => {
    onCpu((device) => {
      const { model } = load(device, renamed(what.replace(/\W/g, '-'), rename), 'causal-tied');
      const peft = readTensors('adapters', 'peft-modules-to-save', 'logits.safetensors').get('logits')!;
      expect(relativeError(logits(device, model, 'causal-tied'), peft)).toBeLessThan(2e-6);
    });
  });
});

describe('never silently wrong', () => {
  const copy = (name: string, source: string, without: (tensor: string) => boolean, metadata = {}): string => {
    const folder = join(FOLDER, name);
    mkdirSync(folder, { recursive: true });
    const from = join(ADAPTERS, source);
    writeFileSync(join(folder, 'adapter_config.json'), readFileSync(join(from, 'adapter_config.json')));
    const file = openSafetensors(join(from, 'adapter_model.safetensors'));
    const values = readTensors('adapters', source, 'adapter_model.safetensors');
    const tensors = [...file.tensors]
      .filter(([tensor]) => !without(tensor))
      .map(
        ([tensor, { shape }]): TensorToWrite => ({
          name: tensor,
          dtype: 'f32',
          shape,
          data: new Uint8Array(values.get(tensor)!.buffer),
        }),
      );
    file.close();
    writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors, metadata);
    return folder;
  };
  const refusal = (folder: string, base: string): string =>
    onCpu((device) => {
      try {
        load(device, folder, base);
      } catch (error) {
        return (error as Error).message;
      }
      return 'it was taken';
    });

  test('a score head that is missing', () => {
    const folder = copy('headless', 'peft-adalora-classifier', (name) => name.includes('score'));
    expect(refusal(folder, 'classifier-lora')).toContain('no score head');
  });
  test('a tensor that is missing', () => {
    const folder = copy('holed', 'peft-rslora', (name) => name.includes('layers.1.self_attn.v_proj.lora_B'));
    expect(refusal(folder, 'causal-tied')).toContain('has no base_model.model.model.layers.1.self_attn.v_proj.lora_B');
  });
  test('a classifier\u2019s adapter on a causal model', () => {
    expect(refusal(join(ADAPTERS, 'peft-adalora-classifier'), 'causal-tied')).toContain('score.weight');
  });
  test('an adapter of another base', () => {
    const folder = copy('other-base', 'peft-rslora', () => false, adapterMetadata('0'.repeat(64)));
    expect(refusal(folder, 'causal-tied')).toContain('another base');
  });
  test('an adapter of a base that only its name tells apart is a warning', () => {
    const folder = copy('named', 'peft-rslora', () => false);
    const config = readJson<Record<string, unknown>>('adapters', 'peft-rslora', 'adapter_config.json');
    const text = JSON.stringify({ ...config, base_model_name_or_path: 'meta/Other-1B' });
    writeFileSync(join(folder, 'adapter_config.json'), text);
    onCpu((device) => {
      const { warnings } = load(device, folder, 'causal-tied');
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain('meta/Other-1B');
    });
  });
  test.each([
    ['peft-rslora', { r: 1e9 }, 'has 4 rows, and adapter_config.json makes it 1000000000'],
    ['peft-lora-pattern', { rank_pattern: { q_proj: 2e9 } }, 'makes it 2000000000'],
    [
      'peft-rslora',
      { target_modules: 'all-linear' },
      'has no base_model.model.model.layers.0.self_attn.k_proj.lora_A.weight',
    ],
    ['peft-adalora', { init_r: 1e9, rank_pattern: null }, 'makes it 1000000000'],
  ])('%s with %j takes no memory for what its file does not hold', (source, fields, message) => {
    const folder = copy(`absurd-${Bun.hash(JSON.stringify(fields))}`, source, () => false);
    const path = join(folder, 'adapter_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, ...fields }));
    expect(refusal(folder, 'causal-tied')).toContain(message);
  });

  test('a pickle is never opened', () => {
    const folder = join(FOLDER, 'pickle');
    mkdirSync(folder);
    writeFileSync(join(folder, 'adapter_config.json'), '{}');
    writeFileSync(join(folder, 'adapter_model.bin'), 'x');
    const open = (): AdapterFiles => openAdapterFolder(folder);
    expect(open).toThrow('does not exist');
    try {
      open();
    } catch (error) {
      expect((error as { remedy?: string }).remedy).toContain('pickle');
    }
  });
});

describe('adapter_config.json', () => {
  const plain = { peft_type: 'LORA', r: 8, lora_alpha: 16, target_modules: ['q_proj'], task_type: 'CAUSAL_LM' };
  const parse = (fields: object) => parseAdapterConfig(JSON.stringify({ ...plain, ...fields }), 'adapter_config.json');

  test.each([
    ['rank', JSON.stringify({ ...plain, r: 1e300 }), 'r must be'],
    ['alpha', JSON.stringify(plain).replace('16', '1e400'), 'lora_alpha must be'],
    ['list', JSON.stringify({ ...plain, target_modules: Array(60_000).fill('q_proj') }), 'target_modules must be'],
    [
      'pattern',
      JSON.stringify({
        ...plain,
        rank_pattern: Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`x${i}`, 1])),
      }),
      'entries',
    ],
    ['expression', JSON.stringify({ ...plain, target_modules: 'x'.repeat(200_000) }), 'target_modules must be'],
    ['layer', JSON.stringify({ ...plain, layers_to_transform: [0, -1] }), 'layers_to_transform'],
    ['nesting', `${'['.repeat(1e6)}`, 'not JSON'],
    ['lines', JSON.stringify({ ...plain, peft_type: 'a\n\u2028b'.repeat(1e5) }), 'peft_type must be'],
  ])('an absurd %s is one line', (_what, text, message) => {
    const refused = (() => {
      try {
        parseAdapterConfig(text, 'adapter_config.json');
      } catch (error) {
        return error as MedreproError;
      }
      return null;
    })();
    expect(refused).toBeInstanceOf(MedreproError);
    expect(refused!.message).toContain(message);
    expect(refused!.message).toMatch(/^[^\n\u2028]{1,500}$/);
  });

  test.each([
    { use_dora: true },
    { lora_bias: true },
    { bias: 'all' },
    { layer_replication: [[0, 4]] },
    { target_parameters: ['a'] },
    { init_lora_weights: 'pissa' },
    { init_lora_weights: 'loftq' },
    { init_lora_weights: 'corda' },
    { fan_in_fan_out: true },
    { alora_invocation_tokens: [1] },
  ])('%j is refused by name', (fields) => {
    expect(() => parse(fields)).toThrow(Object.keys(fields)[0]!);
  });
  test.each([
    { peft_type: 'IA3' },
    { r: 0 },
    { target_modules: [] },
    { lora_alpha: '16' },
    { task_type: 'SEQ_2_SEQ_LM' },
  ])('%j is refused', (fields) => {
    expect(() => parse(fields)).toThrow(Object.keys(fields)[0]!);
  });
  test.each([
    { eva_config: null, use_dora: false, megatron_core: 'megatron.core', loftq_config: {} },
    { runtime_config: { ephemeral_gpu_offload: false } },
    { some_future_field: null, another: false, third: [] },
    { init_lora_weights: 'gaussian' },
  ])('%j changes nothing', (fields) => {
    expect(parse(fields)).toEqual(parse({}));
  });
  test.each([0, [0]])('layers_to_transform %j is the first layer alone', (layers) => {
    expect(parse({ layers_to_transform: layers }).options.layers).toEqual([0]);
  });
  test('any value in any field is read or refused', () => {
    const fields = [
      ...Object.keys(plain),
      'rank_pattern',
      'modules_to_save',
      'bias',
      'use_rslora',
      'lora_dropout',
      'x',
    ];
    const changes = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue(), { maxKeys: 3 });
    fc.assert(
      fc.property(changes, (changed) => {
        try {
          parse(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(MedreproError);
        }
      }),
      { numRuns: 300 },
    );
  });
  test('a field nobody knows that is set is a warning', () => {
    expect(parse({ use_future: true }).warnings.join()).toContain('use_future');
  });
  test('patterns that are no Python expressions, or have what is not supported, are refused by name', () => {
    onCpu((device) => {
      const files = openModelFolder(join(FIXTURES, 'qwen3', 'causal-tied'));
      for (const targets of [String.raw`(q)_\1roj`, 'q_proj(?i)', 'model.*(q_proj', 'a**']) {
        const options = { rank: 2, alpha: 2, dropout: 0, targets };
        expect(() => loadModel(device, files, { ...PLAIN, adapter: options }), targets).toThrow(
          /^the pattern of modules ".*" (has|repeats) .* \(at character \d+\)$/,
        );
      }
    });
  });

  const data = process.env.MEDREPRO_TEST_DATA;
  test.skipIf(data === undefined)('the one of llama-symptoms (MEDREPRO_TEST_DATA)', () => {
    const path = join(data!, 'data/llama-symptoms/adapter_config.json');
    const { options, task, base, warnings } = parseAdapterConfig(readFileSync(path, 'utf8'), path);
    const targets = ['v_proj', 'q_proj'];
    expect(options).toEqual({ kind: 'lora', rank: 8, alpha: 16, dropout: 0.1, targets });
    expect({ task, warnings }).toEqual({ task: 'CAUSAL_LM', warnings: [] });
    expect(base.id).toBe('meta-llama/Llama-3.2-1B-Instruct');
  });
});

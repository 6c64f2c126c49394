/**
 * Checkpoints that say one thing and hold another (test/fixtures/loading), read as transformers and PEFT read them: output heads
 * that are tied by name alone, indexes that disagree with their shards, float64, dense matrices beside quantised ones.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Compute } from '../../src/autograd/ops/linear';
import { Tape } from '../../src/autograd/tape';
import { mergeJob } from '../../src/commands/merge/job';
import { beyondPositions } from '../../src/nn/config';
import { loadModel, type Model, type ModelOptions, openModelFolder } from '../../src/nn/model';
import { loadAdapter, openAdapterFolder } from '../../src/nn/peft';
import {
  openSafetensors,
  storedBytes,
  storedF32,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/nn/safetensors';
import { DenseWeight } from '../../src/nn/weights';
import { causalLogits, causalPass, type Row } from '../../src/train/pass';
import { safetensorsFile, safetensorsParts } from '../safetensors-file';
import { FIXTURES, forwardOptions, onCpu, PLAIN, readJson, readTensors, relativeError } from './support';

const ROOT = join(FIXTURES, 'loading');
const SCRATCH = mkdtempSync(join(tmpdir(), 'medrepro-loading-'));
afterAll(() => rmSync(SCRATCH, { recursive: true, force: true }));
let made = 0;

/** Bound on ||ours - torch|| / ||torch|| of logits in fp32. */
const LOGITS = 1e-5;
const GRADIENT = 1e-4;

const rows: Row[] = readJson<number[][]>('loading', 'rows.json').map((ids) => ({ ids, label: 0, labels: ids }));
const expected = (...path: string[]): Map<string, Float32Array> =>
  readTensors('loading', ...path, 'expected.safetensors');

interface Loaded {
  readonly logits: Float32Array;
  readonly warnings: readonly string[];
}

/** Logits of the rows, with an adapter or without. */
function load(folder: string, adapterFolder: string | null = null, options: Partial<ModelOptions> = {}): Loaded {
  return onCpu((device) => {
    const files = openModelFolder(folder);
    const adapter = adapterFolder === null ? null : openAdapterFolder(adapterFolder);
    const model = loadModel(device, files, { ...PLAIN, adapter: adapter?.options ?? null, ...options });
    const more = adapter === null ? [] : loadAdapter(device, model, adapter, files);
    model.decoder.prepare(16);
    const logits = device.scope(() =>
      device.readF32(causalLogits(new Tape(device, false), model, rows, forwardOptions())),
    );
    return { logits, warnings: [...files.warnings, ...more] };
  });
}

const inspect = <Result>(folder: string, options: Partial<ModelOptions>, look: (model: Model) => Result): Result =>
  onCpu((device) => device.scope(() => look(loadModel(device, openModelFolder(folder), { ...PLAIN, ...options }))));

/** A copy of a fixture's folder whose weights are changed by `edit`. */
function edited(source: string, edit: (tensors: TensorToWrite[]) => TensorToWrite[]): string {
  const folder = join(SCRATCH, `${made++}`);
  cpSync(source, folder, { recursive: true });
  const path = join(folder, 'model.safetensors');
  const file = openSafetensors(path);
  const tensors = [...file.tensors].map(([name, stored]) => ({ name, ...stored, data: storedBytes(stored) }));
  file.close();
  writeSafetensors(path, edit(tensors));
  return folder;
}

/** The folder that `merge` makes of a base and the adapter in it. */
async function merged(base: string): Promise<string> {
  const out = join(SCRATCH, `${made++}`);
  const request = { model: base, adapter: join(base, 'adapter'), out, ids: null, quantise: null, isa: null } as const;
  await mergeJob(
    { ...request, precision: 'fp32', device: 'cpu', threads: 2 },
    { emit: () => {}, cancelled: () => false },
  );
  return out;
}

const FAMILIES = ['llama', 'qwen2', 'qwen3', 'gemma3', 'multimodal'];

describe.each(FAMILIES)('%s, tied by its config, with a head of its own in the file', (family) => {
  const folder = join(ROOT, 'own-head', family);
  const right = expected('own-head', family);

  test('computes with the head of the file, and says so', () => {
    const { logits, warnings } = load(folder);
    expect(relativeError(logits, right.get('logits')!)).toBeLessThan(LOGITS);
    expect(warnings.join()).toContain('lm_head.weight is another matrix: it is used');
  });

  test('is tied where the head is the embedding after all, in whatever dtype', () => {
    const head = /(^|\.)lm_head\.weight$/;
    const embedding = /(^|\.)embed_tokens\.weight$/;
    const same = edited(folder, (tensors) => {
      const { dtype, shape, data } = tensors.find(({ name }) => embedding.test(name))!;
      return tensors.map((tensor) => (head.test(tensor.name) ? { name: tensor.name, dtype, shape, data } : tensor));
    });
    const none = edited(folder, (tensors) => tensors.filter(({ name }) => !head.test(name)));
    const wide = edited(folder, (tensors) => {
      const { shape, data } = tensors.find(({ name }) => embedding.test(name))!;
      const words = Uint32Array.from(new Uint16Array(data.buffer as ArrayBuffer), (half) => half << 16);
      const copy = { dtype: 'f32', shape, data: new Uint8Array(words.buffer) } as const;
      return tensors.map((tensor) => (head.test(tensor.name) ? { name: tensor.name, ...copy } : tensor));
    });
    const { logits, warnings } = load(none);
    expect(warnings).toEqual([]);
    for (const copy of [same, wide]) expect(load(copy)).toEqual({ logits, warnings: [] });
    expect(relativeError(logits, right.get('logits')!)).toBeGreaterThan(0.1);
  });

  test('takes a head that is alone in the file for the embedding', () => {
    const lone = edited(folder, (tensors) => tensors.filter(({ name }) => !name.includes('embed_tokens')));
    const { logits, warnings } = load(lone);
    expect(relativeError(logits, right.get('lone_head_logits')!)).toBeLessThan(LOGITS);
    expect(warnings).toEqual([]);
  });
});

describe('a head of its own under a tied config', () => {
  const base = join(ROOT, 'own-head', 'llama');
  const right = expected('own-head', 'llama');

  test('below an adapter', () => {
    const { logits } = load(base, join(base, 'adapter'));
    expect(relativeError(logits, right.get('lora_logits')!)).toBeLessThan(LOGITS);
  });

  test('is merged as its own', async () => {
    const out = await merged(base);
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config.tie_word_embeddings).toBe(false);
    // the merged matrices are rounded to the bf16 of the base
    expect(relativeError(load(out).logits, right.get('merged_logits')!)).toBeLessThan(1e-2);
    const [head, own] = [base, out].map((folder) => openSafetensors(join(folder, 'model.safetensors')));
    const bytesOf = (file: typeof head) => storedBytes(file!.tensors.get('lm_head.weight')!);
    expect(Buffer.compare(bytesOf(head), bytesOf(own))).toBe(0);
    head!.close();
    own!.close();
  });

  test('is trained as its own', () => {
    const folder = join(ROOT, 'own-head', 'qwen2');
    const gradients = expected('own-head', 'qwen2');
    onCpu((device) => {
      const model = loadModel(device, openModelFolder(folder), { ...PLAIN, fullParameter: true });
      model.decoder.prepare(16);
      const two = rows.slice(0, 2);
      const targets = two.reduce((sum, { ids }) => sum + ids.length - 1, 0);
      const { sum } = causalPass(device, model, two, 1 / targets, forwardOptions());
      expect(sum / targets / readJson<{ loss: number }>('loading', 'own-head', 'qwen2', 'loss.json').loss).toBeCloseTo(
        1,
        5,
      );
      for (const [name, tensor] of model.trainable) {
        const gradient = gradients.get(`grad.${name}`)!;
        expect([name, relativeError(device.readF32(tensor.grad!), gradient) < GRADIENT]).toEqual([name, true]);
      }
      expect([...model.trainable.keys()]).toContain('lm_head.weight');
    });
  });

  test('in a dtype that is not computed with is refused', () => {
    const folder = join(SCRATCH, `${made++}`);
    cpSync(base, folder, { recursive: true });
    const path = join(folder, 'model.safetensors');
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, { dtype: string }>;
    header['lm_head.weight']!.dtype = 'U16';
    const text = Buffer.from(JSON.stringify(header).padEnd(length));
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 8), text, bytes.subarray(8 + length)]));
    expect(() => load(folder)).toThrow('lm_head.weight is U16');
  });
});

test('an index that disagrees with its shards: the shards it names are read whole', () => {
  const { logits, warnings } = load(join(ROOT, 'index'));
  expect(relativeError(logits, expected('index').get('logits')!)).toBeLessThan(LOGITS);
  const text = warnings.join('\n');
  expect(text).toContain('names tensors that no shard has: model.layers.0.self_attn.rotary_emb.inv_freq, value_head');
  expect(text).toContain('shards have tensors that model.safetensors.index.json does not name');
  expect(text).toContain('several shards have the same tensors');
});

test('float64, in the base and in the adapter, is rounded and named', () => {
  const folder = join(ROOT, 'float64');
  const right = expected('float64');
  const plain = load(folder);
  expect(relativeError(plain.logits, right.get('logits')!)).toBeLessThan(LOGITS);
  expect(plain.warnings.join()).toContain('float64 tensors are rounded to float32');
  const adapted = load(folder, join(folder, 'adapter'));
  expect(relativeError(adapted.logits, right.get('lora_logits')!)).toBeLessThan(LOGITS);
  expect(adapted.warnings.join()).toContain('the adapter is in float64');
  for (const options of [
    { fullParameter: true },
    { quantisation: { kind: 'nf4', doubleQuant: true, blockSize: 64 } as const },
    { compute: 'bf16' as Compute },
  ]) {
    expect(load(folder, null, options).logits.every(Number.isFinite)).toBe(true);
  }
});

test('unused tensors of any dtype are ignored', () => {
  const source = join(ROOT, 'own-head', 'qwen3');
  const sizes = { BOOL: 3, I64: 24, U64: 24, I16: 6, U16: 6, U32: 12, C64: 24, F8_E4M3: 3, F8_E5M2: 3, F8_E8M0: 3 };
  const parts = safetensorsParts(readFileSync(join(source, 'model.safetensors')));
  const header = JSON.parse(parts.header) as Record<string, unknown>;
  let end = parts.data.length;
  const begin = end;
  for (const [dtype, bytes] of Object.entries(sizes)) {
    header[`extra.${dtype}`] = { dtype, shape: [3], data_offsets: [end, end + bytes] };
    end += bytes;
  }
  header['extra.F4'] = { dtype: 'F4', shape: [3, 2], data_offsets: [end, end + 3] };
  header['extra.F6_E2M3'] = { dtype: 'F6_E2M3', shape: [4], data_offsets: [end + 3, end + 6] };
  end += 6;
  const folder = join(SCRATCH, `${made++}`);
  cpSync(source, folder, { recursive: true });
  const data = Buffer.concat([parts.data, Buffer.alloc(end - begin)]);
  const bytes = safetensorsFile({ header: JSON.stringify(header), data });
  writeFileSync(join(folder, 'model.safetensors'), bytes);
  const { logits, warnings } = load(folder);
  expect(logits).toEqual(load(source).logits);
  expect(warnings.at(-1)).toContain('extra.BOOL, extra.C64');
});

describe.each(readdirSync(join(ROOT, 'bnb')))('quantised: %s', (name) => {
  const folder = join(ROOT, 'bnb', name);
  const right = expected('bnb', name);
  const { kept } = readJson<{ kept: string[]; state: string | null }>('loading', 'bnb', name, 'case.json');
  const int8 = name === 'dense-int8';

  test('gives the logits bitsandbytes computes with it', () => {
    const { logits, warnings } = load(folder);
    expect(relativeError(logits, right.get('logits')!)).toBeLessThan(LOGITS);
    expect(warnings).toEqual([]);
  });

  test('what the file stores dense stays dense, whatever is asked for', () => {
    const stored = load(folder).logits;
    const asked = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')).quantization_config;
    const four = { kind: asked.bnb_4bit_quant_type, doubleQuant: asked.bnb_4bit_use_double_quant, blockSize: 64 };
    const quantisation = int8 ? ({ kind: 'int8', threshold: 0 } as const) : four;
    for (const skipModules of [null, [], ['lm_head']]) {
      const options = { quantisation: { ...quantisation, skipModules } };
      expect(load(folder, null, options).logits).toEqual(stored);
      const dense = inspect(folder, options, ({ decoder, head }) => {
        expect(head).toBeInstanceOf(DenseWeight);
        return [...decoder.linears()].filter(({ weight }) => weight instanceof DenseWeight).map((each) => each.name);
      });
      const bare = (each: string): string => each.replace('language_model.', '');
      expect(dense.map(bare).sort()).toEqual(kept.map(bare).sort());
    }
  });
});

test('a skip list for a dense multimodal model has the names of transformers\u2019 modules', () => {
  const dense = (skipModules: string[]): string[] =>
    inspect(
      join(ROOT, 'own-head', 'multimodal'),
      { quantisation: { kind: 'nf4', doubleQuant: false, blockSize: 64, skipModules } },
      ({ decoder }) =>
        [...decoder.linears()].filter(({ weight }) => weight instanceof DenseWeight).map(({ name }) => name),
    );
  const listed = 'model.language_model.layers.1.mlp.down_proj';
  expect(dense(['lm_head', listed])).toEqual([listed]);
  expect(dense(['lm_head', 'model.layers.1.mlp'])).toEqual([]);
});

describe.each(['bf16', 'fp16', 'fp32'])('four bits stored as %s', (storage) => {
  const folder = join(ROOT, 'bnb', `storage-${storage}`);

  test('are merged in the dtype that the quant_state names', async () => {
    const file = openSafetensors(join(await merged(folder), 'model.safetensors'));
    const right = expected('bnb', `storage-${storage}`);
    const unit = { bf16: 2 ** -8, fp16: 2 ** -11, fp32: 2 ** -23 }[storage]!;
    let count = 0;
    for (const [name, values] of right) {
      if (!name.startsWith('merged.')) continue;
      const stored = file.tensors.get(name.slice('merged.'.length))!;
      expect(stored.dtype).toBe(storage.replace('fp', 'f') as typeof stored.dtype);
      expect(relativeError(storedF32(stored), values)).toBeLessThan(unit);
      count++;
    }
    expect(count).toBe(7);
    // what was not quantised keeps its own
    expect(file.tensors.get('model.embed_tokens.weight')!.dtype).toBe('f32');
    file.close();
  });
});

test('float64 is merged as float32, and its config says so', async () => {
  const out = await merged(join(ROOT, 'float64'));
  expect(relativeError(load(out).logits, expected('float64').get('lora_logits')!)).toBeLessThan(LOGITS);
  expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).dtype).toBe('float32');
});

test('eight bits are merged in the dtype of the embedding', async () => {
  const base = join(ROOT, 'bnb', 'dense-int8');
  const folder = join(SCRATCH, `${made++}`);
  cpSync(base, folder, { recursive: true });
  cpSync(join(ROOT, 'own-head', 'llama', 'adapter'), join(folder, 'adapter'), { recursive: true });
  const file = openSafetensors(join(await merged(folder), 'model.safetensors'));
  expect([...file.tensors.keys()].filter((name) => /SCB|weight_format/.test(name))).toEqual([]);
  for (const { dtype } of file.tensors.values()) expect(dtype).toBe('f32');
  file.close();
});

describe('other fields of config.json', () => {
  interface Case {
    readonly family: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly absent: readonly string[];
  }
  const cases = readJson<Record<string, Case>>('loading', 'configs.json');
  const right = readTensors('loading', 'configs.safetensors');

  test.each(Object.entries(cases))('%s', (name, { family, fields, absent }) => {
    const folder = join(SCRATCH, `${made++}`);
    cpSync(join(ROOT, 'own-head', family), folder, { recursive: true });
    const path = join(folder, 'config.json');
    const config = { ...JSON.parse(readFileSync(path, 'utf8')), ...fields } as Record<string, unknown>;
    for (const field of absent) delete config[field];
    writeFileSync(path, JSON.stringify(config));
    const { logits, warnings } = load(folder);
    expect(relativeError(logits, right.get(name)!)).toBeLessThan(LOGITS);
    expect(warnings.join()).not.toContain('not known here');
  });

  test('rows beyond the positions the model was made for are named, of linear scaling those it stretches', () => {
    const config = openModelFolder(join(ROOT, 'own-head', 'llama')).config;
    const scaled = (kind: 'linear' | 'dynamic') => {
      const rope = { theta: 1e4, scaling: { kind, factor: 4 } } as const;
      return { ...config, maxPositions: 8, rope: { full: rope, sliding: rope } };
    };
    expect(beyondPositions({ ...config, maxPositions: 8 }, 8)).toBeNull();
    expect(beyondPositions({ ...config, maxPositions: 8 }, 9)).toContain(
      'reach 9 tokens, and the model was made for 8',
    );
    expect(beyondPositions(scaled('linear'), 32)).toBeNull();
    expect(beyondPositions(scaled('linear'), 33)).toContain('made for 32');
    expect(beyondPositions(scaled('dynamic'), 9)).toContain('made for 8');
  });
});

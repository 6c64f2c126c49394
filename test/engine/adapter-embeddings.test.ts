/** Embedding rows that an adapter brings along (make_adapter_embeddings.py), as PEFT loads and merges them. */
import { afterAll, describe, expect, test } from 'bun:test';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tape } from '../../src/autograd/tape';
import { withLocalModel } from '../../src/commands/local-model/load';
import { mergeJob } from '../../src/commands/merge/job';
import { openSafetensors, storedF32, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import { causalLogits } from '../../src/train/pass';
import { box } from '../cli/box';
import { FIXTURES, forwardOptions, readJson, readTensors, relativeError } from './support';

const folder = box();
afterAll(() => folder.remove());

const ROWS = readJson<{ rows: number[][]; resized: number[][] }>('adapter-embeddings', 'rows.json');
const CASES = [
  { name: 'tied', base: 'causal-tied', rows: ROWS.rows, tied: true },
  { name: 'resized', base: 'causal-untied', rows: ROWS.resized, tied: false },
  { name: 'resized-tied', base: 'causal-tied', rows: ROWS.resized, tied: true },
  { name: 'resized-saved', base: 'causal-tied', rows: ROWS.resized, tied: false },
  { name: 'token-rows', base: 'causal-tied', rows: ROWS.rows, tied: true },
  { name: 'token-rows-untied', base: 'causal-untied', rows: ROWS.rows, tied: false },
] as const;

const PLAIN = { precision: 'fp32', quantise: null, device: 'cpu', threads: 1, isa: null } as const;
const NO_TEXT = { maxNewTokens: 0, repetitionPenalty: 1, noRepeatNgramSize: 0, eos: null } as const;
const baseOf = (base: string): string => join(FIXTURES, 'qwen3', base);
const adapterOf = (name: string): string => join(FIXTURES, 'adapter-embeddings', name);

function logitsOf(model: string, adapter: string | null, rows: readonly (readonly number[])[]) {
  const warnings: string[] = [];
  const emit = (event: { kind: string; message?: string }): void => {
    if (event.kind === 'warning') warnings.push(event.message!);
  };
  const values = withLocalModel(
    { ...PLAIN, ...NO_TEXT, model, adapter },
    { emit, cancelled: () => false },
    () => {},
    ({ device, model: loaded }) => {
      loaded.decoder.prepare(32);
      const packed = rows.map((ids) => ({ ids, label: 0, labels: null }));
      return device.scope(() =>
        device.readF32(causalLogits(new Tape(device, false), loaded, packed, forwardOptions())),
      );
    },
  );
  return { values, warnings };
}

async function merge(model: string, adapter: string): Promise<string> {
  const out = join(folder.path, `merged-${Bun.hash(model + adapter)}`);
  await mergeJob({ ...PLAIN, model, adapter, out, ids: null }, { emit: () => {}, cancelled: () => false });
  return out;
}

describe.each([...CASES])('$name', ({ name, base, rows, tied }) => {
  test('loads with PEFT\u2019s logits', () => {
    const { values, warnings } = logitsOf(baseOf(base), adapterOf(name), rows);
    expect(
      relativeError(values, readTensors('adapter-embeddings', name, 'logits.safetensors').get('logits')!),
    ).toBeLessThan(2e-6);
    expect(warnings).toHaveLength(name.startsWith('resized') ? 1 : 0);
  });

  test('merges into a checkpoint of its own vocabulary', async () => {
    const out = await merge(baseOf(base), adapterOf(name));
    const merged = readTensors('adapter-embeddings', name, 'logits.safetensors').get('merged_logits')!;
    expect(relativeError(logitsOf(out, null, rows).values, merged)).toBeLessThan(2e-6);
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, number | boolean>;
    const plain = JSON.parse(readFileSync(join(baseOf(base), 'config.json'), 'utf8')) as Record<string, number>;
    expect(config.vocab_size).toBe(plain.vocab_size! + (name.startsWith('resized') ? 3 : 0));
    expect(config.tie_word_embeddings).toBe(tied);
  });
});

test('a merged checkpoint of a resized vocabulary has the adapter\u2019s tokeniser', async () => {
  const adapter = join(folder.path, 'with-tokenizer');
  cpSync(adapterOf('resized'), adapter, { recursive: true });
  writeFileSync(join(adapter, 'tokenizer.json'), '{"of":"the adapter"}');
  expect(logitsOf(baseOf('causal-untied'), adapter, ROWS.resized).warnings[0]).toContain(`its tokeniser is ${adapter}`);
  const out = await merge(baseOf('causal-untied'), adapter);
  expect(readFileSync(join(out, 'tokenizer.json'), 'utf8')).toBe('{"of":"the adapter"}');
});

test('a base in fp16 has the rows in its own dtype after merging', async () => {
  const base = changed(baseOf('causal-untied'), 'half-base', (tensor) => {
    const halves = Float16Array.from(new Float32Array(tensor.data.slice().buffer as ArrayBuffer));
    return { ...tensor, dtype: 'f16', data: new Uint8Array(halves.buffer) };
  });
  const out = await merge(base, adapterOf('resized'));
  const file = openSafetensors(join(out, 'model.safetensors'));
  expect(new Set([...file.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['f16']));
  file.close();
});

describe('refused with a line', () => {
  const without = (source: string, name: string, drop: string): string =>
    changed(adapterOf(source), name, (tensor) => (tensor.name.includes(drop) ? null : tensor));
  const refusal = (base: string, adapter: string): string => {
    try {
      logitsOf(baseOf(base), adapter, ROWS.rows);
    } catch (error) {
      return (error as Error).message;
    }
    return 'it was taken';
  };

  test('a resized vocabulary without the head, or without the embedding', () => {
    expect(refusal('causal-untied', without('resized', 'no-head', 'lm_head'))).toContain('does not hold lm_head');
    expect(refusal('causal-untied', without('resized', 'no-table', 'embed'))).toContain('does not hold the embedding');
  });
  test('tables of different lengths', () => {
    const adapter = changed(adapterOf('resized'), 'lengths', (tensor) => {
      if (!tensor.name.includes('lm_head')) return tensor;
      const [rows, width] = tensor.shape as [number, number];
      return { ...tensor, shape: [rows - 1, width], data: tensor.data.subarray(0, (rows - 1) * width * 4) };
    });
    expect(refusal('causal-untied', adapter)).toContain('rows and lm_head');
  });
  test('a tied base whose tables the adapter has as two', () => {
    const adapter = changed(adapterOf('tied'), 'apart', (tensor) => {
      if (tensor.name.includes('lm_head')) tensor.data[0]! ^= 1;
      return tensor;
    });
    expect(refusal('causal-tied', adapter)).toContain('the base ties them');
  });
  test.each([
    ['rows that are missing', [5, 3, 7], 'not [3,'],
    ['a token beyond the vocabulary', [5, 1e6], 'and the base has'],
    ['rows of another module', { 'model.norm': [1] }, 'is not implemented'],
  ])('%s', (what, tokens, message) => {
    const adapter = join(folder.path, what.replaceAll(' ', '-'));
    cpSync(adapterOf('token-rows'), adapter, { recursive: true });
    const path = join(adapter, 'adapter_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as object;
    writeFileSync(path, JSON.stringify({ ...config, trainable_token_indices: tokens }));
    expect(refusal('causal-tied', adapter)).toContain(message);
  });
});

/** A copy of a folder with its tensors changed; null drops one. */
function changed(source: string, name: string, change: (tensor: TensorToWrite) => TensorToWrite | null): string {
  const copy = join(folder.path, name);
  cpSync(source, copy, { recursive: true });
  const file = existsSync(join(copy, 'model.safetensors')) ? 'model.safetensors' : 'adapter_model.safetensors';
  const original = openSafetensors(join(source, file));
  const tensors = [...original.tensors].map(([key, stored]) => {
    const data = new Uint8Array(storedF32(stored).buffer as ArrayBuffer);
    return change({ name: key, dtype: 'f32', shape: stored.shape, data });
  });
  original.close();
  writeSafetensors(
    join(copy, file),
    tensors.filter((tensor) => tensor !== null),
  );
  return copy;
}

/** Adapters on a multimodal Gemma 3 (make_multimodal.py): PEFT's names and logits, and merged checkpoints as transformers has them. */
import { afterAll, describe, expect, test } from 'bun:test';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tape } from '../../src/autograd/tape';
import { mergeJob } from '../../src/commands/merge/job';
import { fourBitTensors } from '../../src/nn/bitsandbytes';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { adapterConfigJson, adapterTensors, loadAdapter, openAdapterFolder } from '../../src/nn/peft';
import {
  openSafetensors,
  storedBytes,
  storedF32,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/nn/safetensors';
import { trainedTensors } from '../../src/nn/trained';
import { quantise4bit } from '../../src/nn/weights';
import { causalLogits, classifierLogits } from '../../src/train/pass';
import { box } from '../cli/box';
import { FIXTURES, forwardOptions, onCpu, PLAIN, readJson, readTensors, relativeError } from './support';

const folder = box();
afterAll(() => folder.remove());

const MULTIMODAL = join(FIXTURES, 'multimodal');
const BASE = join(MULTIMODAL, 'base');
const ROWS = readJson<number[][]>('multimodal', 'rows.json').map((ids) => ({ ids, label: 0, labels: null }));
const KEYS = readJson<Record<string, string[]>>('multimodal', 'keys.json');

/** Logits of a base with an adapter or without one, and what was warned of. */
function logitsOf(base: string, adapter: string | null): { values: Float32Array; warnings: string[] } {
  return onCpu((device) => {
    const files = openModelFolder(base);
    const opened = adapter === null ? null : openAdapterFolder(adapter);
    const classes = opened?.classes ?? files.config.labels;
    const task = classes > 0 ? 'sequence-classification' : 'causal-lm';
    const model = loadModel(device, files, { ...PLAIN, task, classes, adapter: opened?.options ?? null });
    const warnings = opened === null ? [] : loadAdapter(device, model, opened, files);
    model.decoder.prepare(32);
    const forward = classes > 0 ? classifierLogits : causalLogits;
    const values = device.scope(() => device.readF32(forward(new Tape(device, false), model, ROWS, forwardOptions())));
    return { values, warnings };
  });
}

async function merge(adapter: string, base = BASE): Promise<{ out: string; linears: number }> {
  const out = join(folder.path, `merged-${adapter.replaceAll('/', '-')}`);
  const asked = { model: base, adapter, out, ids: null, precision: 'fp32', quantise: null, device: 'cpu' } as const;
  const context = { emit: () => {}, cancelled: () => false };
  const { document } = await mergeJob({ ...asked, threads: 1, isa: null }, context);
  return { out, linears: document.linears };
}

const CASES = [
  { name: 'all-linear', images: 6, linears: 20 },
  { name: 'expression', images: 0, linears: 14 },
  { name: 'old-names', images: 0, linears: 2 },
  { name: 'projector', images: 2, linears: 2 },
  { name: 'classifier', images: 1, linears: 5 },
] as const;

describe.each([...CASES])('$name', ({ name, images, linears }) => {
  test('loads with PEFT\u2019s logits, and says what of it is for images', () => {
    const { values, warnings } = logitsOf(BASE, join(MULTIMODAL, name));
    expect(relativeError(values, readTensors('multimodal', name, 'logits.safetensors').get('logits')!)).toBeLessThan(
      2e-6,
    );
    expect(warnings).toHaveLength(images === 0 ? 0 : 1);
    if (images > 0) expect(warnings[0]).toContain(`also changes ${images} modules of `);
  });

  test('merges into every key of the base, as transformers saves it', async () => {
    const { out, linears: changed } = await merge(join(MULTIMODAL, name));
    expect(changed).toBe(linears);
    const file = openSafetensors(join(out, 'model.safetensors'));
    expect([...file.tensors.keys()].sort()).toEqual(KEYS[name]!);
    const base = readTensors('multimodal', 'base', 'model.safetensors');
    const theirs = readTensors('multimodal', name, 'merged.safetensors');
    for (const [key, stored] of file.tensors) {
      const expected = theirs.get(key) ?? base.get(key)!;
      expect({ key, close: relativeError(storedF32(stored), expected) < 1e-6 }).toEqual({ key, close: true });
    }
    file.close();
    expect(readdirSync(out).sort()).toEqual(readdirSync(BASE).sort());
    const merged = readTensors('multimodal', name, 'logits.safetensors').get('merged_logits')!;
    expect(relativeError(logitsOf(out, null).values, merged)).toBeLessThan(2e-6);
  });
});

test('a head trained apart from its embedding unties both parts of the configuration', async () => {
  const { out } = await merge(copyOf(join(MULTIMODAL, 'all-linear'), 'untying'));
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<string, unknown>;
  expect(config).toMatchObject({ tie_word_embeddings: false, text_config: { tie_word_embeddings: false } });
});

test('what a run writes has the names of transformers\u2019 modules, and nothing of the vision tower', () => {
  onCpu((device) => {
    const options = { targets: 'all-linear', rank: 2, alpha: 4, dropout: 0 } as const;
    const model = loadModel(device, openModelFolder(BASE), { ...PLAIN, adapter: options });
    const config = JSON.parse(adapterConfigJson(device, model, options, { id: 'base', revision: null }, 'CAUSAL_LM'));
    const file = openSafetensors(join(MULTIMODAL, 'expression', 'adapter_model.safetensors'));
    expect(
      adapterTensors(device, model)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...file.tensors.keys()].sort());
    // q_proj alone would also be the vision tower's
    const modules = new Set(
      [...file.tensors.keys()].map((name) => name.replace(/^base_model\.model\.|\.lora_.*$/g, '')),
    );
    expect(config.target_modules).toEqual([...modules].sort());
    file.close();
  });
});

test('a model whose every parameter was trained has every key of the base, and what sees images as it was', () => {
  onCpu((device) => {
    const files = openModelFolder(BASE);
    const model = loadModel(device, files, { ...PLAIN, fullParameter: true });
    const tensors = trainedTensors(device, files, model, 'causal-lm');
    expect(tensors.map(({ name }) => name).sort()).toEqual(KEYS.base!);
    const base = readTensors('multimodal', 'base', 'model.safetensors');
    for (const { name, data } of tensors) {
      const bytes = typeof data === 'function' ? data() : data;
      expect([...new Float32Array(bytes.slice().buffer)]).toEqual([...base.get(name)!]);
    }
  });
});

describe('other spellings of the same names', () => {
  /** The adapter `expression` with other names in its tensors and targets. */
  function respelt(name: string, prefix: string, targets: string | string[]): string {
    const copy = copyOf(join(MULTIMODAL, 'expression'), name);
    const path = join(copy, 'adapter_config.json');
    const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    writeFileSync(path, JSON.stringify({ ...config, target_modules: targets }));
    renameTensors(join(copy, 'adapter_model.safetensors'), 'model.language_model.', prefix);
    return copy;
  }
  const peft = readTensors('multimodal', 'expression', 'logits.safetensors').get('logits')!;

  test('an expression for the names of transformers before 4.52', () => {
    const adapter = respelt('old', 'language_model.model.', String.raw`language_model\.model\.layers\.\d+\..*_proj`);
    expect(relativeError(logitsOf(BASE, adapter).values, peft)).toBeLessThan(2e-6);
  });

  test('an adapter of the model without images is applied, with a warning: PEFT would leave it without effect', () => {
    const adapter = respelt('plain', 'model.', String.raw`model\.layers\.\d+\..*_proj`);
    const { values, warnings } = logitsOf(BASE, adapter);
    expect(relativeError(values, peft)).toBeLessThan(2e-6);
    expect(warnings).toEqual([expect.stringContaining('in PEFT it would have no effect')]);
  });

  test('a base in the names of its modules is merged into those', async () => {
    const base = copyOf(BASE, 'live-base');
    renameTensors(join(base, 'model.safetensors'), 'language_model.model.', 'model.language_model.');
    const { out } = await merge(copyOf(join(MULTIMODAL, 'expression'), 'live'), base);
    const [before, after] = [base, out].map((at) => openSafetensors(join(at, 'model.safetensors')));
    expect([...after!.tensors.keys()].sort()).toEqual([...before!.tensors.keys()].sort());
  });

  test('tensors that nothing computes with are copied as they are', async () => {
    const base = copyOf(BASE, 'foreign-base');
    const path = join(base, 'model.safetensors');
    const file = openSafetensors(path);
    const tensors = [...file.tensors].map(([name, stored]) => ({ ...stored, name, data: storedBytes(stored) }));
    const positions = new Uint8Array(BigInt64Array.from([0n, 1n, -2n]).buffer);
    const foreign = {
      name: 'vision_tower.embeddings.position_ids',
      dtype: 'I64',
      shape: [1, 3],
      data: positions,
    } as const;
    writeSafetensors(path, [...tensors, foreign]);
    file.close();
    const { out } = await merge(copyOf(join(MULTIMODAL, 'expression'), 'foreign'), base);
    const merged = openSafetensors(join(out, 'model.safetensors'));
    const { dtype, shape, address, bytes } = merged.foreign!.get(foreign.name)!;
    expect({ dtype, shape }).toEqual({ dtype: 'I64', shape: [1, 3] });
    expect(storedBytes({ dtype: 'u8', shape, address, bytes, release: () => {} })).toEqual(positions);
    merged.close();
  });

  test('a quantised matrix of the vision tower is made dense', async () => {
    const base = copyOf(BASE, 'quantised-base');
    const path = join(base, 'model.safetensors');
    const file = openSafetensors(path);
    const name = 'vision_tower.encoder.layers.0.mlp.fc1.weight';
    const options = { kind: 'nf4', doubleQuant: false, blockSize: 64 } as const;
    const before = storedF32(file.tensors.get(name)!);
    const tensors = [...file.tensors].flatMap(([key, stored]): TensorToWrite[] => {
      if (key !== name) return [{ ...stored, name: key, data: storedBytes(stored) }];
      return onCpu((device) => {
        const parts = quantise4bit(device, device.fromArray(before, stored.shape, 'f32'), options);
        return fourBitTensors(device, name, [stored.shape[0]!, stored.shape[1]!], parts, options, 'float32');
      });
    });
    writeSafetensors(path, tensors);
    const shape = file.tensors.get(name)!.shape;
    file.close();
    const { out } = await merge(copyOf(join(MULTIMODAL, 'expression'), 'quantised'), base);
    const merged = openSafetensors(join(out, 'model.safetensors'));
    expect([...merged.tensors.keys()].sort()).toEqual(KEYS.base!);
    expect(merged.tensors.get(name)).toMatchObject({ dtype: 'f32', shape });
    const error = relativeError(storedF32(merged.tensors.get(name)!), before);
    expect(error).toBeGreaterThan(0.01);
    expect(error).toBeLessThan(0.2);
    merged.close();
  });

  test('an adapter of the vision tower on a model of text is refused', () => {
    const text = join(FIXTURES, 'gemma3', 'causal-tied');
    expect(() => logitsOf(text, join(MULTIMODAL, 'all-linear'))).toThrow();
  });
});

function renameTensors(path: string, from: string, to: string): void {
  const file = openSafetensors(path);
  const tensors = [...file.tensors].map(([name, { dtype, shape, ...stored }]) => {
    return { name: name.replace(from, to), dtype, shape, data: storedBytes({ dtype, shape, ...stored }) };
  });
  writeSafetensors(path, tensors);
  file.close();
}

/** A copy under another name: `merge` wants a new folder for each. */
function copyOf(source: string, name: string): string {
  const copy = join(folder.path, name);
  cpSync(source, copy, { recursive: true });
  return copy;
}

/** Adapters: which linears, how they start, and a file that PEFT wrote or could have written. */
import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tape } from '../../src/autograd/tape';
import { MedreproError } from '../../src/errors';
import type { Device } from '../../src/native/device';
import { BLOCK_LINEARS } from '../../src/nn/config';
import type { LoraOptions } from '../../src/nn/lora';
import { loadModel, type Model, openModelFolder } from '../../src/nn/model';
import { adapterConfigJson } from '../../src/nn/peft';
import { openSafetensors, storedF32, writeSafetensors } from '../../src/nn/safetensors';
import { causalLogits, classifierLogits } from '../../src/train/pass';
import { digest, LORA, type Setup, sampleRows, start, type Task, WIDE } from './fixture-training';
import { FIXTURES, forwardOptions, loadCase, loadTrainable, onCpu, PLAIN, readJson, readTensors } from './support';

const FOLDER = mkdtempSync(join(tmpdir(), 'medrepro-lora-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

interface Case {
  readonly name: string;
  readonly task: Task;
  readonly adapter: LoraOptions;
  readonly peftTask: 'SEQ_CLS' | 'CAUSAL_LM';
}
const CASES: readonly Case[] = [
  { name: 'classifier-lora', task: 'sequence-classification', adapter: LORA, peftTask: 'SEQ_CLS' },
  {
    name: 'causal-lora',
    task: 'causal-lm',
    adapter: { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] },
    peftTask: 'CAUSAL_LM',
  },
];

const load = (device: Device, { name, task, adapter }: Case): Model =>
  loadCase(device, name, { task, classes: 5, adapter });

/** Writes the adapter's tensors as a run does. */
function writeAdapter(device: Device, model: Model, path: string): void {
  const tensors = [...model.trainable].map(([name, tensor]) => ({
    name,
    dtype: 'f32' as const,
    shape: tensor.shape,
    data: device.readBytes(tensor),
  }));
  writeSafetensors(path, tensors);
}

function logits(device: Device, model: Model, { task }: Case): Float32Array {
  model.decoder.prepare(32);
  const forward = task === 'causal-lm' ? causalLogits : classifierLogits;
  const rows = sampleRows(6, task);
  return device.scope(() => device.readF32(forward(new Tape(device, false), model, rows, forwardOptions())));
}

/** name -> dtype and shape. */
function contents(path: string): Record<string, string> {
  const file = openSafetensors(path);
  const entries = [...file.tensors].map(([name, { dtype, shape }]) => [name, `${dtype} [${shape}]`]);
  file.close();
  return Object.fromEntries(entries);
}

describe.each([...CASES])('$name', (one) => {
  const written = join(FOLDER, `${one.name}.safetensors`);
  const peft = join(FIXTURES, 'qwen3', one.name, 'adapter', 'adapter_model.safetensors');

  test('the file has the names, dtypes and shapes PEFT gave them, and loading it gives equal logits', () => {
    const before = onCpu((device) => {
      const model = load(device, one);
      writeAdapter(device, model, written);
      return logits(device, model, one);
    });
    expect(contents(written)).toEqual(contents(peft));
    const after = onCpu((device) => {
      const files = openModelFolder(join(FIXTURES, 'qwen3', one.name));
      const model = loadModel(device, files, { ...PLAIN, task: one.task, classes: 5, adapter: one.adapter, seed: 99 });
      const fresh = logits(device, model, one);
      expect(fresh).not.toEqual(before);
      const file = openSafetensors(written);
      const values = [...file.tensors].map(([name, stored]) => [name, storedF32(stored)] as const);
      file.close();
      loadTrainable(device, model, new Map(values));
      return logits(device, model, one);
    });
    expect(after).toEqual(before);
  });

  test('adapter_config.json has keys PEFT knows, with its values', () => {
    const theirs = readJson<Record<string, unknown>>('qwen3', one.name, 'adapter', 'adapter_config.json');
    const base = { id: 'Qwen/Qwen3-8B', revision: 'abc' };
    const ours = onCpu(
      (device) =>
        JSON.parse(adapterConfigJson(device, load(device, one), one.adapter, base, one.peftTask)) as Record<
          string,
          unknown
        >,
    );
    expect(ours).toMatchObject({ base_model_name_or_path: base.id, revision: base.revision });
    for (const [key, value] of Object.entries(ours)) {
      expect(theirs, key).toHaveProperty(key);
      if (['base_model_name_or_path', 'revision', 'target_modules'].includes(key)) continue;
      expect({ [key]: value }).toEqual({ [key]: theirs[key] });
    }
    // PEFT lists full names where a plain name would not do; both mean the same modules
    const theirTargets = theirs.target_modules as string[];
    const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
    expect(ours.target_modules).toEqual([...new Set(theirTargets.map(last))].sort());
  });
});

describe('the start', () => {
  const begin = (seed: number, options: Partial<LoraOptions> = {}, threads = 2): Map<string, Float32Array> =>
    onCpu(
      (device) => {
        const { model } = start(device, { task: 'causal-lm', model: { adapter: { ...LORA, ...options }, seed } });
        return new Map([...model.trainable].map(([name, tensor]) => [name, device.readF32(tensor)]));
      },
      { threads },
    );
  const sums = (values: ReadonlyMap<string, Float32Array>): string[] =>
    [...values].map(([name, data]) => `${name} ${digest(new Uint8Array(data.buffer as ArrayBuffer))}`);

  test('A is uniform within 1/sqrt(in), B is zero', () => {
    const values = begin(1, { rank: 16 });
    expect(values.size).toBe(2 * 2 * BLOCK_LINEARS.length);
    for (const [name, data] of values) {
      if (name.includes('lora_B')) {
        expect(data.every((value) => Object.is(value, 0))).toBeTrue();
        continue;
      }
      const bound = 1 / Math.sqrt(data.length / 16);
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest, name).toBeLessThanOrEqual(Math.fround(bound));
      expect(largest, name).toBeGreaterThan(0.98 * bound);
      // the variance of a uniform number within +-b is b^2/3; 768 draws or more scatter by 3 % (one sigma)
      const variance = data.reduce((sum, value) => sum + value ** 2, 0) / data.length;
      expect(Math.abs((3 * variance) / bound ** 2 - 1), name).toBeLessThan(0.15);
    }
    // no two modules start alike
    const first = [...values].filter(([name]) => name.includes('lora_A')).map(([, data]) => data[0]);
    expect(new Set(first).size).toBe(first.length);
  });

  test('the seed decides, not the threads', () => {
    const one = sums(begin(1));
    expect(sums(begin(1, {}, 1))).toEqual(one);
    expect(sums(begin(1, {}, 3))).toEqual(one);
    const other = sums(begin(2));
    expect(other.filter((sum, i) => sum === one[i]).every((sum) => sum.includes('lora_B'))).toBeTrue();
  });

  test('a module starts alike whatever else is adapted', () => {
    const all = begin(1);
    const some = begin(1, { targets: ['v_proj', 'down_proj'] });
    expect(some.size).toBe(8);
    for (const [name, data] of some) expect(data, name).toEqual(all.get(name)!);
  });

  test('a model with an untrained adapter is the base model', () => {
    const { task } = CASES[1]!;
    onCpu((device) => {
      const { model } = start(device, { task, model: { adapter: null } });
      const adapted = start(device, { task, model: { adapter: LORA } });
      expect(logits(device, adapted.model, CASES[1]!)).toEqual(logits(device, model, CASES[1]!));
    });
  });
});

describe('targets that are none', () => {
  test.each([[['query']], [['q_proj', 'c_attn']], [['lm_head']], [['score']], [['']], [['proj']], [['attn.q_proj']]])(
    '%j',
    (targets) => {
      onCpu((device) => {
        try {
          start(device, { task: 'causal-lm', model: { adapter: { ...LORA, targets } } });
        } catch (error) {
          expect(error).toBeInstanceOf(MedreproError);
          const { message, remedy, code } = error as MedreproError;
          expect(code).toBe('spec');
          expect(message).toContain(targets.at(-1)!);
          expect(remedy).toContain('q_proj');
          return;
        }
        throw new Error('it was taken');
      });
    },
  );

  test('an empty list', () => {
    onCpu((device) => {
      const none = () => start(device, { task: 'causal-lm', model: { adapter: { ...LORA, targets: [] } } });
      expect(none).toThrow(MedreproError);
    });
  });
});

describe('the score head', () => {
  const head = (seed: number, setup: Partial<Setup> = {}, threads = 2): Float32Array =>
    onCpu(
      (device) => {
        const { model } = start(device, { task: 'sequence-classification', model: { seed }, ...setup });
        return device.readF32(model.trainable.get('base_model.model.score.weight')!);
      },
      { threads },
    );

  test('of the checkpoint is kept, whatever the seed', () => {
    const stored = readTensors('qwen3', 'classifier-lora', 'model.safetensors').get('score.weight')!;
    for (const seed of [1, 2]) expect(head(seed)).toEqual(stored);
  });

  test('of a model without one is drawn from the seed, N(0, 0.02) as transformers', () => {
    const drawn = head(1, { config: WIDE });
    expect(drawn).toHaveLength(5 * WIDE.hiddenSize);
    expect(head(1, { config: WIDE }, 1)).toEqual(drawn);
    expect(head(2, { config: WIDE })).not.toEqual(drawn);
    const deviation = Math.sqrt(drawn.reduce((sum, value) => sum + value ** 2, 0) / drawn.length);
    expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(0.08);
  });
});

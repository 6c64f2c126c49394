/**
 * Llama, Qwen2, Qwen3 and Gemma 3 against torch + transformers + PEFT (fixtures made by make_families.py): logits, hidden states of
 * every layer, loss and every gradient in fp32, logits in bf16, and rows that were padded.
 */
import { describe, expect, test } from 'bun:test';
import { Tape } from '../../src/autograd/tape';
import { stripPadding } from '../../src/data/batches';
import type { Device } from '../../src/native/device';
import type { Model } from '../../src/nn/model';
import {
  causalLogits,
  causalPass,
  classifierLogits,
  classifierPass,
  nextTokenTargets,
  type Row,
} from '../../src/train/pass';
import {
  type CaseJson,
  caseRows,
  forwardOptions,
  loadCase,
  onCpu,
  readJson,
  readTensors,
  relativeError,
} from './support';

/** Bounds on ||ours - torch|| / ||torch||; torch's own noise (eager against SDPA) is near 1e-6. */
const LOGITS = 1e-5;
const LOSS = 1e-5;
const GRADIENT = 1e-4;

type Compute = 'fp32' | 'bf16';

/** Logits of all rows, and the hidden states on the way. */
function run(device: Device, model: Model, rows: readonly Row[], compute: Compute): [Float32Array, Float32Array[]] {
  const hidden: Float32Array[] = [];
  const onHidden = (index: number, state: Parameters<Device['readF32']>[0]): void => {
    if (compute === 'fp32') hidden[index] = device.readF32(state);
  };
  const options = { ...forwardOptions(compute), onHidden };
  const logits = device.scope(() => {
    const tape = new Tape(device, false);
    return device.readF32(
      model.config.labels > 0 ? classifierLogits(tape, model, rows, options) : causalLogits(tape, model, rows, options),
    );
  });
  return [logits, hidden];
}

/** Every trained tensor's gradient, under `prefix` in the fixture. */
function expectGradients(
  device: Device,
  model: Model,
  expected: ReadonlyMap<string, Float32Array>,
  prefix: string,
): void {
  const names = [...expected.keys()].filter((name) => name.startsWith(prefix));
  expect([...model.trainable.keys()].map((name) => prefix + name).sort()).toEqual(names.sort());
  for (const [name, tensor] of model.trainable) {
    const error = relativeError(device.readF32(tensor.grad!), expected.get(prefix + name)!);
    expect(error, name).toBeLessThan(GRADIENT);
  }
}

describe.each([
  ['llama', 'causal-untied'],
  ['llama', 'causal-biased'],
  ['qwen2', 'causal-tied'],
  ['gemma3', 'causal-tied'],
  ['qwen3', 'causal-bf16'],
])('%s/%s', (family, name) => {
  const json = readJson<CaseJson & { lora_loss: number }>(family, name, 'case.json');
  const expected = readTensors(family, name, 'case.safetensors');
  const rows = caseRows(json);
  const lora = { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] };
  const count = nextTokenTargets(rows).labels.length;

  const loaded = <Result>(
    options: Parameters<typeof loadCase>[2],
    body: (device: Device, model: Model) => Result,
  ): Result =>
    onCpu((device) => {
      const model = loadCase(device, name, options, family);
      model.decoder.prepare(64);
      return body(device, model);
    });

  test('logits and the hidden states of every layer', () => {
    loaded({}, (device, model) => {
      const [logits, hidden] = run(device, model, rows, 'fp32');
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(LOGITS);
      expect(hidden.length).toBe(model.config.layers + 1);
      hidden.forEach((state, index) => {
        expect(relativeError(state, expected.get(`hidden_states.${index}`)!), `${index}`).toBeLessThan(LOGITS);
      });
    });
  });

  test.each([false, true])('loss and gradients of all parameters, checkpointing %p', (checkpoint) => {
    loaded({ fullParameter: true }, (device, model) => {
      const { sum } = causalPass(device, model, rows, 1 / count, forwardOptions('fp32', checkpoint));
      expect(Math.abs(sum / count / json.loss - 1)).toBeLessThan(LOSS);
      expectGradients(device, model, expected, 'grad.');
    });
  });

  test('logits, loss and gradients of LoRA on q and v', () => {
    loaded({ adapter: lora }, (device, model) => {
      const [logits] = run(device, model, rows, 'fp32');
      expect(relativeError(logits, expected.get('lora_logits')!)).toBeLessThan(LOGITS);
      const { sum } = causalPass(device, model, rows, 1 / count, forwardOptions());
      expect(Math.abs(sum / count / json.lora_loss - 1)).toBeLessThan(LOSS);
      expectGradients(device, model, expected, 'lora.');
    });
  });

  test('bf16 is within twice the error of torch in bf16', () => {
    loaded({ compute: 'bf16' }, (device, model) => {
      const [logits] = run(device, model, rows, 'bf16');
      const torch = relativeError(expected.get('bf16_logits')!, expected.get('logits')!);
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(2 * torch);
    });
  });

  test('padded on either side, packed or one by one: the same logits', () => {
    loaded({}, (device, model) => {
      const [packed] = run(device, model, rows, 'fp32');
      const single = rows.flatMap((row) => [...run(device, model, [row], 'fp32')[0]]);
      expect(single).toEqual([...packed]);
      const width = Math.max(...rows.map(({ ids }) => ids.length));
      for (const side of ['left', 'right'] as const) {
        const pad = (values: readonly number[]): number[] => {
          const padding = new Array<number>(width - values.length).fill(0);
          return side === 'left' ? [...padding, ...values] : [...values, ...padding];
        };
        const ids = rows.map((row) => pad(Array.from(row.ids)));
        const mask = rows.map((row) => pad(Array.from(row.ids, () => 1)));
        const stripped = stripPadding(ids, mask).map((row) => ({ ids: row, label: -1, labels: null }));
        const [logits] = run(device, model, stripped, 'fp32');
        expect([...logits]).toEqual([...packed]);
        expect(relativeError(logits, expected.get(`${side}_padded_logits`)!), side).toBeLessThan(LOGITS);
      }
    });
  });
});

describe.each(['llama', 'gemma3'])('%s/classifier-lora', (family) => {
  const json = readJson<CaseJson>(family, 'classifier-lora', 'case.json');
  const expected = readTensors(family, 'classifier-lora', 'case.safetensors');
  const rows = caseRows(json);
  const adapter = { rank: 2, alpha: 8, dropout: 0, targets: 'all-linear' } as const;
  const options = { task: 'sequence-classification', classes: 3, adapter } as const;

  test.each([false, true])('logits, loss and gradients, checkpointing %p', (checkpoint) => {
    onCpu((device) => {
      const model = loadCase(device, 'classifier-lora', options, family);
      model.decoder.prepare(64);
      const [logits] = run(device, model, rows, 'fp32');
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(LOGITS);
      const pass = forwardOptions('fp32', checkpoint);
      const [loss] = classifierPass(device, model, [rows], [1], { kind: 'cross-entropy' }, pass);
      expect(Math.abs(loss! / json.loss - 1)).toBeLessThan(LOSS);
      expectGradients(device, model, expected, 'grad.');
    });
  });

  test('bf16 is within twice the error of torch in bf16', () => {
    onCpu((device) => {
      const model = loadCase(device, 'classifier-lora', { ...options, compute: 'bf16' }, family);
      model.decoder.prepare(64);
      const [logits] = run(device, model, rows, 'bf16');
      const torch = relativeError(expected.get('bf16_logits')!, expected.get('logits')!);
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(2 * torch);
    });
  });
});

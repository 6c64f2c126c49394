/**
 * The engine against torch + transformers + PEFT in fp32 on tiny Qwen3 models (fixtures made by make_qwen3.py): logits,
 * loss and every gradient tensor.
 */
import { describe, expect, test } from 'bun:test';
import { Tape } from '../../src/autograd/tape';
import type { Device } from '../../src/native/device';
import type { LoraOptions } from '../../src/nn/lora';
import type { Model } from '../../src/nn/model';
import { causalLogits, causalPass, classifierLogits, classifierPass, nextTokenTargets } from '../../src/train/pass';
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

const attentionLora: LoraOptions = { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] };
const allLinear: LoraOptions = { rank: 4, alpha: 8, dropout: 0, targets: 'all-linear' };

function expectGradients(device: Device, model: Model, expected: ReadonlyMap<string, Float32Array>): void {
  const names = [...expected.keys()].filter((name) => name.startsWith('grad.'));
  expect([...model.trainable.keys()].map((name) => `grad.${name}`).sort()).toEqual(names.sort());
  for (const [name, tensor] of model.trainable) {
    const error = relativeError(device.readF32(tensor.grad!), expected.get(`grad.${name}`)!);
    expect(error, name).toBeLessThan(GRADIENT);
  }
}

describe.each(['causal-tied', 'causal-untied', 'causal-lora'])('%s', (name) => {
  const json = readJson<CaseJson>('qwen3', name, 'case.json');
  const expected = readTensors('qwen3', name, 'case.safetensors');
  const adapter = name === 'causal-lora' ? attentionLora : null;
  const options = { adapter, fullParameter: adapter === null };

  test.each([false, true])('logits, loss and gradients, checkpointing %p', (checkpoint) => {
    onCpu((device) => {
      const model = loadCase(device, name, options);
      const rows = caseRows(json);
      model.decoder.prepare(32);
      const logits = device.scope(() =>
        device.readF32(causalLogits(new Tape(device, false), model, rows, forwardOptions())),
      );
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(LOGITS);
      const count = nextTokenTargets(rows).labels.length;
      const { sum } = causalPass(device, model, rows, 1 / count, forwardOptions('fp32', checkpoint));
      expect(Math.abs(sum / count / json.loss - 1)).toBeLessThan(LOSS);
      expectGradients(device, model, expected);
    });
  });

  test('a row on its own gives the same logits as inside a pack', () => {
    onCpu((device) => {
      const model = loadCase(device, name, options);
      model.decoder.prepare(32);
      const rows = caseRows(json);
      const run = (some: typeof rows): Float32Array =>
        device.scope(() => device.readF32(causalLogits(new Tape(device, false), model, some, forwardOptions())));
      const packed = run(rows);
      const single = rows.flatMap((row) => [...run([row])]);
      expect(single).toEqual([...packed]);
    });
  });
});

describe('classifier-lora', () => {
  const json = readJson<CaseJson>('qwen3', 'classifier-lora', 'case.json');
  const expected = readTensors('qwen3', 'classifier-lora', 'case.safetensors');
  const options = { task: 'sequence-classification', classes: 5, adapter: allLinear } as const;

  test.each([false, true])('logits, loss and gradients, checkpointing %p', (checkpoint) => {
    onCpu((device) => {
      const model = loadCase(device, 'classifier-lora', options);
      const rows = caseRows(json);
      model.decoder.prepare(32);
      const logits = device.scope(() =>
        device.readF32(classifierLogits(new Tape(device, false), model, rows, forwardOptions())),
      );
      expect(relativeError(logits, expected.get('logits')!)).toBeLessThan(LOGITS);
      const pass = forwardOptions('fp32', checkpoint);
      const [loss] = classifierPass(device, model, [rows], [1], { kind: 'cross-entropy' }, pass);
      expect(Math.abs(loss! / json.loss - 1)).toBeLessThan(LOSS);
      expectGradients(device, model, expected);
    });
  });

  test('micro-batches computed as one pack give the gradients of separate passes', () => {
    const run = (together: boolean): Float32Array[] =>
      onCpu((device) => {
        const model = loadCase(device, 'classifier-lora', options);
        const rows = caseRows(json);
        model.decoder.prepare(32);
        const batches = [rows.slice(0, 2), rows.slice(2)];
        const groups = together ? [batches] : batches.map((batch) => [batch]);
        for (const group of groups) {
          const weights = group.map(() => 0.5);
          classifierPass(device, model, group, weights, { kind: 'cross-entropy' }, forwardOptions());
        }
        return [...model.trainable.values()].map((tensor) => device.readF32(tensor.grad!));
      });
    const separate = run(false);
    run(true).forEach((gradient, index) => {
      expect(relativeError(gradient, separate[index]!)).toBeLessThan(1e-5);
    });
  });
});

/** Ten optimiser steps against torch (fixtures made by make_training.py): loss, gradient norm, rate, final weights. */
import { expect, test } from 'bun:test';
import type { LoraOptions } from '../../src/nn/lora';
import { DEFAULT_TRAINING } from '../../src/paper/defaults';
import type { Loss, Training } from '../../src/paper/types';
import type { Row } from '../../src/train/pass';
import { learningRate } from '../../src/train/schedule';
import { Trainer } from '../../src/train/trainer';
import { loadCase, onCpu, readJson, readTensors, relativeError } from './support';

interface Trajectory {
  readonly settings: {
    readonly betas: [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly lr: number;
    readonly warmup_steps: number;
    readonly max_grad_norm: number;
    readonly micro_batch_rows: number;
    readonly accumulation: number;
    readonly loss: { readonly name: string } & Record<string, number | string>;
    readonly normalisation: string;
  };
  readonly clipped_steps: readonly number[];
  readonly steps: readonly { rows: number[][]; loss: number; grad_norm: number; lr: number }[];
}

const CASES = [
  { name: 'classifier-lora-ce', model: 'classifier-lora', loss: { kind: 'cross-entropy' } },
  { name: 'classifier-lora-focal', model: 'classifier-lora', loss: { kind: 'focal', gamma: 2, alpha: 0.25 } },
  { name: 'classifier-lora-dice-example-ce', model: 'classifier-lora', loss: diceCe('example') },
  { name: 'classifier-lora-dice-class-ce', model: 'classifier-lora', loss: diceCe('class') },
  { name: 'causal-lora', model: 'causal-lora', loss: { kind: 'cross-entropy' } },
  { name: 'causal-lora-clip-3', model: 'causal-lora', loss: { kind: 'cross-entropy' } },
  { name: 'causal-tied', model: 'causal-tied', loss: { kind: 'cross-entropy' } },
] as const satisfies readonly { name: string; model: string; loss: Loss }[];

function diceCe(reduction: 'example' | 'class'): Loss {
  return { kind: 'dice-ce', diceWeight: 0.5, ceWeight: 0.5, exponent: 1, smoothing: 1, reduction };
}

function rowsOf(model: string): Row[] {
  if (model === 'classifier-lora') {
    const rows = readJson<{ input_ids: number[]; label: number }[]>('training', 'classifier-rows.json');
    return rows.map(({ input_ids: ids, label }) => ({ ids, label, labels: null }));
  }
  const rows = readJson<{ input_ids: number[]; labels: number[] }[]>('training', 'causal-rows.json');
  return rows.map(({ input_ids: ids, labels }) => ({ ids, label: -1, labels }));
}

const ADAPTERS: Record<string, LoraOptions | null> = {
  'classifier-lora': { rank: 4, alpha: 8, dropout: 0, targets: 'all-linear' },
  'causal-lora': { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] },
  'causal-tied': null,
};

test.each([...CASES])('$name', ({ name, model: modelName, loss }) => {
  const { settings, steps } = readJson<Trajectory>('training', `${name}.json`);
  const classifier = modelName === 'classifier-lora';
  const training: Training = {
    epochs: 1,
    batchSize: settings.micro_batch_rows,
    accumulation: settings.accumulation,
    ...DEFAULT_TRAINING,
    stepsPerEpoch: 'ceil',
    optimiser: {
      kind: 'adamw',
      learningRate: settings.lr,
      beta1: settings.betas[0],
      beta2: settings.betas[1],
      epsilon: settings.eps,
      weightDecay: settings.weight_decay,
    },
    schedule: { kind: 'linear', warmup: { steps: settings.warmup_steps } },
    clip: settings.max_grad_norm,
    lossNormalisation: classifier ? 'mean-of-means' : 'sum-over-tokens-shifted',
    precision: 'fp32',
    gradientCheckpointing: false,
    selection: 'last',
    seed: 0,
  };
  const order = steps.flatMap((step) => step.rows.flat());
  const all = rowsOf(modelName);
  onCpu((device) => {
    const adapter = ADAPTERS[modelName]!;
    const model = loadCase(device, modelName, {
      task: classifier ? 'sequence-classification' : 'causal-lm',
      classes: 5,
      adapter,
      fullParameter: adapter === null,
    });
    const rows = order.map((index) => all[index]!);
    const trainer = new Trainer(device, model, rows, {
      task: classifier ? 'sequence-classification' : 'causal-lm',
      training,
      loss,
      order: () => rows.keys().toArray(),
    });
    expect(trainer.counts.steps).toBe(steps.length);
    for (const expected of steps) {
      const step = trainer.run();
      expect(step.learningRate).toBeCloseTo(expected.lr, 14);
      expect(Math.abs(step.loss / expected.loss - 1), `loss of step ${step.step}`).toBeLessThan(1e-5);
      expect(Math.abs(step.gradNorm / expected.grad_norm - 1), `norm of step ${step.step}`).toBeLessThan(1e-4);
    }
    const final = readTensors('training', `${name}.safetensors`);
    for (const [tensorName, tensor] of model.trainable) {
      expect(relativeError(device.readF32(tensor), final.get(tensorName)!), tensorName).toBeLessThan(1e-4);
    }
  });
});

test('learning rates of transformers\u2019 schedules', () => {
  interface Known {
    schedule: 'linear' | 'cosine' | 'constant';
    lr: number;
    warmup_steps: number;
    total_steps: number;
    values: number[];
  }
  for (const known of readJson<Known[]>('training', 'schedules.json')) {
    known.values.forEach((value, step) => {
      const ours = learningRate(known.schedule, known.lr, step, known.warmup_steps, known.total_steps);
      expect(Math.abs(ours - value)).toBeLessThanOrEqual(1e-15 * known.lr + 1e-12 * value);
    });
  }
});

/** Adapters against PEFT (fixtures made by make_adapters.py): fifty steps of training, and AdaLoRA's rank patterns. */
import { describe, expect, test } from 'bun:test';
import type { Device } from '../../src/native/device';
import { AdaLora, type AdaLoraOptions } from '../../src/nn/adalora';
import type { AdapterOptions } from '../../src/nn/adapter';
import { loadModel, type Model, openModelFolder } from '../../src/nn/model';
import type { Training } from '../../src/paper/types';
import { type StepResult, Trainer } from '../../src/train/trainer';
import { TRAINING, trace } from './fixture-training';
import { FIXTURES, loadTrainable, onCpu, PLAIN, readJson, readTensors, relativeError } from './support';

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
    readonly normalisation: Training['lossNormalisation'];
  };
  readonly steps: readonly {
    readonly rows: number[][];
    readonly loss: number;
    readonly grad_norm: number;
    readonly lr: number;
    /** Module to a digit per triplet, 1 = kept; null before the first mask. */
    readonly ranks?: Readonly<Record<string, string>> | null;
  }[];
}

const ADALORA: AdaLoraOptions = {
  kind: 'adalora',
  initialRank: 6,
  targetRank: 2,
  alpha: 16,
  dropout: 0,
  targets: 'all-linear',
  warmupSteps: 5,
  finalSteps: 15,
  interval: 3,
  totalSteps: 50,
  beta1: 0.85,
  beta2: 0.85,
  orthogonalWeight: 0.5,
  budget: 'scheduled',
};
const LORA = { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'self_attn.v_proj'] };
const PATTERN = {
  rank: 4,
  alpha: 8,
  dropout: 0,
  targets: String.raw`model\.layers\.\d+\.(self_attn\.[qv]_proj|mlp\.(up|down)_proj)`,
  rankPattern: { 'layers.0.self_attn.q_proj': 2, down_proj: 6 },
  alphaPattern: { up_proj: 3, '.*\\.1\\.self_attn\\.v_proj': 20 },
};

const CASES: readonly { readonly name: string; readonly adapter: AdapterOptions }[] = [
  { name: 'adalora-scheduled', adapter: ADALORA },
  { name: 'adalora-never-updated', adapter: { ...ADALORA, budget: 'never-updated' as const } },
  { name: 'lora', adapter: LORA },
  { name: 'rslora', adapter: { ...LORA, rslora: true } },
  { name: 'lora-pattern', adapter: PATTERN },
];

const causal = (device: Device, adapter: AdapterOptions): Model =>
  loadModel(device, openModelFolder(`${FIXTURES}/qwen3/causal-tied`), { ...PLAIN, adapter });

describe.each([...CASES])('fifty steps as PEFT: $name', ({ name, adapter }) => {
  const { settings, steps } = readJson<Trajectory>('adapters', `${name}.json`);
  const tensors = readTensors('adapters', `${name}.safetensors`);
  const part = (prefix: string): Map<string, Float32Array> =>
    new Map(
      [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, values]) => [key.slice(prefix.length), values]),
    );
  const training: Training = {
    ...TRAINING,
    epochs: 1,
    batchSize: settings.micro_batch_rows,
    accumulation: settings.accumulation,
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
    lossNormalisation: settings.normalisation,
  };
  const all = readJson<{ input_ids: number[]; labels: number[] }[]>('training', 'causal-rows.json');
  const order = steps.flatMap(({ rows }) => rows.flat());
  const rows = order.map((index) => ({ ids: all[index]!.input_ids, label: -1, labels: all[index]!.labels }));

  test('losses, norms, ranks at every step, weights at the end', () => {
    onCpu((device) => {
      const model = causal(device, adapter);
      expect([...model.trainable.keys()].sort()).toEqual([...part('start.').keys()].sort());
      loadTrainable(device, model, part('start.'));
      const trainer = new Trainer(device, model, rows, {
        task: 'causal-lm',
        training,
        loss: { kind: 'cross-entropy' },
        order: () => rows.keys().toArray(),
      });
      expect(trainer.counts.steps).toBe(steps.length);
      for (const expected of steps) {
        const step = trainer.run();
        expect(step.learningRate).toBeCloseTo(expected.lr, 14);
        expect(Math.abs(step.loss / expected.loss - 1), `loss of step ${step.step}`).toBeLessThan(1e-5);
        expect(Math.abs(step.gradNorm / expected.grad_norm - 1), `norm of step ${step.step}`).toBeLessThan(1e-4);
        if (!expected.ranks) continue;
        const pattern = Object.fromEntries(
          [...model.adalora!.pattern()].map(([module, kept]) => [module, kept.map(Number).join('')]),
        );
        expect(pattern, `ranks of step ${step.step}`).toEqual({ ...expected.ranks });
      }
      for (const [tensor, values] of part('final.')) {
        expect(relativeError(device.readF32(model.trainable.get(tensor)!), values), tensor).toBeLessThan(1e-4);
      }
    });
  });
});

describe('AdaLoRA', () => {
  const adapter: AdaLoraOptions = { ...ADALORA, warmupSteps: 1, finalSteps: 1, interval: 1, totalSteps: 6 };

  test('the ranks in the log are those of the last allocation, and change only there', () => {
    const { steps } = trace({ task: 'causal-lm', model: { adapter } });
    const changes = steps.filter(({ ranks }) => ranks !== undefined);
    expect(changes.length).toBeGreaterThan(1);
    // the budget: the target's mean rank over all modules from the last allocation on
    const last = Object.values(changes.at(-1)!.ranks!);
    expect(last.reduce((sum, rank) => sum + rank, 0)).toBe(2 * last.length);
    expect(steps.every(({ orthogonalLoss, loss }) => orthogonalLoss! > 0 && orthogonalLoss! < loss)).toBeTrue();
  });

  test('threads and CPU paths give the same bits', () => {
    const bits = (threads: number, isa?: 'portable'): unknown =>
      trace({ task: 'causal-lm', model: { adapter } }, { threads, ...(isa ? { isa } : {}) });
    const one = bits(1);
    expect(bits(3)).toEqual(one);
    expect(bits(2, 'portable')).toEqual(one);
  });

  test('never updated keeps every rank, and still has the orthogonal loss', () => {
    const { steps } = trace({ task: 'causal-lm', model: { adapter: { ...adapter, budget: 'never-updated' } } });
    expect(steps.every((step: StepResult) => step.ranks === undefined && step.orthogonalLoss! > 0)).toBeTrue();
  });

  test('checkpointed blocks give the same bits', () => {
    const plain = trace({ task: 'causal-lm', model: { adapter } });
    expect(trace({ task: 'causal-lm', model: { adapter }, training: { gradientCheckpointing: true } })).toEqual(plain);
  });

  test('budgets of PEFT\u2019s schedule', () => {
    interface Budgets {
      init_r: number;
      target_r: number;
      modules: number;
      tinit: number;
      tfinal: number;
      total: number;
      budgets: number[];
    }
    onCpu((device) => {
      for (const known of readJson<Budgets[]>('adapters', 'budgets.json')) {
        const options = {
          ...ADALORA,
          initialRank: known.init_r,
          targetRank: known.target_r,
          warmupSteps: known.tinit,
          finalSteps: known.tfinal,
          totalSteps: known.total,
          budget: 'never-updated' as const,
        };
        const modules = Array.from({ length: known.modules }) as never[];
        const allocator = new AdaLora(device, options, modules);
        expect(known.budgets.map((_, step) => allocator.budgetAt(step))).toEqual(known.budgets);
      }
    });
  });

  test.each([
    { change: { targetRank: 6 }, says: 'target rank 6' },
    { change: { warmupSteps: 40 }, says: 'no step to prune' },
  ])('a schedule that cannot prune is refused: $says', ({ change, says }) => {
    onCpu((device) => expect(() => causal(device, { ...ADALORA, ...change })).toThrow(says));
  });
});

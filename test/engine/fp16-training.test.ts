/** fp16 with dynamic loss scaling: overflows are skipped as torch's GradScaler under the HF Trainer skips them. */
import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { epochOrder } from '../../src/data/batches';
import { DEFAULT_TRAINING } from '../../src/paper/defaults';
import type { Training } from '../../src/paper/types';
import { loadCheckpoint, saveCheckpoint } from '../../src/train/checkpoint';
import type { Row } from '../../src/train/pass';
import { learningRate } from '../../src/train/schedule';
import { type StepResult, Trainer } from '../../src/train/trainer';
import { type Setup, start, trace, weightsOf } from './fixture-training';
import { loadCase, onCpu, readJson } from './support';

const setup = (initial: number, training: Partial<Training> = {}): Setup => ({
  task: 'causal-lm',
  training: {
    precision: 'fp16',
    epochs: 6,
    lossNormalisation: 'sum-over-tokens-shifted',
    lossScaling: { ...DEFAULT_TRAINING.lossScaling, initial, growthInterval: 3 },
    ...training,
  },
});

/** So large that gradients overflow until it has been halved several times. */
const OVERFLOWING = 2 ** 26;

test('the scale falls until gradients are finite, and grows again', () => {
  const { steps } = trace(setup(OVERFLOWING));
  const skipped = steps.filter((step) => step.skipped);
  expect(skipped.length).toBeGreaterThan(3);
  expect(skipped.length).toBeLessThan(steps.length);
  let [scale, stable] = [OVERFLOWING, 0];
  for (const step of steps) {
    expect(step.lossScale).toBe(scale);
    expect(step.skipped === true).toBe(!Number.isFinite(step.gradNorm));
    stable = step.skipped ? 0 : stable + 1;
    if (step.skipped) scale /= 2;
    else if (stable === 3) [scale, stable] = [scale * 2, 0];
  }
});

test('a skipped step changes no weight, and neither optimiser nor schedule count it', () => {
  onCpu((device) => {
    const asked = setup(OVERFLOWING);
    const { model, trainer } = start(device, asked);
    const fresh = weightsOf(device, model);
    let updates = 0;
    while (!trainer.finished) {
      const before = weightsOf(device, model);
      const step = trainer.run();
      const { warmupSteps, steps } = trainer.counts;
      expect(step.learningRate).toBe(learningRate('cosine', 5e-3, updates, warmupSteps, steps));
      if (step.skipped) expect(weightsOf(device, model)).toEqual(before);
      else updates++;
      expect(trainer.progress.updates).toBe(updates);
    }
    expect(trainer.skipped).toBe(trainer.step - updates);
    expect(weightsOf(device, model)).not.toEqual(fresh);
  });
});

test('the scale itself changes nothing: gradients near those of fp32', () => {
  const fp32 = trace(setup(1, { precision: 'fp32' })).steps;
  const [small, large] = [2 ** 4, 2 ** 9].map((initial) => trace(setup(initial)).steps) as [StepResult[], StepResult[]];
  for (const [index, { loss, gradNorm }] of fp32.entries()) {
    for (const step of [small[index]!, large[index]!]) {
      expect(step.skipped).toBeUndefined();
      expect(Math.abs(step.loss / loss - 1)).toBeLessThan(5e-3);
      expect(Math.abs(step.gradNorm / gradNorm - 1)).toBeLessThan(3e-2);
    }
  }
});

test('resumed after any step with the same scale and the same bits', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-fp16-'));
  const path = join(folder, 'state.safetensors');
  const asked = setup(OVERFLOWING);
  const never = trace(asked);
  const log: StepResult[] = [];
  while (log.length < never.steps.length) {
    onCpu((device) => {
      const { model, trainer } = start(device, asked);
      loadCheckpoint(path, device, trainer, 'run');
      for (let i = 0; i < 3 && !trainer.finished; i++) log.push(trainer.run());
      saveCheckpoint(path, device, trainer, { identity: 'run', log: [], evaluations: [], best: null });
      if (trainer.finished) expect(weightsOf(device, model)).toEqual({ ...never.weights });
    });
  }
  expect(log).toEqual([...never.steps]);
  rmSync(folder, { recursive: true });
});

test('fifty steps as torch’s autocast and GradScaler (make_precision.py)', () => {
  type Step = Readonly<Record<'loss' | 'grad_norm', number>>;
  const torch = readJson<{
    readonly scaling: Readonly<Record<'init_scale' | 'growth_factor' | 'backoff_factor' | 'growth_interval', number>>;
    readonly steps: readonly (Step & { readonly scale: number })[];
  }>('precision', 'trajectory.json');
  const { settings, steps: exact } = readJson<{
    readonly settings: Record<'batch' | 'accumulation' | 'epochs' | 'seed' | 'warmup', number>;
    readonly steps: readonly Step[];
  }>('trajectories', 'adamw-linear.json');
  const rows = readJson<{ input_ids: number[]; labels: number[] }[]>('trajectories', 'rows.json').map(
    ({ input_ids: ids, labels }): Row => ({ ids, label: -1, labels }),
  );
  onCpu((device) => {
    const adapter = { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] };
    const model = loadCase(device, 'causal-lora', { task: 'causal-lm', adapter, compute: 'fp16' });
    const trainer = new Trainer(device, model, rows, {
      task: 'causal-lm',
      training: {
        ...DEFAULT_TRAINING,
        epochs: settings.epochs,
        batchSize: settings.batch,
        accumulation: settings.accumulation,
        stepsPerEpoch: 'ceil',
        lastAccumulation: 'rescaled',
        optimiser: { kind: 'adamw', learningRate: 2e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
        schedule: { kind: 'linear', warmup: { steps: settings.warmup } },
        clip: 1,
        lossNormalisation: 'sum-over-tokens-shifted',
        precision: 'fp16',
        lossScaling: {
          initial: torch.scaling.init_scale,
          growthFactor: torch.scaling.growth_factor,
          backoffFactor: torch.scaling.backoff_factor,
          growthInterval: torch.scaling.growth_interval,
        },
        gradientCheckpointing: false,
        selection: 'last',
        seed: settings.seed,
      },
      loss: { kind: 'cross-entropy' },
      order: (epoch) => epochOrder(rows.length, settings.seed, epoch),
    });
    const errors = { ours: [0, 0] as [number, number], theirs: [0, 0] as [number, number] };
    for (const [index, expected] of torch.steps.entries()) {
      const { loss, grad_norm } = exact[index]!;
      const step = trainer.run();
      expect([step.lossScale, step.skipped]).toEqual([expected.scale, undefined]);
      errors.ours[0] += Math.abs(step.loss / loss - 1);
      errors.theirs[0] += Math.abs(expected.loss / loss - 1);
      errors.ours[1] += Math.abs(step.gradNorm / grad_norm - 1);
      errors.theirs[1] += Math.abs(expected.grad_norm / grad_norm - 1);
    }
    // as in precision.test.ts: at most twice torch's own distance from fp32, here added up over the steps
    errors.ours.forEach((error, kind) => {
      expect(error).toBeLessThan(2 * errors.theirs[kind]!);
    });
  });
});

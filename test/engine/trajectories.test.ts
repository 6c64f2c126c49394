/**
 * Fifty steps against the HF Trainer and the loops it had before (make_trajectories.py): rows, losses, gradient norms, rates,
 * final weights and optimiser state.
 */
import { describe, expect, test } from 'bun:test';
import { tmpdir } from 'node:os';
import { epochOrder } from '../../src/data/batches';
import { DEFAULT_TRAINING } from '../../src/paper/defaults';
import type { LossNormalisation, Optimiser, Training } from '../../src/paper/types';
import { decays } from '../../src/train/optimiser';
import type { Row } from '../../src/train/pass';
import { LossScaler } from '../../src/train/scaler';
import { judge } from '../../src/train/selection';
import { Trainer } from '../../src/train/trainer';
import { loadCase, onCpu, readJson, readTensors, relativeError } from './support';

interface Trajectory {
  readonly settings: {
    readonly batch: number;
    readonly accumulation: number;
    readonly epochs: number;
    readonly seed: number;
    readonly model: string;
    readonly optimiser: 'adamw' | 'adafactor';
    readonly lr: number | null;
    readonly weight_decay: number;
    readonly warmup: number;
    readonly clip: number;
    readonly schedule: 'linear' | 'cosine' | 'constant';
    readonly normalisation: LossNormalisation;
    readonly padding?: 'masked' | 'full';
    readonly last?: Training['lastAccumulation'];
    readonly beta1?: number;
    readonly warmup_init?: boolean;
  };
  /** Rows of each micro-batch, through all epochs. */
  readonly micro_batches: readonly number[][];
  readonly steps: readonly { loss: number; grad_norm: number; lr: number }[];
}

const ROWS = readJson<{ input_ids: number[]; labels: number[] }[]>('trajectories', 'rows.json').map(
  ({ input_ids: ids, labels }): Row => ({ ids, label: -1, labels }),
);

/** Padded to 16 with token 0, which is learnt. */
const padded = (padding: 'masked' | 'full'): Row[] =>
  ROWS.map(({ ids, label, labels }) => {
    const rest = new Array<number>(16 - ids.length).fill(0);
    const row = { ids: [...Array.from(ids), ...rest], label, labels: [...Array.from(labels!), ...rest] };
    return padding === 'masked' ? { ...row, attended: ids.length } : row;
  });

function optimiserOf({ optimiser, lr, weight_decay: weightDecay, ...rest }: Trajectory['settings']): Optimiser {
  if (optimiser === 'adamw') {
    return { kind: 'adamw', learningRate: lr!, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay };
  }
  return {
    kind: 'adafactor',
    learningRate: lr,
    relativeStep: lr === null,
    scaleParameter: lr === null,
    warmupInit: rest.warmup_init ?? false,
    beta1: rest.beta1 ?? null,
    decayRate: -0.8,
    epsilon: [1e-30, 1e-3],
    clipThreshold: 1,
    weightDecay,
  };
}

function trainingOf(settings: Trajectory['settings']): Training {
  return {
    ...DEFAULT_TRAINING,
    epochs: settings.epochs,
    batchSize: settings.batch,
    accumulation: settings.accumulation,
    // the releases that did not make a step of every epoch's last micro-batches are those that round down
    stepsPerEpoch: settings.last === 'carried' || settings.last === 'miscounted' ? 'floor' : 'ceil',
    lastAccumulation: settings.last ?? 'step',
    optimiser: optimiserOf(settings),
    schedule: { kind: settings.schedule, warmup: { steps: settings.warmup } },
    clip: settings.clip,
    lossNormalisation: settings.normalisation,
    precision: 'fp32',
    gradientCheckpointing: false,
    selection: 'last',
    seed: settings.seed,
  };
}

test.each([
  'adamw-cosine',
  'adamw-linear',
  'unshifted',
  'unshifted-miscounted',
  'mean-of-means',
  'mean-of-means-carried',
  'mean-of-means-rescaled',
  'undivided',
  'padding-masked',
  'padding-full',
  'adafactor-trainer',
  'adafactor-all-parameters',
  'adafactor-class',
  'adafactor-momentum',
])('%s', (name) => {
  const { settings, steps, micro_batches: seen } = readJson<Trajectory>('trajectories', `${name}.json`);
  const training = trainingOf(settings);
  onCpu((device) => {
    const lora = settings.model === 'causal-lora';
    const model = loadCase(device, settings.model, {
      task: 'causal-lm',
      adapter: lora ? { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] } : null,
      fullParameter: !lora,
    });
    const rows = settings.padding === undefined ? ROWS : padded(settings.padding);
    const trainer = new Trainer(device, model, rows, {
      task: 'causal-lm',
      training,
      loss: { kind: 'cross-entropy' },
      order: (epoch) => epochOrder(ROWS.length, settings.seed, epoch),
    });
    const batches: number[][] = [];
    let [worstLoss, worstNorm] = [0, 0];
    for (const expected of steps) {
      batches.push(...trainer.batchesOf(trainer.step).map((batch) => batch.map((row) => rows.indexOf(row))));
      const step = trainer.run();
      expect(Math.abs(step.learningRate - expected.lr)).toBeLessThanOrEqual(1e-12 * expected.lr);
      worstLoss = Math.max(worstLoss, Math.abs(step.loss / expected.loss - 1));
      worstNorm = Math.max(worstNorm, Math.abs(step.gradNorm / expected.grad_norm - 1));
    }
    expect(batches).toEqual(seen.slice(0, batches.length));
    expect(worstLoss).toBeLessThan(1e-5);
    expect(worstNorm).toBeLessThan(1e-4);
    const final = readTensors('trajectories', `${name}.safetensors`);
    const compared = new Set<string>();
    for (const [parameter, { parameter: tensor, state }] of trainer.optimiser.slots) {
      for (const [kind, values] of [['weight', tensor], ...Object.entries(state)] as const) {
        const key = `${kind}/${parameter}`;
        compared.add(key);
        expect(relativeError(device.readF32(values), final.get(key)!), key).toBeLessThan(1e-4);
      }
    }
    // every state tensor of the peer has its counterpart
    expect([...final.keys()].sort()).toEqual([...compared].sort());
  });
});

test('state that lies in files gives the same bits', () => {
  const { settings } = readJson<Trajectory>('trajectories', 'adamw-cosine.json');
  const runs = [null, tmpdir()].map((offload) =>
    onCpu((device) => {
      const adapter = { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] };
      const model = loadCase(device, settings.model, { task: 'causal-lm', adapter });
      const trainer = new Trainer(device, model, ROWS, {
        task: 'causal-lm',
        training: trainingOf(settings),
        loss: { kind: 'cross-entropy' },
        order: (epoch) => epochOrder(ROWS.length, settings.seed, epoch),
        offload,
      });
      const bytes = device.bytesInUse;
      const log = Array.from({ length: 5 }, () => trainer.run());
      const slots = [...trainer.optimiser.slots.values()];
      const tensors = slots.flatMap(({ parameter, state }) => [parameter, ...Object.values(state)]);
      return { bytes, log, values: tensors.map((tensor) => device.readBytes(tensor).toBase64()) };
    }),
  );
  const [inMemory, inFiles] = runs as [(typeof runs)[0], (typeof runs)[0]];
  expect(inFiles.log).toEqual(inMemory.log);
  expect(inFiles.values).toEqual(inMemory.values);
  expect(inFiles.bytes).toBeLessThan(inMemory.bytes);
});

describe('selection', () => {
  interface Known {
    readonly metric: string;
    readonly values: number[];
    readonly patience: number;
    readonly threshold: number;
    readonly stop: boolean[];
    readonly best: number[];
  }
  test.each(readJson<Known[]>('trajectories', 'selection.json'))('%#', (known) => {
    const early = { patience: known.patience, threshold: known.threshold };
    known.values.forEach((_, index) => {
      const verdict = judge(known.values.slice(0, index + 1), known.metric, early);
      expect(verdict.best).toBe(known.best[index]!);
      // the callback only asks at an evaluation; once asked for, the run is over
      expect(verdict.stop).toBe(known.stop.slice(0, index + 1).includes(true));
    });
  });
});

describe('loss scale', () => {
  interface Known {
    readonly settings: { init_scale: number; growth_factor: number; backoff_factor: number; growth_interval: number };
    readonly steps: { overflow: boolean; scale: number; updated: boolean }[];
    readonly after: number;
  }
  test.each(readJson<Known[]>('trajectories', 'scaler.json'))('%#', ({ settings, steps, after }) => {
    const scaler = new LossScaler({
      initial: settings.init_scale,
      growthFactor: settings.growth_factor,
      backoffFactor: settings.backoff_factor,
      growthInterval: settings.growth_interval,
    });
    for (const [index, { overflow, scale, updated }] of steps.entries()) {
      expect(scaler.state.scale).toBe(scale);
      expect(updated).toBe(!overflow);
      scaler.update(overflow, index + 1);
    }
    expect(scaler.state.scale).toBe(after);
  });

  test('a scale that cannot help is an error', () => {
    const scaler = new LossScaler({ ...DEFAULT_TRAINING.lossScaling });
    const forever = (): void => {
      for (let step = 1; step < 100; step++) scaler.update(true, step);
    };
    expect(forever).toThrow('step 41: the gradients overflow at every loss scale');
  });
});

test('the parameters that decay', () => {
  const known = readJson<Record<string, { decay: string[]; other: string[] }>>('trajectories', 'decay.json');
  for (const { decay, other } of Object.values(known)) {
    expect(decay.filter((name) => !decays(name))).toEqual([]);
    expect(other.filter(decays)).toEqual([]);
  }
});

/** Training steps at shapes whose figures are known for other engines: tokens per second and peak memory. */
import type { Compute } from '../autograd/ops/linear';
import { CUDA_WORKSPACE_BYTES, Device, hostLibrary } from '../native/device';
import type { Isa } from '../native/isa';
import type { Backend } from '../native/library';
import type { AdapterOptions } from '../nn/adapter';
import type { DecoderConfig } from '../nn/config';
import { initialise } from '../nn/initialise';
import { loadModel, type Model } from '../nn/model';
import { DEFAULT_TRAINING } from '../paper/defaults';
import type { Training } from '../paper/types';
import type { Row } from '../train/pass';
import { Trainer } from '../train/trainer';
import { meanContext, ROWS_OF_118, sum, uniform } from './rows';
import { linearParameters, SHAPES, type ShapeName } from './shapes';

/** What the matrices of the frozen blocks are stored in; embeddings and norms are bf16 in both. */
type Base = 'bf16' | 'nf4';

/** One step that is measured. */
export interface TrainSetup {
  /** What `--only` looks for. */
  readonly name: string;
  readonly shape: ShapeName;
  readonly base: Base;
  readonly compute: Compute;
  /** Tokens of each row of a step; the rows share one pass, without padding, where the device takes that many tokens. */
  readonly rows: readonly number[];
  readonly adapter: AdapterOptions;
  /** Classes of a head over the last token; 0 for a language model with every token labelled. */
  readonly classes: number;
  /** Keep dense copies of NF4 weights. */
  readonly resident: boolean;
  readonly checkpointing: boolean;
}

const plain = { classes: 0, resident: false, checkpointing: false };
const LORA_QV = { rank: 8, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] };
const everywhere = (rank: number, dropout = 0): AdapterOptions => ({
  rank,
  alpha: 2 * rank,
  dropout,
  targets: 'all-linear',
});

/** LoRA r=8 on q and v, on a base in bf16 as published or in double-quantised NF4. */
const CPU_SETUPS: readonly TrainSetup[] = (['mini', 'qwen3-0.6b'] as const).flatMap((shape) =>
  (['bf16', 'nf4'] as const).flatMap((base) =>
    (['fp32', 'bf16'] as const).map((compute) => ({
      ...plain,
      // the base is named where it is not the published bf16
      name: ['train', shape, ...(base === 'bf16' ? [] : [base]), compute].join(' '),
      shape,
      base,
      compute,
      rows: shape === 'mini' ? uniform(4, 256) : uniform(2, 128),
      adapter: LORA_QV,
    })),
  ),
);

const GPU = { ...plain, base: 'nf4', compute: 'bf16', rows: uniform(16, 512), resident: true } as const;
const ADALORA: AdapterOptions = {
  kind: 'adalora',
  initialRank: 64,
  targetRank: 32,
  alpha: 128,
  dropout: 0,
  targets: 'all-linear',
  warmupSteps: 0,
  finalSteps: 0,
  totalSteps: 100,
  interval: 10,
  beta1: 0.85,
  beta2: 0.85,
  orthogonalWeight: 0.5,
  budget: 'never-updated',
};

const SHORT = [...ROWS_OF_118, ...ROWS_OF_118];

/** What the papers train, at 8,192 packed tokens a step; rows of uneven length at 7,552. */
const CUDA_SETUPS: readonly TrainSetup[] = [
  { ...GPU, name: 'train qwen3-8b nf4 r16', shape: 'qwen3-8b', adapter: everywhere(16) },
  { ...GPU, name: 'train qwen3-8b nf4 r16 dropout', shape: 'qwen3-8b', adapter: everywhere(16, 0.05) },
  { ...GPU, name: 'train qwen3-8b nf4 r16 rows of 118', shape: 'qwen3-8b', adapter: everywhere(16), rows: SHORT },
  {
    ...GPU,
    name: 'train qwen3-8b nf4 r16 rows of 118 dropout',
    shape: 'qwen3-8b',
    adapter: everywhere(16, 0.05),
    rows: SHORT,
  },
  { ...GPU, name: 'train qwen3-8b nf4 r256 82 classes', shape: 'qwen3-8b', adapter: everywhere(256), classes: 82 },
  {
    ...GPU,
    name: 'train qwen3-8b nf4 r256 82 classes rows of 118',
    shape: 'qwen3-8b',
    adapter: everywhere(256),
    classes: 82,
    rows: SHORT,
  },
  { ...GPU, name: 'train llama-3-8b nf4 r64', shape: 'llama-3-8b', adapter: everywhere(64) },
  { ...GPU, name: 'train llama-3-8b nf4 adalora', shape: 'llama-3-8b', adapter: ADALORA },
  { ...GPU, name: 'train qwen2-7b nf4 r64', shape: 'qwen2-7b', adapter: everywhere(64) },
  { ...GPU, name: 'train qwen3-0.6b bf16 r16', shape: 'qwen3-0.6b', base: 'bf16', adapter: everywhere(16) },
  { ...GPU, name: 'train tinyllama-1.1b bf16 r16', shape: 'tinyllama-1.1b', base: 'bf16', adapter: everywhere(16) },
  {
    ...GPU,
    name: 'train medgemma-27b nf4 r64 1024 tokens',
    shape: 'medgemma-27b',
    adapter: everywhere(64),
    rows: uniform(4, 1024),
    resident: false,
    checkpointing: true,
  },
];

export const TRAIN_SETUPS: Readonly<Record<Backend, readonly TrainSetup[]>> = { cpu: CPU_SETUPS, cuda: CUDA_SETUPS };

export interface TrainStepResult extends Pick<TrainSetup, 'name' | 'shape' | 'base' | 'compute'> {
  /** Rows and tokens of a step. */
  readonly rows: number;
  readonly tokens: number;
  readonly threads: number;
  readonly isa: Isa | 'cuda';
  /** Of the median step. */
  readonly tokensPerSecond: number;
  readonly bestTokensPerSecond: number;
  readonly stepSeconds: number;
  /** FLOP/s that training needs, without what is computed again: frozen linears 4 a weight, adapters 6, head, attention. */
  readonly usefulFlops: number;
  /** Of the peak measured in the same run; null without one. */
  readonly share: number | null;
  /** Of the whole process so far on the CPU (resident memory), of the device's memory on a GPU; bytes. */
  readonly peakBytes: number;
  /** What a dry run of the same step on a device that only counts says of a GPU's memory; null on the CPU. */
  readonly plannedBytes: number | null;
  readonly losses: readonly number[];
}

/** Runs `steps` timed steps after `warmup` ones with AdamW on a random base, quantised while it is made where it is. */
export function benchTrainStep(
  setup: TrainSetup,
  open: () => Device,
  peak: number,
  { steps = 5, warmup = 2 } = {},
): TrainStepResult {
  const { name, base, compute } = setup;
  const tokens = sum(setup.rows);
  const device = open();
  try {
    const { trainer, model } = prepare(setup, device, warmup + steps);
    const seconds: number[] = [];
    const losses: number[] = [];
    for (let step = 0; step < warmup + steps; step++) {
      const start = performance.now();
      losses.push(trainer.run().loss);
      device.synchronise();
      if (step >= warmup) seconds.push((performance.now() - start) / 1e3);
    }
    seconds.sort((a, b) => a - b);
    const median = seconds[Math.floor(seconds.length / 2)]!;
    const trainable = sum([...model.trainable.values()].map(({ size }) => size));
    const head = setup.classes > 0 ? 0 : model.config.hiddenSize * model.config.vocabSize;
    const usefulFlops = (usefulPerToken(model.config, trainable, head, meanContext(setup.rows)) * tokens) / median;
    return {
      name,
      shape: setup.shape,
      base,
      compute,
      rows: setup.rows.length,
      tokens,
      threads: device.threads,
      isa: device.path,
      tokensPerSecond: tokens / median,
      bestTokensPerSecond: tokens / seconds[0]!,
      stepSeconds: median,
      usefulFlops,
      share: peak > 0 ? usefulFlops / peak : null,
      peakBytes: peakOf(device),
      plannedBytes: device.backend === 'cpu' ? null : plannedBytes(setup),
      losses,
    };
  } finally {
    device.destroy();
  }
}

/** Of the whole process so far on the CPU (resident memory), of the device's memory on a GPU; bytes. */
export const peakOf = (device: Device): number =>
  device.backend === 'cpu' ? hostLibrary().peakMemory() : device.peakBytes + CUDA_WORKSPACE_BYTES;

/**
 * FLOP of a token's forward and backward, without what is computed again.
 *
 * @param trainable weights of the adapters (and of a classifier's head)
 * @param head weights of a frozen head that sees every token; 0 without one
 * @param context tokens that a token sees on average
 */
export function usefulPerToken(config: DecoderConfig, trainable: number, head: number, context: number): number {
  const { heads, headDim, layers } = config;
  // the backward of attention costs two and a half forwards
  const attention = 3.5 * layers * 4 * heads * headDim * context;
  return 4 * linearParameters(config) + 6 * trainable + 4 * head + attention;
}

/** What a step on a GPU takes by the plan: the step itself, run on a device that only counts. */
export function plannedBytes(setup: TrainSetup): number {
  const device = Device.plan('cuda');
  prepare(setup, device, 1).trainer.run();
  return peakOf(device);
}

// --- internal ---

function prepare(setup: TrainSetup, device: Device, steps: number): { trainer: Trainer; model: Model } {
  const { base, compute, adapter, classes, resident } = setup;
  const config = SHAPES[setup.shape];
  const task = classes > 0 ? 'sequence-classification' : 'causal-lm';
  const files = initialise(device, config, 0.02, 1, 'bf16', { transient: base === 'nf4' });
  const model = loadModel(device, files, {
    task,
    classes,
    compute,
    quantisation: base === 'nf4' ? { kind: 'nf4', doubleQuant: true, blockSize: 64 } : null,
    resident,
    adapter,
    fullParameter: false,
    seed: 1,
  });
  files.tensors.close();
  device.resetPeak();
  const rows = setup.rows.map((tokens, row): Row => {
    // one more token than is learned: the last has no successor
    const length = tokens + (classes > 0 ? 0 : 1);
    const ids = Int32Array.from({ length }, (_, t) => (row * 7919 + t * 104729) % config.vocabSize);
    return classes > 0 ? { ids, label: row % classes, labels: null } : { ids, label: -1, labels: ids };
  });
  const trainer = new Trainer(device, model, rows, {
    task,
    training: { ...trainingOf(setup), epochs: steps },
    loss: { kind: 'cross-entropy' },
    order: () => rows.keys().toArray(),
  });
  return { trainer, model };
}

function trainingOf({ rows, compute, checkpointing, classes }: TrainSetup): Training {
  return {
    epochs: 1,
    batchSize: rows.length,
    accumulation: 1,
    ...DEFAULT_TRAINING,
    stepsPerEpoch: 'ceil',
    optimiser: { kind: 'adamw', learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    schedule: { kind: 'constant', warmup: { steps: 0 } },
    clip: null,
    lossNormalisation: classes > 0 ? 'mean-of-means' : 'sum-over-tokens-shifted',
    precision: compute,
    gradientCheckpointing: checkpointing,
    selection: 'last',
    seed: 1,
  };
}

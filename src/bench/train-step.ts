/** Training steps at shapes whose figures are known for other engines: tokens per second and peak memory. */
import type { Compute } from '../autograd/ops/linear';
import { CUDA_WORKSPACE_BYTES, type Device, hostLibrary, type Isa } from '../native/device';
import type { Backend } from '../native/library';
import type { AdapterOptions } from '../nn/adapter';
import { initialise } from '../nn/initialise';
import { loadModel } from '../nn/model';
import { DEFAULT_TRAINING } from '../spec/defaults';
import type { Training } from '../spec/types';
import type { Row } from '../train/pass';
import { Trainer } from '../train/trainer';
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
  /** Tokens of a row, and rows of a step, which share one pass where the device takes that many tokens. */
  readonly sequence: number;
  readonly batch: number;
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
      ...(shape === 'mini' ? { sequence: 256, batch: 4 } : { sequence: 128, batch: 2 }),
      adapter: LORA_QV,
    })),
  ),
);

const GPU = { ...plain, base: 'nf4', compute: 'bf16', sequence: 512, batch: 16, resident: true } as const;
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

/** What the papers train, at 8,192 packed tokens a step. */
const CUDA_SETUPS: readonly TrainSetup[] = [
  { ...GPU, name: 'train qwen3-8b nf4 r16', shape: 'qwen3-8b', adapter: everywhere(16) },
  { ...GPU, name: 'train qwen3-8b nf4 r16 dropout', shape: 'qwen3-8b', adapter: everywhere(16, 0.05) },
  { ...GPU, name: 'train qwen3-8b nf4 r256 82 classes', shape: 'qwen3-8b', adapter: everywhere(256), classes: 82 },
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
    sequence: 1024,
    batch: 4,
    resident: false,
    checkpointing: true,
  },
];

export const TRAIN_SETUPS: Readonly<Record<Backend, readonly TrainSetup[]>> = { cpu: CPU_SETUPS, cuda: CUDA_SETUPS };

export interface TrainStepResult
  extends Pick<TrainSetup, 'name' | 'shape' | 'base' | 'compute' | 'sequence' | 'batch'> {
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
  readonly losses: readonly number[];
}

/** Runs `steps` timed steps after `warmup` ones with AdamW on a random base, quantised while it is made where it is. */
export function benchTrainStep(
  setup: TrainSetup,
  open: () => Device,
  peak: number,
  { steps = 5, warmup = 2 } = {},
): TrainStepResult {
  const { name, base, compute, sequence, batch, adapter, classes, resident } = setup;
  const config = SHAPES[setup.shape];
  const task = classes > 0 ? 'sequence-classification' : 'causal-lm';
  const device = open();
  try {
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
    const rows = Array.from({ length: batch }, (_, row): Row => {
      // one more token than is learned: the last has no successor
      const length = sequence + (classes > 0 ? 0 : 1);
      const ids = Int32Array.from({ length }, (_, t) => (row * 7919 + t * 104729) % config.vocabSize);
      return classes > 0 ? { ids, label: row % classes, labels: null } : { ids, label: -1, labels: ids };
    });
    const trainer = new Trainer(device, model, rows, {
      task,
      training: { ...trainingOf(setup), epochs: warmup + steps },
      loss: { kind: 'cross-entropy' },
      order: () => rows.keys().toArray(),
    });
    const seconds: number[] = [];
    const losses: number[] = [];
    for (let step = 0; step < warmup + steps; step++) {
      const start = performance.now();
      losses.push(trainer.run().loss);
      device.synchronise();
      if (step >= warmup) seconds.push((performance.now() - start) / 1e3);
    }
    seconds.sort((a, b) => a - b);
    const tokens = sequence * batch;
    const median = seconds[Math.floor(seconds.length / 2)]!;
    const trainable = [...model.trainable.values()].reduce((sum, { size }) => sum + size, 0);
    const usefulFlops = (usefulPerToken(setup, trainable) * tokens) / median;
    return {
      name,
      shape: setup.shape,
      base,
      compute,
      sequence,
      batch,
      threads: device.threads,
      isa: device.path,
      tokensPerSecond: tokens / median,
      bestTokensPerSecond: tokens / seconds[0]!,
      stepSeconds: median,
      usefulFlops,
      share: peak > 0 ? usefulFlops / peak : null,
      peakBytes: device.backend === 'cpu' ? hostLibrary().peakMemory() : device.peakBytes + CUDA_WORKSPACE_BYTES,
      losses,
    };
  } finally {
    device.destroy();
  }
}

// --- internal ---

function trainingOf({ batch, compute, checkpointing, classes }: TrainSetup): Training {
  return {
    epochs: 1,
    batchSize: batch,
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

/** FLOP of a token's forward and backward. */
function usefulPerToken({ shape, sequence, classes }: TrainSetup, trainable: number): number {
  const config = SHAPES[shape];
  const { heads, headDim, layers, hiddenSize, vocabSize } = config;
  // causal attention sees half of the square; its backward costs two and a half forwards
  const attention = 3.5 * layers * 4 * heads * headDim * (sequence / 2);
  const head = classes > 0 ? 0 : 4 * hiddenSize * vocabSize;
  return 4 * linearParameters(config) + 6 * trainable + head + attention;
}

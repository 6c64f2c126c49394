/** One LoRA training step at shapes whose figures are known for other engines: tokens per second and peak memory. */
import type { Compute } from '../autograd/ops/linear';
import type { Isa } from '../native/device';
import { Device, hostLibrary } from '../native/device';
import { type DecoderConfig, type DecoderSizes, decoderConfig } from '../nn/config';
import { initialise } from '../nn/initialise';
import { loadModel } from '../nn/model';
import { DEFAULT_TRAINING } from '../spec/defaults';
import type { Training } from '../spec/types';
import type { Row } from '../train/pass';
import { Trainer } from '../train/trainer';

export interface TrainShape {
  readonly config: DecoderConfig;
  readonly sequence: number;
  readonly batch: number;
}

const shape = (sizes: Partial<DecoderSizes>): DecoderConfig =>
  decoderConfig('qwen3', {
    vocabSize: 8192,
    hiddenSize: 256,
    layers: 6,
    heads: 8,
    kvHeads: 4,
    headDim: 32,
    intermediateSize: 688,
    rmsNormEpsilon: 1e-6,
    ropeTheta: 1e6,
    maxPositions: 4096,
    tieWordEmbeddings: true,
    labels: 0,
    padTokenId: null,
    eosTokenIds: [],
    ...sizes,
  });

/** Shapes by name: `mini` and that of Qwen3-0.6B. */
export const TRAIN_SHAPES: Readonly<Record<string, TrainShape>> = {
  mini: { config: shape({}), sequence: 256, batch: 4 },
  'qwen3-0.6b': {
    config: shape({
      vocabSize: 151936,
      hiddenSize: 1024,
      layers: 28,
      heads: 16,
      kvHeads: 8,
      headDim: 128,
      intermediateSize: 3072,
    }),
    sequence: 128,
    batch: 2,
  },
};

/** What the matrices of the frozen blocks are stored in; embeddings and norms are bf16 in both. */
export const TRAIN_BASES = ['bf16', 'nf4'] as const;
export type TrainBase = (typeof TRAIN_BASES)[number];

/** What `--only` looks for: the base is named where it is not the published bf16. */
export const trainStepName = (shape: string, base: TrainBase, compute: Compute): string =>
  ['train', shape, ...(base === 'bf16' ? [] : [base]), compute].join(' ');

export interface TrainStepResult {
  readonly shape: string;
  readonly base: TrainBase;
  readonly compute: Compute;
  readonly threads: number;
  readonly isa: Isa;
  /** Of the median step. */
  readonly tokensPerSecond: number;
  readonly bestTokensPerSecond: number;
  /** Multiply-adds of the frozen matrices, forward and backward, over the median step: a share of this run's peak. */
  readonly share: number | null;
  readonly stepSeconds: number;
  /** Highest resident memory of the whole process so far, bytes. */
  readonly peakBytes: number;
  readonly losses: readonly number[];
}

/**
 * Runs `steps` timed steps after `warmup` ones: LoRA r=8 on q and v, every token labelled, AdamW, frozen random base. The
 * base is stored in bf16, as checkpoints of these shapes are published, or quantised while it is made, as a checkpoint is
 * while it is read (QLoRA: double-quantised NF4); fp32 compute widens each weight as it is read.
 */
export function benchTrainStep(
  name: string,
  base: TrainBase,
  compute: Training['precision'],
  options: { threads?: number; isa?: Isa; steps?: number; warmup?: number },
): TrainStepResult {
  const { config, sequence, batch } = TRAIN_SHAPES[name]!;
  const { steps = 5, warmup = 2 } = options;
  const device = Device.cpu({ threads: options.threads ?? 0, ...(options.isa ? { isa: options.isa } : {}) });
  const files = initialise(device, config, 0.02, 1, 'bf16', { transient: base === 'nf4' });
  const adapter = { rank: 8, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] };
  const model = loadModel(device, files, {
    task: 'causal-lm',
    classes: 0,
    compute,
    quantisation: base === 'nf4' ? { kind: 'nf4', doubleQuant: true, blockSize: 64 } : null,
    resident: false,
    adapter,
    fullParameter: false,
    seed: 1,
  });
  files.tensors.close();
  const rows = Array.from({ length: batch }, (_, row): Row => {
    const ids = Int32Array.from({ length: sequence + 1 }, (_, t) => (row * 7919 + t * 104729) % config.vocabSize);
    return { ids, label: -1, labels: ids };
  });
  const training: Training = {
    epochs: warmup + steps,
    batchSize: batch,
    accumulation: 1,
    ...DEFAULT_TRAINING,
    stepsPerEpoch: 'ceil',
    optimiser: { kind: 'adamw', learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
    schedule: { kind: 'constant', warmup: { steps: 0 } },
    clip: null,
    lossNormalisation: 'sum-over-tokens-shifted',
    precision: compute,
    gradientCheckpointing: false,
    selection: 'last',
    seed: 1,
  };
  const trainer = new Trainer(device, model, rows, {
    task: 'causal-lm',
    training,
    loss: { kind: 'cross-entropy' },
    order: () => rows.keys().toArray(),
  });
  const before = device.measurePeak(compute);
  const seconds: number[] = [];
  const losses: number[] = [];
  for (let step = 0; step < warmup + steps; step++) {
    const start = performance.now();
    losses.push(trainer.run().loss);
    if (step >= warmup) seconds.push((performance.now() - start) / 1e3);
  }
  seconds.sort((a, b) => a - b);
  const tokens = sequence * batch;
  const median = seconds[Math.floor(seconds.length / 2)]!;
  const { isa, threads } = device;
  const peak = Math.max(before, device.measurePeak(compute));
  let flops = 4 * tokens * model.head.outFeatures * model.head.inFeatures;
  for (const { weight } of model.decoder.linears()) flops += 4 * tokens * weight.outFeatures * weight.inFeatures;
  device.destroy();
  return {
    shape: name,
    base,
    compute,
    threads,
    isa,
    tokensPerSecond: tokens / median,
    bestTokensPerSecond: tokens / seconds[0]!,
    share: peak > 0 ? flops / median / peak : null,
    stepSeconds: median,
    peakBytes: hostLibrary().peakMemory(),
    losses,
  };
}

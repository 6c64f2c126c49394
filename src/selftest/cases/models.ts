/**
 * Whole tiny models: the losses of a few training steps on the device under test against those of one CPU thread, which the
 * engine's tests compare with transformers. A kernel can be right by itself and wrong in what it is given.
 */
import { Device } from '../../native/device';
import { type DecoderConfig, decoderConfig, type Family } from '../../nn/config';
import { initialise } from '../../nn/initialise';
import { loadModel, type ModelFiles, type ModelOptions } from '../../nn/model';
import { DEFAULT_TRAINING } from '../../paper/defaults';
import type { Training } from '../../paper/types';
import type { Row } from '../../train/pass';
import { Trainer } from '../../train/trainer';
import type { Case, Execution, Placement } from '../case';

interface Whole {
  readonly family: Family;
  readonly task: ModelOptions['task'];
  readonly compute: Training['precision'];
  readonly quantisation: ModelOptions['quantisation'];
  /** Bound on the relative difference of the losses, and why. */
  readonly tolerance: number;
  readonly reason: string;
}

/** fidelity.md of the peers in short: fp32 losses within 1e-5, 16 bits within a few of their roundings. */
const FP32 = { tolerance: 1e-5, reason: 'fp32 sums in another order, over two steps' };
const NARROW = { tolerance: 4e-3, reason: 'one rounding to 16 bits more or less in every layer, over two steps' };
const NF4 = { kind: 'nf4', doubleQuant: true, blockSize: 64, kbitPreparation: 'peft' } as const;

const WHOLES: readonly Whole[] = [
  { family: 'qwen3', task: 'causal-lm', compute: 'fp32', quantisation: null, ...FP32 },
  { family: 'llama', task: 'causal-lm', compute: 'fp32', quantisation: { ...NF4, blockSize: 128 }, ...FP32 },
  { family: 'qwen2', task: 'sequence-classification', compute: 'fp32', quantisation: null, ...FP32 },
  { family: 'gemma3', task: 'causal-lm', compute: 'fp32', quantisation: null, ...FP32 },
  { family: 'qwen3', task: 'sequence-classification', compute: 'bf16', quantisation: NF4, ...NARROW },
  { family: 'llama', task: 'causal-lm', compute: 'fp16', quantisation: { kind: 'int8', threshold: 6 }, ...NARROW },
];

export const modelCases = (): Case[] => WHOLES.map(modelCase);

// --- internal ---

const STEPS = 2;
const CLASSES = 3;

function modelCase(whole: Whole): Case {
  const { family, task, compute, quantisation, tolerance, reason } = whole;
  const stored = quantisation === null ? compute : `${quantisation.kind} in ${compute}`;
  return {
    op: `model.${family}`,
    shape: task,
    dtype: stored,
    samePaths: compute === 'fp32',
    execute: (device, placement) => execution(losses(whole, device), placement),
    expected: () => {
      const device = Device.cpu({ threads: 1 });
      try {
        return { losses: { values: losses(whole, device), tolerance, reason } };
      } finally {
        device.destroy();
      }
    },
  };
}

/** Loss and gradient norm of each step. */
function losses({ family, task, compute, quantisation }: Whole, device: Device): Float64Array<ArrayBuffer> {
  const host = Device.cpu({ threads: 1, capacity: 2 ** 26 });
  try {
    const model = device.hold(() =>
      loadModel(device, hostFiles(initialise(host, configOf(family), 0.1, 3, 'bf16')), {
        task,
        classes: CLASSES,
        compute,
        quantisation,
        resident: false,
        adapter: { rank: 4, alpha: 8, dropout: 0, targets: 'all-linear' },
        fullParameter: false,
        seed: 5,
      }),
    );
    const rows = [9, 1, 17, 4].map((length, row): Row => {
      const ids = Int32Array.from({ length: length + 1 }, (_, t) => (row * 31 + t * 17) % 90);
      return task === 'causal-lm' ? { ids, label: -1, labels: ids } : { ids, label: row % CLASSES, labels: null };
    });
    const trained = device.hold(() => {
      const order = (): number[] => [...rows.keys()];
      const options = { task, training: trainingOf(compute), loss: { kind: 'cross-entropy' }, order } as const;
      const trainer = new Trainer(device, model.result, rows, options);
      return Float64Array.from(
        Array.from({ length: STEPS }, () => trainer.run()).flatMap(({ loss, gradNorm }) => [loss, gradNorm]),
      );
    });
    trained.release();
    model.release();
    return trained.result;
  } finally {
    host.destroy();
  }
}

/** Random weights in the host's memory, as a mapped file would hold them. */
function hostFiles(files: ModelFiles): ModelFiles {
  const tensors = new Map(
    [...files.tensors.tensors].map(([name, { dtype, shape, address, bytes }]) => [
      name,
      { dtype, shape, address, bytes, release: () => {} },
    ]),
  );
  return { ...files, tensors: { ...files.tensors, tensors } };
}

function configOf(family: Family): DecoderConfig {
  return decoderConfig(
    family,
    {
      vocabSize: 96,
      hiddenSize: 64,
      layers: 2,
      heads: 4,
      kvHeads: 2,
      headDim: 16,
      intermediateSize: 128,
      rmsNormEpsilon: 1e-6,
      ropeTheta: 1e4,
      maxPositions: 64,
      tieWordEmbeddings: true,
      labels: 0,
      padTokenId: null,
      eosTokenIds: [],
    },
    family === 'gemma3' ? { layerPattern: ['sliding', 'full'], window: 6 } : {},
  );
}

const trainingOf = (precision: Training['precision']): Training => ({
  epochs: 1,
  batchSize: 2,
  accumulation: 1,
  ...DEFAULT_TRAINING,
  stepsPerEpoch: 'ceil',
  optimiser: { kind: 'adamw', learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  schedule: { kind: 'constant', warmup: { steps: 0 } },
  clip: 1,
  lossNormalisation: 'mean-of-means',
  precision,
  gradientCheckpointing: false,
  selection: 'last',
  seed: 7,
});

function execution(values: Float64Array<ArrayBuffer>, { poison }: Placement): Execution {
  const after = new Uint8Array(values.buffer);
  const before = new Uint8Array(after.length).fill(poison);
  return { outputs: { losses: { dtype: 'f64', before, after } }, trespasses: [] };
}

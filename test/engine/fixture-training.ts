/** A tiny model with a training loop around it, as the engine's tests of exactness need it. */
import { epochOrder } from '../../src/data/batches';
import type { Device } from '../../src/native/device';
import { type DecoderConfig, decoderConfig } from '../../src/nn/config';
import { initialise } from '../../src/nn/initialise';
import type { LoraOptions } from '../../src/nn/lora';
import type { Model, ModelOptions } from '../../src/nn/model';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { DEFAULT_TRAINING } from '../../src/paper/defaults';
import type { Loss, Training } from '../../src/paper/types';
import type { Row } from '../../src/train/pass';
import { type StepResult, Trainer, type TrainerOptions } from '../../src/train/trainer';
import { FIXTURES, onCpu, PLAIN } from './support';

export type Task = 'sequence-classification' | 'causal-lm';

/** Vocabulary and classes of the fixtures' models. */
export const VOCABULARY = 160;
export const CLASSES = 5;

export const LORA: LoraOptions = { rank: 4, alpha: 8, dropout: 0, targets: 'all-linear' };

export const TRAINING: Training = {
  epochs: 2,
  batchSize: 2,
  accumulation: 2,
  ...DEFAULT_TRAINING,
  stepsPerEpoch: 'ceil',
  optimiser: { kind: 'adamw', learningRate: 5e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
  schedule: { kind: 'cosine', warmup: { steps: 1 } },
  clip: 1,
  lossNormalisation: 'mean-of-means',
  precision: 'fp32',
  gradientCheckpointing: false,
  selection: 'last',
  seed: 7,
};

/** What is trained and how; everything not named is as in `TRAINING`. */
export interface Setup {
  readonly task: Task;
  readonly model?: Partial<ModelOptions>;
  readonly training?: Partial<Training>;
  readonly loss?: Loss;
  readonly rows?: readonly Row[];
  /** A model from nothing instead of the fixture. */
  readonly config?: DecoderConfig;
}

/** Wide enough that every matrix product is cut into several blocks in each direction. */
export const WIDE: DecoderConfig = decoderConfig('qwen3', {
  vocabSize: 515,
  hiddenSize: 288,
  layers: 1,
  heads: 4,
  kvHeads: 2,
  headDim: 80,
  intermediateSize: 616,
  rmsNormEpsilon: 1e-6,
  ropeTheta: 1e4,
  maxPositions: 256,
  tieWordEmbeddings: true,
  labels: 0,
  padTokenId: null,
  eosTokenIds: [],
});

/** The fixture folder a task's base model comes from. */
export const folderOf = (task: Task): string => (task === 'causal-lm' ? 'causal-tied' : 'classifier-lora');

/** Rows of different lengths whose ids and labels are a fixed function of their index. */
export function sampleRows(count: number, task: Task, longest = 24): Row[] {
  return Array.from({ length: count }, (_, row) => {
    const length = 1 + ((row * 7 + 5) % longest);
    const ids = Array.from(
      { length: length + (task === 'causal-lm' ? 1 : 0) },
      (_, t) => 2 + ((row * 31 + t * 17) % 150),
    );
    return { ids, label: row % CLASSES, labels: task === 'causal-lm' ? ids : null };
  });
}

export interface Started {
  readonly model: Model;
  readonly trainer: Trainer;
  readonly rows: readonly Row[];
}

/** A model and a trainer at step 0. */
export function start(device: Device, setup: Setup): Started {
  const options = modelOptions(setup);
  const files =
    setup.config === undefined
      ? openModelFolder(`${FIXTURES}/qwen3/${folderOf(setup.task)}`)
      : initialise(device, setup.config, 0.05, 3);
  const model = loadModel(device, files, options);
  const rows = setup.rows ?? sampleRows(10, setup.task);
  return { model, rows, trainer: new Trainer(device, model, rows, trainerOptions(setup, rows.length)) };
}

export function modelOptions({ task, model, training }: Setup): ModelOptions {
  const { seed, precision } = { ...TRAINING, ...training };
  return { ...PLAIN, task, classes: CLASSES, adapter: LORA, seed, compute: precision, ...model };
}

export function trainerOptions({ task, training, loss }: Setup, rows: number): TrainerOptions {
  const settings = { ...TRAINING, ...training };
  return {
    task,
    training: settings,
    loss: loss ?? { kind: 'cross-entropy' },
    order: (epoch) => epochOrder(rows, settings.seed, epoch),
  };
}

/** Everything a training run leaves behind, as bits. */
export interface Trace {
  readonly steps: readonly StepResult[];
  /** sha256 of the gradients after each step, all tensors in order. */
  readonly gradients: readonly string[];
  /** Final weights by name. */
  readonly weights: Readonly<Record<string, string>>;
}

/** Trains from step 0 to the end and keeps what must be equal. */
export function trace(setup: Setup, device: Parameters<typeof Device.cpu>[0] = {}): Trace {
  return onCpu((opened) => {
    const { model, trainer } = start(opened, setup);
    const steps: StepResult[] = [];
    const gradients: string[] = [];
    while (!trainer.finished) {
      steps.push(trainer.run());
      gradients.push(digest(...[...model.trainable.values()].map((tensor) => opened.readBytes(tensor.grad!))));
    }
    return { steps, gradients, weights: weightsOf(opened, model) };
  }, device);
}

/** sha256 of every trained tensor. */
export function weightsOf(device: Device, model: Model): Record<string, string> {
  return Object.fromEntries([...model.trainable].map(([name, tensor]) => [name, digest(device.readBytes(tensor))]));
}

export function digest(...parts: readonly Uint8Array[]): string {
  const hasher = new Bun.CryptoHasher('sha256');
  for (const part of parts) hasher.update(part);
  return hasher.digest('hex');
}

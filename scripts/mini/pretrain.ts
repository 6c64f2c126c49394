/**
 * Pre-trains the miniature bases from scratch with medrepro's own engine, on the corpus of `corpus.ts`:
 *
 *   bun scripts/mini/pretrain.ts BASE       writes papers/mini/<base>/{config.json,model.safetensors,pretraining.json}
 *   bun scripts/mini/pretrain.ts --check    re-runs the first steps of every base and compares every bit
 *
 * BASE is a key of `RECIPES`.
 *
 * fp32, so that the same weights come out on every CPU path and for any number of threads; stored as bf16.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerFolder } from '../../src/data/tokenizer-files';
import { Device } from '../../src/native/device';
import { type DecoderConfig, type DecoderFeatures, decoderConfig, type Family } from '../../src/nn/config';
import { configJson } from '../../src/nn/config-file';
import { asBf16, initialise } from '../../src/nn/initialise';
import { loadModel, type Model } from '../../src/nn/model';
import { writeSafetensors } from '../../src/nn/safetensors';
import { DEFAULT_TRAINING } from '../../src/paper/defaults';
import type { Training } from '../../src/paper/types';
import { causalLoss } from '../../src/train/evaluate';
import type { Row } from '../../src/train/pass';
import { evaluationOptions, Trainer } from '../../src/train/trainer';
import { miniAbjadMed } from './abjadmed';
import { documents } from './corpus';

const MINI = join(import.meta.dir, '../../papers/mini');
const CORPUS_SEED = 20_260_101;
const HELD_OUT_SEED = 20_260_102;
const HELD_OUT_DOCUMENTS = 256;
const DOCUMENTS_PER_STEP = 64;
/** Steps that `--check` repeats. */
const CHECKED_STEPS = 3;

interface Recipe {
  readonly family: Family;
  /** Languages of the corpus that it reads. */
  readonly languages: 'both' | 'english';
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly intermediateSize: number;
  readonly steps: number;
  /** What differs from the family's usual features. */
  readonly features?: Partial<DecoderFeatures>;
}

const RECIPES: Readonly<Record<string, Recipe>> = {
  'base-large': {
    family: 'qwen3',
    languages: 'both',
    hiddenSize: 192,
    layers: 5,
    heads: 6,
    kvHeads: 2,
    intermediateSize: 512,
    steps: 1800,
  },
  'base-small': {
    family: 'qwen3',
    languages: 'both',
    hiddenSize: 128,
    layers: 5,
    heads: 4,
    kvHeads: 2,
    intermediateSize: 384,
    steps: 1800,
  },
  'base-llama': {
    family: 'llama',
    languages: 'english',
    hiddenSize: 96,
    layers: 3,
    heads: 3,
    kvHeads: 1,
    intermediateSize: 256,
    steps: 1500,
  },
  'base-qwen2': {
    family: 'qwen2',
    languages: 'english',
    hiddenSize: 96,
    layers: 3,
    heads: 3,
    kvHeads: 1,
    intermediateSize: 256,
    steps: 1500,
  },
  // local layers and one that sees everything, as in Gemma 3; the window is shorter than most documents
  'base-gemma3': {
    family: 'gemma3',
    languages: 'both',
    hiddenSize: 128,
    layers: 6,
    heads: 4,
    kvHeads: 2,
    intermediateSize: 384,
    steps: 1800,
    features: {
      layerPattern: ['sliding', 'sliding', 'sliding', 'sliding', 'sliding', 'full'],
      window: 32,
      rope: { full: { theta: 100_000, scaling: null }, sliding: { theta: 10_000, scaling: null } },
    },
  },
};

/** What was measured while pre-training; `losses` are fp64 sums, compared bit for bit by `--check`. */
interface PretrainingRecord {
  readonly corpusSeed: number;
  readonly documentsPerStep: number;
  readonly steps: number;
  readonly tokens: number;
  readonly firstLosses: readonly number[];
  readonly lastLoss: number;
  readonly heldOutLoss: number;
}

function configOf({ family, features, ...recipe }: Recipe, tokenizer: Tokenizer): DecoderConfig {
  const { hiddenSize, layers, heads, kvHeads, intermediateSize } = recipe;
  const sizes = {
    vocabSize: tokenizer.vocabSize,
    hiddenSize,
    layers,
    heads,
    kvHeads,
    headDim: 32,
    intermediateSize,
    rmsNormEpsilon: 1e-6,
    ropeTheta: 10_000,
    maxPositions: 2048,
    tieWordEmbeddings: true,
    labels: 0,
    padTokenId: tokenizer.padId,
    eosTokenIds: tokenizer.eosId === null ? [] : [tokenizer.eosId],
  };
  return decoderConfig(family, sizes, features);
}

const trainingOf = (steps: number): Training => ({
  epochs: 1,
  batchSize: DOCUMENTS_PER_STEP,
  accumulation: 1,
  ...DEFAULT_TRAINING,
  stepsPerEpoch: 'ceil',
  optimiser: { kind: 'adamw', learningRate: 3e-3, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05 },
  schedule: { kind: 'cosine', warmup: { steps: Math.ceil(steps / 20) } },
  clip: 1,
  lossNormalisation: 'sum-over-tokens-shifted',
  precision: 'fp32',
  gradientCheckpointing: false,
  selection: 'last',
  seed: 1,
});

const ARABIC = /\p{Script=Arabic}/u;

/** Tokenised documents, each closed by the end-of-text token; none is, word for word, a row of the test set. */
function rowsOf(seed: number, count: number, languages: Recipe['languages'], tokenizer: Tokenizer): Row[] {
  const rows: Row[] = [];
  const held = new Set(miniAbjadMed().test.map((row) => row.text));
  for (const text of documents(seed)) {
    if (rows.length === count) break;
    if (held.has(text) || (languages === 'english' && ARABIC.test(text))) continue;
    const ids = Int32Array.from([...tokenizer.encode(text), tokenizer.padId!]);
    rows.push({ ids, label: -1, labels: ids });
  }
  return rows;
}

interface Session {
  readonly device: Device;
  readonly model: Model;
  readonly trainer: Trainer;
  readonly training: Training;
  readonly config: DecoderConfig;
  readonly tokenizer: Tokenizer;
}

function begin(base: string, documentsNeeded: number): Session {
  const recipe = RECIPES[base];
  if (recipe === undefined) throw new Error(`no recipe for ${base}: ${Object.keys(RECIPES).join(', ')}`);
  const tokenizer = new Tokenizer(readTokenizerFolder(join(MINI, 'tokenizer')));
  const config = configOf(recipe, tokenizer);
  const device = Device.cpu();
  const files = initialise(device, config, 0.04, 7);
  const model = loadModel(device, files, {
    task: 'causal-lm',
    classes: 0,
    compute: 'fp32',
    quantisation: null,
    resident: false,
    adapter: null,
    fullParameter: true,
    seed: 7,
  });
  // the schedule is that of the whole run, also when only its first steps are wanted
  const rows = rowsOf(CORPUS_SEED, documentsNeeded, recipe.languages, tokenizer);
  const padded = Array.from({ length: recipe.steps * DOCUMENTS_PER_STEP }, (_, i) => rows[i % rows.length]!);
  const training = trainingOf(recipe.steps);
  const trainer = new Trainer(device, model, padded, {
    task: 'causal-lm',
    training,
    loss: { kind: 'cross-entropy' },
    order: () => padded.keys().toArray(),
  });
  return { device, model, trainer, training, config, tokenizer };
}

async function pretrain(base: string): Promise<void> {
  const steps = RECIPES[base]?.steps ?? 0;
  const { device, model, trainer, training, config, tokenizer } = begin(base, steps * DOCUMENTS_PER_STEP);
  const losses: number[] = [];
  let tokens = 0;
  const started = performance.now();
  while (!trainer.finished) {
    const step = trainer.run();
    losses.push(step.loss);
    tokens += step.tokens;
    if (step.step % 20 === 0) {
      const rate = tokens / ((performance.now() - started) / 1e3);
      process.stderr.write(`${step.step}/${steps} loss ${step.loss.toFixed(4)} ${rate.toFixed(0)} tokens/s\n`);
    }
  }
  const heldOut = rowsOf(HELD_OUT_SEED, HELD_OUT_DOCUMENTS, RECIPES[base]!.languages, tokenizer);
  const record: PretrainingRecord = {
    corpusSeed: CORPUS_SEED,
    documentsPerStep: DOCUMENTS_PER_STEP,
    steps,
    tokens,
    firstLosses: losses.slice(0, CHECKED_STEPS),
    lastLoss: losses.at(-1)!,
    heldOutLoss: causalLoss(device, model, heldOut, evaluationOptions(training)),
  };
  const folder = join(MINI, base);
  await Bun.write(join(folder, 'config.json'), configJson(config, 'bfloat16'));
  writeSafetensors(join(folder, 'model.safetensors'), asBf16(device, model.trainable));
  await Bun.write(join(folder, 'pretraining.json'), `${JSON.stringify(record, null, 2)}\n`);
  process.stderr.write(`${base}: held-out loss ${record.heldOutLoss.toFixed(4)} after ${tokens} tokens\n`);
  device.destroy();
}

/** Whether the first steps give the recorded losses, bit for bit. */
function check(base: string): boolean {
  const record = JSON.parse(readFileSync(join(MINI, base, 'pretraining.json'), 'utf8')) as PretrainingRecord;
  const { device, trainer } = begin(base, CHECKED_STEPS * DOCUMENTS_PER_STEP);
  const losses = Array.from({ length: CHECKED_STEPS }, () => trainer.run().loss);
  device.destroy();
  const same = losses.every((loss, step) => Object.is(loss, record.firstLosses[step]));
  process.stderr.write(
    `${base}: the first ${CHECKED_STEPS} steps ${same ? 'repeat' : `differ: ${losses.join(', ')}`}\n`,
  );
  return same;
}

const argument = process.argv[2];
if (argument === '--check') process.exitCode = Object.keys(RECIPES).map(check).every(Boolean) ? 0 : 1;
else await pretrain(argument ?? '');

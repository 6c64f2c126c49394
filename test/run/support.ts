/** A paper's experiment on a model and rows so small that a whole run takes a fraction of a second. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readAssetText } from '../../src/assets';
import type { RunRequest } from '../../src/commands/run/request';
import type { MedreproError } from '../../src/errors';
import type { JobEvent } from '../../src/events';
import { Device } from '../../src/native/device';
import { type DecoderConfig, decoderConfig } from '../../src/nn/config';
import { configJson } from '../../src/nn/config-file';
import { initialise } from '../../src/nn/initialise';
import { storedF32, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import { resolveExperiment } from '../../src/paper/load';
import { loadEmbedded } from '../../src/paper/target';
import type { Experiment, Training } from '../../src/paper/types';
import { type Executed, execute } from '../../src/run/execute';
import { open } from '../../src/run/open';

export const SIZES = {
  vocabSize: 3072,
  hiddenSize: 32,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
  intermediateSize: 48,
  rmsNormEpsilon: 1e-6,
  ropeTheta: 1e4,
  maxPositions: 256,
  tieWordEmbeddings: true,
  labels: 0,
  padTokenId: null,
  eosTokenIds: [],
} as const;
export const CONFIG: DecoderConfig = decoderConfig('qwen3', SIZES);

/** A temporary folder with `model/`, `tokenizer/`, `train.csv` and `test.csv`; `remove` deletes it. */
export interface Sandbox {
  readonly path: string;
  readonly model: string;
  readonly tokenizer: string;
  readonly train: string;
  readonly test: string;
  remove(): void;
}

export function sandbox(config: DecoderConfig = CONFIG): Sandbox {
  const path = mkdtempSync(join(tmpdir(), 'medrepro-run-'));
  const [model, tokenizer] = [join(path, 'model'), join(path, 'tokenizer')];
  mkdirSync(tokenizer);
  writeModel(model, config);
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    writeFileSync(join(tokenizer, name), readAssetText(`papers/mini/tokenizer/${name}`));
  }
  const [train, test] = [join(path, 'train.csv'), join(path, 'test.csv')];
  writeFileSync(train, rows(110, 0));
  writeFileSync(test, rows(30, 1000));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  return { path, model, tokenizer, train, test, remove };
}

/** A random model as a checkpoint folder. */
export function writeModel(folder: string, config: DecoderConfig, seed = 5): void {
  mkdirSync(folder, { recursive: true });
  const device = Device.cpu({ threads: 1 });
  const files = initialise(device, config, 0.1, seed);
  const tensors = [...files.tensors.tensors].map(([name, stored]): TensorToWrite => {
    const values = storedF32(stored);
    return { name, dtype: 'f32', shape: stored.shape, data: new Uint8Array(values.buffer) };
  });
  writeSafetensors(join(folder, 'model.safetensors'), tensors);
  writeFileSync(join(folder, 'config.json'), configJson(config, 'float32'));
  device.destroy();
}

const WORDS = ['pain', 'fever', 'cough', 'rash', 'sleep', 'heart', 'night', 'child', 'doctor', 'since', 'week', 'left'];

/** CSV rows of four classes; the first word tells the class four times out of five. */
export function rows(count: number, first: number): string {
  const lines = Array.from({ length: count }, (_, i) => {
    const row = first + i;
    const label = row % 4;
    const told = row % 5 === 0 ? (label + 1) % 4 : label;
    const words = Array.from({ length: 3 + (row % 9) }, (_, t) => WORDS[(row * 7 + t * t * 5) % WORDS.length]);
    return `${WORDS[told]} ${words.join(' ')},class ${label}`;
  });
  return `text,category\n${lines.join('\n')}\n`;
}

export function request(box: Sandbox, changes: Partial<RunRequest> = {}): RunRequest {
  return {
    targets: ['abjadmed/all-linear'],
    all: false,
    scale: 'mini',
    device: 'auto',
    threads: 2,
    isa: null,
    seed: null,
    data: { kind: 'splits', train: box.train, validation: null, test: box.test },
    map: { text: 'text', label: 'category' },
    model: box.model,
    tokenizer: box.tokenizer,
    reading: null,
    golden: null,
    seeds: 1,
    out: join(box.path, 'runs'),
    resume: false,
    ...changes,
  };
}

/** The paper's experiment at the mini scale, with LoRA dropout on, so that masks are part of what resuming must keep. */
export function experiment(training: Partial<Training> = {}, id = 'all-linear'): Experiment {
  const resolved = resolveExperiment(loadEmbedded('abjadmed'), id, 'mini');
  const adapter = resolved.adapter === null ? null : { ...resolved.adapter, rank: 4, dropout: 0.1 };
  return { ...resolved, adapter, training: { ...resolved.training, batchSize: 2, accumulation: 4, ...training } };
}

export interface Ran {
  /** Null when it was stopped or failed. */
  readonly executed: Executed | null;
  readonly error: MedreproError | null;
  readonly events: readonly JobEvent[];
  /** How often the run asked whether to stop. */
  readonly polls: number;
}

/** Runs an experiment; `stop` sees the number of polls and the events so far, and turns true for good. */
export async function run(
  asked: RunRequest,
  what: Experiment,
  stop: (polls: number, events: readonly JobEvent[]) => boolean = () => false,
): Promise<Ran> {
  const events: JobEvent[] = [];
  let polls = 0;
  let stopped = false;
  const cancelled = (): boolean => {
    stopped ||= stop(++polls, events);
    return stopped;
  };
  const context = { emit: (event: JobEvent) => void events.push(event), cancelled };
  try {
    const executed = await execute(open(what, asked), asked, context);
    return { executed, error: null, events, polls };
  } catch (error) {
    return { executed: null, error: error as MedreproError, events, polls };
  }
}

/** The run directories under `out`, oldest first. */
export function directories(asked: Pick<RunRequest, 'out'>, id = 'all-linear'): string[] {
  const parent = join(asked.out, 'abjadmed', id);
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .sort();
}

/** Every file of a folder, by name relative to it. */
export function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

export const read = (...path: string[]): string => readFileSync(join(...path), 'utf8');

/** Lines of a JSON Lines file without the field that tells the time. */
export function stepsOf(folder: string): unknown[] {
  const lines = read(folder, 'log.jsonl').trimEnd().split('\n');
  return lines.map((line) => {
    const { seconds: _seconds, ...step } = JSON.parse(line) as Record<string, unknown>;
    return step;
  });
}

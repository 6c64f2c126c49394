/** A run that stops after any step and goes on in a new process's state gives the bits of one that never stopped. */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MedreproError } from '../../src/errors';
import type { Device } from '../../src/native/device';
import { writeSafetensors } from '../../src/nn/safetensors';
import {
  type Best,
  type Evaluation,
  loadCheckpoint,
  readWeights,
  saveCheckpoint,
  type TrainingState,
  writeWeights,
} from '../../src/train/checkpoint';
import { causalLoss, predictClasses } from '../../src/train/evaluate';
import { evaluationOptions, type StepResult } from '../../src/train/trainer';
import { digest, LORA, type Setup, type Started, sampleRows, start, TRAINING, weightsOf } from './fixture-training';
import { onCpu } from './support';

// a fraction of a second each on a quiet machine; a busy one must not fail them
setDefaultTimeout(60_000);

const FOLDER = mkdtempSync(join(tmpdir(), 'medrepro-checkpoint-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const IDENTITY = 'settings data weights path kernels';
const SETUPS: readonly (Setup & { readonly name: string })[] = [
  {
    name: 'classifier, LoRA with dropout',
    task: 'sequence-classification',
    model: { adapter: { ...LORA, dropout: 0.1 } },
    training: { epochs: 3 },
  },
  {
    name: 'classifier, LoRA on NF4, checkpointed',
    task: 'sequence-classification',
    model: { quantisation: { kind: 'nf4', doubleQuant: true, blockSize: 64 } },
    training: { epochs: 3, gradientCheckpointing: true, stepsPerEpoch: 'floor' },
  },
  {
    name: 'causal, AdaLoRA with dropout through its whole schedule',
    task: 'causal-lm',
    model: {
      adapter: {
        kind: 'adalora',
        initialRank: 4,
        targetRank: 1,
        alpha: 8,
        dropout: 0.1,
        targets: 'all-linear',
        warmupSteps: 1,
        finalSteps: 3,
        interval: 2,
        totalSteps: 9,
        beta1: 0.85,
        beta2: 0.85,
        orthogonalWeight: 0.5,
        budget: 'scheduled',
      },
    },
    training: { epochs: 3 },
  },
  {
    name: 'causal, all parameters',
    task: 'causal-lm',
    model: { adapter: null, fullParameter: true },
    training: { epochs: 3, lossNormalisation: 'sum-over-tokens-shifted' },
  },
  {
    name: 'classifier, LoRA of a rank that has its moments in 8 bits',
    task: 'sequence-classification',
    model: { adapter: { ...LORA, rank: 128 } },
    training: {
      epochs: 2,
      optimiser: {
        kind: 'adamw-8bit',
        learningRate: 1e-2,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0.01,
      },
    },
  },
  {
    name: 'causal, all parameters, Adafactor',
    task: 'causal-lm',
    model: { adapter: null, fullParameter: true },
    training: {
      epochs: 2,
      accumulation: 3,
      lossNormalisation: 'sum-over-tokens-unshifted',
      lastAccumulation: 'miscounted',
      optimiser: {
        kind: 'adafactor',
        learningRate: 1e-3,
        relativeStep: false,
        scaleParameter: false,
        warmupInit: false,
        beta1: 0.9,
        decayRate: -0.8,
        epsilon: [1e-30, 1e-3],
        clipThreshold: 1,
        weightDecay: 0.01,
      },
    },
  },
];

interface Finished {
  readonly log: readonly StepResult[];
  readonly evaluations: readonly Evaluation[];
  readonly weights: Readonly<Record<string, string>>;
  readonly best: { readonly step: number; readonly value: number; readonly weights: Readonly<Record<string, string>> };
}

/** Trains from `state` until `stop` steps are done, evaluating and keeping the best weights at the end of every epoch. */
function continueTo(stop: number, device: Device, { model, trainer }: Started, state: TrainingState): TrainingState {
  const log = [...state.log];
  const evaluations = [...state.evaluations];
  let { best } = state;
  const held = sampleRows(6, model.head.outFeatures === 5 ? 'sequence-classification' : 'causal-lm');
  while (!trainer.finished && trainer.step < stop) {
    log.push(trainer.run());
    if (!trainer.atEpochEnd && !trainer.finished) continue;
    const options = evaluationOptions(TRAINING);
    const value =
      model.head.outFeatures === 5
        ? predictClasses(device, model, held, options).filter((label, i) => label === held[i]!.label).length
        : -causalLoss(device, model, held, options);
    evaluations.push({ step: trainer.step, metrics: { value } });
    if (best === null || value > best.value) {
      best = { step: trainer.step, value, weights: readWeights(device, model.trainable) };
    }
  }
  return { identity: IDENTITY, log, evaluations, best };
}

const NOTHING: TrainingState = { identity: IDENTITY, log: [], evaluations: [], best: null };

/** Runs to the end with a stop, and a new device, after each of `stops` steps. */
function runWithStops(setup: Setup, stops: readonly number[], threads = 2): Finished {
  const path = join(FOLDER, 'state.safetensors');
  rmSync(path, { force: true });
  for (const stop of [...stops, Number.POSITIVE_INFINITY]) {
    const finished = onCpu(
      (device): Finished | null => {
        const started = start(device, setup);
        const before = loadCheckpoint(path, device, started.trainer, IDENTITY) ?? NOTHING;
        const state = continueTo(stop, device, started, before);
        if (!started.trainer.finished) {
          saveCheckpoint(path, device, started.trainer, state);
          return null;
        }
        const weights = weightsOf(device, started.model);
        writeWeights(device, started.model.trainable, (state.best as Best).weights);
        const { step, value } = state.best as Best;
        const best = { step, value, weights: weightsOf(device, started.model) };
        return { log: state.log, evaluations: state.evaluations, weights, best };
      },
      { threads },
    );
    if (finished !== null) return finished;
  }
  throw new Error('the last leg has no end');
}

describe.each([...SETUPS])('$name', (setup) => {
  const never = runWithStops(setup, []);

  test('goes on with the same bits from any steps, on any number of threads', () => {
    const stops = fc.array(fc.integer({ min: 0, max: never.log.length - 1 }), { minLength: 1, maxLength: 3 });
    const property = fc.property(stops, fc.integer({ min: 1, max: 3 }), (steps, threads) => {
      const ascending = steps.sort((a, b) => a - b);
      expect(runWithStops(setup, ascending, threads)).toEqual(never);
    });
    fc.assert(property, { numRuns: 6 });
  });
});

describe('a checkpoint that cannot be used', () => {
  const setup = SETUPS[0]!;
  const path = join(FOLDER, 'sound.safetensors');
  const bytes = onCpu((device) => {
    const started = start(device, setup);
    saveCheckpoint(path, device, started.trainer, continueTo(4, device, started, NOTHING));
    return readFileSync(path);
  });

  interface Loaded {
    readonly state: TrainingState;
    readonly tensors: readonly string[];
  }
  /** What loading gives or says; the trainer must not have moved when it says anything. */
  function load(file: string, identity = IDENTITY): Loaded | MedreproError {
    return onCpu((device) => {
      const { trainer, model } = start(device, setup);
      const before = weightsOf(device, model);
      try {
        const state = loadCheckpoint(file, device, trainer, identity)!;
        const slots = [...trainer.optimiser.slots.values()];
        const tensors = slots.flatMap(({ parameter, state: kept }) => [parameter, ...Object.values(kept)]);
        return { state, tensors: tensors.map((tensor) => digest(device.readBytes(tensor))) };
      } catch (error) {
        expect(error).toBeInstanceOf(MedreproError);
        expect({ step: trainer.step, weights: weightsOf(device, model) }).toEqual({ step: 0, weights: before });
        const { message, code, remedy } = error as MedreproError;
        expect({ code, lines: message.split('\n').length }).toEqual({ code: 'input', lines: 1 });
        expect(remedy).toContain('without --resume');
        return error as MedreproError;
      }
    });
  }
  function loadError(file: string, identity = IDENTITY): MedreproError {
    const error = load(file, identity);
    if (error instanceof MedreproError) return error;
    throw new Error('the checkpoint was taken');
  }

  const damaged = join(FOLDER, 'damaged.safetensors');

  test('cut off anywhere', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: bytes.length - 1 }), (length) => {
        writeFileSync(damaged, bytes.subarray(0, length));
        loadError(damaged);
      }),
      { numRuns: 30, examples: [[0], [7], [8], [bytes.length - 1]] },
    );
  });

  test('one bit flipped, in the header or in the weights', () => {
    const header = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const sound = load(path);
    expect(sound).not.toBeInstanceOf(Error);
    const position = fc.oneof(
      fc.integer({ min: 0, max: 8 * (8 + header) - 1 }),
      fc.integer({ min: 8 * (8 + header), max: 8 * bytes.length - 1 }),
    );
    fc.assert(
      fc.property(position, (bit) => {
        const flipped = Uint8Array.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        writeFileSync(damaged, flipped);
        const result = load(damaged);
        // a few bytes mean nothing: "format": "pt", the white space after the header
        if (!(result instanceof MedreproError)) expect<unknown>(result).toEqual(sound);
      }),
      { numRuns: 100 },
    );
  });

  test('of another run', () => {
    expect(loadError(path, 'another identity').message).toContain('another run');
  });

  test('not a checkpoint at all', () => {
    const data = new Uint8Array(8);
    writeSafetensors(damaged, [{ name: 'model.norm.weight', dtype: 'f32', shape: [2], data }]);
    expect(loadError(damaged).message).toContain('not one of medrepro');
  });

  test('none is not an error', () => {
    onCpu((device) => {
      const { trainer } = start(device, setup);
      expect(loadCheckpoint(join(FOLDER, 'none'), device, trainer, IDENTITY)).toBeNull();
    });
  });
});

describe('a checkpoint that cannot be written', () => {
  const folder = join(FOLDER, 'kept');
  mkdirSync(folder);

  /** Saves twice: after 2 steps to a good place, after 3 to `path`. */
  function saveTo(path: string): unknown {
    return onCpu((device) => {
      const started = start(device, SETUPS[0]!);
      const early = continueTo(2, device, started, NOTHING);
      saveCheckpoint(join(folder, 'state.safetensors'), device, started.trainer, early);
      const late = continueTo(3, device, started, early);
      try {
        saveCheckpoint(path, device, started.trainer, late);
      } catch (error) {
        return error;
      }
      throw new Error('it was written');
    });
  }

  test.each([
    ['in a folder that does not exist', join(FOLDER, 'absent', 'state.safetensors')],
    ['under a file', join(folder, 'state.safetensors', 'state.safetensors')],
    ['where a folder stands', folder],
  ])('%s: one clear error, and the old one stays', (_, path) => {
    const error = saveTo(path) as MedreproError;
    expect(error).toBeInstanceOf(MedreproError);
    expect(error.message).toStartWith(`cannot write ${path}`);
    expect(error.message).not.toContain('\n');
    expect(readdirSync(folder)).toEqual(['state.safetensors']);
    expect(readdirSync(FOLDER).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    onCpu((device) => {
      const { trainer } = start(device, SETUPS[0]!);
      expect(loadCheckpoint(join(folder, 'state.safetensors'), device, trainer, IDENTITY)!.log).toHaveLength(2);
    });
  });
});

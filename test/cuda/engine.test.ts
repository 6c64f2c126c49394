/**
 * The engine on the emulated GPU: training, checkpoints, memory, decoding. What the CPU computes is compared with torch elsewhere;
 * here the GPU is compared with the CPU, and with itself to the bit.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GenerationOptions, generate } from '../../src/generate/generate';
import { CUDA_WORKSPACE_BYTES, Device } from '../../src/native/device';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { planMemory } from '../../src/plan/memory';
import { loadCheckpoint, saveCheckpoint } from '../../src/train/checkpoint';
import { type StepResult, Trainer } from '../../src/train/trainer';
import {
  folderOf,
  LORA,
  modelOptions,
  type Setup,
  sampleRows,
  start,
  trainerOptions,
  weightsOf,
} from '../engine/fixture-training';
import { FIXTURES, onCpu, PLAIN } from '../engine/support';
import { EMULATED_LIBRARY, emulatedDevice, notEmulated } from './emulated';

// seconds on a quiet machine; a busy one must not fail them
setDefaultTimeout(120_000);

const FOLDER = mkdtempSync(join(tmpdir(), 'medrepro-cuda-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function onGpu<Result>(body: (device: Device) => Result, device = emulatedDevice()): Result {
  try {
    return body(device);
  } finally {
    device.destroy();
  }
}

const NF4 = { kind: 'nf4', doubleQuant: true, blockSize: 64 } as const;
const rows = (task: Setup['task']) => sampleRows(4, task, 9);

interface Trained {
  readonly name: string;
  readonly setup: Setup;
  /** On the loss of each step, relative to the CPU's. */
  readonly tolerance: number;
}

const SETUPS: readonly Trained[] = [
  {
    name: 'a classifier, LoRA with dropout',
    setup: { task: 'sequence-classification', model: { adapter: { ...LORA, dropout: 0.1 } } },
    tolerance: 1e-5,
  },
  {
    name: 'a language model on NF4 in bf16, blocks computed again',
    setup: {
      task: 'causal-lm',
      model: { quantisation: { ...NF4, kbitPreparation: 'peft' } },
      training: { precision: 'bf16', gradientCheckpointing: true },
    },
    tolerance: 1e-2,
  },
  {
    name: 'a language model on int8 in fp16',
    setup: {
      task: 'causal-lm',
      model: { quantisation: { kind: 'int8', threshold: 6 } },
      training: { precision: 'fp16' },
    },
    tolerance: 1e-2,
  },
  {
    name: 'AdaLoRA through its schedule',
    setup: {
      task: 'causal-lm',
      model: {
        adapter: {
          kind: 'adalora',
          initialRank: 4,
          targetRank: 1,
          alpha: 8,
          dropout: 0,
          targets: ['q_proj', 'down_proj'],
          warmupSteps: 0,
          finalSteps: 1,
          interval: 1,
          totalSteps: 4,
          beta1: 0.85,
          beta2: 0.85,
          orthogonalWeight: 0.5,
          budget: 'scheduled',
        },
      },
    },
    tolerance: 1e-4,
  },
  {
    name: 'all parameters with Adafactor',
    setup: {
      task: 'causal-lm',
      model: { adapter: null, fullParameter: true },
      training: {
        optimiser: {
          kind: 'adafactor',
          learningRate: 1e-3,
          beta1: null,
          decayRate: -0.8,
          epsilon: [1e-30, 1e-3],
          clipThreshold: 1,
          scaleParameter: false,
          relativeStep: false,
          warmupInit: false,
          weightDecay: 0,
        },
      },
    },
    tolerance: 1e-4,
  },
];

const STEPS = 2;

function train(device: Device, setup: Setup): { steps: StepResult[]; weights: Record<string, string> } {
  const { model, trainer } = start(device, { ...setup, rows: rows(setup.task) });
  const steps = Array.from({ length: STEPS }, () => trainer.run());
  return { steps, weights: weightsOf(device, model) };
}

describe.skipIf(notEmulated !== null)('training on the emulated GPU', () => {
  test.each(SETUPS.map((one) => [one.name, one] as const))('%s', (_, { setup, tolerance }) => {
    const cpu = onCpu((device) => train(device, setup));
    const gpu = onGpu((device) => train(device, setup));
    const again = onGpu((device) => train(device, setup));
    expect(again).toEqual(gpu);
    gpu.steps.forEach(({ loss, ranks }, i) => {
      expect(Math.abs(loss / cpu.steps[i]!.loss - 1), `step ${i + 1}`).toBeLessThan(tolerance);
      expect(ranks).toEqual(cpu.steps[i]!.ranks);
    });
  });

  test('a run that was stopped goes on with the same bits; the optimiser in the host memory changes none', () => {
    const { setup } = SETUPS[0]!;
    const whole = onGpu((device) => train(device, setup));
    const path = join(FOLDER, 'state.safetensors');
    const identity = 'emulated';
    onGpu((device) => {
      const { trainer } = start(device, { ...setup, rows: rows(setup.task) });
      const log = [trainer.run()];
      saveCheckpoint(path, device, trainer, { identity, log, evaluations: [], best: null });
    });
    const resumed = onGpu((device) => {
      const options = { ...trainerOptions(setup, 4), offload: FOLDER };
      const files = openModelFolder(join(FIXTURES, 'qwen3', folderOf(setup.task)));
      const model = loadModel(device, files, modelOptions(setup));
      const trainer = new Trainer(device, model, rows(setup.task), options);
      const state = loadCheckpoint(path, device, trainer, identity)!;
      return { steps: [...state.log, trainer.run()], weights: weightsOf(device, model) };
    });
    expect(resumed).toEqual(whole);
  });
});

describe.skipIf(notEmulated !== null)('memory of the emulated GPU', () => {
  test('the plan is the peak of the real run', () => {
    const setup: Setup = { task: 'causal-lm', model: { quantisation: NF4 } };
    const files = openModelFolder(join(FIXTURES, 'qwen3', folderOf(setup.task)));
    const model = modelOptions(setup);
    const options = trainerOptions(setup, 4);
    const everything = { resident: Number.POSITIVE_INFINITY, total: Number.POSITIVE_INFINITY };
    const nothing = { resident: 0, total: 0 };
    for (const budget of [everything, nothing]) {
      const none = { evaluationRows: [], generated: null, tested: null };
      const plan = planMemory({ backend: 'cuda', files, model, rows: rows(setup.task), options, ...none }, budget);
      expect(plan).toMatchObject({ resident: budget === everything, checkpointing: budget === nothing });
      expect(plan.offloaded).toBe(budget === nothing);
      const { tokensPerPass } = plan;
      const device = Device.cuda({ capacity: 2 ** 26, library: EMULATED_LIBRARY, tokensPerPass });
      const measured = onGpu((gpu) => {
        const loaded = loadModel(gpu, files, { ...model, resident: plan.resident });
        const training = { ...options.training, gradientCheckpointing: plan.checkpointing };
        const offload = plan.offloaded ? FOLDER : null;
        const trainer = new Trainer(gpu, loaded, rows(setup.task), { ...options, training, offload });
        expect(gpu.bytesInUse).toBe(plan.persistentBytes);
        while (!trainer.finished) trainer.run();
        return gpu.peakBytes + CUDA_WORKSPACE_BYTES;
      }, device);
      expect(measured).toBe(plan.peakBytes);
    }
    files.tensors.close();
  });

  test('too little of it is one line that says how much was asked for', () => {
    const tooMuch = () => Device.cuda({ capacity: 2 ** 40, library: EMULATED_LIBRARY });
    expect(tooMuch).toThrow(/out of memory asking for 1099511627776 bytes: the GPU has \d+ of its \d+ bytes free/);
    const device = Device.cuda({ capacity: 4096, library: EMULATED_LIBRARY });
    expect(() => device.empty([4096], 'f32')).toThrow(
      /out of memory asking for 16384 bytes: 0 of 4096 bytes are in use/,
    );
    expect(() => device.zerosElsewhere(FOLDER, [2 ** 31], 'f32')).toThrow(/out of memory asking for 8589934592 bytes/);
    // said once: the next kernel is not blamed
    device.zeros([8], 'f32');
    device.synchronise();
    device.destroy();
  });
});

describe.skipIf(notEmulated !== null)('decoding on the emulated GPU', () => {
  const GREEDY: GenerationOptions = {
    compute: 'fp32',
    maxNewTokens: 8,
    eosTokenIds: [],
    sampling: null,
    repetitionPenalty: 1.2,
    noRepeatNgramSize: 0,
  };
  const prompts = [
    [5, 9, 17, 3],
    [40, 41],
    [7, 7, 7, 100, 2, 90, 12],
  ];

  test("the CPU's ids, whether every pass is started op by op or repeated from a recording", () => {
    const files = openModelFolder(join(FIXTURES, 'qwen3', 'causal-tied'));
    const run = (device: Device) =>
      generate(device, loadModel(device, files, PLAIN), prompts, GREEDY).map(({ ids }) => ids);
    const expected = onCpu(run);
    let replays = 0;
    const recorded = onGpu(
      (device) => {
        const record = device.record.bind(device);
        device.record = (body) => {
          const made = record(body);
          return {
            ...made,
            replay: () => {
              replays++;
              made.replay();
            },
          };
        };
        return run(device);
      },
      Device.cuda({ capacity: 2 ** 26, library: EMULATED_LIBRARY }),
    );
    expect(recorded).toEqual(expected);
    // of eight tokens a row, one comes from the prompt and one from a pass that was not yet recorded
    expect(replays).toBe(6);
    files.tensors.close();
  });

  test('in bf16 a recording gives the ids of passes started op by op, though the cache grows', () => {
    const files = openModelFolder(join(FIXTURES, 'qwen3', 'causal-tied'));
    // over a tile of 64 keys while it decodes
    const long = [Array.from({ length: 60 }, (_, i) => (7 * i) % 101), [40, 41]];
    const run = (device: Device) =>
      generate(device, loadModel(device, files, PLAIN), long, { ...GREEDY, compute: 'bf16' }).map(({ ids }) => ids);
    expect(onGpu(run, Device.cuda({ capacity: 2 ** 26, library: EMULATED_LIBRARY }))).toEqual(onGpu(run));
    files.tensors.close();
  });
});

/**
 * Whole tiny models on the emulated GPU against the same code on the CPU, which the engine's tests compare with torch: logits,
 * loss and every gradient.
 */
import { describe, expect, test } from 'bun:test';
import { Tape } from '../../src/autograd/tape';
import { Device } from '../../src/native/device';
import type { ForwardOptions } from '../../src/nn/decoder';
import type { LoraOptions } from '../../src/nn/lora';
import type { ModelOptions } from '../../src/nn/model';
import { causalLogits, causalPass, classifierLogits, classifierPass, nextTokenTargets } from '../../src/train/pass';
import { type CaseJson, caseRows, forwardOptions, loadCase, readJson, relativeError } from '../engine/support';
import { emulatedDevice, notEmulated } from './emulated';

/** Bounds on ||GPU - CPU|| / ||CPU|| in fp32: sums in another order and nothing else. */
const FORWARD = 1e-5;
const GRADIENT = 1e-4;

interface Outcome {
  readonly logits: Float32Array;
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

interface Whole {
  readonly name: string;
  readonly family: string;
  readonly fixture: string;
  readonly options: Partial<ModelOptions>;
  readonly forward: ForwardOptions;
}

const lora = (targets: LoraOptions['targets'], rank = 4): LoraOptions => ({ rank, alpha: 8, dropout: 0, targets });
const causal = (family: string, fixture: string, options: Partial<ModelOptions>, name: string): Whole => {
  return { name, family, fixture, options, forward: forwardOptions() };
};
const classifier = (family: string, classes: number, rank: number): Whole => {
  const options = { task: 'sequence-classification', classes, adapter: lora('all-linear', rank) } as const;
  return { ...causal(family, 'classifier-lora', options, 'a classifier'), forward: forwardOptions('fp32', true) };
};

const NF4 = { kind: 'nf4', doubleQuant: true, blockSize: 64 } as const;

const WHOLES: readonly Whole[] = [
  causal('qwen3', 'causal-lora', { adapter: lora(['q_proj', 'v_proj']) }, 'LoRA'),
  causal('llama', 'causal-biased', { fullParameter: true }, 'all parameters, with biases'),
  causal('qwen2', 'causal-tied', { fullParameter: true }, 'all parameters, with biases of q, k and v'),
  causal('gemma3', 'causal-tied', { fullParameter: true }, 'all parameters, windows, offset norms'),
  {
    ...causal(
      'qwen3',
      'causal-lora',
      { adapter: { ...lora(['q_proj', 'v_proj']), dropout: 0.1 } },
      'LoRA with dropout',
    ),
    forward: { ...forwardOptions(), dropoutSeed: (module) => ({ low: 7, high: module, firstToken: 0 }) },
  },
  causal('qwen3', 'causal-lora', { adapter: lora(['q_proj', 'v_proj']), quantisation: NF4 }, 'LoRA on NF4'),
  classifier('qwen3', 5, 4),
  classifier('gemma3', 3, 2),
];

describe.skipIf(notEmulated !== null)('whole models on the emulated GPU', () => {
  test.each(WHOLES.map((whole) => [`${whole.family}, ${whole.name}`, whole] as const))('%s', (_, whole) => {
    const cpu = outcome(Device.cpu({ threads: 1 }), whole);
    const gpu = outcome(emulatedDevice(), whole);
    expect(relativeError(gpu.logits, cpu.logits)).toBeLessThan(FORWARD);
    expect(Math.abs(gpu.loss / cpu.loss - 1)).toBeLessThan(FORWARD);
    expect([...gpu.gradients.keys()]).toEqual([...cpu.gradients.keys()]);
    expect(cpu.gradients.size).toBeGreaterThan(0);
    for (const [name, gradient] of gpu.gradients) {
      expect(relativeError(gradient, cpu.gradients.get(name)!), name).toBeLessThan(GRADIENT);
    }
  });
});

/** One forward pass without a tape and one with it; frees the device. */
function outcome(device: Device, { family, fixture, options, forward }: Whole): Outcome {
  try {
    const model = loadCase(device, fixture, options, family);
    model.decoder.prepare(64);
    const rows = caseRows(readJson<CaseJson>(family, fixture, 'case.json'));
    const classifies = options.task === 'sequence-classification';
    const run = classifies ? classifierLogits : causalLogits;
    const logits = device.scope(() => device.readF32(run(new Tape(device, false), model, rows, forwardOptions())));
    const count = nextTokenTargets(rows).labels.length;
    const loss = classifies
      ? classifierPass(device, model, [rows], [1], { kind: 'cross-entropy' }, forward)[0]!
      : causalPass(device, model, rows, 1 / count, forward).sum / count;
    const gradients = new Map([...model.trainable].map(([name, tensor]) => [name, device.readF32(tensor.grad!)]));
    return { logits, loss, gradients };
  } finally {
    device.destroy();
  }
}

/** What a step waits for: on a GPU every number that the host reads lets the queue of work run dry. */
import { expect, test } from 'bun:test';
import { add, scale } from '../../src/autograd/ops/elementwise';
import { Tape } from '../../src/autograd/tape';
import type { Device } from '../../src/native/device';
import { type Setup, sampleRows, start } from './fixture-training';
import { onCpu } from './support';

/** Reads of device memory in one step of eight rows in four micro-batches. */
function readsOf(setup: Setup): number {
  return onCpu((device) => {
    const { trainer } = start(device, {
      ...setup,
      training: { ...setup.training, accumulation: 4 },
      rows: sampleRows(8, setup.task, 9),
    });
    let reads = 0;
    const counted = <Read extends 'readF32' | 'readF64' | 'readI32' | 'readBytes'>(name: Read): void => {
      const read = device[name].bind(device) as Device[Read];
      device[name] = ((tensor) => {
        reads++;
        return read(tensor);
      }) as Device[Read];
    };
    for (const name of ['readF32', 'readF64', 'readI32', 'readBytes'] as const) counted(name);
    trainer.run();
    return reads;
  });
}

const ADALORA = {
  kind: 'adalora',
  initialRank: 4,
  targetRank: 2,
  alpha: 8,
  dropout: 0,
  targets: 'all-linear',
  warmupSteps: 0,
  finalSteps: 0,
  totalSteps: 4,
  interval: 10,
  beta1: 0.85,
  beta2: 0.85,
  orthogonalWeight: 0.5,
  budget: 'never-updated',
} as const;
const DICE = {
  kind: 'dice-ce',
  diceWeight: 0.6,
  ceWeight: 0.4,
  exponent: 1,
  smoothing: 1,
  reduction: 'example',
} as const;

test.each<[string, Setup, number]>([
  ['the losses of a pass and the gradient norm', { task: 'sequence-classification' }, 2],
  ['Dice values too, of all micro-batches together', { task: 'sequence-classification', loss: DICE }, 3],
  [
    'the tokens of all micro-batches together',
    { task: 'causal-lm', training: { lossNormalisation: 'sum-over-tokens-shifted' } },
    2,
  ],
  ["the norms of AdaLoRA's factors together", { task: 'sequence-classification', model: { adapter: ADALORA } }, 3],
])('a step reads %s', (_, setup, reads) => {
  expect(readsOf(setup)).toBe(reads);
});

test('a gradient that two tensors have is copied when one of them gets more', () => {
  onCpu((device) => {
    const x = device.fromArray(Float32Array.of(1, 2), [2], 'f32');
    x.requiresGrad = true;
    const tape = new Tape(device, true);
    // u = (x + 2 x) + x + 3 (x + 2 x): every sum hands its gradient on, and each gets another contribution
    const sum = add(tape, x, scale(tape, x, 2));
    const u = add(tape, add(tape, sum, x), scale(tape, sum, 3));
    u.grad = device.fromArray(Float32Array.of(1, 10), [2], 'f32').retain();
    tape.backward();
    expect([...device.readF32(x.grad!)]).toEqual([13, 130]);
  });
});

/** A block that keeps its input and runs again: the same bits (determinism.test.ts), less memory, twice the forward. */
import { describe, expect, test } from 'bun:test';
import type { Device } from '../../src/native/device';
import { causalPass, type Row } from '../../src/train/pass';
import { LORA, type Setup, start, trace, WIDE } from './fixture-training';
import { forwardOptions, onCpu } from './support';

const LAYERS = 8;
const DEEP = { ...WIDE, hiddenSize: 64, intermediateSize: 160, headDim: 16, attentionScale: 1 / 4, layers: LAYERS };
const ROWS: Row[] = Array.from({ length: 4 }, (_, row) => {
  const ids = Array.from({ length: 30 }, (_, t) => (row * 31 + t * 17) % 500);
  return { ids, label: 0, labels: ids };
});
const SETUP: Setup = { task: 'causal-lm', config: DEEP, rows: ROWS, training: { epochs: 1 } };

/** Calls of an op during `body`. */
function callsOf(device: Device, name: 'gemm' | 'attentionForward' | 'attentionBackward', body: () => void): number {
  const original = device.ops[name];
  let calls = 0;
  device.ops[name] = ((...args: Parameters<typeof original>) => {
    calls++;
    return (original as (...all: typeof args) => void).apply(device.ops, args);
  }) as never;
  try {
    body();
  } finally {
    device.ops[name] = original as never;
  }
  return calls;
}

function measure(checkpoint: boolean): { peak: number; forward: number; backward: number; loss: number } {
  return onCpu((device) => {
    const { model } = start(device, SETUP);
    const options = forwardOptions('fp32', checkpoint);
    const before = device.bytesInUse;
    device.resetPeak();
    let loss = 0;
    let backward = 0;
    const forward = callsOf(device, 'attentionForward', () => {
      backward = callsOf(device, 'attentionBackward', () => {
        loss = causalPass(device, model, ROWS, 1, options).sum;
      });
    });
    expect(device.bytesInUse).toBe(before);
    return { peak: device.peakBytes - before, forward, backward, loss };
  });
}

describe('a block that runs again', () => {
  test('costs one more forward, as attention does in any case, and keeps one block at a time', () => {
    const kept = measure(false);
    const again = measure(true);
    expect(again.loss).toBe(kept.loss);
    expect({ forward: kept.forward, backward: kept.backward }).toEqual({ forward: 2 * LAYERS, backward: LAYERS });
    expect({ forward: again.forward, backward: again.backward }).toEqual({ forward: 2 * LAYERS, backward: LAYERS });
    // one block's activations, and an input for each of the others
    expect(again.peak).toBeLessThan(kept.peak / 3);
  });

  test('an evaluation keeps nothing either way', () => {
    const peak = (checkpoint: boolean): number =>
      onCpu((device) => {
        const { model } = start(device, SETUP);
        const before = device.bytesInUse;
        device.resetPeak();
        causalPass(device, model, ROWS, null, forwardOptions('fp32', checkpoint));
        return device.peakBytes - before;
      });
    expect(peak(true)).toBe(peak(false));
  });
});

test.each([
  ['LoRA with dropout on all linears', { adapter: { ...LORA, dropout: 0.1 } }],
  ['LoRA on the last linear of a block alone', { adapter: { ...LORA, targets: ['down_proj'] } }],
  ['all parameters', { adapter: null, fullParameter: true }],
  ['NF4, dequantised for each use', { quantisation: { kind: 'nf4', doubleQuant: false, blockSize: 64 } }],
  ['LLM.int8', { quantisation: { kind: 'int8', threshold: 6 } }],
] as const)('deep model, %s: equal bits', (_, model) => {
  const setup: Setup = { ...SETUP, model };
  const checkpointed: Setup = { ...setup, training: { ...setup.training, gradientCheckpointing: true } };
  expect(trace(checkpointed)).toEqual(trace(setup));
});

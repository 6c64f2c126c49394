/**
 * A base stored in bf16 stays in bf16 under fp32 compute, at half the memory: each weight is widened as it is read. The bits
 * must be those of the same values stored in fp32.
 */

import { ptr } from 'bun:ffi';
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { Tape } from '../../src/autograd/tape';
import type { Device } from '../../src/native/device';
import { initialise } from '../../src/nn/initialise';
import { loadModel, type ModelFiles, openModelFolder } from '../../src/nn/model';
import { type StoredTensor, storedF32 } from '../../src/nn/safetensors';
import { causalLogits } from '../../src/train/pass';
import { Trainer } from '../../src/train/trainer';
import { modelOptions, type Setup, sampleRows, trainerOptions, WIDE, weightsOf } from './fixture-training';
import { FIXTURES, forwardOptions, onCpu, PLAIN } from './support';

/** The same checkpoint with every value widened to fp32. */
function widened(files: ModelFiles): { files: ModelFiles; kept: Float32Array[] } {
  const kept: Float32Array[] = [];
  const tensors = new Map(
    [...files.tensors.tensors].map(([name, stored]): [string, StoredTensor] => {
      const values = storedF32(stored);
      kept.push(values);
      return [name, { ...stored, dtype: 'f32', address: ptr(values), bytes: values.byteLength }];
    }),
  );
  return { files: { ...files, tensors: { ...files.tensors, tensors } }, kept };
}

function train(device: Device, files: ModelFiles, setup: Setup) {
  const model = loadModel(device, files, modelOptions(setup));
  const rows = sampleRows(6, setup.task);
  const trainer = new Trainer(device, model, rows, trainerOptions(setup, rows.length));
  const steps = Array.from({ length: 3 }, () => trainer.run());
  return { steps, weights: weightsOf(device, model) };
}

describe.each<Setup & { name: string }>([
  { name: 'classifier', task: 'sequence-classification' },
  { name: 'causal, tied head', task: 'causal-lm' },
  { name: 'all parameters', task: 'causal-lm', model: { adapter: null, fullParameter: true } },
])('$name', (setup) => {
  test('bf16 storage gives the bits of fp32 storage', () => {
    onCpu((device) => {
      const files = initialise(device, WIDE, 0.05, 3, 'bf16');
      const wide = widened(files);
      const inHalf = train(device, files, setup);
      expect(inHalf).toEqual(train(device, wide.files, setup));
      expect(wide.kept.length).toBe(files.tensors.tensors.size);
    });
  });
});

/** The same checkpoint with every value rounded to fp16, stored so or widened again. */
function halved(files: ModelFiles, dtype: 'f16' | 'f32'): { files: ModelFiles; kept: object[] } {
  const kept: object[] = [];
  const tensors = new Map(
    [...files.tensors.tensors].map(([name, stored]): [string, StoredTensor] => {
      const half = Float16Array.from(storedF32(stored));
      const values = dtype === 'f16' ? half : Float32Array.from(half);
      kept.push(values);
      return [name, { ...stored, dtype, address: ptr(values), bytes: values.byteLength, release: () => {} }];
    }),
  );
  return { files: { ...files, tensors: { ...files.tensors, tensors } }, kept };
}

test.each([null, { kind: 'nf4', doubleQuant: true, blockSize: 64 }, { kind: 'int8', threshold: 3 }] as const)(
  'a checkpoint in fp16 gives the bits of its fp32 copy, quantised as %j',
  (quantisation) => {
    onCpu((device) => {
      const source = openModelFolder(join(FIXTURES, 'qwen3/causal-untied'));
      for (const compute of ['fp32', 'bf16', 'fp16'] as const) {
        const [wide, stored] = (['f32', 'f16'] as const).map((dtype) =>
          device.scope(() => {
            const { files, kept } = halved(source, dtype);
            const model = loadModel(device, files, { ...PLAIN, compute, quantisation });
            model.decoder.prepare(32);
            const rows = [{ ids: [5, 9, 77, 3], label: -1, labels: null }];
            const logits = causalLogits(new Tape(device, false), model, rows, forwardOptions(compute));
            // the device reads the arrays in place: they must outlive it
            expect(kept.length).toBe(files.tensors.tensors.size);
            return device.readF32(logits);
          }),
        );
        expect(stored!).toEqual(wide!);
      }
      source.tensors.close();
    });
  },
);

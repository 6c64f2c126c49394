/**
 * LLM.int8 against bitsandbytes' MatMul8bitLt (test/fixtures/bnb-int8): codes, scales and outlier columns equal to the bit;
 * outputs too where no outlier is multiplied, and within the rounding of a short sum where one is.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { linear } from '../../src/autograd/ops/linear';
import { Tape } from '../../src/autograd/tape';
import { Device } from '../../src/native/device';
import type { Tensor } from '../../src/native/tensor';
import { Int8Weight, quantiseInt8 } from '../../src/nn/int8';
import { openSafetensors, type StoredTensor, storedBytes, storedF32 } from '../../src/nn/safetensors';
import { availablePaths } from '../../src/selftest/run';
import { relativeError } from '../engine/support';
import cases from '../fixtures/bnb-int8/cases.json';

const CASES = Object.entries(cases);
/** What each dtype of x is computed in, and bounds on the differences: of outlier products, of gradients. */
const MODES = {
  float32: { compute: 'fp32', dtype: 'f32', output: 3e-7, gradient: 1e-6 },
  bfloat16: { compute: 'bf16', dtype: 'bf16', output: 2e-3, gradient: 4e-3 },
  float16: { compute: 'fp16', dtype: 'f16', output: 3e-4, gradient: 6e-4 },
} as const;

test('there are fixtures', () => expect(CASES.length).toBe(5));

describe.each(availablePaths())('on %s', (isa) => {
  const device = Device.cpu({ isa, capacity: 2 ** 28 });
  afterAll(() => device.destroy());
  const load = (stored: StoredTensor): Tensor => device.fromArray(storedBytes(stored), stored.shape, stored.dtype);

  test.each(CASES)('%s', (name, { dtype, threshold }) => {
    const file = openSafetensors(join(import.meta.dir, '../fixtures/bnb-int8', `${name}.safetensors`));
    const stored = (key: string): StoredTensor => file.tensors.get(key)!;
    const equal = (tensor: Tensor, key: string): void =>
      expect([key, Buffer.compare(device.readBytes(tensor), storedBytes(stored(key)))]).toEqual([key, 0]);
    device.scope(() => {
      const parts = quantiseInt8(device, load(stored('weight')));
      equal(parts.codes, 'weight_codes');
      equal(parts.absmax, 'weight_scales');

      const x = load(stored('x'));
      const xCodes = device.empty(x.shape, 'u8');
      const xAbsmax = device.empty([x.rows], 'f32');
      const list = device.empty([1 + x.cols], 'i32');
      const outliers = threshold > 0 ? list.address : 0;
      const into = [xCodes.address, xAbsmax.address, 1, 0, outliers] as const;
      device.ops.quantizeInt8(x.rows, x.cols, threshold, x.code, x.address, ...into);
      equal(xCodes, 'x_codes');
      equal(xAbsmax, 'x_scales');
      const expected = new Int32Array(storedBytes(stored('outliers')).buffer);
      if (threshold > 0)
        expect([...device.readI32(list)].slice(0, 1 + expected.length)).toEqual([expected.length, ...expected]);

      const mode = MODES[dtype as keyof typeof MODES];
      const tape = new Tape(device, true);
      x.requiresGrad = true;
      const weight = new Int8Weight(parts, { kind: 'int8', threshold }, mode.dtype);
      const y = linear(tape, mode.compute, x, weight);
      if (threshold === 0) equal(y, 'y');
      else expect(relativeError(asF32(device, y), storedF32(stored('y')))).toBeLessThan(mode.output);
      y.grad = load(stored('dy')).retain();
      tape.backward();
      expect(relativeError(asF32(device, x.grad!), storedF32(stored('dx')))).toBeLessThan(mode.gradient);
    });
    file.close();
  });
});

function asF32(device: Device, tensor: Tensor): Float32Array {
  const dense = device.empty(tensor.shape, 'f32');
  device.ops.cast(tensor.code, dense.code, tensor.size, tensor.address, dense.address);
  return device.readF32(dense);
}

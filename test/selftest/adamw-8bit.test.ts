/**
 * AdamW with moments in 8 bits against bitsandbytes (test/fixtures/adamw-8bit): codes and scales equal to the bit after twenty
 * steps on every CPU path, the parameter but for the last bits that torch's square roots leave; and which parameters have such moments.
 */

import { afterAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { Device } from '../../src/native/device';
import { dynamicMap } from '../../src/nn/quantisation';
import { decode } from '../../src/selftest/case';
import { availablePaths } from '../../src/selftest/run';
import { createOptimiser } from '../../src/train/optimiser';
import maps from '../fixtures/adamw-8bit/codes.json';
import { expectBytes, readStored } from './stored';

const FOLDER = join(import.meta.dir, '../fixtures/adamw-8bit');
const STEPS = 20;

test('the maps of values that codes stand for', () => {
  expect([...dynamicMap(true)]).toEqual(maps.signed.map(Math.fround));
  expect([...dynamicMap(false)]).toEqual(maps.unsigned.map(Math.fround));
});

test('what is small, and embeddings, keep their moments in fp32', () => {
  const device = Device.cpu({ capacity: 2 ** 26 });
  const parameters = new Map(
    (
      [
        ['model.layers.0.self_attn.q_proj.lora_A', [64, 64]],
        ['model.layers.0.self_attn.q_proj.lora_B', [63, 65]],
        ['model.embed_tokens.weight', [128, 64]],
      ] as const
    ).map(([name, shape]) => {
      const parameter = device.zeros(shape, 'f32');
      parameter.grad = device.zeros(shape, 'f32');
      return [name, parameter];
    }),
  );
  const settings = { learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
  const { slots } = createOptimiser(device, parameters, { kind: 'adamw-8bit', ...settings });
  const kinds = [...slots.values()].map(({ state }) =>
    Object.values(state).map(({ dtype, size }) => `${dtype} ${size}`),
  );
  expect(kinds).toEqual([
    ['u8 4096', 'u8 4096', 'f32 16', 'f32 16'],
    ['f32 4095', 'f32 4095'],
    ['f32 8192', 'f32 8192'],
  ]);
  device.destroy();
});

describe.each(availablePaths())('on %s', (isa) => {
  const device = Device.cpu({ isa, capacity: 2 ** 26 });
  afterAll(() => device.destroy());

  test.each([
    ['plain', 0],
    ['decay', 0.1],
  ])('%s', (name, weightDecay) => {
    const fixture = readStored(join(FOLDER, `${name}.safetensors`));
    const values = (key: string): Float32Array => Float32Array.from(decode('f32', fixture.get(key)!.bytes));
    const start = values('param');
    const grads = values('grads');
    const n = start.length;
    expect(grads.length).toBe(STEPS * n);
    device.scope(() => {
      const param = device.fromArray(start, [n], 'f32');
      const grad = device.empty([n], 'f32');
      const scales = [Math.ceil(n / 256)];
      const state = {
        m: device.zeros([n], 'u8'),
        m_scale: device.zeros(scales, 'f32'),
        v: device.zeros([n], 'u8'),
        v_scale: device.zeros(scales, 'f32'),
      };
      const signed = device.fromArray(dynamicMap(true), [256], 'f32').address;
      const unsigned = device.fromArray(dynamicMap(false), [256], 'f32').address;
      const check = (which: string): void => {
        for (const [key, tensor] of Object.entries(state)) {
          expectBytes(`${which} ${key}`, device.readBytes(tensor), fixture.get(`${which}.${key}`)!.bytes);
        }
        const expected = values(`${which}.param`);
        const worst = Math.max(...device.readF32(param).map((value, i) => Math.abs(value - expected[i]!)));
        const largest = Math.max(...expected.map(Math.abs));
        // a step rounds the sum and the decayed sum, and its update is known but for a few units in its last place
        expect(worst, which).toBeLessThan((which === 'first' ? 1 : STEPS) * 2 * 2 ** -24 * largest);
      };
      for (let step = 1; step <= STEPS; step++) {
        device.write(grad, grads.subarray((step - 1) * n, step * n));
        const { m, m_scale, v, v_scale } = state;
        const first = [m.address, m_scale.address, signed] as const;
        const second = [v.address, v_scale.address, unsigned] as const;
        const bias = [1 - 0.9 ** step, 1 - 0.999 ** step] as const;
        const settings = [1e-2, 0.9, 0.999, 1e-8, weightDecay, ...bias, 1] as const;
        device.ops.adamw8bit(n, param.address, grad.address, ...first, ...second, ...settings);
        if (step === 1) check('first');
      }
      check('last');
    });
  });
});

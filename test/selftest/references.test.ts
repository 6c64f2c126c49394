/** The references against answers that come from elsewhere: papers, IEEE formats of the JavaScript engine, torch. */
import { describe, expect, test } from 'bun:test';
import { MR_DICE_CLASS, MR_DICE_EXAMPLE } from '../../src/native/bindings';
import { decode } from '../../src/selftest/case';
import { Draws } from '../../src/selftest/draws';
import { gradient } from '../../src/selftest/gradients';
import { attention } from '../../src/selftest/reference/attention';
import { rmsNorm, rope } from '../../src/selftest/reference/blocks';
import { dropout, geglu, normal, swiglu, uniform } from '../../src/selftest/reference/elementwise';
import { roundTo } from '../../src/selftest/reference/formats';
import { dense, gemm } from '../../src/selftest/reference/gemm';
import * as losses from '../../src/selftest/reference/losses';
import { philox4x32, philoxWords } from '../../src/selftest/reference/philox';
import { adamw, sum } from '../../src/selftest/reference/reductions';
import fixture from '../fixtures/training/losses.json';
import { largestDifference, onDevice } from './support';

describe('Philox4x32-10', () => {
  // kat_vectors of Random123 1.14
  test.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('known answers: counter %p', (counter, key, words) => {
    expect(philox4x32(counter, key)).toEqual(words);
  });

  test('an element does not depend on where its stream begins', () => {
    expect(philoxWords(9, 1, 2, 5)).toEqual(philoxWords(14, 1, 2).slice(5));
  });
});

describe('number formats', () => {
  const draws = new Draws('formats');
  const numbers = [0, -0, 65519, 65520, -65520, 2 ** -24, 2 ** -25, 1e-7, 3.5e38, 2 ** -149, 2 ** -150, 1e-45];
  for (let i = 0; i < 3000; i++) numbers.push((draws.unit() - 0.5) * 2 ** (draws.integer(280) - 150));

  test('fp32 as Math.fround', () => {
    for (const x of numbers) expect(roundTo('f32', x)).toBe(Math.fround(x));
  });
  test('fp16 as Float16Array', () => {
    for (const x of numbers) expect(roundTo('f16', x)).toBe(Float16Array.of(x)[0]!);
  });
  test('bf16 from the bits of fp32', () => {
    for (const x of numbers) {
      const single = Math.fround(x);
      const bits = new Uint32Array(Float32Array.of(single).buffer)[0]!;
      const up = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
      const expected = Number.isFinite(single) ? new Float32Array(Int32Array.of(up).buffer)[0]! : single;
      expect(roundTo('bf16', single)).toBe(expected);
    }
  });
});

describe('losses as torch computes them in float64', () => {
  interface Stored {
    readonly loss_name: string;
    readonly input: string;
    readonly loss: number;
    readonly dlogits: number[][];
    readonly gamma?: number;
    readonly alpha?: number;
    readonly a?: number;
    readonly smooth?: number;
    readonly reduction?: string;
  }
  const inputs = fixture.inputs as Record<string, { logits: number[][]; labels: number[] }>;
  const stored = (fixture.cases as Stored[]).map((entry) => {
    const { dlogits: _, loss: __, ...name } = entry;
    return [Object.values(name).join(' '), entry] as const;
  });

  test.each(stored)('%s', (_, entry) => {
    const { logits, labels } = inputs[entry.input]!;
    const flat = logits.flat();
    const classes = logits[0]!.length;
    const mean = (values: Float64Array): number => sum(values) / values.length;
    // the references take 1e-4 as fp32, as the ABI does: torch was given the double
    const smooth = entry.smooth ?? 0;
    const loss = (z: ArrayLike<number>): number => {
      if (entry.loss_name === 'ce') return mean(losses.crossEntropy(z, labels, classes));
      if (entry.loss_name === 'focal') return mean(losses.focal(z, labels, classes, entry.gamma!, entry.alpha!));
      const reduction = entry.reduction as 'example' | 'class';
      return losses.dice(z, labels, classes, { exponent: entry.a!, smooth, reduction });
    };
    const exact = smooth === Math.fround(smooth);
    expect(Math.abs(loss(flat) - entry.loss)).toBeLessThan((exact ? 1e-13 : 1e-10) * Math.max(1, entry.loss));
    expect(largestDifference(gradient(loss, flat), entry.dlogits.flat())).toBeLessThan(2e-9);
  });

  test.each(stored)('the kernel: %s', (_, entry) => {
    const { logits, labels } = inputs[entry.input]!;
    const [rows, classes] = [logits.length, logits[0]!.length];
    onDevice({}, (device) => {
      const z = device.fromArray(Float32Array.from(logits.flat()), [rows, classes], 'f32');
      const y = device.fromArray(Int32Array.from(labels), [rows], 'i32');
      const [loss, d] = [device.empty([rows], 'f32'), device.empty([rows, classes], 'f32')];
      const scale = 1 / rows;
      const { ops } = device;
      const head = [rows, classes, z.address, classes, y.address] as const;
      if (entry.loss_name === 'ce') ops.crossEntropy(...head, -100, scale, loss.address, d.code, d.address, 0);
      else if (entry.loss_name === 'focal') {
        ops.focalLoss(...head, entry.gamma!, entry.alpha!, scale, loss.address, d.address, 0);
      } else {
        const reduction = entry.reduction === 'example' ? MR_DICE_EXAMPLE : MR_DICE_CLASS;
        ops.diceLoss(...head, entry.a!, entry.smooth!, reduction, 1, loss.address, d.address, 0);
      }
      const values = device.readF32(loss);
      const total = entry.loss_name === 'dice' ? values[0]! : values.reduce((a, b) => a + b) / rows;
      expect(Math.abs(total - entry.loss)).toBeLessThan(3e-7 * Math.max(1, entry.loss));
      const expected = entry.dlogits.flat();
      const size = Math.hypot(...expected);
      const difference = Math.hypot(...Array.from(device.readF32(d), (value, i) => value - expected[i]!));
      // the logits were rounded to fp32 on their way in
      expect(difference).toBeLessThan(1e-6 * size);
    });
  });
});

describe('definitions on cases small enough to do by hand', () => {
  test('a matrix product, as it is and transposed', () => {
    const a = [1, 2, 3, 4, 5, 6];
    const b = [1, 0, 2, 1, 0, 3];
    expect([...gemm(2, 2, 3, 1, dense(a, 3), dense(b, 2))]).toEqual([5, 11, 14, 23]);
    expect([...gemm(3, 3, 2, 2, dense(a, 3, true), dense(a, 3))]).toEqual([34, 44, 54, 44, 58, 72, 54, 72, 90]);
  });
  test('attention over equal keys is the mean of the values seen', () => {
    const shape = { cuSeqlens: [0, 3, 3, 4], heads: 2, kvHeads: 1, headDim: 1, scale: 1, window: 2 };
    const { o, lse } = attention([1, -1, 1, -1, 1, -1, 1, -1], [0, 0, 0, 0], [1, 3, 5, 7], shape);
    expect([...o]).toEqual([1, 1, 2, 2, 4, 4, 7, 7]);
    expect(lse[2]!).toBeCloseTo(Math.log(2), 15);
  });
  test('a rotation by a right angle, and back', () => {
    const tables = { cos: [1, 0], sin: [0, 1], positions: [1] };
    expect([...rope([3, 4], 1, 2, tables)]).toEqual([-4, 3]);
    expect([...rope(rope([3, 4], 1, 2, tables), 1, 2, tables, true)]).toEqual([3, 4]);
  });
  test('RMSNorm of a row of equal numbers is the weight', () => {
    expect(largestDifference(rmsNorm([-7, -7, -7], [1, 2, 3], 0), [-1, -2, -3])).toBeLessThan(1e-15);
  });
  test('silu(0) = 0, silu(1) = 1 / (1 + 1/e)', () => {
    expect(largestDifference(swiglu([0, 1], [5, 2]), [0, 2 / (1 + Math.exp(-1))])).toBeLessThan(1e-15);
    // torch.nn.functional.gelu(torch.tensor([1, -2], dtype=torch.float64), approximate='tanh')
    expect(largestDifference(geglu([0, 1, -2], [5, 1, 1]), [0, 0.8411919906082768, -0.04540230591222494])).toBeLessThan(
      1e-15,
    );
  });
  test('the first step of AdamW moves by lr against the sign of the gradient', () => {
    const options = { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 0, weightDecay: 0.5, step: 1, gradScale: 1 };
    const { param, m, v } = adamw([1, 1], [3, -0.2], [0, 0], [0, 0], options);
    expect(largestDifference(param, [1 - 0.05 - 0.1, 1 - 0.05 + 0.1])).toBeLessThan(1e-15);
    expect(largestDifference(m, [0.3, -0.02])).toBeLessThan(1e-15);
    expect(largestDifference(v, [0.009, 0.00004])).toBeLessThan(1e-15);
  });
  test('a compensated sum', () => {
    expect(sum([1, 1e100, 1, -1e100])).toBe(2);
  });
});

describe('random numbers', () => {
  const moments = (x: Float64Array): [number, number] => {
    const mean = sum(x) / x.length;
    return [mean, Math.sqrt(sum(x.map((value) => (value - mean) ** 2)) / x.length)];
  };
  test('uniform: mean and spread', () => {
    const [mean, std] = moments(uniform(20_000, -1, 3, 1, 2));
    expect(Math.abs(mean - 1)).toBeLessThan(0.04);
    expect(Math.abs(std - 4 / Math.sqrt(12))).toBeLessThan(0.03);
  });
  test('normal: mean and spread', () => {
    const [mean, std] = moments(normal(20_000, 0.5, 2, 1, 2));
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.06);
    expect(Math.abs(std - 2)).toBeLessThan(0.05);
  });
  test('dropout keeps the share it says and the mean', () => {
    const y = dropout(new Float64Array(20_000).fill(1), { p: 0.25, seedLow: 9, seedHigh: 9, offset: 0 });
    expect(Math.abs(y.filter((value) => value === 0).length / 20_000 - 0.25)).toBeLessThan(0.015);
    expect(Math.abs(sum(y) / 20_000 - 1)).toBeLessThan(0.02);
  });
  test('inputs of cases depend on the name alone', () => {
    expect([...new Draws('a').values('bf16', 5)]).toEqual([...new Draws('a').values('bf16', 5)]);
    expect(new Draws('a').unit()).not.toBe(new Draws('b').unit());
    expect(decode('bf16', new Uint8Array([0x80, 0x3f]))[0]).toBe(1);
  });
});

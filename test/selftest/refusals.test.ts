/** Arguments that would read or write outside a buffer are refused with one line, before anything is touched. */
import { afterAll, expect, test } from 'bun:test';
import {
  MR_BF16,
  MR_F32,
  MR_ISA_AVX2,
  MR_ISA_AVX512,
  MR_ISA_AVX512BF16,
  MR_ISA_PORTABLE,
  MR_NF4,
  MR_U8,
} from '../../src/native/bindings';
import { Device } from '../../src/native/device';
import { ISAS } from '../../src/native/isa';
import { availablePaths } from '../../src/selftest/run';

const device = Device.cpu({ threads: 1, capacity: 2 ** 24 });
afterAll(() => device.destroy());
const { ops } = device;
const floats = device.zeros([64], 'f32');
const other = device.zeros([64], 'f32');
const index = (...values: number[]): number =>
  device.fromArray(Int32Array.from(values), [values.length], 'i32').address;
const [x, y] = [floats.address, other.address];
const matrix = { code: MR_F32, address: x, stride: 2 };

test.each<[string, () => void, RegExp]>([
  ['fill: a dtype without numbers', () => ops.fill(MR_U8, 4, 0, y), /dtype 3/],
  ['copy: a negative size', () => ops.copy(-1, x, y), /-1/],
  ['add: NULL', () => ops.add(MR_F32, 4, x, 0, y), /NULL/],
  ['dropout: p = 1', () => ops.dropout(MR_F32, 4, 1, 0, 0, 0, x, y, 0), /p is 1/],
  ['dropout: an offset inside a counter', () => ops.dropout(MR_F32, 4, 0.5, 0, 0, 2, x, y, 0), /offset 2/],
  [
    'gemm: rows that overlap',
    () => ops.gemm(MR_F32, 0, 0, 2, 2, 2, 1, { ...matrix, stride: 1 }, matrix, matrix, 0),
    /gemm/,
  ],
  ['embedding: an id of -1', () => ops.embeddingForward(2, 4, 2, MR_F32, x, index(0, -1), MR_F32, y), /-1/],
  ['embedding: an id of vocab', () => ops.embeddingForward(2, 4, 2, MR_F32, x, index(4, 0), MR_F32, y), /4/],
  ['embedding backward: an id of vocab', () => ops.embeddingBackward(1, 4, 2, -1, index(4), MR_F32, x, y), /4/],
  ['rope: an odd head', () => ops.rope(MR_F32, 1, 1, 3, x, x, x, index(0), 0, y), /head_dim 3/],
  ['gather: a row of -1', () => ops.gatherRows(MR_F32, 1, 2, x, index(-1), y), /-1/],
  ['cross entropy: a label of -1', () => ops.crossEntropy(1, 4, x, 4, index(-1), -100, 1, y, MR_F32, 0, 0), /-1/],
  ['cross entropy: a label of classes', () => ops.crossEntropy(1, 4, x, 4, index(4), -100, 1, y, MR_F32, 0, 0), /4/],
  [
    'cross entropy: 16 bits in place of the logits',
    () => ops.crossEntropy(1, 4, x, 4, index(0), -100, 1, y, MR_BF16, x, 0),
    /16 bits/,
  ],
  ['focal: a label of classes', () => ops.focalLoss(1, 4, x, 4, index(4), 2, 1, 1, y, 0, 0), /4/],
  ['dice: a label of classes', () => ops.diceLoss(1, 4, x, 4, index(4), 1, 1, 0, 1, y, 0, 0), /4/],
  ['quantize: a dtype it has not', () => ops.quantize4bit(MR_NF4, 4, 64, MR_U8, x, y, y), /dtype 3/],
  ['quantize: no block size', () => ops.quantize4bit(MR_NF4, 4, 0, MR_BF16, x, y, y), /blocksize 0/],
  ['adamw: step 0', () => ops.adamw(4, x, y, x, y, 1, 0.9, 0.9, 1, 0, 0, 0, 1), /bias1/],
  [
    'attention: heads that do not divide',
    () => ops.attentionForward(MR_F32, MR_F32, 1, 1, index(0, 1), 0, 3, 2, 2, 1, 0, x, x, x, y, y),
    /3 heads/,
  ],
  [
    'attention: lengths below zero',
    () => ops.attentionForward(MR_F32, MR_F32, 1, 2, index(0, 3, 1), 0, 1, 1, 2, 1, 0, x, x, x, y, y),
    /cu_seqlens/,
  ],
])('%s', (_, call, message) => {
  expect(call).toThrow(RangeError);
  expect(call).toThrow(message);
});

test('an index that is not an exact integer never reaches the library', () => {
  expect(() => ops.fill(MR_F32, 2 ** 53, 0, y)).toThrow(RangeError);
  expect(() => ops.fill(MR_F32, 1.5, 0, y)).toThrow(RangeError);
  expect(() => ops.fill(2 ** 31, 1, 0, y)).toThrow(RangeError);
});

test('no elements at all is no error', () => {
  ops.fill(MR_F32, 0, 1, 0);
  ops.copy(0, 0, 0);
  const empty = { code: MR_F32, address: 0, stride: 1 };
  ops.gemm(MR_F32, 0, 0, 0, 0, 0, 1, empty, empty, empty, 0);
  ops.crossEntropy(0, 4, 0, 4, 0, -100, 1, 0, MR_F32, 0, 0);
  ops.sum(0, 0, y);
  expect(device.readF32(floats).every((value) => value === 0)).toBe(true);
});

test('the table of CPU paths has the order of mr_isa, and a path is opened by its name', () => {
  const codes = [MR_ISA_PORTABLE, MR_ISA_AVX2, MR_ISA_AVX512, MR_ISA_AVX512BF16];
  expect(codes).toEqual(ISAS.map((_, code) => code));
  for (const isa of availablePaths()) {
    const opened = Device.cpu({ threads: 1, capacity: 2 ** 20, isa });
    expect(opened.isa).toBe(isa);
    opened.destroy();
  }
});

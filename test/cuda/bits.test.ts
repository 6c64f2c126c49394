/** What the CUDA kernels share with the CPU to the bit, what they do with nothing, what they report of ids that only they read. */
import { describe, expect, test } from 'bun:test';
import { Device } from '../../src/native/device';
import { DTYPE_CODE, type Tensor } from '../../src/native/tensor';
import { emulatedDevice, notEmulated } from './emulated';

const SEED = [0xdeadbeef, 0x01234567] as const;
const COUNT = 5003;

/** The bytes a kernel leaves in COUNT fp32 numbers. */
function bytesOf(device: Device, fill: (device: Device, address: number) => void): Uint8Array {
  const y = device.zeros([COUNT], 'f32');
  fill(device, y.address);
  return device.readBytes(y);
}

describe.skipIf(notEmulated !== null)('CUDA kernels and the CPU', () => {
  test.each([
    ['uniform', ({ ops }: Device, y: number) => ops.uniform(COUNT, -0.3, 1.7, ...SEED, y)],
    ['normal', ({ ops }: Device, y: number) => ops.normal(COUNT, 0.25, 1.5, ...SEED, y)],
    [
      'dropout',
      (device: Device, y: number) => {
        device.ops.uniform(COUNT, -1, 1, 5, 6, y);
        device.ops.dropout(DTYPE_CODE.f32, COUNT, Math.fround(0.1), ...SEED, 4 * 2 ** 32 - 400, y, y, 0);
      },
    ],
  ])('%s has the bits of the CPU', (_, fill) => {
    const [cpu, cuda] = [Device.cpu(), emulatedDevice()];
    try {
      const expected = bytesOf(cpu, fill);
      expect(new Set(new Float32Array(expected.buffer)).size).toBeGreaterThan(COUNT / 2);
      expect(Buffer.compare(bytesOf(cuda, fill), expected)).toBe(0);
    } finally {
      cpu.destroy();
      cuda.destroy();
    }
  });

  test.each(['bf16', 'f16'] as const)(
    'the gradient of cross-entropy in %s has the bits of fp32 and a cast',
    (stored) => {
      const device = emulatedDevice();
      try {
        const { ops } = device;
        const { f32 } = DTYPE_CODE;
        // whole tiles of a block and a part of one; every fourth row begins on 16 bytes
        const [rows, classes, ld] = [5, 9001, 9003];
        const logits = device.zeros([rows, ld], 'f32');
        const labels = device.fromArray(Int32Array.of(0, -100, 9000, 4097, 8191), [rows], 'i32');
        ops.normal(rows * ld, 0, 4, ...SEED, logits.address);
        const gradient = (d: Tensor): void =>
          ops.crossEntropy(
            rows,
            classes,
            logits.address,
            ld,
            labels.address,
            -100,
            0.37,
            loss.address,
            d.code,
            d.address,
            0,
          );
        const loss = device.zeros([rows], 'f32');
        const [wide, cast, narrow] = [
          device.zeros([rows, ld], 'f32'),
          device.zeros([rows, ld], stored),
          device.zeros([rows, ld], stored),
        ];
        gradient(wide);
        ops.cast(f32, cast.code, wide.size, wide.address, cast.address);
        gradient(narrow);
        expect(new Set(new Uint16Array(device.readBytes(narrow).buffer)).size).toBeGreaterThan(1000);
        expect(Buffer.compare(device.readBytes(narrow), device.readBytes(cast))).toBe(0);
      } finally {
        device.destroy();
      }
    },
  );

  test('empty inputs need no memory and leave sums as they were', () => {
    const device = emulatedDevice();
    try {
      const { ops } = device;
      const { f32, bf16 } = DTYPE_CODE;
      const sum = device.fromArray(Float32Array.of(1, 2, 3), [3], 'f32');
      const factors = device.fromArray(Float32Array.of(4, 5, 6), [3], 'f32');
      const list = device.fromArray(Int32Array.of(-1, -1, -1, -1), [4], 'i32');
      ops.add(f32, 0, 0, 0, 0);
      ops.scale(bf16, 0, 2, 0, 0, 1);
      ops.swigluBackward(bf16, 0, 0, 0, 0, 0, 0);
      ops.dropout(f32, 0, 0.5, ...SEED, 0, 0, 0, 0);
      ops.normal(0, 0, 1, ...SEED, 0);
      ops.addBiasBackward(bf16, 0, 3, 0, sum.address);
      ops.rmsNormForward(bf16, 0, 0, 3, 1e-6, 0, sum.address, 0, 0);
      ops.rmsNormBackward(bf16, 0, 0, 3, 0, 0, sum.address, 0, 0, 0, sum.address);
      ops.rope(f32, 0, 2, 4, 0, 0, 0, 0, 0, 0);
      ops.gatherRows(f32, 0, 3, 0, 0, 0);
      ops.scatterAddRows(f32, 0, 3, 0, 0, 0);
      ops.embeddingForward(0, 4, 3, f32, 0, 0, f32, 0);
      ops.embeddingBackward(0, 4, 3, -1, 0, f32, 0, 0);
      ops.scaleRows(0, 3, 0, 0, 0);
      ops.quantize4bit(0, 0, 64, f32, 0, 0, 0);
      ops.dequantize8bit(0, 64, 0, 0, 0, 0, 0);
      ops.quantizeInt8(0, 3, 6, f32, 0, 0, 0, 1, 0, list.address);
      ops.scaleRowsBackward(3, 0, 0, 0, factors.address, 0, 0, sum.address, 1);
      expect([...device.readF32(sum)]).toEqual([1, 2, 3]);
      expect([...device.readI32(list)]).toEqual([0, 0, 0, 0]);
    } finally {
      device.destroy();
    }
  });

  test('an id outside the vocabulary and a negative row are reported at the next synchronisation, once', () => {
    const device = emulatedDevice();
    try {
      const { ops } = device;
      const table = device.zeros([4, 3], 'f32');
      const y = device.zeros([3, 3], 'f32');
      const ids = device.fromArray(Int32Array.from([1, 4, 0]), [3], 'i32');
      const rows = device.fromArray(Int32Array.from([0, 1, -7]), [3], 'i32');
      ops.embeddingForward(3, 4, 3, DTYPE_CODE.f32, table.address, ids.address, DTYPE_CODE.f32, y.address);
      expect(() => device.synchronise()).toThrow('token 1 has the id 4');
      device.synchronise();
      ops.embeddingBackward(3, 4, 3, -1, ids.address, DTYPE_CODE.f32, y.address, table.address);
      expect(() => device.synchronise()).toThrow('token 1 has the id 4');
      ops.gatherRows(DTYPE_CODE.f32, 3, 3, table.address, rows.address, y.address);
      expect(() => device.synchronise()).toThrow('entry 2 names row -7');
      device.synchronise();
    } finally {
      device.destroy();
    }
  });
});

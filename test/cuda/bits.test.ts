/** What the CUDA kernels share with the CPU to the bit, and what they report of inputs that only the device can read. */
import { describe, expect, test } from 'bun:test';
import { Device } from '../../src/native/device';
import { DTYPE_CODE } from '../../src/native/tensor';
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
      ops.embeddingBackward(3, 4, 3, ids.address, DTYPE_CODE.f32, y.address, table.address);
      expect(() => device.synchronise()).toThrow('token 1 has the id 4');
      ops.gatherRows(DTYPE_CODE.f32, 3, 3, table.address, rows.address, y.address);
      expect(() => device.synchronise()).toThrow('entry 2 names row -7');
      device.synchronise();
    } finally {
      device.destroy();
    }
  });
});

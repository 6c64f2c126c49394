/** What a device's arithmetic reaches at most, measured. */
import { activationDtype, type Compute, matmul } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';

/** Rows, columns and depth of the product that measures a GPU's peak. */
const LARGE = 8192;

/**
 * FLOP/s. On the CPU, of multiply-adds with every operand in a register (0 on a path without such a measurement): in fp32 for a
 * compute type that has no instructions there, since it is computed in fp32 then. On a GPU, of our own largest product, with
 * random operands: hardware has no published rate that it keeps under load.
 */
export function measurePeak(device: Device, compute: Compute): number {
  if (device.backend === 'cpu') return device.measurePeak(compute) || device.measurePeak('fp32');
  return device.scope(() => {
    const dtype = activationDtype(compute);
    const a = randomMatrix(device, LARGE, LARGE, dtype, 1);
    const b = randomMatrix(device, LARGE, LARGE, dtype, 2);
    const c = device.empty([LARGE, LARGE], dtype);
    const seconds = fastest(device, () => matmul(new Tape(device, false), compute, a, false, b, true, c));
    return (2 * LARGE ** 3) / seconds;
  });
}

/** [rows, cols] uniform in [-1, 1), a function of the seed alone; lives until the innermost scope ends. */
export function randomMatrix(device: Device, rows: number, cols: number, dtype: FloatDtype, seed: number): Tensor {
  const stored = device.empty([rows, cols], dtype);
  device.scope(() => {
    const values = device.empty([rows, cols], 'f32');
    device.ops.uniform(values.size, -1, 1, 1, seed, values.address);
    device.ops.cast(values.code, stored.code, values.size, values.address, stored.address);
  });
  return stored;
}

/** Seconds of one call: the best of the rounds that fit into about a tenth of a second, at least five. */
export function fastest(device: Device, body: () => void): number {
  const once = (): number => {
    const start = performance.now();
    body();
    device.synchronise();
    return (performance.now() - start) / 1e3;
  };
  once();
  const rounds = Math.max(5, Math.min(2000, Math.ceil(0.1 / Math.max(once(), 1e-6))));
  return Math.min(...Array.from({ length: rounds }, once));
}

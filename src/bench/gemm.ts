/** Matrix products as a share of the multiply-add peak measured in the same run. */
import { activationDtype, type Compute, matmul } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import type { Device } from '../native/device';

export interface GemmShape {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Shapes of training with M = 512 tokens, the mini yardstick's, and rank-r products. */
export const GEMM_SHAPES: readonly GemmShape[] = [
  { name: 'qwen3-0.6b attention out', m: 512, n: 1024, k: 2048 },
  { name: 'qwen3-0.6b query', m: 512, n: 2048, k: 1024 },
  { name: 'qwen3-0.6b gate', m: 512, n: 3072, k: 1024 },
  { name: 'qwen3-0.6b down', m: 512, n: 1024, k: 3072 },
  { name: 'mini gate', m: 512, n: 688, k: 256 },
  { name: 'mini down', m: 512, n: 256, k: 688 },
  { name: 'lora down, r=8', m: 512, n: 8, k: 1024 },
  { name: 'lora up, r=8', m: 512, n: 1024, k: 8 },
  { name: 'lora gradient of B, r=8', m: 1024, n: 8, k: 512 },
  { name: 'lora gradient of A, r=8', m: 8, n: 1024, k: 512 },
];

/** `NT` is x W^T (forward), `NN` dy W (input gradient), `TN` dy^T x (weight gradient). */
export const LAYOUTS = ['NT', 'NN', 'TN'] as const;

export interface GemmResult extends GemmShape {
  readonly compute: Compute;
  readonly layout: (typeof LAYOUTS)[number];
  readonly microseconds: number;
  /** FLOP/s. */
  readonly flops: number;
  /** Of the peak measured right before and after; null on a path without a peak. */
  readonly share: number | null;
}

/** Best of the rounds that fit into about a tenth of a second. */
export function benchGemm(device: Device, shape: GemmShape, compute: Compute): GemmResult[] {
  const { m, n, k } = shape;
  const dtype = activationDtype(compute);
  return LAYOUTS.map((layout) => {
    const transA = layout === 'TN';
    const transB = layout === 'NT';
    const before = device.measurePeak(compute);
    const seconds = device.scope(() => {
      const random = (rows: number, cols: number, stream: number) => {
        const values = device.empty([rows, cols], 'f32');
        device.ops.uniform(values.size, -1, 1, 1, stream, values.address);
        const stored = device.empty([rows, cols], dtype);
        device.ops.cast(values.code, stored.code, values.size, values.address, stored.address);
        return stored;
      };
      const a = transA ? random(k, m, 1) : random(m, k, 1);
      const b = transB ? random(n, k, 2) : random(k, n, 2);
      const c = device.empty([m, n], 'f32');
      const tape = new Tape(device, false);
      const once = (): number => {
        const start = performance.now();
        matmul(tape, compute, a, transA, b, transB, c);
        return (performance.now() - start) / 1e3;
      };
      once();
      const rounds = Math.max(5, Math.min(2000, Math.ceil(0.1 / Math.max(once(), 1e-6))));
      return Math.min(...Array.from({ length: rounds }, once));
    });
    const peak = Math.max(before, device.measurePeak(compute));
    const flops = (2 * m * n * k) / seconds;
    return { ...shape, compute, layout, microseconds: seconds * 1e6, flops, share: peak > 0 ? flops / peak : null };
  });
}

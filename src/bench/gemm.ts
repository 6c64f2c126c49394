/** Matrix products as a share of the peak measured in the same run. */
import { activationDtype, type Compute, matmul } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import type { Device } from '../native/device';
import type { Backend } from '../native/library';
import { fastest, randomMatrix } from './peak';

export interface GemmShape {
  readonly name: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** On the CPU, shapes of training with M = 512 tokens, the mini yardstick's, and rank-r products; on a GPU, those of 8B models. */
export const GEMM_SHAPES: Readonly<Record<Backend, readonly GemmShape[]>> = {
  cpu: [
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
  ],
  cuda: [
    ...[2048, 4096, 8192].flatMap((m) => [
      { name: `8b query, ${m}`, m, n: 4096, k: 4096 },
      { name: `8b key, ${m}`, m, n: 1024, k: 4096 },
      { name: `8b gate, ${m}`, m, n: 12288, k: 4096 },
      { name: `8b down, ${m}`, m, n: 4096, k: 12288 },
    ]),
    { name: 'lora down, r=16', m: 8192, n: 16, k: 4096 },
    { name: 'lora up, r=16', m: 8192, n: 4096, k: 16 },
    { name: 'lora down, r=256', m: 8192, n: 256, k: 4096 },
    { name: 'lora up, r=256', m: 8192, n: 4096, k: 256 },
    { name: 'lora gradient of A, r=16', m: 16, n: 4096, k: 8192 },
    { name: 'decode, 1 row', m: 1, n: 4096, k: 4096 },
    { name: 'decode, 32 rows', m: 32, n: 4096, k: 4096 },
  ],
};

/** `NT` is x W^T (forward), `NN` dy W (input gradient), `TN` dy^T x (weight gradient). */
export const LAYOUTS = ['NT', 'NN', 'TN'] as const;

export interface GemmResult extends GemmShape {
  readonly compute: Compute;
  readonly layout: (typeof LAYOUTS)[number];
  readonly microseconds: number;
  /** FLOP/s. */
  readonly flops: number;
  /** Of the peak measured right before and after the three layouts; null on a path without a peak. */
  readonly share: number | null;
}

export function benchGemm(device: Device, shape: GemmShape, compute: Compute, peakNow: () => number): GemmResult[] {
  const { m, n, k } = shape;
  const dtype = activationDtype(compute);
  const before = peakNow();
  const timed = LAYOUTS.map((layout) => {
    const transA = layout === 'TN';
    const transB = layout === 'NT';
    const seconds = device.scope(() => {
      const a = transA ? randomMatrix(device, k, m, dtype, 1) : randomMatrix(device, m, k, dtype, 1);
      const b = transB ? randomMatrix(device, n, k, dtype, 2) : randomMatrix(device, k, n, dtype, 2);
      const c = device.empty([m, n], device.backend === 'cpu' ? 'f32' : dtype);
      const tape = new Tape(device, false);
      return fastest(device, () => matmul(tape, compute, a, transA, b, transB, c));
    });
    return { layout, seconds };
  });
  const peak = Math.max(before, peakNow());
  return timed.map(({ layout, seconds }) => {
    const flops = (2 * m * n * k) / seconds;
    return { ...shape, compute, layout, microseconds: seconds * 1e6, flops, share: peak > 0 ? flops / peak : null };
  });
}

/** Ops that stand for several have the bits of those: a pass does not depend on which of them it takes. */
import { afterAll, describe, expect, test } from 'bun:test';
import { MR_GATE_GELU, MR_GATE_SILU, MR_NORM_OFFSET, MR_NORM_SCALE } from '../../src/native/bindings';
import { Device } from '../../src/native/device';
import type { FloatDtype, Tensor } from '../../src/native/tensor';
import { emulatedDevice, notEmulated } from './emulated';

const open = { cpu: () => Device.cpu({ threads: 1 }), 'emulated CUDA': () => emulatedDevice() };
const DTYPES = ['f32', 'bf16', 'f16'] as const;

for (const [name, make] of Object.entries(open)) {
  describe.skipIf(name !== 'cpu' && notEmulated !== null)(name, () => {
    const device = name === 'cpu' || notEmulated === null ? make() : null;
    afterAll(() => device?.destroy());
    const { ops } = device ?? {};

    /** Numbers between -1 and 1 in a dtype. */
    let seed = 0;
    const random = (shape: readonly number[], dtype: FloatDtype): Tensor => {
      const values = device!.empty(shape, 'f32');
      ops!.uniform(values.size, -1, 1, ++seed, 0, values.address);
      const tensor = device!.empty(shape, dtype);
      ops!.cast(values.code, tensor.code, values.size, values.address, tensor.address);
      return tensor;
    };
    const copyOf = (x: Tensor): Tensor => {
      const y = device!.empty(x.shape, x.dtype);
      ops!.copy(x.bytes, x.address, y.address);
      return y;
    };
    const same = (a: Tensor, b: Tensor): void => {
      expect(Buffer.compare(device!.readBytes(a), device!.readBytes(b))).toBe(0);
    };

    // rows that are read once each, and more; rows of whole packs, and others
    const shapes = [1, 4, 7, 12].flatMap((m) => [40, 1032, 9].map((k) => [m, k] as const));
    test.each(DTYPES)('products of one input, %s', (dtype) => {
      for (const [m, k] of shapes) {
        device!.scope(() => {
          const x = random([m, k], dtype);
          const n = [37, 8, 130];
          const w = n.map((rows) => random([rows, k], dtype));
          const [y, apart] = [0, 1].map(() => n.map((cols) => device!.empty([m, cols], dtype))) as [Tensor[], Tensor[]];
          const [a, b, c] = w.map(({ rows, address }) => [rows, address] as const);
          const outputs = y.map(({ address }) => address) as [number, number, number];
          ops!.gemmSeveral(x.code, m, k, x.code, x.address, x.code, ...a!, ...b!, ...c!, x.code, ...outputs);
          w.forEach((matrix, i) => {
            ops!.gemm(x.code, 0, 1, m, matrix.rows, k, 1, x, matrix, apart[i]!, 0);
            same(y[i]!, apart[i]!);
          });
          const [r, sum, rejoined] = [
            random([m, 37], dtype),
            device!.empty([m, 37], dtype),
            device!.empty([m, 37], dtype),
          ];
          const from = [x.code, x.address, x.code, w[0]!.address] as const;
          ops!.gemmResidual(x.code, m, 37, k, ...from, x.code, r.address, sum.address);
          ops!.add(x.code, r.size, r.address, apart[0]!.address, rejoined.address);
          same(sum, rejoined);
          for (const kind of [MR_GATE_SILU, MR_GATE_GELU]) {
            const other = random([37, k], dtype);
            const [gate, up, gated, upApart, gatedApart] = [0, 1, 2, 3, 4].map(() => device!.empty([m, 37], dtype));
            const to = [gate!.address, up!.address, gated!.address] as const;
            ops!.gemmGated(x.code, kind, m, 37, k, ...from, other.address, x.code, ...to);
            ops!.gemm(x.code, 0, 1, m, 37, k, 1, x, other, upApart!, 0);
            const parts = [x.code, m * 37, apart[0]!.address, upApart!.address, gatedApart!.address] as const;
            if (kind === MR_GATE_SILU) ops!.swigluForward(...parts);
            else ops!.gegluForward(...parts);
            same(gate!, apart[0]!);
            same(up!, upApart!);
            same(gated!, gatedApart!);
          }
        });
      }
    });

    const heads = [2, 20, 64, 128].flatMap((size) =>
      [MR_NORM_SCALE, MR_NORM_OFFSET, null].map((kind) => [size, kind] as const),
    );
    test.each(DTYPES)('heads normed, turned and stored, %s', (dtype) => {
      for (const [headDim, kind] of heads) {
        device!.scope(() => {
          const [tokens, count, kvCount, rows] = [5, 4, 2, 9];
          const [q, k, v] = [count, kvCount, kvCount].map((one) => random([tokens, one * headDim], dtype));
          const [wq, wk] = [random([headDim], 'f32'), random([headDim], 'f32')];
          const [cos, sin] = [random([20, headDim / 2], 'f32'), random([20, headDim / 2], 'f32')];
          const positions = device!.fromArray(Int32Array.of(3, 0, 19, 7, 7), [tokens], 'i32');
          const rowsOf = Int32Array.of(8, 0, 3, 5, 1);
          const places = device!.fromArray(rowsOf, [tokens], 'i32');
          const before = random([rows, kvCount * headDim], dtype);
          const [kCache, vCache, kApart, vApart] = [0, 1, 2, 3].map(() => copyOf(before));
          const apart = [q!, k!].map((x, i) => {
            const normed = device!.empty(x.shape, dtype);
            const heads = i === 0 ? count : kvCount;
            const rstd = device!.empty([tokens * heads], 'f32');
            const weight = (i === 0 ? wq : wk).address;
            const sizes = [tokens * heads, headDim, 1e-6] as const;
            if (kind !== null)
              ops!.rmsNormForward(x.code, kind, ...sizes, x.address, weight, normed.address, rstd.address);
            const turned = device!.empty(x.shape, dtype);
            const from = kind === null ? x : normed;
            const tables = [cos.address, sin.address, positions.address] as const;
            ops!.rope(x.code, tokens, heads, headDim, from.address, ...tables, 0, turned.address);
            return turned;
          });
          for (const [x, cache] of [
            [apart[1]!, kApart!],
            [v!, vApart!],
          ] as const) {
            rowsOf.forEach((row, t) => {
              const [from, to] = [x.rowsFrom(t, 1), cache.rowsFrom(row, 1)];
              ops!.copy(from.bytes, from.address, to.address);
            });
          }
          const [forQ, forK] = [
            [q!.address, kind === null ? 0 : wq.address] as const,
            [k!.address, kind === null ? 0 : wk.address] as const,
          ];
          const tables = [cos.address, sin.address, positions.address, places.address] as const;
          const sizes = [tokens, count, kvCount, headDim, 1e-6] as const;
          const cache = [kCache!.address, vCache!.address] as const;
          ops!.ropeCached(q!.code, kind ?? MR_NORM_SCALE, ...sizes, ...forQ, ...forK, v!.address, ...tables, ...cache);
          same(q!, apart[0]!);
          same(k!, apart[1]!);
          same(kCache!, kApart!);
          same(vCache!, vApart!);
        });
      }
    });
  });
}

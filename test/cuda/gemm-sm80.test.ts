/**
 * Emulated products and attention take the path of compute capability 9.0 where the shape allows it; here those of every card do, chosen
 * as a user does: MEDREPRO_CUDA_GEMM and MEDREPRO_CUDA_ATTENTION in the environment when the stream is created.
 */
import { dlopen } from 'bun:ffi';
import { afterEach, describe, expect, test } from 'bun:test';
import { allCases } from '../../src/selftest/cases';
import { runSelftest } from '../../src/selftest/run';
import { emulatedDevice, notEmulated } from './emulated';

// Bun keeps process.env to itself; the library asks libc.
const choose = (path: string, variable = 'MEDREPRO_CUDA_GEMM'): void => {
  const { symbols, close } = dlopen('libc.so.6', { setenv: { args: ['cstring', 'cstring', 'i32'], returns: 'i32' } });
  symbols.setenv(Buffer.from(`${variable}\0`), Buffer.from(`${path}\0`), 1);
  close();
};

describe.skipIf(notEmulated !== null)('MEDREPRO_CUDA_GEMM', () => {
  afterEach(() => {
    choose('');
    choose('', 'MEDREPRO_CUDA_ATTENTION');
  });

  test('sm80: products by mma.sync', () => {
    choose('sm80');
    const mine = allCases().filter(({ op, shape }) => op === 'gemm' && /^136x(200x67|600x136) /.test(shape));
    const report = runSelftest({ open: () => emulatedDevice(), cases: mine }, () => {});
    expect(report.ops.flatMap(({ results }) => results.filter(({ passed }) => !passed))).toEqual([]);
    expect(report.passed).toBe(mine.length);
    expect(mine.length).toBe(6);
  }, 60_000);

  test.each([
    ['attention_forward', 9],
    ['attention_backward', 7],
    ['attention_cached', 17],
  ])(
    'sm80: %s by mma.sync',
    (op, count) => {
      choose('sm80', 'MEDREPRO_CUDA_ATTENTION');
      // the shapes that wgmma takes otherwise: groups of two heads, a window, invisible keys; widths of 64 and 128
      const shapes = /^\[(5 1 0 12|2 33|3 193|2 66|63 1 64 65 129)\] .*/;
      const mine = allCases().filter((one) => one.op === op && shapes.test(one.shape) && / in /.test(one.dtype));
      const report = runSelftest({ open: () => emulatedDevice(), cases: mine }, () => {});
      expect(report.ops.flatMap(({ results }) => results.filter(({ passed }) => !passed))).toEqual([]);
      expect(report.passed).toBe(mine.length);
      expect(mine.length).toBe(count);
    },
    60_000,
  );

  test('anything else is refused in one line', () => {
    choose('fast');
    expect(() => emulatedDevice()).toThrow(/MEDREPRO_CUDA_GEMM is fast and can be sm80 or sm90/);
    choose('');
    choose('sm70', 'MEDREPRO_CUDA_ATTENTION');
    expect(() => emulatedDevice()).toThrow(/MEDREPRO_CUDA_ATTENTION is sm70 and can be sm80 or sm90/);
  });
});

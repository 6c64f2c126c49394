/**
 * Every case of the self-test on the emulated CUDA kernels: the float64 reference, equal bits twice (blocks and threads run in
 * the other order the second time), and no access outside an allocation, to memory nobody wrote, or in a race.
 */
import { describe, expect, test } from 'bun:test';
import { allCases, OPS } from '../../src/selftest/cases';
import { runSelftest } from '../../src/selftest/run';
import { emulatedDevice, notEmulated } from './emulated';

describe.skipIf(notEmulated !== null)('emulated CUDA kernels', () => {
  const cases = allCases();
  const names = [...OPS, ...new Set(cases.map(({ op }) => op).filter((op) => !OPS.includes(op)))];
  test.each(names)(
    '%s',
    (op) => {
      const mine = cases.filter((one) => one.op === op);
      const report = runSelftest({ open: () => emulatedDevice(), cases: mine }, () => {});
      const failed = report.ops.flatMap(({ results }) => results.filter(({ passed }) => !passed));
      expect(
        failed.map(({ shape, dtype, problems, share }) => `${shape} ${dtype}: ${problems.join('; ')} share ${share}`),
      ).toEqual([]);
      expect(report.passed).toBe(mine.length);
    },
    120_000,
  );
});

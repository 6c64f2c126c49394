import { beforeAll, describe, expect, test } from 'bun:test';
import { Device } from '../../src/native/device';
import { sameBytes } from '../../src/selftest/case';
import { allCases, OPS } from '../../src/selftest/cases';
import { reportText } from '../../src/selftest/report';
import { availablePaths, runSelftest, type SelftestReport } from '../../src/selftest/run';
import { onDevice } from './support';

const cases = allCases();
const names = [...new Set(cases.map(({ op }) => op))];

test('every op of the ABI has a case', () => {
  expect(OPS.filter((op) => !names.includes(op))).toEqual([]);
  expect(names.filter((op) => !OPS.includes(op) && !op.startsWith('tape.') && !op.startsWith('model.'))).toEqual([]);
});

test('no two cases have the same name', () => {
  const full = cases.map(({ op, shape, dtype }) => `${op} ${shape} ${dtype}`);
  expect(full.filter((name, i) => full.indexOf(name) !== i)).toEqual([]);
});

describe('on every path of this machine', () => {
  let report: SelftestReport;
  let events = 0;
  beforeAll(() => {
    report = runSelftest({ open: Device.cpu, cases }, () => events++);
  }, 120_000);

  test.each(names)('%s', (op) => {
    const { results } = report.ops.find((entry) => entry.op === op)!;
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
  });

  test('the report counts what ran', () => {
    expect(report.passed).toBe(cases.length);
    expect(events).toBe(cases.length);
    expect([report.isa, ...report.otherPaths].sort()).toEqual(availablePaths().sort());
    expect(reportText(report)).toContain(`${cases.length} cases passed, 0 failed`);
  });
});

test.each(['fp32', 'bf16'])('a checkpointed block has the same bits as one that is not (%s)', (dtype) => {
  const [plain, checkpointed] = cases.filter((entry) => entry.op === 'tape.block' && entry.dtype === dtype);
  onDevice({}, (device) => {
    const placement = { poison: 0xff, shift: 0 };
    const [a, b] = [plain!.execute(device, placement), checkpointed!.execute(device, placement)];
    for (const [name, { after }] of Object.entries(a.outputs)) {
      expect([name, sameBytes(after, b.outputs[name]!.after)]).toEqual([name, true]);
    }
  });
});

import { expect, test } from 'bun:test';
import { selftest } from '../../src/commands/selftest/command';
import type { SelftestRequest } from '../../src/commands/selftest/request';
import type { JobEvent } from '../../src/events';
import { cudaState } from '../../src/native/choose';
import { availablePaths, type SelftestReport } from '../../src/selftest/run';

const REQUEST: SelftestRequest = { device: 'auto', threads: 1, isa: null, only: 'fill' };

async function run(request: Partial<SelftestRequest>, cancelled = () => false) {
  const events: JobEvent[] = [];
  const work = await selftest.task.load();
  const result = await work({ ...REQUEST, ...request }, { emit: (event) => events.push(event), cancelled });
  return { ...result, events };
}

function measured(document: Awaited<ReturnType<typeof run>>['document']): SelftestReport {
  if ('unmeasured' in document) throw new Error('the device cannot be used');
  return document;
}

test('the document has stable keys', async () => {
  const { exitCode, document, events } = await run({});
  expect(exitCode).toBe(0);
  const report = measured(document);
  expect(Object.keys(report)).toEqual([
    'device',
    'hardware',
    'isa',
    'threads',
    'otherPaths',
    'otherThreads',
    'ops',
    'passed',
    'failed',
  ]);
  expect(report).toMatchObject({ threads: 1, otherThreads: 3, failed: 0, isa: availablePaths().at(-1) });
  const [op] = report.ops;
  expect(Object.keys(op!)).toEqual(['op', 'cases', 'failed', 'worstShare', 'results']);
  expect(events.filter(({ kind }) => kind === 'progress').length).toBe(op!.cases);
});

test('the table has one line per op', async () => {
  const { text } = await run({ only: 'mr_rope', isa: 'portable' });
  expect(text).toMatch(
    /^op +cases +worst share of tolerance\nrope +18 +\d+\.\d% {2}ok\nrope_cached +15 +\d+\.\d% {2}ok\n/,
  );
  expect(text).toContain('cpu:portable, 1 thread; repeated with 3 threads');
  expect(text).toEndWith('33 cases passed, 0 failed');
});

test.skipIf(cudaState().usable)('a device this machine lacks', async () => {
  expect((await run({ device: 'cuda' })).exitCode).toBe(4);
});

test('an op nobody knows', () => {
  expect(run({ only: 'convolution' })).rejects.toMatchObject({ code: 'usage' });
});

test('stops when asked to', async () => {
  expect(run({}, () => true)).rejects.toMatchObject({ code: 'interrupted' });
});

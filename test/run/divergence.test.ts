/** A run whose loss is no number any more: an error, or a result where the spec says so. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { resolveExperiment } from '../../src/paper/load';
import { loadEmbedded } from '../../src/paper/target';
import type { Experiment, Training } from '../../src/paper/types';
import { readRunResult } from '../../src/verify/find';
import { experiment as classifier, read, request, run, type Sandbox, sandbox, stepsOf } from './support';

setDefaultTimeout(60_000);

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
});
afterAll(() => box.remove());

const embedded = { data: null, map: {}, model: null, tokenizer: null } as const;

/** A causal experiment on a few rows, with steps so large that it cannot end well. */
function diverging(training: Partial<Training>): Experiment {
  const base = resolveExperiment(loadEmbedded('tinyllama-ablations'), 'best', 'mini');
  const optimiser = { ...base.training.optimiser, learningRate: 1e30 };
  const schedule = { kind: 'constant', warmup: { steps: 2 } } as const;
  return {
    ...base,
    data: { ...base.data, trainRows: 48 },
    training: { ...base.training, optimiser, schedule, clip: null, epochs: 1, ...training },
  };
}

test('record: the curve is kept, diverged is 1 and nothing else is measured', async () => {
  const asked = request(box, { ...embedded, out: join(box.path, 'record') });
  const { executed, error, events } = await run(asked, diverging({ onDivergence: 'record' }));
  expect(error).toBeNull();
  const { result, log, directory } = executed!;
  expect(result.metrics).toMatchObject({ diverged: { value: 1 } });
  expect(Object.keys(result.metrics)).toEqual(['diverged']);
  const last = log.at(-1)!;
  expect(last).toMatchObject({ step: log.length, diverged: true });
  expect(log.length).toBeGreaterThan(2);
  expect(log.slice(0, -1).every(({ loss }) => Number.isFinite(loss))).toBeTrue();
  expect(log.length).toBeLessThan(12);
  expect(result).toMatchObject({ selectedStep: log.length - 1, validation: [] });
  expect(result.warnings).toContainEqual({ id: 'diverged', message: expect.stringContaining(`step ${log.length}`) });
  expect(events).toContainEqual(expect.objectContaining({ kind: 'warning', id: 'diverged' }));
  // what was written reads back, and verification takes it
  expect(readRunResult(directory.path).metrics).toEqual(result.metrics);
  expect(stepsOf(directory.path)).toHaveLength(log.length);
  expect(read(directory.path, 'predictions.jsonl')).toBe('');
});

test('stop, the default: one line, and no result', async () => {
  const asked = request(box, { ...embedded, out: join(box.path, 'stop') });
  const { error } = await run(asked, diverging({ onDivergence: 'stop' }));
  expect(error?.message).toMatch(/^step \d+: the loss is .+ and the gradient norm .+$/);
  const runs = join(asked.out, 'tinyllama-ablations', 'best');
  expect(readdirSync(runs).map((id) => existsSync(join(runs, id, 'metrics.json')))).toEqual([false]);
});

test('record without the metric that would say so is refused', async () => {
  const { error } = await run(request(box), classifier({ onDivergence: 'record' }));
  expect(error).toMatchObject({ code: 'spec', message: expect.stringContaining("'diverged'") });
});

/** Training settings through a whole run: when it evaluates, which weights it keeps, when it stops, what it resumes to. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Training } from '../../src/paper/types';
import type { ExperimentResult } from '../../src/run/result';
import { experiment, type Ran, read, request, run, type Sandbox, sandbox, stepsOf } from './support';

setDefaultTimeout(60_000);

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
});
afterAll(() => box.remove());

let outs = 0;
const asked = () => request(box, { out: join(box.path, `out-${outs++}`) });
const trained = async (training: Partial<Training>): Promise<Ran['executed'] & object> => {
  const { executed, error } = await run(asked(), experiment(training));
  expect(error).toBeNull();
  return executed!;
};
const values = ({ validation }: ExperimentResult, metric: string): number[] =>
  validation.map(({ metrics }) => metrics[metric]!);

test('evaluation every few steps, best by loss', async () => {
  const { result, log } = await trained({ selection: 'best-loss', evaluateEvery: { steps: 5 }, epochs: 2 });
  const due = log.map(({ step }) => step).filter((step) => step % 5 === 0);
  expect(result.validation.map(({ step }) => step)).toEqual(due);
  const losses = values(result, 'loss');
  expect(new Set(losses).size).toBeGreaterThan(1);
  expect(result.selectedStep).toBe(due[losses.indexOf(Math.min(...losses))]!);
});

test('early stopping ends the run, and the record says so', async () => {
  // no evaluation improves by 2
  const early = { patience: 2, threshold: 2 };
  const training: Partial<Training> = { selection: 'best-macro-f1', evaluateEvery: { steps: 3 }, earlyStopping: early };
  const { result, log, directory } = await trained(training);
  expect(log.at(-1)!.step).toBe(9);
  expect(result.validation.map(({ step }) => step)).toEqual([3, 6, 9]);
  const f1 = values(result, 'macro-f1');
  expect(result.selectedStep).toBe([3, 6, 9][f1.indexOf(Math.max(...f1))]!);
  expect(JSON.parse(read(directory.path, 'manifest.json'))).toMatchObject({ steps: 9, skippedSteps: 0 });
});

describe('resumed with equal bytes', () => {
  const early = { patience: 2, threshold: 0 };
  const SETTINGS: Record<string, Partial<Training>> = {
    'Adafactor with momentum and relative steps': {
      optimiser: {
        kind: 'adafactor',
        learningRate: null,
        relativeStep: true,
        scaleParameter: true,
        warmupInit: true,
        beta1: 0.9,
        decayRate: -0.8,
        epsilon: [1e-30, 1e-3],
        clipThreshold: 1,
        weightDecay: 0.01,
      },
      epochs: 2,
    },
    'early stopping, left-over micro-batches carried over': {
      selection: 'best-loss',
      evaluateEvery: { steps: 2 },
      earlyStopping: early,
      lastAccumulation: 'carried',
      stepsPerEpoch: 'floor',
      epochs: 2,
    },
  };
  test.each(Object.keys(SETTINGS))('%s', async (name) => {
    const spec = experiment(SETTINGS[name]!);
    const never = await run(asked(), spec);
    expect(never.error).toBeNull();
    const stopped = asked();
    for (const share of [0.3, 0.6]) {
      const stop = Math.floor(never.polls * share);
      const { error } = await run({ ...stopped, resume: share > 0.3 }, spec, (polls) => polls >= stop);
      if (share === 0.3) expect(error).toMatchObject({ code: 'interrupted' });
    }
    const { executed, error } = await run({ ...stopped, resume: true }, spec);
    // the second leg may have come to the end already: then this is a new run, of the same bytes
    expect(error).toBeNull();
    const bytes = (path: string) => readFileSync(join(path, 'adapter/adapter_model.safetensors')).toString('base64');
    const [a, b] = [executed!.directory.path, never.executed!.directory.path];
    expect(bytes(a)).toBe(bytes(b));
    expect(stepsOf(a)).toEqual(stepsOf(b));
    expect(read(a, 'metrics.json')).toBe(read(b, 'metrics.json'));
  });
});

test('warnings stand in metrics.json, in the manifest and in the report', async () => {
  const base = experiment({ epochs: 1 });
  const { executed, events } = await run(asked(), { ...base, data: { ...base.data, validation: 0 } });
  const id = 'no-validation-rows';
  expect(executed!.result.warnings!.map((warning) => warning.id)).toContain(id);
  expect(events.some((event) => event.kind === 'warning' && event.id === id)).toBeTrue();
  expect(read(executed!.directory.path, 'manifest.json')).toContain(id);
});

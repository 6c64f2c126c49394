/** The learning rates that the authors of llama-symptoms logged: transformers 4.51.3, 2,198 rows, batch 2, accumulation 5. */
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_TRAINING } from '../../src/paper/defaults';
import type { Training } from '../../src/paper/types';
import { countSteps, endsEpoch, epochOf, learningRate, microBatchesOf } from '../../src/train/schedule';
import { TRAINING } from './fixture-training';

const DATA = process.env.MEDREPRO_TEST_DATA;

const AS_RELEASED: Training = {
  ...TRAINING,
  ...DEFAULT_TRAINING,
  epochs: 5,
  batchSize: 2,
  accumulation: 5,
  stepsPerEpoch: 'floor',
  lastAccumulation: 'miscounted',
  schedule: { kind: 'linear', warmup: { steps: 10 } },
};

test.skipIf(DATA === undefined)('109 of 109 logged rates (needs MEDREPRO_TEST_DATA)', () => {
  interface Entry {
    readonly step: number;
    readonly epoch: number;
    readonly num_tokens?: number;
    readonly learning_rate?: number;
  }
  const path = join(DATA!, 'data/llama-symptoms/trainer_state_bs2.json');
  const state = JSON.parse(readFileSync(path, 'utf8')) as { global_step: number; log_history: Entry[] };
  const counts = countSteps(2198, AS_RELEASED);
  expect(counts.steps).toBe(state.global_step);
  const logged = state.log_history.filter((entry) => entry.learning_rate !== undefined);
  expect(logged).toHaveLength(109);
  const different = logged.filter(
    ({ step, learning_rate }) =>
      learningRate('linear', 1e-4, step - 1, counts.warmupSteps, counts.steps) !== learning_rate,
  );
  expect(different).toEqual([]);
  // the epoch that was logged beside them says which micro-batch each step ended with, and the tokens (1,024 each) how many
  // had been seen: 3 of the 4 left at an epoch's end
  for (const { step, epoch, num_tokens } of logged) {
    expect(Math.abs(epochOf(counts, step) - epoch)).toBeLessThan(1e-9);
    const seen = Array.from({ length: step }, (_, done) => microBatchesOf(counts, done)).flat();
    expect(1024 * seen.reduce((sum, { begin, end }) => sum + end - begin, 0)).toBe(num_tokens!);
  }
});

test('micro-batches left at the end of an epoch', () => {
  // 7 micro-batches an epoch in steps of 3
  const settings: Training = { ...AS_RELEASED, epochs: 3, batchSize: 1, accumulation: 3, lastAccumulation: 'step' };
  const spans = (training: Training, rows = 7): string => {
    const counts = countSteps(rows, training);
    const steps = Array.from({ length: counts.steps }, (_, done) => {
      const parts = microBatchesOf(counts, done).map(({ begin, end }) => `${begin}-${end}`);
      return parts.join('+') + (endsEpoch(counts, done + 1) ? '|' : '');
    });
    return steps.join(' ');
  };
  expect(spans({ ...settings, stepsPerEpoch: 'ceil' })).toBe('0-3 3-6 6-7| 7-10 10-13 13-14| 14-17 17-20 20-21|');
  expect(spans(settings)).toBe('0-3 3-6 6-7| 7-10 10-13 13-14|');
  // up to 4.45: the seventh begins the next epoch's first step, and an evaluation comes before it
  expect(spans({ ...settings, lastAccumulation: 'carried' })).toBe('0-3 3-6| 6-9 9-12| 12-15 15-18');
  // 4.47 to 4.51: 8 micro-batches of 2 rows; 16 modulo 3 is 1 of the 2 that are left
  const short: Training = { ...settings, batchSize: 2, lastAccumulation: 'miscounted' };
  expect(spans(short, 16)).toBe('0-3 3-6| 6-7+8-11 11-14| 14-15+16-19 19-22|');
  // 15 modulo 3 is taken for 3: both
  expect(spans(short, 15)).toBe('0-3 3-6 6-8| 8-11 11-14 14-16|');
  // an epoch shorter than a step is a step; up to 4.45 the count through the epochs, which makes others, goes on beside it,
  // and as many steps as epochs are soon taken
  const long: Training = { ...settings, accumulation: 10 };
  expect(spans(long)).toBe('0-7| 7-14| 14-21|');
  expect(spans({ ...long, lastAccumulation: 'carried' })).toBe('0-7| 7-10 10-14|');
  expect(spans({ ...long, epochs: 5, lastAccumulation: 'carried' })).toBe('0-7| 7-10 10-14| 14-20 20-21|');
  // 4.47 to 4.51: 7 modulo 10 is all of them; 11 rows are 6 micro-batches of 2, of which 1 is fetched, and no step ever comes
  expect(spans({ ...long, lastAccumulation: 'miscounted' }, 7)).toBe('0-7| 7-14| 14-21|');
  expect(() => spans({ ...long, batchSize: 2, lastAccumulation: 'miscounted' }, 11)).toThrow('takes no step');
});

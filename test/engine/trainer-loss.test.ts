/** The HF Trainer's eval_loss (make_trainer_loss.py): batches of unequal size and length, and AdaLoRA's penalty in it. */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { loadAdapter, openAdapterFolder } from '../../src/nn/peft';
import { trainerEvaluationLoss } from '../../src/run/causal';
import { causalLoss, causalRowLosses } from '../../src/train/evaluate';
import { FIXTURES, forwardOptions, onCpu, PLAIN, readJson } from './support';

interface Case {
  readonly adapter: string | null;
  readonly evalLoss: number;
  readonly loss: number;
}
const { batchSize, rows, cases } = readJson<{ batchSize: number; rows: number[][]; cases: Case[] }>(
  'trainer-loss',
  'cases.json',
);

describe.each(cases)('adapter $adapter', ({ adapter, evalLoss, loss }) => {
  test('the Trainer’s loss, and beside it the model’s own', () => {
    onCpu((device) => {
      const files = openModelFolder(join(FIXTURES, 'qwen3', 'causal-tied'));
      const opened = adapter === null ? null : openAdapterFolder(join(FIXTURES, 'adapters', adapter));
      const model = loadModel(device, files, {
        ...PLAIN,
        task: 'causal-lm',
        classes: 0,
        adapter: opened?.options ?? null,
      });
      if (opened !== null) expect(loadAdapter(device, model, opened, files)).toEqual([]);
      const labelled = rows.map((ids) => ({ ids, label: 0, labels: ids }));
      const losses = causalRowLosses(device, model, labelled, forwardOptions());
      expect(Math.abs(trainerEvaluationLoss(model, losses, batchSize) / evalLoss - 1)).toBeLessThan(1e-6);
      expect(Math.abs(causalLoss(device, model, labelled, forwardOptions()) / loss - 1)).toBeLessThan(1e-6);
      // what the test is about
      if (adapter === 'peft-adalora') expect(evalLoss - loss).toBeGreaterThan(0.1);
    });
  });
});

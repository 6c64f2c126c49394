/** The papers' own rows, where they are at hand: `MEDREPRO_TEST_DATA` names the folder. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_FILES } from '../../scripts/run-files';
import { medrepro } from './binary';
import { type Box, box, filesOf, runDirectories } from './box';

setDefaultTimeout(180_000);

const sample = join(process.env.MEDREPRO_TEST_DATA ?? '', 'data/abjadmed/ahd_sample.csv');

let files: Box;
beforeAll(() => {
  files = box();
});
afterAll(() => files.remove());

test.if(existsSync(sample))(
  'abjadmed on questions of the public data: per-class F1 and the confusion matrix',
  async () => {
    const out = files.at('out');
    const { exitCode, stdout } = await medrepro([
      'run',
      'abjadmed/all-linear',
      '--data',
      sample,
      '--out',
      out,
      '--quiet',
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('no golden verdict');
    const [folder] = runDirectories(out);
    expect(filesOf(folder!)).toEqual([...RUN_FILES]);
    const { classes, scores, confusion } = JSON.parse(readFileSync(join(folder!, 'per-class.json'), 'utf8')) as {
      classes: string[];
      scores: { labels: number[]; f1: number[]; support: number[] };
      confusion: { labels: number[]; counts: number[][] };
    };
    expect(classes).toContain('أمراض الأسنان');
    expect(scores.labels.length).toBeGreaterThan(10);
    expect(scores.f1).toHaveLength(scores.labels.length);
    // each row of the matrix holds the test rows of its class, and all of them are in the predictions
    expect(confusion.labels).toEqual(scores.labels);
    const rows = confusion.counts.map((row) => row.reduce((sum, count) => sum + count, 0));
    expect(rows).toEqual(scores.support);
    const predictions = readFileSync(join(folder!, 'predictions.jsonl'), 'utf8').trimEnd().split('\n');
    expect(predictions).toHaveLength(rows.reduce((sum, count) => sum + count, 0));
    for (const line of predictions) {
      const { gold, predicted } = JSON.parse(line) as { gold: string; predicted: string };
      expect(classes).toContain(gold);
      expect(classes).toContain(predicted);
    }
    const { metrics } = JSON.parse(readFileSync(join(folder!, 'metrics.json'), 'utf8')) as {
      metrics: Record<string, { value: number }>;
    };
    const { f1 } = scores;
    expect(metrics['macro-f1']!.value).toBeCloseTo(f1.reduce((sum, value) => sum + value, 0) / f1.length, 12);
  },
);

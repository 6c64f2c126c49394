/** What a researcher writes for a paper of their own: the page's example, taken from there and used as it stands. */

import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditPaper } from '../../src/audit/both-readings';
import { scoreJob } from '../../src/commands/score/job';
import type { ScoreRequest } from '../../src/commands/score/request';
import { verifyJob } from '../../src/commands/verify/job';
import { loadPaper, resolveExperiment } from '../../src/paper/load';
import { loadTarget } from '../../src/paper/target';
import { listPaper } from '../../src/plan/list';
import { planExperiment } from '../../src/plan/plan';
import { renderList, renderPlans } from '../../src/plan/text';
import { type Comparison, compare } from '../../src/verify/compare';
import { findGolden } from '../../src/verify/golden';
import { medrepro } from '../cli/binary';
import { table } from '../cli/box';
import { verifyRequest } from '../verify/support';
import { extendedExample, writeExample } from './sixth-paper';

setDefaultTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'sixth-'));
afterAll(() => rmSync(folder, { recursive: true }));
const spec = writeExample(folder);
const at = (name: string): string => join(folder, name);

test('loads, plans, lists, audits and compares without a line of code', () => {
  const { paper, experiments } = loadTarget(`${spec}/long`);
  expect(experiments).toEqual(['long']);
  const { training, marks } = resolveExperiment(paper, 'long', 'mini');
  expect(training).toMatchObject({ epochs: 3, schedule: { kind: 'linear', warmup: { steps: 5 } } });
  expect(marks['training.seed']).toEqual({ mark: 'assumed', reason: 'default of the HF Trainer' });
  expect(() => resolveExperiment(paper, 'long', 'full')).toThrow(/does not describe long at the full scale/);
  const plans = ['short', 'long'].map((id) => planExperiment(paper, resolveExperiment(paper, id, 'mini')));
  expect(renderPlans(plans)).toContain('my-paper/long (mini)');
  expect(renderList([listPaper(paper, { noCuda: 'no driver' })])).toContain('runs here: mini');
  expect(auditPaper(paper)).toMatchObject([{ item: 'gain', consistent: true, rule: 'relative-change' }]);

  // the page's golden file is accepted as it stands; when it is edited, its log needs a new hash
  const golden = findGolden(paper);
  expect(golden?.tampered).toBeNull();
  expect(compare(paper, golden, []).exitCode).toBe(0);
  const edited = { ...golden!, tampered: 'it was changed' };
  expect(compare(paper, edited, []).exitCode).toBe(1);
});

test('what the page adds to the example: releases of the peers, and an experiment that extends another', () => {
  const paper = loadPaper(extendedExample(), { kind: 'file', path: 'my-paper.yaml' });
  const { training, marks } = resolveExperiment(paper, 'longer', 'mini');
  expect(training).toMatchObject({ epochs: 5, schedule: { warmup: { steps: 5 } }, lastAccumulation: 'rescaled' });
  expect(marks['training.clip']?.reason).toBe('default of transformers 4.57');
});

test('a metric that does not exist is refused before anything runs', async () => {
  const wrong = at('wrong.yaml');
  writeFileSync(wrong, readFileSync(spec, 'utf8').replace('metrics: [macro-f1, accuracy]', 'metrics: [macro-f2]'));
  for (const words of [['plan'], ['run', '--out', at('none')]]) {
    const { exitCode, stderr } = await medrepro([...words, `${wrong}/short`, '--quiet']);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('there is no metric "macro-f2"')]);
  }
  expect(existsSync(at('none'))).toBe(false);
});

test('runs, re-scores and verifies by the path of the spec', async () => {
  writeFileSync(at('rows.csv'), table());
  const ran = await medrepro(['run', `${spec}/short`, '--data', at('rows.csv'), '--out', at('own'), '--quiet']);
  expect(ran.exitCode).toBe(0);
  expect(ran.stdout).toMatch(/my-paper\/short \(mini, seed 42\): macro-f1 \d/);

  // one class of two predicted everywhere: macro F1 is a third, which is not the printed 0.50
  writeFileSync(at('test.csv'), 'category\nheart\nskin\n');
  writeFileSync(at('short.csv'), 'prediction\nheart\nheart\n');
  const out = at('runs');
  const scored = await scoreJob({
    target: `${spec}/short`,
    predictions: at('short.csv'),
    references: at('test.csv'),
    train: null,
    metrics: null,
    map: { reference: 'category' },
    reading: null,
    golden: null,
    out,
  } satisfies ScoreRequest);
  expect([scored.exitCode, scored.text]).toEqual([1, expect.stringContaining('DIFFERS: REPRODUCED is accepted')]);
  const junit = at('verify.xml');
  const context = { emit: () => {}, cancelled: () => false };
  const verified = await verifyJob(verifyRequest({ targets: [spec], run: false, out, junit }), context);
  expect(verified.exitCode).toBe(1);
  const [comparison] = (verified.document as { comparisons: [Comparison] }).comparisons;
  expect(comparison.claims).toMatchObject([
    { claim: 'longer-is-better', level: 'mini', verdict: 'UNMEASURED', outcome: 'not-run' },
    { claim: 'longer-is-better', level: 'score', verdict: 'UNMEASURED', outcome: 'not-run' },
    { claim: 'short-value', level: 'score', verdict: 'DEVIATES', outcome: 'differs' },
  ]);
  expect(readFileSync(junit, 'utf8')).toContain('<testsuite name="my-paper"');
});

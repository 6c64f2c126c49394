/** What a researcher writes for a paper of their own: a spec without TypeScript, and a golden file named by it. */

import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listPaper } from '../../src/plan/list';
import { planExperiment } from '../../src/plan/plan';
import { renderList, renderPlans } from '../../src/plan/text';
import { resolveExperiment } from '../../src/spec/load';
import { loadTarget } from '../../src/spec/target';
import { acceptGolden } from '../../src/verify/accept';
import { compare } from '../../src/verify/compare';
import { findGolden } from '../../src/verify/golden';

const SPEC = `
id: my-paper
title: A classifier of my own
citation: Me, 2026
task: sequence-classification
disclaimers: [Nothing here is medical advice.]
golden: my-golden.yaml
defaults:
  mini:
    model: mini/base-small
    quantisation: null
    adapter: { kind: lora, rank: 8, alpha: 8, dropout: 0, targets: all-linear }
    head: { kind: classification, pooling: last-token }
    loss: { kind: cross-entropy }
    data:
      source: mini/abjadmed
      extraTrain: []
      columns: { text: text, label: category }
      validation: 0.1
      splitSeed: 1
      test: 0
      maxLength: 64
      template: '{text}'
    training:
      epochs: 1
      batchSize: 8
      accumulation: 1
      stepsPerEpoch: ceil
      optimiser: { kind: adamw, learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }
      schedule: { kind: linear, warmup: { ratio: 0.1 } }
      clip: null
      lossNormalisation: mean-of-means
      precision: fp32
      gradientCheckpointing: false
      selection: last
      seed: 1
    metrics: [macro-f1]
experiments:
  short: { title: One epoch }
  long:
    title: Three epochs
    both: { training: { epochs: 3, schedule: { warmup: { steps: 5 } } } }
`;

const GOLDEN = `
paper: my-paper
published:
  short: { macro-f1: [{ value: '0.50', where: table 1 }] }
  long: { macro-f1: [{ value: '0.60', where: table 1 }] }
claims:
  longer-is-better:
    says: three epochs beat one
    where: table 1
    kind: beats
    metric: macro-f1
    winner: long
    loser: short
    by: '10'
    unit: points
    accepted: {}
mini: []
log: []
`;

test('loads, plans, lists and compares without a line of code', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sixth-'));
  try {
    writeFileSync(join(folder, 'my.yaml'), SPEC);
    writeFileSync(join(folder, 'my-golden.yaml'), GOLDEN);
    const { paper, experiments } = loadTarget(`${join(folder, 'my.yaml')}/long`);
    expect(experiments).toEqual(['long']);
    const { training, marks } = resolveExperiment(paper, 'long', 'mini');
    expect(training.schedule).toEqual({ kind: 'linear', warmup: { steps: 5 } });
    expect(marks).toEqual({});
    expect(() => resolveExperiment(paper, 'long', 'full')).toThrow(/does not describe long at the full scale/);
    const plans = ['short', 'long'].map((id) => planExperiment(paper, resolveExperiment(paper, id, 'mini')));
    expect(renderPlans(plans)).toContain('my-paper/long (mini)');
    expect(renderList([listPaper(paper, { noCuda: 'no driver' })])).toContain('runs here: mini');

    const fresh = findGolden(paper);
    expect(fresh?.tampered).toContain('no acceptance is recorded');
    expect(compare(paper, fresh, []).exitCode).toBe(1);
    const accepted = acceptGolden(GOLDEN, 'my-golden.yaml', paper, [], { reason: 'typed in', date: '2026-01-31' });
    writeFileSync(join(folder, 'my-golden.yaml'), accepted.text);
    const comparison = compare(paper, findGolden(paper), []);
    expect(comparison.exitCode).toBe(0);
    expect(comparison.claims.map(({ level, verdict }) => [level, verdict])).toEqual([['mini', 'UNMEASURED']]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

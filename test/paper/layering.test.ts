/** What a spec need not say: defaults, releases of the peers, other experiments. */

import { describe, expect, test } from 'bun:test';
import { MedreproError } from '../../src/errors';
import { isRecord } from '../../src/json';
import { withDefaults } from '../../src/paper/defaults';
import { loadPaper, type Paper, resolveExperiment } from '../../src/paper/load';
import { leafPaths, valueAt } from '../../src/paper/paths';
import { KNOWN, PEER_DEFAULTS, PEERS, peerDefault } from '../../src/paper/peers';

const SPEC = `spec: 1
id: short
title: A short one
citation: Nobody, 2026
task: causal-lm
disclaimers: [none]
defaults:
  both:
    adapter: { kind: lora, rank: 8, alpha: 8, targets: all-linear }
    data:
      columns: { question: question, answer: answer }
      validation: 0.1
      test: 0.1
      maxLength: 64
      template: '{question}'
      response: '{answer}'
    training: { epochs: 1, batchSize: 4, optimiser: { learningRate: 1e-3 }, precision: fp32 }
    metrics: [loss]
  mini:
    model: mini/base-small
    data: { source: mini/medquad }
experiments:
  one: { title: One }
`;

const load = (text: string): Paper => loadPaper(text, { kind: 'file', path: 'x.yaml' });
const one = (text: string, id = 'one') => resolveExperiment(load(text), id, 'mini');
const withPeers = (peers: string, text = SPEC): string => text.replace('  both:\n', `  both:\n    peers: ${peers}\n`);
const withExperiments = (lines: string): string => `${SPEC}${lines}`;

function errorOf(text: string): MedreproError {
  try {
    load(text);
  } catch (error) {
    if (error instanceof MedreproError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('the version', () => {
  test('absent', () => {
    const { message, remedy, where } = errorOf(SPEC.replace('spec: 1\n', ''));
    expect([message, remedy, where?.line]).toEqual([
      'spec is missing: it must be 1, the version of the format that this medrepro reads',
      "put 'spec: 1' into the first line",
      1,
    ]);
  });

  test.each([
    ['2', 'use a newer medrepro, or write the file in the older format'],
    ["'1'", "write 'spec: 1'"],
    ['0', "write 'spec: 1'"],
  ])('%s', (version, remedy) => {
    const error = errorOf(SPEC.replace('spec: 1', `# a comment\nspec: ${version}\nunknown: field`));
    expect(error.message).toMatch(/^spec must be 1, the version of the format that this medrepro reads \(was .+\)$/);
    expect([error.remedy, error.where?.line]).toEqual([remedy, 2]);
  });
});

describe('defaults', () => {
  test('every value that the file does not have is marked, with whose default it is', () => {
    const { marks, ...settings } = one(SPEC);
    const named = leafPaths(load(SPEC).experiments[0]?.scales.mini).filter((path) =>
      SPEC.includes(path.split('.').at(-1)!),
    );
    expect(settings.training).toMatchObject({
      optimiser: { kind: 'adamw', learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
      schedule: { kind: 'linear', warmup: { steps: 0 } },
      clip: 1,
      accumulation: 1,
      stepsPerEpoch: 'ceil',
      lossNormalisation: 'sum-over-tokens-unshifted',
      seed: 42,
    });
    expect(settings).toMatchObject({ quantisation: null, head: { kind: 'causal' }, loss: { kind: 'cross-entropy' } });
    expect(marks['training.clip']).toEqual({ mark: 'assumed', reason: 'default of the HF Trainer' });
    expect(marks['data.filter']).toEqual({ mark: 'assumed', reason: 'default of medrepro' });
    expect(marks['adapter.dropout']).toEqual({ mark: 'assumed', reason: 'default of PEFT' });
    const blocks = ['quantisation', 'adapter', 'head', 'loss', 'data', 'training', 'generation', 'choices'] as const;
    const paths = blocks.flatMap((block) => leafPaths(settings[block], block));
    const silent = paths.filter((path) => marks[path] === undefined && !named.includes(path));
    expect(silent).toEqual([]);
  });

  test('a kind that is the default one changes nothing beside it, another one does', () => {
    const of = (optimiser: string) =>
      one(SPEC.replace('{ title: One }', `{ title: One, both: { training: { optimiser: ${optimiser} } } }`)).training
        .optimiser;
    expect(of('{ kind: adamw, beta2: 0.95 }')).toMatchObject({ kind: 'adamw', learningRate: 1e-3, beta2: 0.95 });
    expect(of('{ kind: adafactor, learningRate: 1e-2 }')).toEqual({
      kind: 'adafactor',
      learningRate: 1e-2,
      relativeStep: false,
      scaleParameter: false,
      warmupInit: false,
      beta1: null,
      decayRate: -0.8,
      epsilon: [1e-30, 1e-3],
      clipThreshold: 1,
      weightDecay: 0,
    });
  });

  test('what makes an experiment must be said', () => {
    for (const written of [
      'epochs: 1, ',
      'batchSize: 4, ',
      'optimiser: { learningRate: 1e-3 }, ',
      ', precision: fp32',
    ]) {
      expect(errorOf(SPEC.replace(written, '')).message, written).toContain('is missing');
    }
    expect(errorOf(SPEC.replace(/ {4}adapter: .*\n/, '')).message).toContain('adapter is missing');
  });

  test('nothing is filled into what is null', () => {
    const { settings, marks } = withDefaults({ adapter: null, generation: null }, 'causal-lm', { peft: '0.13' });
    expect([settings.adapter, settings.generation, settings.quantisation]).toEqual([null, null, null]);
    expect(Object.keys(marks).filter((path) => /^(adapter|generation)/.test(path))).toEqual([]);
  });
});

describe('peers', () => {
  test('what a release did, marked as its default; what a block says wins', () => {
    const { training, adapter, marks } = one(withPeers("{ transformers: '4.46', peft: '0.13.2' }"));
    expect(training).toMatchObject({
      lossNormalisation: 'sum-over-tokens-shifted',
      stepsPerEpoch: 'floor',
      batchSize: 4,
      clip: 1,
    });
    expect(adapter).toMatchObject({ dropout: 0, rank: 8 });
    expect(marks['training.lossNormalisation']).toEqual({ mark: 'assumed', reason: 'default of transformers 4.46' });
    expect(marks['training.clip']?.reason).toBe('default of transformers 4.46');
    expect(marks['training.lastAccumulation']?.reason).toStartWith(
      'default of transformers 4.46; what an epoch leaves',
    );
    expect(marks['adapter.dropout']?.reason).toBe('default of peft 0.13.2');
    expect(marks['training.batchSize']).toBeUndefined();
  });

  test.each([
    ['4.45', 'mean-of-means', 'floor', 'carried', 4],
    ['4.51.3', 'sum-over-tokens-unshifted', 'floor', 'miscounted', 4],
    ['4.53', 'sum-over-tokens-unshifted', 'ceil', 'step', 4],
    ['4.57.6', 'sum-over-tokens-unshifted', 'ceil', 'rescaled', 4],
    ['5.9', 'sum-over-tokens-unshifted', 'ceil', 'rescaled', 5],
    ['5.10', 'sum-over-tokens-shifted', 'ceil', 'rescaled', 5],
  ])('transformers %s', (version, lossNormalisation, stepsPerEpoch, lastAccumulation, major) => {
    const { training, data } = one(withPeers(`{ transformers: '${version}' }`));
    expect(training).toMatchObject({ lossNormalisation, stepsPerEpoch, lastAccumulation });
    expect(data.transformers === major).toBe(true);
  });

  test.each([
    ['4.45', 'cross-entropy', 'mean-of-means'],
    ['4.53', 'cross-entropy', 'mean-of-means'],
    ['4.54', 'cross-entropy', 'undivided'],
    ['4.45', 'focal', 'mean-of-means'],
    ['4.46', 'focal', 'undivided'],
  ])('a classifier under transformers %s with %s', (transformers, kind, expected) => {
    const { settings } = withDefaults({ loss: { kind } }, 'sequence-classification', { transformers });
    expect(valueAt(settings, 'training.lossNormalisation')).toBe(expected);
  });

  test('the SFTTrainer has defaults of its own', () => {
    const { settings, marks } = withDefaults({}, 'causal-lm', { trl: '0.22.2', transformers: '4.57' });
    expect(settings.training).toMatchObject({
      optimiser: { learningRate: 2e-5 },
      precision: 'bf16',
      gradientCheckpointing: true,
    });
    expect(marks['training.gradientCheckpointing']?.reason).toBe('default of trl 0.22.2');
    expect(peerDefault('training.gradientCheckpointing', { trl: '0.16', transformers: '4.51' }, {})?.value).toBe(false);
  });

  test('a block of a higher layer names another release', () => {
    const text = withPeers("{ transformers: '4.45' }").replace(
      '{ title: One }',
      "{ title: One, both: { peers: { transformers: '4.57' } } }",
    );
    expect(one(text).training.lossNormalisation).toBe('sum-over-tokens-unshifted');
  });

  test.each([
    [
      "{ transformers: '4.47' }",
      'transformers must be a release whose defaults are known: 4.40 to 4.46, 4.49 to 5.1, 5.6 to 5.18;',
    ],
    ["{ peft: '0.3.0' }", 'peft must be a release whose defaults are known: 0.4 to 0.21;'],
    ['{ transformers: 4.46 }', 'transformers must be a string (was a number)'],
    ["{ trasnformers: '4.46' }", "is not a known field; did you mean 'transformers'?"],
  ])('%s', (peers, message) => {
    const error = errorOf(withPeers(peers));
    expect(error.message).toContain(message);
    expect([error.message.split('\n').length, error.where?.line]).toEqual([1, 9]);
  });

  test('the table: every range is known, every path is a setting, and one row speaks of each', () => {
    const minor = (version: string): number => Number(version.split('.')[0]) * 100 + Number(version.split('.')[1]);
    for (const { peer, path, releases, when, value, source } of PEER_DEFAULTS) {
      const [first, last] = releases ?? [KNOWN[peer][0]![0], KNOWN[peer].at(-1)![1]];
      expect(minor(first)).toBeLessThanOrEqual(minor(last));
      for (const end of [first, last]) {
        expect(KNOWN[peer].some(([a, b]) => minor(a) <= minor(end) && minor(end) <= minor(b))).toBe(true);
      }
      expect(source.length).toBeGreaterThan(10);
      const same = PEER_DEFAULTS.filter(
        (row) =>
          row.peer === peer &&
          row.path === path &&
          JSON.stringify(row.when) === JSON.stringify(when) &&
          (row.releases === undefined ||
            (minor(row.releases[0]) <= minor(last) && minor(first) <= minor(row.releases[1]))),
      );
      expect({ path, value, rows: same.length }).toEqual({ path, value, rows: 1 });
    }
    expect(Object.keys(KNOWN)).toEqual([...PEERS]);
  });
});

describe('extends', () => {
  const lines = `  two:
    title: Two
    extends: one
    both: { training: { epochs: 2, seed: 7 }, assumed: { training.seed: not given } }
  three: { title: Three, extends: two, both: { training: { epochs: 3 } }, mini: { data: { maxLength: 32 } } }
matrix:
  seed: { title: Seed, levels: { '1': { extends: three, both: { training: { seed: 1 } } } } }
`;

  test('takes the settings of another experiment, and what that one extends, with their marks', () => {
    const text = withExperiments(lines);
    const [a, b, c, level] = ['one', 'two', 'three', 'seed-1'].map((id) => one(text, id));
    expect([a, b, c, level].map((of) => [of?.training.epochs, of?.training.seed, of?.data.maxLength])).toEqual([
      [1, 42, 64],
      [2, 7, 64],
      [3, 7, 32],
      [3, 1, 32],
    ]);
    expect(c?.marks['training.seed']).toEqual({ mark: 'assumed', reason: 'not given' });
    expect(level?.marks['training.seed']).toBeUndefined();
    expect([c?.id, c?.title]).toEqual(['three', 'Three']);
  });

  test('a name that is no experiment', () => {
    const error = errorOf(withExperiments('  two: { title: Two, extends: oen }\n'));
    expect(error.message).toBe(
      "experiments.two.extends must be an experiment of this file (was 'oen'); did you mean 'one'?",
    );
    expect(error.where).toEqual({ file: 'x.yaml', line: SPEC.split('\n').length });
  });

  test.each([
    ['  two: { title: Two, extends: two }\n', 'two extends two'],
    [
      '  two: { title: Two, extends: three }\n  three: { title: Three, extends: two }\n  four: { title: Four, extends: two }\n',
      'two extends three extends two',
    ],
  ])('a circle: %j', (more, circle) => {
    const { message } = errorOf(withExperiments(more));
    expect(message.split('\n')).toHaveLength(1);
    expect(message).toContain(`must not lead back to itself: ${circle}`);
  });
});

test('paths', () => {
  expect(valueAt({ a: { b: [1] } }, 'a.b')).toEqual([1]);
  expect(valueAt({ a: null }, 'a.b')).toBeUndefined();
  expect([isRecord([]), isRecord(null), isRecord({})]).toEqual([false, false, true]);
});

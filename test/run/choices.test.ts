/** Questions with given choices, against lm-evaluation-harness (test/fixtures/sixth-paper), and epochs against the Trainer. */

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditPaper } from '../../src/audit/both-readings';
import { dataJob } from '../../src/commands/data/job';
import type { DataRequest } from '../../src/commands/data/request';
import { planJob } from '../../src/commands/plan/job';
import type { RunRequest } from '../../src/commands/run/request';
import { epochOrder } from '../../src/data/batches';
import { prepareCausal } from '../../src/data/prepare';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerAsset } from '../../src/data/tokenizer-files';
import type { MedreproError } from '../../src/errors';
import { choiceMetricOf, likeliestChoice, namedChoice } from '../../src/metrics/choices';
import { Device } from '../../src/native/device';
import { loadModel, openEmbeddedModel } from '../../src/nn/model';
import { DEFAULT_CHOICES, DEFAULT_DATA } from '../../src/paper/defaults';
import { loadPaper, resolveExperiment } from '../../src/paper/load';
import { stepTotals } from '../../src/paper/sizes';
import { loadTarget } from '../../src/paper/target';
import type { Choices, DataSpec, Training } from '../../src/paper/types';
import { answerFinder, choiceRows, scoredRows } from '../../src/run/choices';
import { execute } from '../../src/run/execute';
import { open } from '../../src/run/open';
import { obstacle } from '../../src/run/requested';
import { causalRowLosses } from '../../src/train/evaluate';
import { countSteps, epochOf, microBatchesOf } from '../../src/train/schedule';
import { findGolden } from '../../src/verify/golden';
import fixture from '../fixtures/sixth-paper/choices.json';
import epochs from '../fixtures/sixth-paper/epochs.json';

setDefaultTimeout(60_000);

const QUESTIONS = join(import.meta.dir, '../fixtures/sixth-paper/questions.jsonl');
const mini = new Tokenizer(readTokenizerAsset('papers/mini/tokenizer'));

const DATA: DataSpec = {
  ...DEFAULT_DATA,
  source: 'given/questions',
  extraTrain: [],
  columns: { q: 'q', a: 'a', b: 'b', c: 'c', d: 'd', gold: 'gold' },
  validation: 0,
  splitSeed: 0,
  test: 0,
  maxLength: 512,
  template: 'Question: {q}\nAnswer:',
  response: '{gold}',
};
const CHOICES: Choices = {
  ...DEFAULT_CHOICES,
  by: 'log-likelihood',
  names: ['A', 'B', 'C', 'D'],
  texts: ['{a}', '{b}', '{c}', '{d}'],
  gold: '{gold}',
};
const LETTERS = {
  data: { ...DATA, template: '{q}\nA. {a}\nB. {b}\nC. {c}\nD. {d}\nAnswer: \n ' },
  choices: { ...CHOICES, texts: null, delimiter: '' },
};

const prepared = (data: DataSpec) => {
  const files = { kind: 'splits', train: null, validation: null, test: QUESTIONS } as const;
  return prepareCausal({ data }, { files }, mini);
};

describe('by log-likelihood', () => {
  const TASKS = {
    texts: { data: DATA, choices: CHOICES },
    letters: LETTERS,
    short: { ...LETTERS, choices: { ...LETTERS.choices, maxLength: fixture.short.maxLength } },
  };

  test.each(Object.keys(TASKS) as (keyof typeof TASKS)[])(
    '%s: sums, first choices and accuracies of lm-eval',
    async (name) => {
      const { data, choices } = TASKS[name];
      const files = openEmbeddedModel('mini/base-llama');
      const device = Device.cpu({ threads: 1 });
      const options = { compute: 'fp32', checkpoint: false, dropoutSeed: null } as const;
      const model = loadModel(device, files, {
        task: 'causal-lm',
        classes: 0,
        compute: 'fp32',
        quantisation: null,
        adapter: null,
        fullParameter: false,
        resident: true,
        seed: 0,
      });
      const rows = choiceRows(data, choices, await prepared(data), mini, files.config.maxPositions);
      const sums = causalRowLosses(device, model, scoredRows(rows), options).map(({ sum }) => -sum);
      device.destroy();
      files.tensors.close();
      const expected = fixture[name];
      expect(rows).toHaveLength(expected.rows.length);
      let at = 0;
      for (const [i, { gold, choices: offered }] of rows.entries()) {
        const scored = offered.map(({ text }) => ({ text, logLikelihood: sums[at++]! }));
        const row = expected.rows[i]!;
        for (const [j, { logLikelihood }] of scored.entries()) {
          expect(Math.abs(logLikelihood - row.logLikelihoods[j]!)).toBeLessThan(1e-3);
        }
        const hit = (metric: Parameters<typeof likeliestChoice>[1]): number =>
          Number(likeliestChoice(scored, metric) === gold);
        const hits = [hit('choice-accuracy'), hit('choice-accuracy-norm'), hit('choice-accuracy-bytes')];
        expect([i, ...hits]).toEqual([i, row.acc, row.acc_norm, row.acc_bytes]);
      }
    },
  );

  test('the three accuracies differ somewhere in the fixture', () => {
    const kinds = new Set(fixture.texts.rows.map(({ acc, acc_norm, acc_bytes }) => `${acc}${acc_norm}${acc_bytes}`));
    expect(kinds.size).toBeGreaterThan(2);
  });

  test('ties go to the first; a sum that is no number is an error', () => {
    const choice = (logLikelihood: number, text = 'x') => ({ logLikelihood, text });
    expect(likeliestChoice([choice(-2), choice(-1), choice(-1)], 'choice-accuracy')).toBe(1);
    expect(() => likeliestChoice([choice(-2), choice(Number.NaN)], 'choice-accuracy')).toThrow('is not a number');
    // one character, two bytes
    expect(likeliestChoice([choice(-3, 'ab'), choice(-2, 'é')], 'choice-accuracy-norm')).toBe(0);
    expect(likeliestChoice([choice(-3, 'ab'), choice(-2, 'é')], 'choice-accuracy-bytes')).toBe(1);
  });

  test('a right answer that is none of the choices stops the run with its line', async () => {
    const data = await prepared(DATA);
    const wrong = { ...CHOICES, names: ['A', 'B', 'X', 'D'] };
    const asked = () => choiceRows(DATA, wrong, data, mini, 512);
    expect(asked).toThrow('the right answer "C" is none of the choices (A, B, X, D)');
    const places = choiceRows(
      DATA,
      { ...CHOICES, gold: '{% if gold == "A" %}0{% else %}3{% endif %}', goldIs: 'index' },
      data,
      mini,
      512,
    );
    expect(places.map(({ gold }) => gold)).toEqual([0, 0, 3, 3, 3, 3, 3]);
    const texts = choiceRows(DATA, { ...CHOICES, gold: '{b}', goldIs: 'text' }, data, mini, 512);
    // the first of equal texts
    expect(texts.map(({ gold }) => gold)).toEqual([1, 1, 1, 1, 0, 1, 1]);
  });
});

describe('from generated answers', () => {
  const names = ['A', 'B', 'C', 'D', 'AB'];
  test.each([
    ['A', 0],
    ['  (B) the second', 1],
    ['C: that', 2],
    ['AB, both', 4],
    ['An answer', null],
    ['the answer is A', null],
    ['E', null],
    ['B2', null],
    ['', null],
  ] as const)('%j', (answer, expected) => {
    expect(namedChoice(answer, names, null, 'first')).toBe(expected);
  });

  test('by an expression, its first match or its last', () => {
    const choices: Choices = { ...CHOICES, by: 'generated', texts: null, pattern: '\\(([A-D])\\)' };
    const find = answerFinder(choices);
    expect(namedChoice('not (A), but (C)', names, find, 'first')).toBe(0);
    expect(namedChoice('not (A), but (C)', names, find, 'last')).toBe(2);
    expect(namedChoice('none', names, find, 'last')).toBeNull();
    const whole = answerFinder({ ...choices, pattern: '\\b[A-D]\\b' });
    expect(namedChoice('It is B.', names, whole, 'first')).toBe(1);
  });
});

test('metrics of one file of test rows are named after it', () => {
  expect(choiceMetricOf('choice-accuracy-norm', ['norm', 'step1'])).toEqual({
    metric: 'choice-accuracy-norm',
    part: null,
  });
  expect(choiceMetricOf('choice-accuracy-step1', ['step1'])).toEqual({ metric: 'choice-accuracy', part: 'step1' });
  expect(choiceMetricOf('choice-accuracy-step2', ['step1'])).toBeNull();
});

test("a fraction of an epoch is the Trainer's steps over the Trainer's rows", () => {
  for (const { rows, epochs: asked, batchSize, accumulation, seed, steps, epoch, batches } of epochs) {
    const training = {
      batchSize,
      accumulation,
      epochs: asked,
      stepsPerEpoch: 'ceil',
      lastAccumulation: 'step',
    } as const;
    const counts = countSteps(rows, { ...training, schedule: { kind: 'linear', warmup: { steps: 0 } } } as Training);
    expect([counts.steps, stepTotals(rows, training).total]).toEqual([steps, steps]);
    const seen = Array.from({ length: counts.steps }, (_, done) => microBatchesOf(counts, done)).flat();
    const found = seen.flatMap(({ begin, end }) =>
      Array.from({ length: end - begin }, (_, i) => {
        const at = begin + i;
        const order = epochOrder(rows, seed, Math.floor(at / counts.microBatchesPerEpoch));
        const first = (at % counts.microBatchesPerEpoch) * batchSize;
        return [...order.subarray(first, first + batchSize)];
      }),
    );
    expect(found).toEqual(batches);
    expect(epochOf(counts, counts.steps)).toBeCloseTo(epoch, 12);
  }
});

describe('a sixth paper', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sixth-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const FIXTURE = join(import.meta.dir, '../fixtures/medalpaca');
  const spec = join(FIXTURE, 'medalpaca.yaml');
  const names = ['flashcards', 'wikidoc', 'step1', 'step2', 'step3'];
  const parts = Object.fromEntries(names.map((name) => [name, join(FIXTURE, `${name}.json`)]));
  const asked = (experiment: string): DataRequest => ({
    targets: [`${spec}/${experiment}`],
    all: false,
    scale: 'mini',
    device: 'cpu',
    threads: 1,
    isa: null,
    seed: null,
    data: { kind: 'splits', train: null, validation: null, test: null, parts },
    map: {},
    model: null,
    tokenizer: null,
    reading: null,
    golden: null,
    split: 'test',
    limit: null,
  });

  test('is planned from its rows, audited and shown', async () => {
    const planned = await planJob(asked('lora-7b'));
    expect(planned.text).toContain('24 train, 3 validation, 12 test');
    // ceil(1.5 * floor(12 / 2))
    expect(planned.text).toContain('steps       9 (6 an epoch)');
    const { paper } = loadTarget(spec);
    expect(auditPaper(paper).map(({ consistent }) => consistent)).toEqual([true, true, true]);
    expect(findGolden(paper)?.tampered).toBeNull();
    const shown = await dataJob(asked('lora-7b'), { emit: () => {}, cancelled: () => false });
    expect(shown.document).toHaveLength(12);
    expect(shown.text).toContain('Choose one.');
  });

  test('runs on its miniature, each examination with an accuracy of its own', async () => {
    const context = { emit: () => {}, cancelled: () => false };
    const request: RunRequest = { ...asked('lora-7b-likelihood'), seeds: 1, out: join(folder, 'runs'), resume: false };
    const experiment = resolveExperiment(loadTarget(spec).paper, 'lora-7b-likelihood', 'mini');
    const { result, directory } = await execute(open(experiment, request), request, context);
    expect(readFileSync(directory.file('log.jsonl'), 'utf8').trim().split('\n')).toHaveLength(9);
    const value = (id: string): number => result.metrics[id]!.value;
    for (const id of ['choice-accuracy', 'choice-accuracy-norm', 'choice-accuracy-bytes']) {
      expect(value(id)).toBeWithin(0, 1 + 1e-9);
      expect(value(id) * 12).toBeCloseTo(Math.round(value(id) * 12), 9);
    }
    expect(value('choice-accuracy-norm-step3') * 4).toBeCloseTo(Math.round(value('choice-accuracy-norm-step3') * 4), 9);
    const lines = readFileSync(directory.file('predictions.jsonl'), 'utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line).choice as { gold: string; chosen: string });
    expect(rows.filter(({ gold, chosen }) => gold === chosen).length / 12).toBeCloseTo(value('choice-accuracy'), 12);
    // the second question of each examination has three choices
    expect(Object.keys(JSON.parse(lines[1]!).choice.logLikelihoods)).toEqual(['A', 'B', 'C']);
  });

  test('answers its questions in words as well', async () => {
    const context = { emit: () => {}, cancelled: () => false };
    const request: RunRequest = { ...asked('lora-7b'), seeds: 1, out: join(folder, 'runs'), resume: false };
    const resolved = resolveExperiment(loadTarget(spec).paper, 'lora-7b', 'mini');
    const experiment = { ...resolved, training: { ...resolved.training, epochs: 0 } };
    const { result, directory } = await execute(open(experiment, request), request, context);
    const lines = readFileSync(directory.file('predictions.jsonl'), 'utf8').trim().split('\n');
    const rows = lines.map((line) => JSON.parse(line) as { prediction: string; choice: { chosen: string | null } });
    const unparsed = rows.filter(({ choice }) => choice.chosen === null);
    expect(result.metrics['choice-unparsed']!.value).toBe(unparsed.length / 12);
    for (const { prediction, choice } of rows) {
      expect([prediction, choice.chosen]).toEqual([
        prediction,
        /^\s*[([]?([A-D])(?![\p{L}\p{N}])/u.exec(prediction)?.[1] ?? null,
      ]);
    }
  });

  test('without its files it says which it needs', () => {
    const experiment = resolveExperiment(loadTarget(spec).paper, 'lora-7b', 'mini');
    expect(obstacle(experiment, { ...asked('lora-7b'), data: null })).toBe(
      'the rows of given/medical-meadow are not here: name them with --data flashcards=FILE,wikidoc=FILE,step1=FILE,step2=FILE,step3=FILE',
    );
  });

  test('a setting that contradicts another is refused with its line', () => {
    const original = readFileSync(spec, 'utf8');
    const method = 'splitMethod: datasets';
    const wrong: readonly [string, string, string, string][] = [
      ['optional: [input]', 'optional: [inputs]', 'optional: [inputs]', 'must be one of data.columns'],
      ['      test: 0\n', '      test: 0.1\n', '      test: 0.1', 'must be 0: test rows with parts of their own'],
      ['{ name: step3 }', '{ name: wikidoc }', '{ name: wikidoc }', 'must differ from the other names'],
      ['{ name: step3 }', '{ name: train }', '{ name: train }', 'must not be the name of a split'],
      [method, 'splitMethod: k-fold', 'splitMethod: k-fold', 'needs data.folds'],
      [
        method,
        `${method}\n      folds: { of: 5, take: 1, shuffle: true }`,
        'folds:',
        'must be null with splitMethod datasets',
      ],
      [method, `${method}\n      rest: unused`, 'rest: unused', "must be 'train' while data.train is null"],
      [method, `${method}\n      train: 0.95\n      rest: held-out`, 'train: 0.95', 'must go with data.validation'],
      [method, 'splitMethod: pandas-sample-train', 'splitMethod: pandas', 'needs data.train'],
      ['size: 14, seed: 42', 'size: 14', 'size: 14', 'is missing seed: sample needs it'],
      ['size: 14, seed: 42', 'size: 14, seed: 42, keep: first', 'keep: first }]', 'is no field of sample'],
      ['columns: [output]', 'columns: [outputs]', 'columns: [outputs]', 'must be one of data.columns'],
      ['names: [A, B, C, D]', 'names: [A, B, C, A]', 'names: [A', 'must differ from each other'],
      ['by: generated, ', 'by: generated, maxLength: 9, ', 'maxLength: 9', 'must be null when choices are read'],
      [
        "texts: ['{a}', '{b}', '{c}', '{d}']",
        "texts: ['{a}', '{b}']",
        "texts: ['{a}'",
        'must be as many as the names (4)',
      ],
    ];
    for (const [from, to, at, message] of wrong) {
      const text = original.replace(from, to);
      const line = 1 + text.split('\n').findIndex((one) => one.includes(at));
      let found = '';
      try {
        loadPaper(text, { kind: 'file', path: 'wrong.yaml' });
      } catch (error) {
        const { message: own, where } = error as MedreproError;
        found = `${where?.file}:${where?.line}: ${own}`;
      }
      expect(found).toContain(message);
      expect([to, found]).toEqual([to, expect.stringContaining(`wrong.yaml:${line}:`)]);
    }
  });
});

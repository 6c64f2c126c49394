/** A causal experiment from rows to record: losses of every test row, answers, and what a person needs to judge them. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { Device } from '../../src/native/device';
import { adapterOptions } from '../../src/nn/adapter';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { loadAdapter, openAdapterFolder } from '../../src/nn/peft';
import { resolveExperiment } from '../../src/paper/load';
import { loadTarget } from '../../src/paper/target';
import type { AdamWSettings, Experiment } from '../../src/paper/types';
import { annotationSheet, lengthHistogram } from '../../src/run/answers';
import { causalLoss } from '../../src/train/evaluate';
import { pairedBootstrap } from '../../src/verify/bootstrap';
import { itemsOf } from '../../src/verify/evidence';
import { type Ran, read, request, run, type Sandbox, sandbox } from './support';

setDefaultTimeout(60_000);

const SPEC = `
spec: 1
id: causal
title: A causal LM
citation: Me, 2026
task: causal-lm
disclaimers: [Nothing here is medical advice.]
defaults:
  mini:
    model: mini/base-llama
    quantisation: null
    adapter: { kind: lora, rank: 4, alpha: 8, dropout: 0.1, targets: [q_proj, v_proj] }
    head: { kind: causal }
    loss: { kind: cross-entropy }
    data:
      source: given/rows
      extraTrain: []
      columns: { question: question, answer: answer }
      splitMethod: datasets
      validation: 0.1
      splitSeed: 42
      test: 0.1
      maxLength: 48
      template: "Question\\n{question}\\nAnswer\\n"
      response: '{answer}'
      appendEos: true
      labels: { prompt: masked }
    training:
      epochs: 1
      batchSize: 4
      accumulation: 2
      stepsPerEpoch: ceil
      optimiser: { kind: adamw, learningRate: 1e-2, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }
      schedule: { kind: linear, warmup: { ratio: 0.1 } }
      clip: 1
      lossNormalisation: sum-over-tokens-shifted
      precision: fp32
      gradientCheckpointing: false
      selection: last
      seed: 1
    generation: { maxNewTokens: 12, sampling: null, repetitionPenalty: 1, noRepeatNgramSize: 0, batchSize: 1, rows: 6, reference: '{answer}', echo: false }
    metrics: [loss, perplexity, batch-mean-loss, train-loss, early-spike, diverged, f1, bleu, rougeL]
experiments:
  tuned: { title: Tuned }
  quantised:
    title: Trained on four bits
    mini: { quantisation: { kind: fp4, doubleQuant: false, blockSize: 64 }, generation: null, metrics: [loss] }
  base:
    title: As it is
    mini: { adapter: null, training: { epochs: 0 }, metrics: [loss, perplexity, f1] }
  padded:
    title: Padding is learnt
    mini: { data: { labels: { padding: labelled } }, metrics: [loss, text-loss, perplexity, text-perplexity] }
`;

let box: Sandbox;
let spec: string;
let outs = 0;

beforeAll(() => {
  box = sandbox();
  spec = join(box.path, 'causal.yaml');
  writeFileSync(spec, SPEC);
  const rows = Array.from(
    { length: 80 },
    (_, i) => `"What about pain ${i} ?","Pain ${i} is ${i % 3 === 0 ? 'mild' : 'strong'}, ask."`,
  );
  writeFileSync(join(box.path, 'rows.csv'), `question,answer\n${rows.join('\n')}\n`);
});
afterAll(() => box.remove());

const asked = (changes = {}) =>
  request(box, {
    targets: [spec],
    data: { kind: 'file', path: join(box.path, 'rows.csv') },
    map: {},
    out: join(box.path, `out-${outs++}`),
    ...changes,
  });
const experiment = (id: string, change: Partial<Experiment> = {}): Experiment => ({
  ...resolveExperiment(loadTarget(spec).paper, id, 'mini'),
  ...change,
});
const ran = async (what: Experiment, changes = {}): Promise<NonNullable<Ran['executed']>> => {
  const { executed, error } = await run(asked(changes), what);
  expect(error).toBeNull();
  return executed!;
};

describe('the base as it is', () => {
  test('has the loss of the model on the test rows, and nothing is trained', async () => {
    const { result, directory, log } = await ran(experiment('base'));
    expect([log.length, result.selectedStep]).toEqual([0, 0]);
    expect(existsSync(join(directory.path, 'adapter'))).toBeFalse();
    const lines = read(directory.path, 'predictions.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBe(8);
    // the same rows again, through the engine alone
    const device = Device.cpu({ threads: 1 });
    const files = openModelFolder(box.model);
    const model = loadModel(device, files, {
      task: 'causal-lm',
      classes: 0,
      compute: 'fp32',
      quantisation: null,
      resident: false,
      adapter: null,
      fullParameter: false,
      seed: 1,
    });
    const { readInputs, trainingRows } = await import('../../src/run/inputs');
    const { open } = await import('../../src/run/open');
    const inputs = await readInputs(open(experiment('base'), asked()), () => {});
    const options = { compute: 'fp32', checkpoint: false, dropoutSeed: null } as const;
    const loss = causalLoss(device, model, trainingRows(inputs.data, 'test', experiment('base').data), options);
    device.destroy();
    inputs.files.tensors.close();
    expect(result.metrics.loss!.value).toBe(loss);
    expect(result.metrics.perplexity!.value).toBe(Math.exp(loss));
    const signed = 'perplexity|weight:tokens|prompt:masked|padding:left-out|eos:labelled|unit:exp|v:1';
    expect(result.metrics.perplexity!.signature).toBe(signed);
  });
});

test('answers end where generation_config.json says, and follow what it asks for', async () => {
  const model = join(box.path, 'model-with-generation');
  cpSync(box.model, model, { recursive: true });
  const first = { eos_token_id: Array.from({ length: 3072 }, (_, id) => id) };
  const config = { ...first, min_new_tokens: 0, num_beams: 5 };
  writeFileSync(join(model, 'generation_config.json'), JSON.stringify(config));
  const { executed, events } = await run(asked({ model }), experiment('base'));
  const { result, directory } = executed!;
  const lines = read(directory.path, 'predictions.jsonl').trim().split('\n');
  const finishes = lines.map((line) => (JSON.parse(line) as { finish?: string }).finish);
  expect(finishes).toEqual([...Array(6).fill('eos'), undefined, undefined]);
  expect(result.warnings!.filter(({ id }) => id === 'generation').map(({ message }) => message)).toEqual([
    'generation_config.json: num_beams 5 is not implemented, and not followed',
  ]);
  expect(events.some((event) => event.kind === 'warning' && event.message.includes('num_beams'))).toBeTrue();
  const { generation } = JSON.parse(read(directory.path, 'manifest.json')) as { generation: { eosTokenIds: number[] } };
  expect(generation.eosTokenIds).toEqual(first.eos_token_id);
});

describe('trained on a quantised base', () => {
  test('is tested on it, or with the adapter on the base as published', async () => {
    const own = experiment('quantised');
    const other = { ...own, quantisation: { ...own.quantisation!, tested: 'unquantised' as const } };
    const [packed, whole] = [await ran(own), await ran(other)];
    expect(whole.log.map(({ loss }) => loss)).toEqual(packed.log.map(({ loss }) => loss));
    expect(whole.result.metrics.loss!.value).not.toBe(packed.result.metrics.loss!.value);
    // the same rows again, with the adapter that was written on a base that never was quantised
    const device = Device.cpu({ threads: 1 });
    const files = openModelFolder(box.model);
    const adapter = openAdapterFolder(join(whole.directory.path, 'adapter'));
    const model = loadModel(device, files, {
      task: 'causal-lm',
      classes: 0,
      compute: 'fp32',
      quantisation: null,
      resident: false,
      adapter: adapterOptions(own.adapter!, whole.log.length),
      fullParameter: false,
      seed: 7,
    });
    loadAdapter(device, model, adapter, files);
    const { readInputs, trainingRows } = await import('../../src/run/inputs');
    const { open } = await import('../../src/run/open');
    const inputs = await readInputs(open(own, asked()), () => {});
    const options = { compute: 'fp32', checkpoint: false, dropoutSeed: null } as const;
    const loss = causalLoss(device, model, trainingRows(inputs.data, 'test', own.data), options);
    device.destroy();
    inputs.files.tensors.close();
    expect(whole.result.metrics.loss!.value).toBe(loss);
  });
});

describe('fine-tuned', () => {
  let tuned: NonNullable<Ran['executed']>;
  beforeAll(async () => {
    tuned = await ran(experiment('tuned'));
  });

  test('sums per row make up the loss, and the bootstrap takes them', () => {
    const { result } = tuned;
    const { numerators, denominators } = result.items!.loss!;
    const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
    expect(sum(numerators) / sum(denominators)).toBe(result.metrics.loss!.value);
    const items = itemsOf(result, 'perplexity')!;
    expect(pairedBootstrap([items], [items], { resamples: 20 })).toMatchObject({ observed: 0, low: 0, high: 0 });
  });

  test('train-loss is the mean of the logged losses', () => {
    const { result, log } = tuned;
    const mean = log.reduce((sum, { loss }) => sum + loss, 0) / log.length;
    expect(result.metrics['train-loss']!.value).toBe(mean);
    expect(result.metrics.diverged!.value).toBe(0);
  });

  test('answers are there for as many rows as the spec says, with a sheet to judge them on', () => {
    const { directory } = tuned;
    const sheet: Record<string, string>[] = parse(readFileSync(join(directory.path, 'annotation.csv')), {
      columns: true,
    });
    expect(sheet.length).toBe(6);
    expect(Object.keys(sheet[0]!)).toEqual(['index', 'prompt', 'reference', 'prediction', 'tokens', 'judgement']);
    expect(sheet.every(({ prompt, judgement }) => prompt!.startsWith('Question\n') && judgement === '')).toBeTrue();
    const { answers } = JSON.parse(read(directory.path, 'lengths.json')) as { answers: number[] };
    expect(answers.reduce((a, b) => a + b, 0)).toBe(6);
    const lines = read(directory.path, 'predictions.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => 'prediction' in line)).toEqual([true, true, true, true, true, true, false, false]);
  });

  test('every metric has a signature and the same bits on one thread', async () => {
    const again = await ran(experiment('tuned'), { threads: 1 });
    expect(again.result.metrics).toEqual(tuned.result.metrics);
    expect(again.result.items).toEqual(tuned.result.items);
    expect(Object.values(tuned.result.metrics).every(({ signature }) => signature.includes('|v:'))).toBeTrue();
  });
});

test('labelled padding is part of the loss, and text-loss leaves it out', async () => {
  const { result } = await ran(experiment('padded'));
  const { loss, 'text-loss': text, perplexity, 'text-perplexity': plain } = result.metrics;
  // padding is easy: it lowers the loss
  expect(loss!.value).toBeLessThan(text!.value);
  expect(perplexity!.value).toBe(Math.exp(loss!.value));
  expect(plain!.value).toBe(Math.exp(text!.value));
  expect(loss!.signature).toContain('padding:labelled');
  expect(text!.signature).toContain('padding:left-out');
});

describe("the HF Trainer's loss", () => {
  const metrics = ['trainer-loss', 'trainer-perplexity', 'loss', 'batch-mean-loss'];
  const padded = { evaluationBatchSize: 3 };
  /** The mean of each batch of three, counted once a row, from the rows' own losses. */
  const weighted = (directory: string): number => {
    const rows: { loss: number; tokens: number }[] = read(directory, 'predictions.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.length).toBe(8);
    let sum = 0;
    for (let begin = 0; begin < rows.length; begin += 3) {
      const batch = rows.slice(begin, begin + 3);
      const tokens = batch.reduce((total, row) => total + row.tokens, 0);
      sum += (batch.length * batch.reduce((total, row) => total + row.loss * row.tokens, 0)) / tokens;
    }
    return sum / rows.length;
  };

  test('counts the last, smaller batch by its rows', async () => {
    const base = experiment('base');
    const { result, directory } = await ran({ ...base, metrics, training: { ...base.training, ...padded } });
    const { 'trainer-loss': trainer, 'trainer-perplexity': perplexity, 'batch-mean-loss': mean } = result.metrics;
    expect(trainer!.value).toBeCloseTo(weighted(directory.path), 12);
    expect(trainer!.value).not.toBeCloseTo(mean!.value, 4);
    expect(perplexity!.value).toBe(Math.exp(trainer!.value));
    expect(trainer!.signature).toContain('orthogonal:none');
  });

  test("has AdaLoRA's orthogonal penalty in it, and the loss has not", async () => {
    const { training, ...base } = experiment('tuned');
    const { result, directory, log } = await ran({
      ...base,
      metrics,
      generation: null,
      // steps too small to change a weight: the penalty of the first step is that of the evaluation
      training: { ...training, ...padded, optimiser: { ...training.optimiser, learningRate: 1e-30 } as AdamWSettings },
      adapter: {
        kind: 'adalora',
        initialRank: 4,
        targetRank: 2,
        alpha: 8,
        dropout: 0,
        targets: ['q_proj', 'v_proj'],
        warmup: { steps: 1 },
        final: { steps: 1 },
        interval: 1,
        beta1: 0.85,
        beta2: 0.85,
        orthogonalWeight: 0.5,
        budget: 'never-updated',
      },
    });
    const penalty = log[0]!.orthogonalLoss!;
    expect(penalty).toBeGreaterThan(0.1);
    expect(result.metrics['trainer-loss']!.value).toBeCloseTo(weighted(directory.path) + penalty, 12);
    expect(result.metrics['trainer-loss']!.signature).toContain('orthogonal:added');
    expect(result.metrics.loss!.value).toBeLessThan(result.metrics['trainer-loss']!.value);
  });
});

describe('refused with one line', () => {
  test.each([
    ['an unknown metric', { metrics: ['blue'] }, /there is no metric "blue"/],
    ['a text metric without generation', { generation: null, metrics: ['f1'] }, /f1 reads generated texts/],
    ['a metric of training without training', { id: 'base', metrics: ['train-loss'] }, /train-loss is of training/],
  ] as const)('%s', async (_, change, message) => {
    const of = 'id' in change ? 'base' : 'tuned';
    const { error } = await run(asked(), experiment(of, change as Partial<Experiment>));
    expect(error?.message).toMatch(message);
  });
});

describe('answers for people', () => {
  const answers = {
    prompts: ['=1+1', 'a "quote"'],
    references: ['yes', 'no'],
    predictions: ['yes ', 'maybe\nso'],
    tokens: [9, 10],
    finish: ['eos', 'length'],
  } as const;

  test('a cell that a spreadsheet would run is disarmed, quotes and lines survive', () => {
    const rows: string[][] = parse(annotationSheet(answers));
    expect(rows[1]).toEqual(['0', "'=1+1", 'yes', 'yes ', '9', '']);
    expect(rows[2]).toEqual(['1', 'a "quote"', 'no', 'maybe\nso', '10', '']);
  });

  test('lengths in bars of ten, exact answers apart', () => {
    expect(lengthHistogram(answers)).toEqual({ width: 10, answers: [1, 1], notExact: [0, 1] });
  });
});

import { afterAll, describe, expect, it } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { encodeAll } from '../../src/data/encode';
import { type DataRow, dataRows, type PrepareOptions, prepareCausal, rowsOf } from '../../src/data/prepare';
import { defaultRng } from '../../src/data/random/pcg64';
import { datasetsSplit } from '../../src/data/splits';
import { compileTemplate } from '../../src/data/template';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerAsset, readTokenizerFolder } from '../../src/data/tokenizer-files';
import { MedreproError } from '../../src/errors';
import { resolveExperiment } from '../../src/paper/load';
import { loadEmbedded } from '../../src/paper/target';
import type { DataSpec, LabelMask } from '../../src/paper/types';

const DATA = process.env.MEDREPRO_TEST_DATA;
const folder = mkdtempSync(join(tmpdir(), 'medrepro-causal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mini = new Tokenizer(readTokenizerAsset('papers/mini/tokenizer'));
const PAPER = resolveExperiment(loadEmbedded('qwen3-medquad'), 'fine-tuned', 'full').data;
const SPEC: DataSpec = {
  ...PAPER,
  columns: { question: 'q', answer: 'a', kind: 'kind' },
  template: 'Q: {question}\nA:',
  response: ' {answer}',
  test: 0,
  validation: 0,
  maxLength: 60,
  labels: { ...PAPER.labels, prompt: 'masked', padding: 'left-out', padToken: null },
};

const ROWS = Array.from({ length: 40 }, (_, i) => ({
  q: `what is ${i} ?`,
  a: 'rest and water '.repeat(1 + (i % 9)).trim(),
  kind: i % 3 === 0 ? 'symptoms' : 'treatment',
}));
const PATH = join(folder, 'rows.jsonl');
writeFileSync(PATH, ROWS.map((row) => JSON.stringify(row)).join('\n'));
const ONE: PrepareOptions = { files: { kind: 'file', path: PATH } };

const prepare = (spec: Partial<DataSpec> = {}, options = ONE) =>
  prepareCausal({ data: { ...SPEC, ...spec } }, options, mini);
const masked = (labels: Partial<LabelMask>): Partial<DataSpec> => ({ labels: { ...SPEC.labels, ...labels } });

async function failure(make: () => unknown): Promise<MedreproError> {
  try {
    await make();
  } catch (error) {
    if (error instanceof MedreproError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('labels', () => {
  it('the prompt is masked by as many tokens as it has alone', async () => {
    const data = await prepare();
    for (const [i, row] of data.rows.entries()) {
      const prompt = mini.encode(`Q: ${ROWS[i]!.q}\nA:`).length - mini.suffix.length;
      expect([...row.labels!]).toEqual(Array.from(row.ids, (id, t) => (t < prompt ? -100 : id)));
      expect(row.prompt).toBe(`Q: ${ROWS[i]!.q}\nA: ${ROWS[i]!.a}`);
      expect(row.attended).toBe(row.ids.length);
    }
    const all = await prepare(masked({ prompt: 'labelled' }));
    expect(all.rows.every(({ ids, labels }) => ids.every((id, t) => labels![t] === id))).toBe(true);
    expect(all.hashes.train.tokenIds).not.toBe(data.hashes.train.tokenIds);
    expect(all.hashes.train.prompts).toBe(data.hashes.train.prompts);
  });

  it('padding that is learnt is there, with its labels and without attention', async () => {
    const pad = mini.decode([mini.eosId!]);
    const data = await prepare(masked({ padding: 'labelled', padToken: pad }));
    const plain = await prepare();
    for (const [i, { ids, labels, attended }] of data.rows.entries()) {
      expect([ids.length, attended]).toEqual([60, plain.rows[i]!.ids.length]);
      expect([...ids.subarray(attended)]).toEqual(new Array(60 - attended).fill(mini.eosId));
      expect([...labels!.subarray(attended)]).toEqual(new Array(60 - attended).fill(mini.eosId));
    }
    const [shown] = [...dataRows(data, 'train')] as [DataRow];
    expect(shown.attention_mask.reduce((sum, one) => sum + one, 0)).toBe(rowsOf(data, 'train')[0]!.attended);
    // DataCollatorForLanguageModeling: what equals the padding is no label, the end of text included
    const collated = await prepare({
      ...masked({ padding: 'labelled', padToken: pad, eos: 'as-pad' }),
      appendEos: true,
    });
    expect(collated.rows.every(({ labels }) => !labels!.includes(mini.eosId!))).toBe(true);
    const learnt = await prepare({ appendEos: true });
    expect(learnt.rows.every(({ labels }) => labels!.at(-1) === mini.eosId)).toBe(true);
    const unlearnt = await prepare({ ...masked({ eos: 'masked' }), appendEos: true });
    expect(unlearnt.rows.every(({ labels }) => labels!.at(-1) === -100)).toBe(true);
  });

  it('a response template masks up to its last occurrence, and everything where there is none', async () => {
    const asked = { prompt: 'response-template', responseTemplate: 'A:' } as const;
    const [found, plain] = [await prepare(masked(asked)), await prepare()];
    expect(found.rows.map(({ labels }) => [...labels!])).toEqual(plain.rows.map(({ labels }) => [...labels!]));
    const lost = await prepare(masked({ ...asked, responseTemplate: '### Response' }));
    expect(lost.rows.every(({ labels }) => labels!.every((label) => label === -100))).toBe(true);
    expect(lost.summary.notes).toContain('the response template does not occur in 40 of 40 rows: they have no label');
  });
});

describe('filters and splits of the spec', () => {
  const questions = (data: Awaited<ReturnType<typeof prepare>>, split: 'train' | 'validation' | 'test') =>
    rowsOf(data, split).map(({ example }) => example[0]!);

  it('datasets: a tenth for testing, then a share of the rest, with one seed', async () => {
    const data = await prepare({ test: 0.1, validation: 0.1111 });
    const first = datasetsSplit(40, 0.1, 42);
    const second = datasetsSplit(36, 0.1111, 42);
    expect(questions(data, 'test')).toEqual([...first.test].map((i) => ROWS[i]!.q));
    expect(questions(data, 'validation')).toEqual([...second.test].map((i) => ROWS[first.train[i]!]!.q));
  });

  it('datasets-shuffle: the first rows of a shuffle, then those held out; the others are not used', async () => {
    const data = await prepare({ splitMethod: 'datasets-shuffle', trainRows: 25, validation: 5 });
    const order = [...defaultRng(42).permutation(40)].map((i) => ROWS[i]!.q);
    expect(questions(data, 'train')).toEqual(order.slice(0, 25));
    expect(questions(data, 'validation')).toEqual(order.slice(25, 30));
  });

  it('datasets-shuffle with test rows alone: they follow the training rows, and what is left is told of', async () => {
    const data = await prepare({ splitMethod: 'datasets-shuffle', trainRows: 25, validation: 0, test: 5 });
    const order = [...defaultRng(42).permutation(40)].map((i) => ROWS[i]!.q);
    expect(questions(data, 'train')).toEqual(order.slice(0, 25));
    expect(questions(data, 'validation')).toEqual([]);
    expect(questions(data, 'test')).toEqual(order.slice(25, 30));
    expect(data.summary.notes).toContain('10 of 40 rows are neither for training nor held out for test');
  });

  it('testRows: all tests every row that the filter keeps, in the order of the file, and says so', async () => {
    const [held, all] = [await prepare({ test: 0.1 }), await prepare({ test: 0.1, testRows: 'all' })];
    expect(questions(all, 'test')).toEqual(ROWS.map(({ q }) => q));
    expect(questions(all, 'train')).toEqual(questions(held, 'train'));
    expect(all.summary.notes).toContain('data.testRows: all 40 rows are tested, not the 4 held out alone');
    const kept = await prepare({ testRows: 'all', filter: { kind: 'symptoms' } });
    expect(questions(kept, 'test')).toEqual(ROWS.filter(({ kind }) => kind === 'symptoms').map(({ q }) => q));
  });

  it('testLabels: test rows have labels of their own, the other rows those of training', async () => {
    const pad = mini.decode([mini.eosId!]);
    const learnt = masked({ padding: 'labelled', padToken: pad });
    const testLabels = { prompt: 'labelled', padding: 'left-out', eos: 'as-pad' } as const;
    const plain = await prepare({ ...learnt, test: 0.1, testRows: 'all' });
    const data = await prepare({ ...learnt, test: 0.1, testRows: 'all', testLabels });
    expect(data.hashes.train).toEqual(plain.hashes.train);
    expect(questions(data, 'test')).toEqual(questions(plain, 'test'));
    // DataCollatorForLanguageModeling: every token of the text but those that equal the padding
    for (const [i, { ids, labels, attended }] of rowsOf(data, 'test').entries()) {
      expect([...ids]).toEqual([...mini.encode(`Q: ${ROWS[i]!.q}\nA: ${ROWS[i]!.a}`).slice(0, 60)]);
      expect(attended).toBe(ids.length);
      expect([...labels!]).toEqual(Array.from(ids, (id) => (id === mini.eosId ? -100 : id)));
    }
    expect(rowsOf(data, 'train').every(({ ids }) => ids.length === 60)).toBe(true);
  });

  it('a filter keeps rows by a column; stratified splits keep a column in proportion', async () => {
    const data = await prepare({ filter: { kind: 'symptoms' } });
    expect(data.splits.train.length).toBe(14);
    expect(data.summary.notes).toContain('14 of 40 rows have kind "symptoms"; the others are left out');
    const parts = await prepare({ splitMethod: 'stratified', stratifyBy: 'kind', test: 0.25 });
    expect([3, 4]).toContain(rowsOf(parts, 'test').filter(({ example }) => example[2] === 'symptoms').length);
  });

  it.each([
    [{ filter: { nothing: 'x' } }, 'data.filter names "nothing", which is none of data.columns'],
    [{ splitMethod: 'stratified', stratifyBy: 'no', test: 0.5 }, 'data.stratifyBy names "no"'],
    [{ test: 1.5 }, 'data.test is 1.5, neither a share below 1 nor a number of rows'],
    [{ response: null }, 'data.response is missing'],
    [masked({ padding: 'labelled', padToken: '<nothing>' }), 'data.labels.padToken: this tokeniser has no token'],
    [{ testLabels: { eos: 'as-pad', padToken: '<nothing>' } }, 'data.labels.padToken: this tokeniser has no token'],
    [{ splitMethod: 'datasets-shuffle', trainRows: 39, validation: 5 }, 'data.trainRows and the held-out rows are 44'],
  ] as [Partial<DataSpec>, string][])('refuses %j', async (spec, message) => {
    const error = await failure(() => prepare(spec));
    expect([error.code, error.message.startsWith(message)]).toEqual(['spec', true]);
  });
});

describe('templates', () => {
  const columns = ['question', 'answer'];
  const fill = (source: string) =>
    compileTemplate(source, columns, 'data.template')({ question: '{answer} $& {{ x }}', answer: 'b' });

  it.each([
    ['{question}|{answer}', '{answer} $& {{ x }}|b'],
    ['{"q": "{question}"} {}', '{"q": "{answer} $& {{ x }}"} {}'],
    ['{{ question }}\n', '{answer} $& {{ x }}\n'],
    ['{% if answer == "b" %}yes{% else %}no{% endif %}', 'yes'],
    ['{% for c in [answer, "c"] %}{{ loop.index }}{{ c | upper }}{% endfor %}', '1B2C'],
    ['{% set n = answer | length %}{{ n }}{# note #}', '1'],
  ])('%s', (source, text) => expect(fill(source)).toBe(text));

  it.each([
    ['{question} {nothing}', 'names {nothing}, which is no column'],
    ['no place', 'does not contain {question} or {answer}'],
    ['{{ question }} {{ nothing }}', 'names nothing, which is no column'],
    ['{{ "text" }}', 'names no column'],
    ['{{ question', 'is not Jinja: '],
    ['{{ question.nothing() }}', 'cannot be rendered: '],
  ])('refuses %s', async (source, message) => {
    const error = await failure(() => fill(source));
    expect([error.code, error.message.startsWith(`data.template ${message}`)]).toEqual(['spec', true]);
  });
});

describe('encodeAll', () => {
  it('gives the same ids on any number of threads', async () => {
    const texts = Array.from({ length: 301 }, (_, i) => `${ROWS[i % 40]!.a} ${i} قلب 😀`.repeat(i % 7));
    const plain = texts.map((text) => mini.encode(text));
    for (const threads of [1, 3]) expect(await encodeAll(mini, texts, true, { threads })).toEqual(plain);
    expect(await encodeAll(mini, [], true, { threads: 2 })).toEqual([]);
  }, 20_000);
});

/** Runs only where MEDREPRO_TEST_DATA names a folder with the published data and tokenizers. */
describe.skipIf(DATA === undefined || !existsSync(join(DATA, 'data/qwen3-medquad')))(
  'qwen3-medquad as released (needs MEDREPRO_TEST_DATA)',
  () => {
    const at = (name: string): string => join(DATA!, name);

    it("the authors' 400 tokenised rows, id for id and label for label", async () => {
      const qwen = new Tokenizer(readTokenizerFolder(at('tokenizers/qwen3')));
      const test = at('data/qwen3-medquad/test.jsonl.gz');
      const files = { kind: 'splits', train: null, validation: null, test } as const;
      const first = { split: 'test', rows: 400 } as const;
      const data = await prepareCausal({ data: PAPER }, { files, first }, qwen);
      expect(data.sizes.test).toBe(1641);
      const packed = readFileSync(at('data/qwen3-medquad/tokenized_test_0-399.jsonl.gz'));
      const lines = gunzipSync(packed).toString('utf8').trimEnd().split('\n');
      const theirs: unknown[] = lines.map((line) => JSON.parse(line));
      expect(theirs.length).toBe(400);
      expect([...dataRows(data, 'test')] as unknown[]).toEqual(theirs);
    }, 60_000);
  },
);

import { afterAll, describe, expect, it, spyOn } from 'bun:test';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classNames } from '../../src/data/labels';
import {
  dataRows,
  type PrepareOptions,
  prepareCausal,
  prepareClassification,
  rowsOf,
  SPLITS,
} from '../../src/data/prepare';
import { sklearnStratifiedSplit, stratifiedSplit } from '../../src/data/splits';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerFolder } from '../../src/data/tokenizer-files';
import { MedreproError } from '../../src/errors';
import { DEFAULT_DATA } from '../../src/paper/defaults';
import type { DataSpec } from '../../src/paper/types';
import { tinyTokenizer } from './tiny-tokenizer';

const DATA = process.env.MEDREPRO_TEST_DATA;
const folder = mkdtempSync(join(tmpdir(), 'medrepro-data-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SPEC: DataSpec = {
  source: 'given/test',
  extraTrain: [],
  columns: { text: 'text', label: 'category' },
  validation: 0,
  splitSeed: 42,
  test: 0,
  maxLength: 1000,
  ...DEFAULT_DATA,
  template: '{text}',
};
const tiny = new Tokenizer(tinyTokenizer());

function file(name: string, rows: readonly (readonly [string, string])[], header = 'text,category'): string {
  const path = join(folder, name);
  const quote = (s: string) => `"${s.replaceAll('"', '""')}"`;
  writeFileSync(path, [header, ...rows.map((row) => row.map(quote).join(','))].join('\n'));
  return path;
}

const splits = (train: string | null, test: string | null, validation: string | null = null) =>
  ({ kind: 'splits', train, validation, test }) as const;
const prepare = (spec: Partial<DataSpec>, options: PrepareOptions, tokenizer = tiny) =>
  prepareClassification({ data: { ...SPEC, ...spec } }, options, tokenizer);

async function failure(make: () => Promise<unknown>): Promise<MedreproError> {
  try {
    await make();
  } catch (error) {
    if (error instanceof MedreproError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** 60 rows of three classes in turn; texts are all different. */
const SIXTY = Array.from({ length: 60 }, (_, i) => [`row ${i}`, ['b', 'a', 'c'][i % 3]!] as const);

describe('prepareClassification', () => {
  it('splits one file: the test share first, then validation from the rest, both as scikit-learn', async () => {
    const path = file('one.csv', SIXTY);
    const data = await prepare({ test: 0.25, validation: 0.2 }, { files: { kind: 'file', path } });
    expect(data.classes).toEqual(['a', 'b', 'c']);
    const labels = SIXTY.map(([, label]) => data.classes.indexOf(label));
    const first = sklearnStratifiedSplit(labels, 0.25, 42);
    expect(data.splits.test).toEqual(first.test);
    const second = sklearnStratifiedSplit(
      Array.from(first.train, (i) => labels[i]!),
      0.2,
      42,
    );
    expect(data.splits.train).toEqual(second.train.map((i) => first.train[i]!));
    expect(data.splits.validation).toEqual(second.test.map((i) => first.train[i]!));
    expect(data.files).toEqual([{ role: 'all', name: path, sha256: data.files[0]!.sha256, rows: 60 }]);
    expect(data.summary.notes).toEqual([]);
    expect(data.summary.splits.test).toMatchObject({ rows: 15, classCounts: [5, 5, 5], truncated: 0 });
  });

  it('keeps the order of given splits', async () => {
    const train = file('train.csv', SIXTY);
    const test = file('test.csv', [
      ['t1', 'c'],
      ['t2', 'a'],
      ['row 3', 'b'],
    ]);
    const validation = file('validation.csv', [['v1', 'a']]);
    const data = await prepare({ validation: 0.5 }, { files: splits(train, test, validation) });
    expect(rowsOf(data, 'train').map((row) => row.text)).toEqual(SIXTY.map(([text]) => text));
    expect(rowsOf(data, 'test').map((row) => [row.text, row.label, row.line])).toEqual([
      ['t1', 2, 2],
      ['t2', 0, 3],
      ['row 3', 1, 4],
    ]);
    expect(rowsOf(data, 'validation').map((row) => row.text)).toEqual(['v1']);
    expect(data.summary.testTextsInTrain).toBe(1);
    expect(data.summary.notes).toEqual(["1 test rows have a text that is also a training row's"]);
  });

  it('applies the template to any text, cuts on the right, and counts', async () => {
    const path = file('cut.csv', [
      ['hello', 'x'],
      ['$& {text} abcabc', 'y'],
    ]);
    const data = await prepare({ template: '<bos>{text}|{text}', maxLength: 4 }, { files: { kind: 'file', path } });
    expect(data.rows.map((row) => row.prompt)).toEqual(['<bos>hello|hello', '<bos>$& {text} abcabc|$& {text} abcabc']);
    expect([...data.rows[0]!.ids]).toEqual([269, 259, 124, 259]);
    expect(data.summary.splits.train).toMatchObject({ rows: 2, tokens: 8, truncated: 1, longest: 4, bosPerRow: 1 });
    expect(data.summary.splits.train.longestFull).toBe(data.rows[1]!.fullLength);
    const twice = await prepare(
      { template: '<bos>{text}' },
      { files: { kind: 'file', path } },
      new Tokenizer(tinyTokenizer({ bos: true })),
    );
    expect(twice.summary.splits.train).toMatchObject({ bosPerRow: 2, doubleBos: 2 });
    expect(twice.summary.notes).toContain(
      '2 rows begin with the begin-of-text token twice: the template holds one too',
    );
  });

  it('keeps classes with one row in training and lists them', async () => {
    const path = file('small.csv', [...SIXTY, ['lonely', 'z']]);
    const data = await prepare({ validation: 0.1 }, { files: { kind: 'file', path } });
    expect(data.summary.notSplit).toEqual(['z']);
    expect(data.splits.train.at(-1)).toBe(60);
    expect(data.summary.notes[0]).toBe('too small to split, kept in training: "z"');
  });

  it('shows rows as the peers name them', async () => {
    const path = file('rows.csv', [
      ['hello', 'x'],
      ['ab', 'y'],
    ]);
    const data = await prepare({}, { files: { kind: 'file', path } });
    const [first, ...others] = dataRows(data, 'train');
    expect(first).toEqual({ index: 0, input_ids: [259], labels: 0, attention_mask: [1] });
    expect(others.length).toBe(1);
    expect([...dataRows(data, 'test')]).toEqual([]);
  });

  it('tokenises only the first rows of a split where no others are asked for', async () => {
    const files = { kind: 'file', path: file('first.csv', SIXTY) } as const;
    const counting = new Tokenizer(tinyTokenizer());
    const encode = spyOn(counting, 'encode');
    const spec: Partial<DataSpec> = { test: 0.25, validation: 0.2, columns: { text: 'text', label: 'category' } };
    const causal = { ...SPEC, ...spec, splitMethod: 'sklearn', response: '{label}' } as const;
    for (const split of SPLITS) {
      for (const make of [
        (options: PrepareOptions) => prepare(spec, options, counting),
        (options: PrepareOptions) => prepareCausal({ data: causal }, options, counting),
      ]) {
        const whole = await make({ files });
        encode.mockClear();
        const data = await make({ files, first: { split, rows: 3 } });
        expect([...dataRows(data, split)]).toEqual([...dataRows(whole, split)].slice(0, 3));
        expect(encode.mock.calls.length).toBeLessThanOrEqual(6);
        expect(data.sizes).toEqual({ train: 36, validation: 9, test: 15 });
        expect(data.summary.splits[split].rows).toBe(3);
      }
    }
  });

  it('hashes every rung: the first that differs says where', async () => {
    const path = file('hash.csv', SIXTY);
    const whole = (spec: Partial<DataSpec>) => prepare(spec, { files: { kind: 'file', path } });
    const hashes = async (spec: Partial<DataSpec>) => (await whole(spec)).hashes.train;
    expect((await whole({})).sha256).toBe((await whole({})).sha256);
    expect((await whole({ maxLength: 3 })).sha256).not.toBe((await whole({})).sha256);
    const base = await hashes({});
    expect(await hashes({})).toEqual(base);
    const cut = await hashes({ maxLength: 3 });
    expect([cut.examples, cut.prompts]).toEqual([base.examples, base.prompts]);
    expect(cut.tokenIds).not.toBe(base.tokenIds);
    const prompt = await hashes({ template: '{text}.' });
    expect(prompt.examples).toBe(base.examples);
    expect(prompt.prompts).not.toBe(base.prompts);
    expect((await hashes({ validation: 0.1 })).examples).not.toBe(base.examples);
  });

  it('takes classes in a given order and refuses labels outside them', async () => {
    const test = file('given.csv', [
      ['t1', 'c'],
      ['t2', 'a'],
    ]);
    const data = await prepare({}, { files: splits(null, test), classes: ['c', 'b', 'a'] });
    expect(rowsOf(data, 'test').map((row) => row.label)).toEqual([0, 2]);
    const error = await failure(() => prepare({}, { files: splits(null, test), classes: ['c', 'b'] }));
    expect(error.message).toBe('label "a" is none of the 2 classes');
    expect(error.where).toEqual({ file: test, line: 3 });
  });

  it('notes what a reader should know', async () => {
    const train = file('train2.csv', SIXTY);
    const test = file('test2.csv', [
      ['t', 'a'],
      ['u', 'A'],
      ['v', 'new'],
    ]);
    const data = await prepare({ extraTrain: ['augmented'] }, { files: splits(train, test) });
    expect(data.classes).toEqual(['A', 'a', 'b', 'c', 'new']);
    expect(data.summary.extraLeftOut).toEqual(['augmented']);
    expect(data.summary.notes).toEqual([
      'the spec adds training rows (augmented) that --data does not name: they are left out',
      'no training row has the label "A", "new", which other rows have',
      'labels "A" and "a" look alike but are two classes',
    ]);
  });

  it('refuses data that cannot be meant', async () => {
    const one = file('one-class.csv', [
      ['x', 'a'],
      ['y', 'a'],
    ]);
    const error = await failure(() => prepare({}, { files: { kind: 'file', path: one } }));
    expect([error.code, error.message]).toEqual([
      'input',
      'every training row has the label "a": there is nothing to classify',
    ]);
    const other = file('other.csv', [['x', '0']]);
    const unrelated = await failure(() => prepare({}, { files: splits(file('t.csv', SIXTY), other) }));
    expect(unrelated.message).toContain('no label of');
    expect((await failure(() => prepare({}, {}))).message).toBe('the rows of given/test are not part of medrepro');
    expect((await failure(() => prepare({ source: 'mini/nothing' }, {}))).message).toBe(
      'this build has no data "mini/nothing"',
    );
    expect((await failure(() => prepare({ template: 'text' }, {}))).code).toBe('spec');
    expect((await failure(() => prepare({ maxLength: 0 }, {}))).code).toBe('spec');
    expect((await failure(() => prepare({ test: 1 }, {}))).code).toBe('spec');
  });
});

describe('the embedded miniature', () => {
  const spec = { source: 'mini/abjadmed', validation: 0.1, maxLength: 128, columns: { text: 'any', label: 'other' } };

  it('has 82 classes on every side', async () => {
    const data = await prepare(spec, {});
    expect(data.classes.length).toBe(82);
    expect(data.files.map((f) => [f.role, f.name])).toEqual([
      ['train', 'papers/mini/abjadmed/train.csv'],
      ['test', 'papers/mini/abjadmed/test.csv'],
    ]);
    for (const split of SPLITS) expect(data.splits[split].length).toBeGreaterThan(0);
    expect(Math.min(...data.summary.splits.train.classCounts)).toBeGreaterThan(0);
  }, 30_000);

  it('adds extra training rows before the validation split', async () => {
    const [plain, more] = await Promise.all([prepare(spec, {}), prepare({ ...spec, extraTrain: ['augmented'] }, {})]);
    const extra = more.files.find((f) => f.role === 'extra')!;
    expect(more.classes).toEqual(plain.classes);
    expect(more.splits.train.length + more.splits.validation.length).toBe(
      plain.splits.train.length + plain.splits.validation.length + extra.rows,
    );
    expect(more.hashes.test).toEqual(plain.hashes.test);
    const from = more.files.indexOf(extra);
    expect(rowsOf(more, 'validation').some((row) => row.file === from)).toBe(true);
  }, 30_000);

  it('trains on the miniature when --data names test rows only', async () => {
    const path = file('only-test.csv', [
      ['السؤال', 'طب الأسنان'],
      ['س', classNames((await prepare(spec, {})).classes)[0]!],
    ]);
    const data = await prepare(
      { ...spec, source: 'files:x', columns: SPEC.columns },
      { files: splits(null, path), source: 'mini/abjadmed' },
    );
    expect(data.files.map((f) => f.role)).toEqual(['train', 'test']);
    expect(data.splits.test.length).toBe(2);
  }, 30_000);
});

/** Runs only where MEDREPRO_TEST_DATA names a folder with the published data and tokenizers. */
describe.skipIf(DATA === undefined || !existsSync(join(DATA, 'data/abjadmed/ahd_sample.csv')))(
  '500 real questions (needs MEDREPRO_TEST_DATA)',
  () => {
    it('25 classes, stratified; small classes stay in training and are listed', async () => {
      const path = join(DATA!, 'data/abjadmed/ahd_sample.csv');
      const qwen = new Tokenizer(readTokenizerFolder(join(DATA!, 'tokenizers/qwen3')));
      const data = await prepare(
        { test: 0.2, validation: 0.1, maxLength: 1024 },
        { files: { kind: 'file', path } },
        qwen,
      );
      expect(data.rows.length).toBe(500);
      expect(data.classes.length).toBe(25);
      const counts = data.classes.map((_, label) => data.rows.filter((row) => row.label === label).length);
      const single = data.classes.filter((_, label) => counts[label] === 1);
      const labels = data.rows.map((row) => row.label);
      const first = stratifiedSplit(labels, 0.2, 42);
      expect(first.kept.map((label) => data.classes[label]!)).toEqual(single);
      for (const name of single) expect(data.summary.notSplit).toContain(name);
      const { train, validation, test } = data.summary.splits;
      expect(train.rows + validation.rows + test.rows).toBe(500);
      const sum = (part: keyof typeof train) => Number(train[part]) + Number(validation[part]) + Number(test[part]);
      // as counted with Qwen3's tokeniser elsewhere: mean 118 tokens, longest 660
      expect(Math.round(sum('tokens') / 500)).toBe(118);
      expect(Math.max(train.longestFull, validation.longestFull, test.longestFull)).toBe(660);
    }, 60_000);
  },
);

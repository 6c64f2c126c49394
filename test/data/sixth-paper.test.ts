/** What a spec can say of rows, splits and tokens, against the libraries (test/fixtures/sixth-paper). */

import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { readAssetText } from '../../src/assets';
import { causalRow } from '../../src/data/causal';
import { type PreparedData, prepareCausal, prepareClassification, rowsOf } from '../../src/data/prepare';
import { RowStore } from '../../src/data/row-store';
import type { DataFiles, SourceFile } from '../../src/data/sources';
import { splitRows } from '../../src/data/splitting';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerAsset, type TokenizerFiles } from '../../src/data/tokenizer-files';
import { DEFAULT_DATA } from '../../src/paper/defaults';
import type { DataSpec, RowStep } from '../../src/paper/types';
import splits from '../fixtures/sixth-paper/splits.json';
import steps from '../fixtures/sixth-paper/steps.json';
import tokens from '../fixtures/sixth-paper/tokens.json';

const FOLDER = join(import.meta.dir, '..', 'fixtures', 'sixth-paper');
const FILES = readTokenizerAsset('papers/mini/tokenizer');
const mini = new Tokenizer(FILES);

const SPEC: DataSpec = {
  ...DEFAULT_DATA,
  source: 'given/rows',
  extraTrain: [],
  columns: { key: 'key', question: 'question', answer: 'answer', extra: 'extra' },
  validation: 0,
  splitSeed: 0,
  test: 0,
  splitMethod: 'sklearn',
  maxLength: 64,
  template: '{question}',
  response: '{key} {answer}',
};

const prepare = (spec: Partial<DataSpec>, files: DataFiles): Promise<PreparedData> =>
  prepareCausal({ data: { ...SPEC, ...spec } }, { files }, mini);
const file = (name: string): DataFiles => ({ kind: 'file', path: join(FOLDER, name) });
const parts = (named: Record<string, string>, more: object = {}): DataFiles => ({
  kind: 'splits',
  train: null,
  validation: null,
  test: null,
  parts: Object.fromEntries(Object.entries(named).map(([name, path]) => [name, join(FOLDER, path)])),
  ...more,
});
const keys = (data: PreparedData, split: 'train' | 'test' = 'train'): string[] =>
  rowsOf(data, split).map(({ example }) => example[0]!);

describe('splits', () => {
  /** The classes of make_sixth_paper.py. */
  const labelOf = (i: number, n: number): string => (i < n - (n % 5) ? 'bacbb'[i % 5]! : 'b');

  const short = (lists: readonly Uint32Array[]): string => {
    const flat = lists.flatMap((list) => [list.length, ...list]);
    return new Bun.CryptoHasher('sha256').update(BigInt64Array.from(flat, BigInt)).digest('hex').slice(0, 16);
  };

  test('equal torch, pandas, scikit-learn and datasets', () => {
    for (const { n, spec, parts: expected, hash } of splits) {
      const rows = new RowStore(['label'], 'f');
      for (let i = 0; i < n; i++) rows.add([labelOf(i, n)], null);
      const all = {
        role: 'all',
        form: 'own',
        part: null,
        steps: [],
        name: 'f',
        sha256: '',
        rows,
        kinds: { label: { type: 'text', classNames: null } },
        notes: [],
      };
      const chosen = Uint32Array.from({ length: n }, (_, i) => i);
      const none = new Uint32Array(0);
      const byRole = { all: chosen, train: none, extra: none, validation: none, test: none };
      const own = { ...SPEC, columns: { label: 'label' }, ...(spec as Partial<DataSpec>) };
      const { train, validation, test: held } = splitRows([all as unknown as SourceFile], byRole, own, []).splits;
      const found = own.test === 0 ? [train, validation] : [train, validation, held];
      const what = JSON.stringify({ n, ...spec });
      if (hash === undefined)
        expect(`${what} ${JSON.stringify(found.map((one) => [...one]))}`).toBe(`${what} ${JSON.stringify(expected)}`);
      else expect(`${what} ${short(found)}`).toBe(`${what} ${hash}`);
    }
    expect(new Set(splits.map(({ spec }) => spec.splitMethod)).size).toBe(9);
  });
});

describe('row steps', () => {
  test('equal pandas and datasets', async () => {
    for (const { file: name, optional, rows, keys: expected } of steps.steps) {
      const asked = prepare({ optional, rows: rows as RowStep[] }, file(name));
      if (expected.length === 0) {
        await expect(asked).rejects.toThrow('data.rows leave none of 41 rows');
        continue;
      }
      const data = await asked;
      expect(`${JSON.stringify(rows)} ${keys(data)}`).toBe(`${JSON.stringify(rows)} ${expected}`);
    }
  });

  test('samples of several files are put together, then shuffled', async () => {
    const { parts: mixed, shuffle, keys: expected } = steps.mix;
    const rows: RowStep[] = [{ kind: 'shuffle', by: 'datasets', seed: shuffle }];
    const spec = { optional: ['answer', 'extra'], parts: mixed as DataSpec['parts'], rows };
    const data = await prepare(spec, parts({ second: 'rows.json', first: 'rows.json' }));
    expect(keys(data)).toEqual(expected);
    expect(data.files.map(({ part }) => part)).toEqual(['first', 'second']);
    expect(data.summary.notes).toContain('first: sample leaves 6 of 41 rows');
  });

  test('what a step leaves must have every column that is not optional', async () => {
    const rows: RowStep[] = [{ kind: 'drop-missing', columns: ['answer'] }];
    const failed = prepare({ optional: ['extra'], rows }, file('rows.csv'));
    // line 5 holds a space
    await expect(failed).rejects.toThrow('a row that data.rows leave has nothing in column "answer"');
    await expect(prepare({}, file('rows.json'))).rejects.toMatchObject({
      message: expect.stringContaining('row 2 has nothing in column "answer"'),
      remedy: expect.stringContaining('data.optional'),
    });
  });

  test('steps come before the split, and rows that are left out are no class', async () => {
    const columns = { text: 'question', label: 'answer' };
    const rows: RowStep[] = [{ kind: 'drop-blank', columns: ['label'] }];
    const data = await prepareClassification(
      { data: { ...SPEC, columns, rows, validation: 0.2, template: '{text}', response: null } },
      { files: file('rows.json') },
      mini,
    );
    expect(data.classes).toEqual(['a0', 'a1', 'a2', 'x']);
    const { train, validation } = data.summary.splits;
    expect([train.rows, validation.rows]).toEqual([13, 4]);
  });

  test('files that do not fit the spec are named', async () => {
    const two = { parts: [{ name: 'a' }, { name: 'b' }], optional: ['answer', 'extra'] };
    await expect(prepare(two, file('rows.json'))).rejects.toThrow(
      'the spec puts 2 files together, and --data names one',
    );
    await expect(prepare(two, parts({ a: 'rows.json' }))).rejects.toThrow("--data names no file for 'b'");
    await expect(prepare(two, parts({ c: 'rows.json' }))).rejects.toThrow("--data names 'c', which is no part");
  });
});

describe('test rows of another kind', () => {
  const testData = {
    columns: { q: 'q', a: 'a', b: 'b', gold: 'gold' },
    template: 'Q: {q}\nA. {a}\nB. {b}\n',
    response: '{gold}',
    addSpecialTokens: false,
    rows: [{ kind: 'slice', begin: 1, end: 4 } as const],
  };
  const optional = ['answer', 'extra'];

  test('have columns, a template and steps of their own', async () => {
    const given = parts({}, { train: join(FOLDER, 'rows.json'), test: join(FOLDER, 'questions.jsonl') });
    const data = await prepare({ optional, testData }, given);
    expect(data.splits.train.length).toBe(41);
    const tested = rowsOf(data, 'test');
    expect(tested).toHaveLength(3);
    expect(tested[0]!.prompt).toBe('Q: Which is a sign of measles?\nA. a red rash\nB. hair\nA');
    expect(tested[0]!.example).toEqual(['Which is a sign of measles?', 'a red rash', 'hair', 'A']);
    expect(tested[0]!.line).toBe(2);
    const plain = await prepare({ optional }, file('rows.json'));
    expect(data.hashes.train).toEqual(plain.hashes.train);
  });

  test('may come from several files, by name', async () => {
    const several = { ...testData, rows: [], parts: [{ name: 'one' }, { name: 'two', rows: testData.rows }] };
    const given = parts({ two: 'questions.jsonl', one: 'questions.jsonl' }, { train: join(FOLDER, 'rows.json') });
    const data = await prepare({ optional, testData: several }, given);
    expect(rowsOf(data, 'test').map(({ file }) => data.files[file]!.part)).toEqual([
      ...Array<string>(7).fill('one'),
      ...Array<string>(3).fill('two'),
    ]);
  });

  test('may differ in their template alone, and are then held out as ever', async () => {
    const held = { optional, test: 0.2, testData: { template: 'Now: {question}' } };
    const data = await prepare(held, file('rows.json'));
    const plain = await prepare({ optional, test: 0.2 }, file('rows.json'));
    expect(keys(data, 'test')).toEqual(keys(plain, 'test'));
    expect(rowsOf(data, 'test').every(({ text }) => text.startsWith('Now: q'))).toBe(true);
    expect(rowsOf(data, 'train').every(({ text }) => text.startsWith('q'))).toBe(true);
  });
});

describe('tokens', () => {
  const around: TokenizerFiles = {
    ...FILES,
    tokenizer: new TextEncoder().encode(
      JSON.stringify({
        ...JSON.parse(readAssetText('papers/mini/tokenizer/tokenizer.json')),
        post_processor: tokens.around,
      }),
    ),
  };
  const tokenizers = { bare: mini, around: new Tokenizer(around) };

  test('are cut on either side, with and without special tokens, as transformers cuts them', () => {
    for (const { processor, side, text, special, maxLength, ids } of tokens.cases) {
      const tokenizer = tokenizers[processor as 'bare' | 'around'];
      const found = tokenizer.truncate(tokenizer.encode(text, special), maxLength, side as 'left' | 'right', special);
      const what = JSON.stringify({ processor, side, text, special, maxLength });
      expect(`${what} ${[...found.ids]}`).toBe(`${what} ${ids}`);
    }
  });

  test('labels go with their tokens', () => {
    const { around: tokenizer } = tokenizers;
    const [prompt, whole] = ['What is a fever?', 'What is a fever? A rash.'].map((text) => tokenizer.encode(text));
    const mask = { ...DEFAULT_DATA.labels, prompt: 'masked' } as const;
    const form = (maxLength: number) => ({ maxLength, truncationSide: 'left', addSpecialTokens: true }) as const;
    const uncut = causalRow(prompt!, whole!, form(64), mask, tokenizer, -1);
    const learnt = uncut.labels.filter((label) => label !== -100);
    expect(learnt.length).toBe(whole!.length - prompt!.length + 1);
    // all of the answer, the end of the prompt and the token before both
    const cut = causalRow(prompt!, whole!, form(learnt.length + 3), mask, tokenizer, -1);
    expect([...cut.labels]).toEqual([-100, -100, -100, ...learnt]);
    // less than the answer: the token in front stays unlabelled
    const short = causalRow(prompt!, whole!, form(learnt.length), mask, tokenizer, -1);
    expect([...short.labels]).toEqual([-100, ...learnt.slice(1)]);
  });

  test('no special token where the spec wants none', async () => {
    const data = async (addSpecialTokens: boolean): Promise<PreparedData> =>
      prepareCausal(
        { data: { ...SPEC, optional: ['answer', 'extra'], addSpecialTokens } },
        { files: file('rows.json') },
        tokenizers.around,
      );
    const [bare, full] = [rowsOf(await data(false), 'train')[0]!, rowsOf(await data(true), 'train')[0]!];
    const { prefix, suffix } = tokenizers.around;
    expect([...full.ids]).toEqual([...prefix, ...bare.ids, ...suffix]);
  });
});

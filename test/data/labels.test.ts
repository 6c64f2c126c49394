import { afterAll, describe, expect, it } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tableOf } from '../../src/data/columns';
import { classNames, compareCodePoints, labelling, lookAlikes } from '../../src/data/labels';
import { type PreparedData, prepareClassification } from '../../src/data/prepare';
import { parseRecords } from '../../src/data/records';
import { Tokenizer } from '../../src/data/tokenizer';
import { DEFAULT_DATA } from '../../src/paper/defaults';
import type { DataSpec } from '../../src/paper/types';
import fixture from '../fixtures/labels/labels.json';
import { tinyTokenizer } from './tiny-tokenizer';

describe('classNames', () => {
  // python: sorted({'\ufb01', '😀', 'a', 'Z', 'قلب', 'ab', ''})
  it('orders by code point, not by UTF-16 unit', () => {
    expect(classNames(['\ufb01', '😀', 'a', 'Z', 'قلب', 'ab', 'a'])).toEqual(['Z', 'a', 'ab', 'قلب', '\ufb01', '😀']);
    expect(['\ufb01', '😀'].sort()).toEqual(['😀', '\ufb01']);
    expect(compareCodePoints('a', 'a')).toBe(0);
  });
});

describe('lookAlikes', () => {
  it('finds labels that differ in spaces, case or normal form', () => {
    expect(lookAlikes(['Heart ', 'heart', 'skin', 'e\u0301', '\u00e9'])).toEqual([
      ['Heart ', 'heart'],
      ['e\u0301', '\u00e9'],
    ]);
  });
});

describe('classes and stratified splits as the libraries make them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-labels-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const tokenizer = new Tokenizer(tinyTokenizer());
  const spec: DataSpec = {
    ...DEFAULT_DATA,
    source: 'given/test',
    extraTrain: [],
    columns: { text: 'text', label: 'label' },
    validation: 0,
    splitSeed: fixture.seed,
    test: fixture.share,
    maxLength: 100,
    template: '{text}',
  };
  const prepare = (path: string, splitMethod: DataSpec['splitMethod'] = 'stratified'): Promise<PreparedData> =>
    prepareClassification({ data: { ...spec, splitMethod } }, { files: { kind: 'file', path } }, tokenizer);
  const write = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const checked = async (data: PreparedData, classes: readonly string[], test: readonly number[]): Promise<void> => {
    expect(data.classes).toEqual(classes);
    expect([...data.splits.test]).toEqual([...test]);
  };

  describe.each(fixture.cases)('$name', (peer) => {
    const own = (extension: string): string => join(import.meta.dir, `../fixtures/labels/${peer.name}.${extension}`);

    it('in CSV, as pandas reads it', async () => {
      await checked(await prepare(write('x.csv', peer.csv)), peer.csv_classes, peer.csv_test);
    });
    it('in Parquet and Arrow, as scikit-learn orders it', async () => {
      for (const extension of ['parquet', 'arrow']) {
        const data = await prepare(own(extension));
        await checked(data, peer.classes, peer.test);
        expect(data.rows.map(({ label }) => label)).toEqual(peer.ids);
      }
    });
    it.skipIf(peer.name === 'class-label')('in JSON Lines', async () => {
      await checked(await prepare(write('x.jsonl', peer.jsonl)), peer.classes, peer.test);
    });
    it("as datasets' class_encode_column orders it, for its stratified split", async () => {
      await checked(await prepare(own('parquet'), 'datasets-stratified'), peer.encoded, peer.encoded_test);
    });
  });

  it.each(fixture.csv)('CSV: $name', async ({ texts, names, classes }) => {
    const bytes = new TextEncoder().encode(`label\n${texts.join('\n')}\n`);
    const table = tableOf(await parseRecords({ name: 'x.csv', bytes }), { label: 'label' });
    const { className, sorted } = labelling([table.kinds.label!]);
    const own = table.rows.map(({ cells }) => className(cells.label!, table.kinds.label!)!);
    expect(own).toEqual(names);
    expect(sorted(own)).toEqual(classes);
  });

  it('CSV: integers beyond int64, as pandas reads them', async () => {
    const columns = { label: 'label' };
    const found = fixture.beyond_int64.map(async ({ texts }) => {
      const bytes = new TextEncoder().encode(`label,other\n${texts.map((text) => `${text},1\n`).join('')}`);
      const file = await parseRecords({ name: 'x.csv', bytes });
      const { rows, kinds, notes } = tableOf(file, columns, { optional: new Set(['label']) });
      const kind = kinds.label!;
      const { className, sorted } = labelling([kind]);
      const cells = rows.map(({ cells }) => cells.label!).filter((cell) => cell !== '');
      const own = cells.map((cell) => className(cell, kind)!);
      const isText = kind.type === 'text';
      expect(notes.some((note) => note.endsWith('it is text, as pandas reads it'))).toBe(isText);
      return { texts, is_text: isText, names: own, classes: sorted(own) };
    });
    expect(await Promise.all(found)).toEqual(fixture.beyond_int64);
    expect(fixture.beyond_int64.filter(({ is_text }) => is_text).length).toBeGreaterThan(40);
  });

  it.each(fixture.json)('JSON: $values, in the order of their values', async ({ values, sorted: expected }) => {
    const bytes = new TextEncoder().encode(`[${values.map((value) => `{"label":${value}}`).join(',')}]`);
    const { kinds } = tableOf(await parseRecords({ name: 'x.json', bytes }), { label: 'label' });
    expect(labelling([kinds.label!]).sorted(values)).toEqual(expected);
  });

  it('says which texts are one number', async () => {
    const data = await prepare(write('z.csv', 'text,label\na,01\nb,1\nc,10\nd,2\ne,2\nf,10\n'));
    expect(data.classes).toEqual(['1', '2', '10']);
    expect(data.summary.notes).toContain('labels "01" and "1" are one class, 1: as numbers they are equal');
  });

  it('files together: floats beside integers are floats, text beside numbers is text', () => {
    const [integer, float, text] = (['integer', 'float', 'text'] as const).map((type) => ({ type, classNames: null }));
    expect(labelling([integer!, float!]).className('2', integer!)).toBe('2.0');
    expect(labelling([integer!, text!]).sorted(['10', '2'])).toEqual(['10', '2']);
    const listed = { type: 'integer', classNames: ['no', 'yes'] } as const;
    const both = labelling([listed, text!]);
    expect([both.className('1', listed), both.className('yes', text!), both.className('-1', listed)]).toEqual([
      'yes',
      'yes',
      null,
    ]);
    expect(both.sorted(['yes', 'a', 'no'])).toEqual(['no', 'yes', 'a']);
  });
});

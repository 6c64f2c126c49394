import { afterAll, describe, expect, it } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type Columns, chooser, tableOf } from '../../src/data/columns';
import { textOf } from '../../src/data/formats/format';
import { lz4Hadoop } from '../../src/data/formats/lz4';
import { parseXml } from '../../src/data/formats/xml';
import { follow, NoElement, placeOf } from '../../src/data/paths';
import { parseRecords, type RecordFile, readRecords } from '../../src/data/records';
import { MedreproError } from '../../src/errors';
import { damaged, seeded } from '../damage';
import rows from '../fixtures/tables/rows.json';
import types from '../fixtures/tables/types.json';

const FIXTURES = join(import.meta.dir, '../fixtures/tables');
const folder = mkdtempSync(join(tmpdir(), 'medrepro-formats-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (content: string | Uint8Array, name: string): Promise<RecordFile> =>
  parseRecords({ name, bytes: typeof content === 'string' ? bytesOf(content) : content });

/** Rows as objects; cells that are missing are left out. Integers are numbers, as JSON writes them. */
function objects({ parsed }: RecordFile): Record<string, unknown>[] {
  return [...parsed.records].map(({ values }) =>
    Object.fromEntries(
      parsed.columns.flatMap((name, c) => (values[c] === undefined ? [] : [[name, plain(values[c])] as const])),
    ),
  );
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  return Array.isArray(value) ? value.map(plain) : value;
}

async function failure(make: () => unknown): Promise<MedreproError> {
  try {
    await make();
  } catch (error) {
    if (!(error instanceof MedreproError)) throw error;
    expect([error.code, error.exitCode]).toEqual(['input', 2]);
    expect(`${error.message}${error.remedy}`).not.toContain('\n');
    expect(error.remedy).toBeString();
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('Parquet and Arrow give what pyarrow and datasets wrote', () => {
  const parquet = ['none', 'snappy', 'gzip', 'brotli', 'zstd', 'plain-v2', 'delta'].map((name) => `${name}.parquet`);
  const arrow = ['datasets', 'stream-large', 'file', 'zstd', 'lz4', 'views', 'dictionary'].map(
    (name) => `${name}.arrow`,
  );
  it.each([...parquet, ...arrow, 'rows.feather'])('%s', async (name) => {
    const file = await readRecords(join(FIXTURES, name));
    expect(file.parsed.columns).toEqual(Object.keys(rows[0]!));
    expect(objects(file)).toEqual(rows);
    // told by the first bytes, whatever the name, and packed
    const bytes = readFileSync(join(FIXTURES, name));
    expect(objects(await parse(gzipSync(bytes), 'rows.csv'))).toEqual(rows);
    expect(file.sha256).toBe(new Bun.CryptoHasher('sha256').update(bytes).digest('hex'));
  });

  it.each([
    ...['types-zstd.parquet', 'types-snappy.parquet', 'types-lz4.parquet', 'types-lz4.feather'],
    ...['types-legacy.parquet', 'types-split.parquet'],
  ])('%s: every cell is what an f-string prints', async (name) => {
    const here = (await readRecords(join(FIXTURES, name), { choose: () => [] })).parsed.columns;
    const paths = Object.keys(types).filter((path) => here.includes(path.replace(/[[.].*$/, '')));
    expect(paths.length).toBeGreaterThan(2);
    for (const path of paths) {
      // a file without Arrow's schema says UTC or nothing of a zone, and nanoseconds of INT96
      const columns = { cell: path };
      const file = await readRecords(join(FIXTURES, name), { choose: chooser(columns) });
      const place = placeOf(file.parsed.columns, path)!;
      const printed = [...file.parsed.records].map(({ values }) => {
        const value = follow(values[place.column], place.steps as (string | number)[]);
        return value instanceof NoElement || value === undefined || value === null ? null : textOf(value);
      });
      expect([path, printed]).toEqual([path, types[path as keyof typeof types]]);
    }
  });

  it('only chosen columns are decoded; what is not read is refused by name where it is chosen', async () => {
    for (const name of ['types-zstd.parquet', 'types-lz4.feather']) {
      const read = async (columns: Columns) =>
        tableOf(await readRecords(join(FIXTURES, name), { choose: chooser(columns) }), columns, {
          optional: new Set(['text']),
        });
      expect((await read({ text: 'text', path: 'image.path' })).rows.map(({ cells }) => cells.path)).toEqual(
        Array(4).fill('a.jpg'),
      );
      const format = name.endsWith('parquet') ? 'Parquet' : 'Arrow';
      expect((await failure(() => read({ text: 'duration' }))).message).toStartWith(
        `the ${format} file cannot be read: column "duration" holds durations, which pandas and datasets print differently`,
      );
      expect((await failure(() => read({ text: 'image.bytes' }))).message).toBe(
        'row 1 has bytes that are no text in column "image.bytes"',
      );
      expect((await failure(() => read({ label: 'all-null' }))).message).toBe('row 1 has nothing in column "all-null"');
    }
  });

  it.each(['class-label.parquet', 'datasets.arrow'])('%s: names of a ClassLabel', async (name) => {
    const columns = { label: 'label' };
    const { kinds } = tableOf(await readRecords(join(FIXTURES, name), { choose: chooser(columns) }), columns);
    const classNames = name.endsWith('parquet') ? ['no', 'yes', 'maybe'] : ['a', 'b', 'c'];
    expect(kinds.label).toEqual({ type: 'integer', classNames });
  });

  it('claims are held against the size of the file', async () => {
    const error = await failure(() => readRecords(join(FIXTURES, 'refused-nulls.parquet')));
    expect(error.message).toBe(
      'the Parquet file cannot be read: it claims 3000000 rows, more than 64 for each of its bytes',
    );
    // fields whose children are the same two again, thirty deep: 2^30 fields in a kilobyte
    const levels = 30;
    const view = new DataView(new ArrayBuffer(8 + 56 + 36 * (levels + 1) + 4));
    view.setUint32(0, 0xffffffff, true);
    view.setInt32(4, view.byteLength - 8, true);
    const put = (at: number, values: readonly (readonly [width: 2 | 4, value: number])[]): void => {
      let place = 8 + at;
      for (const [width, value] of values) {
        if (width === 2) view.setUint16(place, value, true);
        else view.setUint32(place, value, true);
        place += width;
      }
    };
    const words = (...values: number[]) => values.map((value) => [4, value] as const);
    const slots = (...values: number[]) => values.map((value) => [2, value] as const);
    // the message: a schema; the schema: one field
    put(0, [...words(16), ...slots(12, 12, 0, 4, 8, 0), ...words(12, 1, 16)]);
    put(28, [...slots(10, 8, 0, 4, 0, 0), ...words(12, 4, 1, 20)]);
    for (let level = 0; level <= levels; level++) {
      const count = level === levels ? 0 : 2;
      put(56 + 36 * level, [...slots(16, 8, 0, 0, 0, 0, 0, 4), ...words(16, 4, count, 24, 20)]);
    }
    const bomb = await failure(() => parse(new Uint8Array(view.buffer), 'a.arrow'));
    expect(bomb.message).toBe('the Arrow file cannot be read: it has more than 16384 fields');
  });

  it("Hadoop's LZ4 blocks, and what other writers took them for", () => {
    // literals 'abcd', then a copy of 12 from 4 back, then the last literals
    const block = [0x48, ...Buffer.from('abcd'), 4, 0, 0x50, ...Buffer.from('vwxyz')];
    const whole = Buffer.from('abcdabcdabcdabcdvwxyz');
    const hadoop = Uint8Array.from([0, 0, 0, 21, 0, 0, 0, block.length, ...block]);
    const frame = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, block.length, 0, 0, 0, ...block, 0, 0, 0, 0];
    for (const bytes of [hadoop, Uint8Array.from(block), Uint8Array.from(frame)]) {
      expect(Buffer.from(lz4Hadoop(bytes, 21))).toEqual(whole);
      for (let cut = 0; cut < bytes.length; cut++) expect(() => lz4Hadoop(bytes.subarray(0, cut), 21)).toThrow();
    }
    expect(() => lz4Hadoop(hadoop, 2 ** 28)).toThrow('cannot be that long');
  });

  it('damage is one clear line or the same kind of table, never a crash', async () => {
    const names = ['snappy.parquet', 'plain-v2.parquet', 'delta.parquet', 'types-zstd.parquet'];
    for (const name of [...names, 'datasets.arrow', 'dictionary.arrow', 'types-lz4.feather']) {
      const whole = new Uint8Array(readFileSync(join(FIXTURES, name)));
      const damage = fc.record({
        cut: fc.option(fc.nat(whole.length - 1)),
        flips: fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), { maxLength: 4 }),
      });
      const property = fc.asyncProperty(damage, async ({ cut, flips }) => {
        const bytes = whole.slice(0, cut ?? whole.length);
        for (const [at, mask] of flips) if (at < bytes.length) bytes[at]! ^= mask;
        try {
          const { columns, records } = (await parse(bytes, name)).parsed;
          for (const { values } of records) expect(values.length).toBe(columns.length);
        } catch (error) {
          if (!(error instanceof MedreproError)) throw error;
          expect(error.exitCode).toBe(2);
          expect(error.message).not.toContain('\n');
        }
      });
      await fc.assert(property, { numRuns: 100 });
    }
  }, 60_000);

  // runs of billions of values, which an earlier reader followed
  it.each([
    ['delta.parquet', 1291],
    ['plain-v2.parquet', 316],
  ])('%s, damaged with seed %i, is refused at once', async (name, seed) => {
    const bytes = damaged(new Uint8Array(readFileSync(join(FIXTURES, name))), seeded(seed));
    const error = await failure(async () => [...(await parse(bytes, name)).parsed.records]);
    expect(error.message).toStartWith('the Parquet file cannot be read: ');
  });
});

describe('JSON and JSON Lines', () => {
  const value = fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null));
  const record = fc.record({ q: value, a: value, 'a name': value }, { requiredKeys: ['q'] });

  it('give back what was written, line ends mixed, blank lines between', async () => {
    const ends = fc.constantFrom('\n', '\r\n', '\r', '\n\n');
    const lines = fc.array(fc.tuple(record, ends), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lines, async (written) => {
        const plain = written.map(([row]) => ({ ...row }));
        const text = written.map(([row, end]) => JSON.stringify(row) + end).join('');
        expect(objects(await parse(text, 'a.jsonl'))).toEqual(plain);
        expect(objects(await parse(`\ufeff${text}`, 'no-name'))).toEqual(plain);
        expect(objects(await parse(JSON.stringify(plain), 'a.json'))).toEqual(plain);
      }),
      { numRuns: 60 },
    );
  });

  it('takes an object of columns, and JSON Lines under the name of JSON', async () => {
    expect(objects(await parse('{"q":["a","b"],"n":[1,2]}', 'a.json'))).toEqual([
      { q: 'a', n: 1 },
      { q: 'b', n: 2 },
    ]);
    expect(objects(await parse('{"q":"a"}\n{"q":"b"}\n', 'a.json'))).toEqual([{ q: 'a' }, { q: 'b' }]);
    const own = '{"__proto__":{"x":1},"q":"a"}';
    expect((await parse(own, 'a.jsonl')).parsed.columns).toEqual(['__proto__', 'q']);
  });

  it.each([
    ['', 'a.jsonl', 'the file holds no rows', undefined],
    ['\n \n', 'a.json', 'the file holds no rows', undefined],
    ['[]', 'a.json', 'the file holds no rows', undefined],
    ['{"q":1}\n\r\n[1]\n', 'a.jsonl', 'the line holds a list, not an object', 3],
    ['{"q":1}\r{"q":', 'a.jsonl', 'the line is not JSON: ', 2],
    ['[{"q":1},2]', 'a.json', 'row 2 is a number, not an object', undefined],
    ['{"a":[{"q":1}],"b":[{"q":1},{"q":2}]}', 'a.json', 'the file holds lists of rows under "a" and "b"', undefined],
    [`${'['.repeat(600)}`, 'a.json', 'row 1 is a list, not an object', undefined],
    [`[{"a":${'['.repeat(600)}`, 'a.json', 'this is not JSON: lists and objects are nested more than 500 deep', 1],
    ['{"q":["a"],"n":[1,2]}', 'a.json', 'column "n" has 2 rows, "q" 1', undefined],
    ['{"data":{"q":1}}', 'a.json', '"data" holds an object, not a list', undefined],
    ['"text"', 'a.json', 'the file holds a string, not rows', undefined],
    ['{"q":1', 'a.json', 'this is not JSON: ', 1],
  ])('refuses %j as %s', async (content, name, message, line) => {
    const error = await failure(() => parse(content, name));
    expect(error.message).toStartWith(message);
    expect(error.where).toEqual(line === undefined ? { file: name } : { file: name, line });
  });

  // DataFrame({"q": ["a", "b"], "n": [1, 2]}).to_json(orient=…) of pandas 3
  it.each([
    ['columns', '{"q":{"0":"a","1":"b"},"n":{"0":1,"1":2}}'],
    ['split', '{"columns":["q","n"],"index":[0,1],"data":[["a",1],["b",2]]}'],
    ['index', '{"0":{"q":"a","n":1},"1":{"q":"b","n":2}}'],
  ])("pandas' orient %s is refused by name", async (orient, content) => {
    const error = await failure(() => parse(content, 'a.json'));
    expect(error.message).toBe(`the rows are written as pandas' to_json does with orient="${orient}"`);
    expect(error.remedy).toBe('write them with to_json(orient="records")');
  });

  it("what only looks like pandas' layouts is read, and so is its orient table", async () => {
    const tables = '{"columns":["x","y"],"data":["a","b"]}';
    expect(objects(await parse(tables, 'a.json'))).toEqual([
      { columns: 'x', data: 'a' },
      { columns: 'y', data: 'b' },
    ]);
    const lists = await parse('{"columns":["x","y"],"data":[["a"],["b"]]}', 'a.json');
    expect(objects(lists)[1]).toEqual({ columns: 'y', data: ['b'] });
    const table = '{"schema":{"pandas_version":"1.4.0"},"data":[{"index":0,"q":"a"}]}';
    expect(objects(await parse(table, 'a.json'))).toEqual([{ index: 0, q: 'a' }]);
  });

  it('invalid UTF-8, NUL and cut gzip are found before parsing', async () => {
    const broken = Uint8Array.from([...bytesOf('{"q":1}\n{"q":"'), 0xff, ...bytesOf('"}\n')]);
    expect((await failure(() => parse(broken, 'a.jsonl'))).message).toBe('byte 14 is not UTF-8');
    const packed = gzipSync(bytesOf('{"q":1}\n'.repeat(900)));
    expect((await failure(() => parse(packed.subarray(0, 40), 'a.jsonl.gz'))).message).toBe(
      'the gzip data is cut short',
    );
    expect((await parse(packed, 'a.jsonl.gz')).format).toBe('JSON Lines');
  });
});

describe('cells', () => {
  const columns = { question: 'q', id: 'id' };
  const table = async (content: string) =>
    tableOf(await parseRecords({ name: 'a.jsonl', bytes: bytesOf(content) }, { choose: chooser(columns) }), columns);

  it('numbers and booleans are text as Python prints them, integers exact', async () => {
    const written = [
      'true',
      '45.0',
      '1e22',
      '1e-5',
      '0.0001',
      '-0.0',
      '9007199254740993',
      '1E400',
      '-0',
      '123456789.25',
    ];
    const printed = [
      'True',
      '45.0',
      '1e+22',
      '1e-05',
      '0.0001',
      '-0.0',
      '9007199254740993',
      'inf',
      '0',
      '123456789.25',
    ];
    const { rows: read } = await table(written.map((q, id) => `{"id":${id},"q":${q}}`).join('\n'));
    expect(read.map(({ cells }) => cells.question)).toEqual(printed);
  });

  it('a column knows its kind; what peers print otherwise is said', async () => {
    const { kinds, notes } = await table('{"id":9007199254740993,"q":1}\n{"id":9007199254740992,"q":2.5}');
    expect(kinds).toEqual({
      question: { type: 'float', classNames: null },
      id: { type: 'integer', classNames: null },
    });
    expect(notes).toEqual([
      'column "q" holds integers and floats, kept as written; pandas and datasets print 1 as 1.0 there',
    ]);
  });

  it('NaN and lone surrogates matter only where they are asked for', async () => {
    const { rows: read } = await table('{"id":1,"q":"a","loss":NaN,"t":"\\ud83d"}\n{"id":2,"q":"\\ud83d\\ude00"}');
    expect(read.map(({ cells }) => cells.question)).toEqual(['a', '😀']);
  });

  it.each([
    ['{"id":1,"q":["a"]}', 'row 1 has no text in column "q"', 1],
    ['{"id":1,"q":"a"}\n{"id":2}', 'row 2 has nothing in column "q"', 2],
    ['{"id":1,"q":null}', 'row 1 has nothing in column "q"', 1],
    ['{"id":1,"q":"a"}\n\n{"id":"1","q":"b"}', 'row 2 has the id of row 1 again: "1"', 3],
    ['{"id":1}', 'there is no column "q"; the columns are id', undefined],
    ['{"id":1,"q":"a"}\n{"id":2,"q":NaN}', 'row 2 has nan in column "q", which is no value', 2],
    [
      '{"id":1,"q":"a"}\n{"id":2,"q":"\\ud83d b"}',
      'the line is not JSON: \\ud83d is half a character (a lone surrogate), which no text holds',
      2,
    ],
  ])('%s', async (content, message, line) => {
    const error = await failure(() => table(content));
    expect([error.message, error.where?.line]).toEqual([message, line]);
  });
});

describe('elements of a list', () => {
  const columns = { question: 'q', a: 'choices[0]', b: 'choices[1]' };
  const table = async (content: string, name = 'a.jsonl', wanted = columns as Record<string, string>) =>
    tableOf(await parse(content, name), wanted).rows.map(({ cells }) => cells);

  it('of a JSON array, of a column that is found by case, of a list written in a cell of text', async () => {
    const wanted = [{ question: 'x', a: 'one', b: '2' }];
    expect(await table('{"q":"x","choices":["one",2,"three"]}')).toEqual(wanted);
    expect(await table('{"q":"x","Choices":["one","2"]}')).toEqual(wanted);
    expect(await table('q,choices\nx,"[""one"", ""2""]"\n', 'a.csv')).toEqual(wanted);
  });

  it('of nested rows, one for each element', async () => {
    const squad = {
      version: '1.1',
      data: [
        { title: 't', paragraphs: [{ context: 'c', qas: [{ question: 'q', answers: [{ text: 'a' }] }] }] },
        {
          title: 'u',
          paragraphs: [
            { context: 'd', qas: [] },
            {
              context: 'e',
              qas: [
                { question: 'r', answers: [] },
                { question: 's', answers: [{ text: 'b' }, { text: 'x' }] },
              ],
            },
          ],
        },
      ],
    };
    const paths = {
      title: 'data[].title',
      context: 'data[].paragraphs[].context',
      question: 'data[].paragraphs[].qas[].question',
      answer: 'data[].paragraphs[].qas[].answers[0].text',
    };
    const file = await parse(JSON.stringify(squad), 'squad.json');
    const read = tableOf(
      await parseRecords({ name: 'squad.json', bytes: bytesOf(JSON.stringify(squad)) }, { choose: chooser(paths) }),
      paths,
      {
        optional: new Set(['answer']),
      },
    );
    expect(read.rows.map(({ cells }) => Object.values(cells))).toEqual([
      ['t', 'c', 'q', 'a'],
      ['u', 'e', 'r', ''],
      ['u', 'e', 's', 'b'],
    ]);
    expect(file.parsed.columns).toEqual(['title', 'paragraphs']);
    expect(file.parsed.notes).toEqual(['the rows are the objects under "data"; beside them the file holds version']);
    const side = { a: 'data[].paragraphs[].context', b: 'data[].others[].x' };
    const error = await failure(async () =>
      tableOf(
        await parseRecords({ name: 'a.json', bytes: bytesOf(JSON.stringify(squad)) }, { choose: chooser(side) }),
        side,
      ),
    );
    expect(error.message).toBe(
      '"data[].others[].x" and "data[].paragraphs[].context" go through different lists: their rows do not belong together',
    );
  });

  it("a column's own name comes first", async () => {
    expect(await table('{"q":"x","choices":["one"],"choices[0]":"own"}', 'a.jsonl', { a: 'choices[0]' })).toEqual([
      { a: 'own' },
    ]);
  });

  it.each([
    ['{"q":"x","choices":["one"]}', 'row 1 has a list of 1 where "choices[1]" is wanted', 1],
    ['{"q":"x","choices":["a","b"]}\n{"q":"x","choices":"a, b"}', 'row 2 has no list where "choices[0]" is wanted', 2],
    ['{"q":"x"}', 'there is no column "choices"; the columns are q', undefined],
    ['{"q":"x","choices":["","b"]}', 'row 1 has nothing in column "choices[0]"', 1],
    ['{"q":"x","choices":[["a"],"b"]}', 'row 1 has no text in column "choices[0]"', 1],
  ])('%s', async (content, message, line) => {
    const error = await failure(() => table(content));
    expect([error.message, error.where?.line]).toEqual([message, line]);
  });
});

describe("MedQuAD's XML", () => {
  const document = (id: string, pairs: string): string =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<Document id="${id}" source="GHR" url="https://x/${id}?a=1&amp;b=2">\n<Focus>heart</Focus>\n<QAPairs>\n${pairs}</QAPairs>\n</Document>\n`;
  const pair = (n: number, answer: string): string =>
    `<QAPair pid="${n}"><Question qid="${n}" qtype="treatment">What &lt;${n}&#x3e; ?</Question><Answer>${answer}</Answer></QAPair>\n`;

  it('a tree of documents gives all pairs in path order; those without an answer are counted', async () => {
    const tree = join(folder, 'tree');
    mkdirSync(join(tree, '1_A'), { recursive: true });
    mkdirSync(join(tree, '2_B'));
    writeFileSync(join(tree, '2_B', '0.xml'), document('c', pair(1, 'third')));
    writeFileSync(join(tree, '1_A', '10.xml'), document('b', pair(1, 'first')));
    writeFileSync(join(tree, '1_A', '9.xml'), document('a', pair(1, '') + pair(2, ' a <![CDATA[<b> & c]]>\n')));
    writeFileSync(join(tree, 'readme.txt'), 'not a document');
    const file = await readRecords(tree);
    expect(objects(file).map((row) => row.Answer)).toEqual(['first', ' a <b> & c\n', 'third']);
    expect(objects(file)[0]).toEqual({
      Question: 'What <1> ?',
      Answer: 'first',
      qtype: 'treatment',
      qid: '1',
      Focus: 'heart',
      document: 'b',
      source: 'GHR',
      url: 'https://x/b?a=1&b=2',
    });
    expect(file.parsed.notes).toEqual(['1 question without an answer left out']);
    const before = file.sha256;
    writeFileSync(join(tree, '2_B', '0.xml'), document('c', pair(1, 'other')));
    expect((await readRecords(tree)).sha256).not.toBe(before);
  });

  it('one document alone keeps its lines', async () => {
    const file = await parse(document('a', pair(1, 'x') + pair(2, 'y')), 'a.xml');
    expect([...file.parsed.records].map(({ line }) => line)).toEqual([5, 6]);
  });

  it.each([
    ['<!DOCTYPE x [<!ENTITY a "b">]><Document/>', 'it declares a document type or entities', 1],
    ['<Document>&a;</Document>', '"&a;" is no entity that is read here', 1],
    ['<Document>&#xd800;</Document>', '"&#xd800;" is no entity', 1],
    ['<Document>\n<a></b></Document>', '</b> closes <a>', 2],
    ['<Document a=1/>', 'the value of a is not quoted', 1],
    ['<Document a="1" a="2"/>', 'attribute a is there twice', 1],
    ['<Document/><Document/>', 'there is a second root element', 1],
    ['<Document/>text', 'there is text outside the root element', 1],
    [`${'<a>'.repeat(101)}`, 'elements are nested too deeply', 1],
  ])('refuses %s', async (content, message, line) => {
    const error = await failure(() => parseXml(content, 'a.xml'));
    expect(error.message).toStartWith('this is not well-formed XML: ');
    expect(error.message).toContain(message);
    expect(error.where).toEqual({ file: 'a.xml', line });
  });

  it('other roots, unclosed elements and empty trees are refused', async () => {
    expect((await failure(() => parse('<?xml version="1.0"?><html/>', 'a.xml'))).message).toBe(
      'the root element is html, not Document',
    );
    expect((await failure(() => parse('<Document>\n<a>', 'a.xml'))).message).toBe('<a> is never closed');
    expect((await failure(() => readRecords(FIXTURES))).message).toBe(`${FIXTURES} is a folder, not a file`);
  });

  it('gives back any text that was escaped, and refuses any soup in one line', async () => {
    const escaped = (s: string) => s.replace(/[&<>"']/g, (c) => `&#${c.codePointAt(0)};`);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, attribute) => {
        const root = parseXml(`<a x="${escaped(attribute)}"><!-- - -->${escaped(text)}</a>`, 'a.xml');
        expect([root.text, root.attributes.get('x')]).toEqual([text, attribute]);
      }),
      { numRuns: 200 },
    );
    const soup = fc.array(fc.constantFrom('<', '>', '/', 'a', '"', '=', '&', ';', '!', '?', '[', ']', '-', ' ', '\n'));
    fc.assert(
      fc.property(soup, (parts) => {
        try {
          parseXml(parts.join(''), 'a.xml');
        } catch (error) {
          if (!(error instanceof MedreproError)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

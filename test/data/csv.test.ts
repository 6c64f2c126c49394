import { describe, expect, it } from 'bun:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { tableOf } from '../../src/data/columns';
import { parseRecords } from '../../src/data/records';
import { readRawFile } from '../../src/data/text-file';
import { MedreproError } from '../../src/errors';
import peers from '../fixtures/csv/pandas.json';

const COLUMNS = { text: 'text', label: 'category' };

async function table(content: string | Uint8Array, name = 'rows.csv') {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const { rows, ...file } = tableOf(await parseRecords({ name, bytes }), COLUMNS);
  return { ...file, rows: rows.map(({ cells, line }) => ({ text: cells.text, label: cells.label, line })) };
}

async function failure(
  make: () => unknown,
): Promise<{ message: string; file?: string; line?: number; remedy?: string }> {
  try {
    await make();
  } catch (error) {
    if (!(error instanceof MedreproError)) throw error;
    expect([error.code, error.exitCode]).toEqual(['input', 2]);
    expect(`${error.message}${error.remedy ?? ''}`).not.toContain('\n');
    return { message: error.message, remedy: error.remedy, ...error.where };
  }
  throw new Error('nothing was thrown');
}

const utf16 = (text: string) => Uint8Array.from(Buffer.from(text, 'utf16le'));

describe('a CSV file', () => {
  it('reads quoted commas, quotes, line ends, and mixed row ends, with the line each row starts on', async () => {
    const { rows } = await table('text,category\r\n"a\r\nb, ""c""",x\n\n"d\n\ne",y\rlast,"z"');
    expect(rows).toEqual([
      { text: 'a\r\nb, "c"', label: 'x', line: 2 },
      { text: 'd\n\ne', label: 'y', line: 5 },
      { text: 'last', label: 'z', line: 8 },
    ]);
  });

  it('takes columns by name, in any order, and ignores others', async () => {
    const { rows } = await table('id,category,text\n1,x,a\n2,y,b\n');
    expect(rows.map((row) => [row.text, row.label])).toEqual([
      ['a', 'x'],
      ['b', 'y'],
    ]);
  });

  it('accepts a byte order mark and hashes the file as it lies', async () => {
    const content = '\ufefftext,category\nقلب,x\n';
    const plain = await table(content);
    expect(plain.rows[0]?.text).toBe('قلب');
    expect(plain.sha256).toBe(new Bun.CryptoHasher('sha256').update(content).digest('hex'));
    const packed = gzipSync(content);
    const unpacked = await table(packed, 'rows.csv.gz');
    expect(unpacked.rows).toEqual(plain.rows);
    expect(unpacked.sha256).toBe(new Bun.CryptoHasher('sha256').update(packed).digest('hex'));
  });

  const bad: [string, string | Uint8Array, string, number | undefined, string?][] = [
    ['empty', '', 'the file is empty', undefined],
    ['only a byte order mark', '\ufeff', 'the file is empty', undefined],
    ['header only', 'text,category\n', 'the file has a header but no rows', 1],
    ['header only without line end', 'text,category', 'the file has a header but no rows', 1],
    [
      'missing column',
      'question,category,my id\na,b,c\n',
      'there is no column "text"; the columns are question, category, "my id"',
      1,
      'name them with --map text=COLUMN,label=category',
    ],
    ['the same column twice', 'text,text,category\na,b,c\n', 'two columns are named "text"', 1],
    ['short row', 'text,category\na,x\n\n"b\n",y\nc\n', 'row 3 has nothing in column "category"', 6],
    ['long row', 'text,category\na,x,y\n', 'row 1 has 3 columns, the header 2', 2],
    ['empty text', 'text,category\n" ",x\n', 'row 1 has nothing in column "text"', 2],
    ['empty label', 'text,category\na,x\nb,\n', 'row 2 has nothing in column "category"', 3],
    ['open quote', 'text,category\na,x\n"b,y\nc,z\n', 'row 2 opens a quote that is never closed', 3],
    [
      'a missing label',
      'text,category\na,x\nb,None\n',
      'row 2 has None in column "category", which pandas and datasets read as missing',
      3,
    ],
    ['10 MB row', `text,category\na,x\n"${'b'.repeat(1e7)}",y\n`, 'row 2 is longer than 1 MiB', 3],
    ['NUL', 'text,category\nabc,x\nabcdefgh\0,y\n', 'byte 28 is a NUL, which text does not hold', 3],
    ['UTF-16 with mark', utf16('\ufefftext,category\n'), 'this is UTF-16 (little endian), not UTF-8 text', undefined],
    [
      'UTF-16 without mark',
      utf16('text,category\na,x\n'),
      'this is UTF-16 without a byte order mark, not UTF-8 text',
      undefined,
    ],
    ['Parquet', 'PAR1....', 'the Parquet file is cut short: its last bytes are not PAR1', undefined],
    ['Windows-1256', Uint8Array.from([...Buffer.from('text,category\na,x\n'), 0xde, 0xe1]), 'byte 18 is not UTF-8', 3],
    ['cut UTF-8', Uint8Array.from([...Buffer.from('text,category\na,'), 0xd8]), 'byte 16 is not UTF-8', 2],
    ['a surrogate', Uint8Array.from([...Buffer.from('ab'), 0xed, 0xa0, 0x80]), 'byte 2 is not UTF-8', 1],
    ['an overlong form', Uint8Array.from([0xc0, 0xaf]), 'byte 0 is not UTF-8', 1],
  ];
  it.each(bad.map((c) => [c[0], c] as const))('refuses: %s', async (_name, [, content, message, line, remedy]) => {
    const error = await failure(() => table(content));
    expect(error.message).toBe(message);
    expect(error.file).toBe('rows.csv');
    expect(error.line).toBe(line as number);
    if (remedy !== undefined) expect(error.remedy).toBe(remedy);
  });

  it('refuses gzip data that is cut, damaged, or none', async () => {
    const packed = gzipSync(`text,category\n${'a,x\n'.repeat(5000)}`);
    expect((await failure(() => table(packed.subarray(0, 60), 'a.gz'))).message).toBe('the gzip data is cut short');
    const damaged = packed.slice();
    damaged[damaged.length - 6]! ^= 0xff;
    expect((await failure(() => table(damaged, 'a.gz'))).message).toBe('the gzip data is damaged');
    expect((await failure(() => table('text,category\n', 'a.gz'))).message).toBe(
      'a.gz is named .gz but is not gzip data',
    );
  });

  it('reads gzip of several members, padded with zeros; says what else is in a container', async () => {
    const halves = ['text,category\na,x\n', 'b,y\n'].map((half) => gzipSync(half));
    const { rows } = await table(Buffer.concat([...halves, Buffer.alloc(100)]), 'rows.csv.gz');
    expect(rows.map((row) => row.text)).toEqual(['a', 'b']);
    const garbage = Buffer.concat([halves[0]!, Buffer.from('more')]);
    expect((await failure(() => table(garbage))).message).toBe('the gzip data is cut short');
    const containers: [string | Buffer, string][] = [
      ['version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n', 'a Git LFS pointer'],
      [Buffer.from('BZh91AY&SY\x00\xff', 'latin1'), 'bzip2 data'],
      [Buffer.from('\xfd7zXZ\0', 'latin1'), 'xz data'],
      [Buffer.from('PK\x03\x04\0\0', 'latin1'), 'a zip archive or an Excel workbook'],
      [Buffer.from('\x80\x04\x95\0', 'latin1'), 'a Python pickle'],
      [gzipSync(Buffer.from(`${'a.csv'.padEnd(257, '\0')}ustar\0`)), 'a tar archive'],
      ['\n<!DOCTYPE html>\n<html>', 'a web page'],
    ];
    for (const [content, what] of containers) {
      const error = await failure(() => table(typeof content === 'string' ? content : new Uint8Array(content)));
      expect([error.message, error.file]).toEqual([`this is ${what}, not the data itself`, 'rows.csv']);
    }
  });

  it('a gzip bomb is refused by what it unpacks to, in little memory', async () => {
    // 1 GiB and one byte of zeros: members of 32 MiB
    const part = gzipSync(new Uint8Array(2 ** 25), { level: 9 });
    const bomb = Buffer.concat([...Array<Uint8Array>(32).fill(part), gzipSync('\0')]);
    const before = process.memoryUsage().rss;
    const error = await failure(() => table(bomb, 'bomb.csv.gz'));
    expect(error.message).toBe('bomb.csv.gz unpacks to more than 1 GiB');
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 29);
  });

  it('gives back what any writer that quotes everything wrote', async () => {
    const cell = fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => s.trim() !== '' && !s.includes('\0'));
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 });
    const quote = (s: string) => `"${s.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n', '\r'), async (cells, end) => {
        const lines = ['text,category', ...cells.map((row) => row.map(quote).join(','))];
        const { rows: read } = await table(lines.join(end));
        expect(read.map((row) => [row.text, row.label])).toEqual(cells);
      }),
      { numRuns: 100 },
    );
  });
});

describe('what pandas makes of a file', () => {
  it.each(peers)('$name', async ({ name, content, columns, rows }) => {
    const { parsed } = await parseRecords({ name, bytes: new TextEncoder().encode(content) });
    expect(parsed.columns).toEqual(columns);
    const read = [...parsed.records].map(({ values }) => values.map((value) => value ?? ''));
    expect(read).toEqual(rows);
  });

  it('is said: separators, short rows, quotes', async () => {
    const { notes } = await table('text|category|x\nb"c|y|1\na|x\n"b"c|y|2\n');
    expect(notes).toEqual([
      'the columns are separated by bars',
      '1 row has fewer cells than the header (the first in line 3): the rest is missing',
      '2 rows have a quote that RFC 4180 does not allow (the first in line 2): read as pandas does',
    ]);
  });

  it('is not done where the spec says otherwise: a separator, texts that stay texts', async () => {
    const bytes = new TextEncoder().encode('text,label;n\nNA, x;None\n"a;b";null\n');
    const csv = { separator: ';', missingTexts: 'text' } as const;
    const columns = { text: 'text,label', label: 'n' };
    const read = tableOf(await parseRecords({ name: 'a.csv', bytes }, { csv }), columns);
    expect(read.rows.map(({ cells }) => Object.values(cells))).toEqual([
      ['NA, x', 'None'],
      ['a;b', 'null'],
    ]);
    expect(read.notes).toEqual([
      'column "n": None (1), null (1) kept as text, which pandas and datasets read as missing',
    ]);
  });

  it('is said: missing values that are empty text, columns that are not there, numbers printed otherwise', async () => {
    const content = 'text,category,n\na,x,007\nb,NA,1\nNone,y,2\nc,z,\n';
    const file = await parseRecords({ name: 'a.csv', bytes: new TextEncoder().encode(content) });
    const columns = { text: 'text', label: 'category', n: 'n', gone: 'gone' };
    const read = tableOf(file, columns, { optional: new Set(Object.keys(columns)) });
    expect(read.rows.map(({ cells }) => Object.values(cells))).toEqual([
      ['a', 'x', '007', ''],
      ['b', '', '1', ''],
      ['', 'y', '2', ''],
      ['c', 'z', '', ''],
    ]);
    expect(read.notes).toEqual([
      'there is no column "gone": gone is empty in every row',
      'column "text": None (1) taken as missing, as pandas and datasets do',
      'column "category": NA (1) taken as missing, as pandas and datasets do',
      'column "n" is kept as the file writes it; pandas would print 7 where it writes 007',
    ]);
    expect(Object.values(read.kinds).map(({ type }) => type)).toEqual(['text', 'text', 'integer', 'text']);
  });
});

describe('readRawFile', () => {
  it('names what is missing or a folder', async () => {
    expect((await failure(() => readRawFile('/nowhere/rows.csv'))).message).toBe('/nowhere/rows.csv does not exist');
    expect((await failure(() => readRawFile('/'))).message).toBe('/ is a folder, not a file');
  });
});

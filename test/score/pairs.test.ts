/** Files that cannot be paired: one clear line each. */

import { afterAll, beforeAll, describe, expect, it } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { MedreproError } from '../../src/errors';
import { type ColumnMap, readPairs, readTraining } from '../../src/score/pairs';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'medrepro-score-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const lines = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const GOLD = lines({ index: 0, question: 'q0', answer: 'a0' }, { index: 1, question: 'q1', answer: 'a1' });

/** The error as it is printed: place and message. */
async function failure(said: string, gold: string, map: ColumnMap = {}): Promise<string> {
  try {
    await readPairs(said, gold, map);
  } catch (error) {
    if (!(error instanceof MedreproError)) throw error;
    expect(error.exitCode).toBe(2);
    expect(error.remedy).toBeDefined();
    const { where } = error;
    const place = where === undefined ? '' : `${where.file}${where.line === undefined ? '' : `:${where.line}`}: `;
    return (place + error.message).replaceAll(`${folder}/`, '');
  }
  throw new Error('it was read');
}

describe('files that are read', () => {
  it('pairs rows; empty answers, a byte order mark and mixed line ends are no trouble', async () => {
    const said = write('bom.csv', '\ufeffindex,prediction\r\n0,"a, b"\n1,\r\n');
    const gold = write('gold.jsonl', GOLD.replace('\n', '\r\n'));
    const { predictions, references, questions } = await readPairs(said, gold);
    expect({ predictions, references, questions }).toEqual({
      predictions: ['a, b', ''],
      references: ['a0', 'a1'],
      questions: ['q0', 'q1'],
    });
  });

  it('takes columns under usual names or as --map names them; without ids the order of the files', async () => {
    const said = write('said.json', JSON.stringify([{ Output: 'x' }, { Output: 'y' }]));
    const gold = write('gold.csv', 'text,other\nu,1\nv,2\n');
    const { predictions, references, questions } = await readPairs(said, gold, { reference: 'text' });
    expect([predictions, references, questions]).toEqual([['x', 'y'], ['u', 'v'], null]);
  });

  it('reads each file once: a pipe has nothing to give a second time', async () => {
    const files = [
      write('said-piped', 'key,prediction\n2,no\n1,yes\n'),
      write('gold-piped', 'key,label\n1,yes\n2,no\n'),
    ];
    const [said, gold] = files.map((file) => {
      const pipe = `${file}.csv`;
      expect(Bun.spawnSync(['mkfifo', pipe]).exitCode).toBe(0);
      Bun.spawn(['sh', '-c', 'cat "$0" > "$1"', file, pipe]);
      return pipe;
    });
    const { predictions, notes } = await readPairs(said!, gold!);
    expect(predictions).toEqual(['no', 'yes']);
    expect(notes).toEqual([expect.stringContaining('the same "key" in another order')]);
  });

  it('a column of both files whose order differs is a warning: nobody said that it names the rows', async () => {
    const said = write('said-key.csv', 'key,prediction\n3,no\n1,yes\n2,no\n');
    const gold = write('gold-key.csv', 'key,label\n1,yes\n2,no\n3,no\n');
    expect((await readPairs(said, gold)).notes).toEqual([
      'both files have the same "key" in another order, and rows are paired by their place: --map id=key compares them',
    ]);
    const sorted = write('sorted-key.csv', 'key,prediction\n1,yes\n2,no\n3,no\n');
    expect((await readPairs(sorted, gold)).notes).toEqual([]);
    expect((await readPairs(write('other-key.csv', 'key,prediction\na,x\nb,y\nc,z\n'), gold)).notes).toEqual([]);
  });

  it('takes several references from lists, from objects in lists, and one by its number', async () => {
    const said = write('p.jsonl', lines({ prediction: 'x' }, { prediction: 'y' }));
    const rows = [
      { answers: [{ text: 'a' }, { text: 'b' }], flat: ['c', 'd'], hf: { text: ['e'], answer_start: [1] } },
      { answers: [{ text: 'f' }], flat: ['g', 'h', 'i'], hf: { text: ['j', 'k'], answer_start: [1, 2] } },
    ];
    const gold = write('nested.jsonl', lines(...rows));
    const of = async (reference: string) => (await readPairs(said, gold, { reference })).references;
    expect(await of('answers[].text')).toEqual([['a', 'b'], 'f']);
    expect(await of('flat')).toEqual([
      ['c', 'd'],
      ['g', 'h', 'i'],
    ]);
    expect(await of('flat[1]')).toEqual(['d', 'h']);
    expect(await of('hf.text')).toEqual(['e', ['j', 'k']]);
    expect(await of('hf.text[0]')).toEqual(['e', 'j']);
    const csv = write('nested.csv', `answers\n"[""a"", ""b""]"\n"[""c""]"\n`);
    expect((await readPairs(said, csv, { reference: 'answers[0]' })).references).toEqual(['a', 'c']);
  });

  it('says which texts of a CSV another reader would not see', async () => {
    const said = write('na.csv', 'prediction\nNA\nyes\n');
    const { predictions, notes } = await readPairs(said, write('g.csv', 'answer\nno\nyes\n'));
    expect(predictions).toEqual(['NA', 'yes']);
    expect(notes!.join()).toContain('1 predictions are "NA", kept as text; pandas reads them as missing');
  });

  it('reads training rows by their own names', async () => {
    const { questions, answers } = await readTraining(write('train.csv', 'qtype,Question,Answer\nt,q,a\n'), {
      reference: 'text',
    });
    expect([questions, answers]).toEqual([['q'], ['a']]);
  });
});

describe('files that are refused', () => {
  const said = (...rows: object[]): string => write('said.jsonl', lines(...rows));
  const cases: [string, () => Promise<string>, string][] = [
    [
      'another number of rows',
      () => failure(said({ prediction: 'x' }), write('g.jsonl', GOLD)),
      'said.jsonl has 1 rows and ',
    ],
    [
      'another order',
      () => failure(said({ id: 1, prediction: 'x' }, { id: 0, prediction: 'y' }), write('g.jsonl', GOLD)),
      'row 1 is 1 in said.jsonl and 0 in g.jsonl: the order differs',
    ],
    [
      'other ids',
      () => failure(said({ id: 0, prediction: 'x' }, { id: 7, prediction: 'y' }), write('g.jsonl', GOLD)),
      'said.jsonl has a row "7" that g.jsonl does not have',
    ],
    [
      'an id twice',
      () => failure(said({ id: 0, prediction: 'x' }, { id: 0, prediction: 'y' }), write('g.jsonl', GOLD)),
      'said.jsonl:2: row 2 has the id of row 1 again: "0"',
    ],
    [
      'no column of predictions',
      () => failure(said({ text: 'x' }, { text: 'y' }), write('g.jsonl', GOLD)),
      'said.jsonl: no column looks like the prediction; the columns are text',
    ],
    [
      'a mapped column that is not there',
      () => failure(said({ text: 'x' }, { text: 'y' }), write('g.jsonl', GOLD), { prediction: 'txt' }),
      'said.jsonl: there is no column "txt"; the columns are text',
    ],
    [
      'a mapped id that one of the files does not have',
      () => failure(write('k.csv', 'key,prediction\n1,x\n2,y\n'), write('g.jsonl', GOLD), { id: 'key' }),
      'g.jsonl: there is no column "key"; the columns are index, question, answer',
    ],
    [
      'a mapped id that neither has',
      () => failure(write('k.csv', 'key,prediction\n1,x\n2,y\n'), write('g.jsonl', GOLD), { id: 'TYPO' }),
      'k.csv:1: there is no column "TYPO"',
    ],
    [
      'a mapped question that is not there',
      () => failure(said({ prediction: 'x' }, { prediction: 'y' }), write('g.jsonl', GOLD), { question: 'asked' }),
      'g.jsonl: there is no column "asked"',
    ],
    [
      'a column twice',
      () => failure(write('two.csv', 'prediction,prediction\nx,y\nx,y\n'), write('g.jsonl', GOLD)),
      'two.csv:1: two columns are named "prediction"',
    ],
    [
      'two columns of one usual name',
      () => failure(write('two.csv', 'Prediction,prediction\nx,y\nx,y\n'), write('g.jsonl', GOLD)),
      'two.csv:1: "Prediction" and "prediction" both look like the prediction',
    ],
    [
      'a mapped column twice',
      () => failure(write('two.csv', 'p,p,q\nx,y,z\nx,y,z\n'), write('g.jsonl', GOLD), { prediction: 'p' }),
      'two.csv:1: two columns are named "p"',
    ],
    [
      'a row without any reference',
      () =>
        failure(
          said({ prediction: 'x' }, { prediction: 'y' }),
          write('e.jsonl', lines({ answer: ['a'] }, { answer: [] })),
        ),
      'e.jsonl:2: row 2 has an empty list where a text is wanted in column "answer"',
    ],
    [
      'an element that is not there',
      () =>
        failure(said({ prediction: 'x' }, { prediction: 'y' }), write('e.jsonl', lines({ a: ['a'] }, { a: [] })), {
          reference: 'a[0]',
        }),
      'e.jsonl:2: row 2 has a list of 0 where a text is wanted in column "a"',
    ],
    [
      'no text in a cell',
      () => failure(said({ prediction: 'x' }, { prediction: null }), write('g.jsonl', GOLD)),
      'said.jsonl:2: row 2 has no text in column "prediction"',
    ],
    [
      'broken UTF-8',
      () => failure(write('s.jsonl', Buffer.from('{"prediction": "\xff"}\n', 'latin1')), write('g.jsonl', GOLD)),
      's.jsonl:1: byte 16 is not UTF-8',
    ],
    [
      'gzip cut short',
      () => failure(write('s.jsonl.gz', gzipSync(GOLD.repeat(50)).subarray(0, 40)), write('g.jsonl', GOLD)),
      's.jsonl.gz: the gzip data is cut short',
    ],
    ['no rows', () => failure(write('s.jsonl', ''), write('g.jsonl', GOLD)), 's.jsonl: '],
    ['no file', () => failure(join(folder, 'nobody.jsonl'), write('g.jsonl', GOLD)), 'nobody.jsonl does not exist'],
  ];
  it.each(cases)('%s', async (_, run, message) => expect(await run()).toContain(message));
});

/**
 * Reads a generated table and prints what that took as JSON: run as a program of its own, because the peak of a process never
 * falls again.
 *
 *   bun test/data/read-peak.ts FOLDER csv|json|columns
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { chooser, tableOf } from '../../src/data/columns';
import { readRecords } from '../../src/data/records';
import { hostLibrary } from '../../src/native/device';

const ROWS = 160_000;
const COLUMNS = { text: 'question', answer: 'answer', label: 'label' };

// a character outside Latin-1 makes a JavaScript string of two bytes a character
const question = (i: number): string =>
  `${i} does a patient’s fever need treatment while ${'the pain is mild '.repeat(6)}`;
const answer = (i: number): string => `in most cases not: ${'rest and drink enough water '.repeat(5)}${i}`;

const [folder, form] = process.argv.slice(2) as [string, string];
const path = join(folder, `rows.${form === 'columns' ? 'json' : form}`);
const file = openSync(path, 'w');
let pending = '';
const write = (text: string): void => {
  pending += text;
  if (pending.length < 2 ** 20) return;
  writeSync(file, pending);
  pending = '';
};
const rows = function* (): Generator<number> {
  for (let i = 0; i < ROWS; i++) yield i;
};
if (form === 'columns') {
  const columns = { question, answer, label: (i: number) => i % 20 };
  for (const [name, of] of Object.entries(columns)) {
    write(`${name === 'question' ? '{' : ','}"${name}":[`);
    for (const i of rows()) write(`${i === 0 ? '' : ','}${JSON.stringify(of(i))}`);
    write(']');
  }
  write('}');
} else {
  write(form === 'csv' ? 'question,answer,label\n' : '[');
  for (const i of rows()) {
    if (form === 'csv') write(`"${question(i)}","${answer(i)}",${i % 20}\n`);
    else {
      const row = JSON.stringify({ question: question(i), answer: answer(i), label: i % 20 });
      write(`${i === 0 ? '' : ','}${row}`);
    }
  }
  write(form === 'json' ? ']' : '');
}
writeSync(file, pending);
closeSync(file);

const host = hostLibrary();
Bun.gc(true);
const before = host.peakMemory();
const table = tableOf(await readRecords(path, { choose: chooser(COLUMNS) }), COLUMNS);
const peak = host.peakMemory();
const last = table.rows.at(table.rows.length - 1).cells;
const isWhole = table.rows.length === ROWS && last.text === question(ROWS - 1) && last.answer === answer(ROWS - 1);
console.log(JSON.stringify({ bytes: statSync(path).size, taken: peak - before, isWhole }));

/**
 * Makes `language/wordnet.bin` and `language/punkt.bin`, the data METEOR needs, from WordNet 3.0 and Punkt's English
 * parameters. The same sources give the same bytes.
 *
 *   bun scripts/language.ts --wordnet DIR --punkt FILE
 *
 * DIR holds index.*, data.* and *.exc (Debian: wordnet-base 1:3.0-37, /usr/share/wordnet); FILE is english.json
 * (Debian: golang-gopkg-neurosnap-sentences.v1-dev 1.0.6-1.1). Their licences are in language/NOTICE.md, which changes
 * with this script.
 *
 * What is left out changes no METEOR: phrases (tokens have no spaces; a token with an underscore finds nothing),
 * glosses and pointers, capitalised lemmas as answers (METEOR compares lower case), lemmas that lead to no answer, and
 * of Punkt's orthographic contexts all that decide like a word Punkt has never seen.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { BuildError, main, ROOT } from './stages';

/** In the order of the flags: noun 1, verb 2, adjective 4, adverb 8; sixteen times that: answers with itself. */
const POS = ['noun', 'verb', 'adj', 'adv'] as const;

if (import.meta.main) {
  await main(async () => {
    const { values } = parseArgs({ options: { wordnet: { type: 'string' }, punkt: { type: 'string' } } });
    if (values.wordnet === undefined || values.punkt === undefined) {
      throw new BuildError('name both sources: bun scripts/language.ts --wordnet DIR --punkt FILE');
    }
    write('wordnet', wordnet(values.wordnet));
    write('punkt', punkt(values.punkt));
    return 0;
  });
}

// --- WordNet ---

interface Lexicon {
  /** Lemma -> its synsets, by offset. */
  readonly index: ReadonlyMap<string, readonly number[]>;
  /** Offset -> the lemmas that can be an answer: one word, in lower case. */
  readonly names: ReadonlyMap<number, readonly string[]>;
}

/**
 * Sections: words, flags (a byte a word), synsets of each part of speech, exceptions.
 *
 * Words ascend; each is the number of letters it shares with the one before, as the character 65 + number, and the rest.
 * A synset is two numbers (answers, others) and its words, both groups ascending, as distances; the first answer of a
 * synset counts from that of the one before. Numbers are LEB128.
 */
function wordnet(folder: string): Uint8Array[] {
  const lexica = POS.map((pos) => readLexicon(folder, pos));
  const flags = new Map<string, number>();
  for (const [p, lexicon] of lexica.entries()) {
    for (const [word, offsets] of lexicon.index) {
      if (word.includes('_')) continue;
      const own = offsets.some((offset) => lexicon.names.get(offset)!.includes(word));
      const leads = offsets.some((offset) => lexicon.names.get(offset)!.some((name) => name !== word));
      if (!own && !leads) continue;
      flags.set(word, (flags.get(word) ?? 0) | (1 << p) | (own ? 16 << p : 0));
    }
  }
  const words = [...flags.keys()].sort();
  const id = new Map(words.map((word, i) => [word, i]));
  return [
    frontCoded(words),
    Uint8Array.from(words, (word) => flags.get(word)!),
    ...lexica.map((lexicon) => synsets(lexicon, id)),
    encode(POS.map((pos) => exceptions(folder, pos, id)).join('\n\n')),
  ];
}

function readLexicon(folder: string, pos: string): Lexicon {
  const names = new Map<number, string[]>();
  for (const line of linesOf(join(folder, `data.${pos}`))) {
    const fields = line.split('|')[0]!.trim().split(/\s+/);
    const count = Number.parseInt(fields[3]!, 16);
    const lemmas = Array.from({ length: count }, (_, i) => fields[4 + 2 * i]!.replace(/\(.*\)$/, ''));
    names.set(
      Number(fields[0]),
      lemmas.filter((lemma) => !lemma.includes('_') && lemma === lemma.toLowerCase()),
    );
  }
  const index = new Map<string, number[]>();
  for (const line of linesOf(join(folder, `index.${pos}`))) {
    const fields = line.trim().split(/\s+/);
    index.set(fields[0]!, fields.slice(-Number(fields[2])).map(Number));
  }
  return { index, names };
}

/** Lines but the licence, which is indented. */
function linesOf(path: string): string[] {
  if (!existsSync(path)) throw new BuildError(`${path} does not exist`);
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' '));
}

function synsets({ index, names }: Lexicon, id: ReadonlyMap<string, number>): Uint8Array {
  const members = new Map<number, string[]>();
  for (const [word, offsets] of index) {
    if (!id.has(word)) continue;
    for (const offset of offsets) {
      const list = members.get(offset);
      if (list === undefined) members.set(offset, [word]);
      else list.push(word);
    }
  }
  const groups: [number[], number[]][] = [];
  for (const [offset, words] of members) {
    const answers = names.get(offset)!;
    if (!words.some((word) => answers.some((name) => name !== word))) continue;
    const ids = (wanted: boolean): number[] =>
      words
        .filter((word) => answers.includes(word) === wanted)
        .map((word) => id.get(word)!)
        .sort((a, b) => a - b);
    groups.push([ids(true), ids(false)]);
  }
  groups.sort(([a], [b]) => compareLists(a, b));
  const out: number[] = [];
  const number = (value: number): void => {
    let rest = value;
    for (; rest > 127; rest >>= 7) out.push((rest & 127) | 128);
    out.push(rest);
  };
  let first = 0;
  for (const [answers, others] of groups) {
    number(answers.length);
    number(others.length);
    for (const [i, word] of answers.entries()) number(word - (i === 0 ? first : answers[i - 1]!));
    for (const [i, word] of others.entries()) number(word - (i === 0 ? 0 : others[i - 1]!));
    first = answers[0]!;
  }
  return Uint8Array.from(out);
}

function compareLists(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** `form lemma lemma`, a line each. A form without a known lemma stays: it keeps the rules from being tried. */
function exceptions(folder: string, pos: string, id: ReadonlyMap<string, number>): string {
  const lines = new Map<string, string>();
  for (const line of linesOf(join(folder, `${pos}.exc`))) {
    const [form, ...lemmas] = line.trim().split(/\s+/);
    if (form!.includes('_')) continue;
    lines.set(form!, [form, ...lemmas.filter((lemma) => id.has(lemma))].join(' '));
  }
  return [...lines.values()].sort().join('\n');
}

function frontCoded(words: readonly string[]): Uint8Array {
  let text = '';
  let before = '';
  for (const word of words) {
    let shared = 0;
    while (shared < word.length && word[shared] === before[shared]) shared++;
    if (shared > 31 || /[^!-@a-z]/.test(word)) throw new BuildError(`${word} does not fit the format`);
    text += String.fromCharCode(65 + shared) + word.slice(shared);
    before = word;
  }
  return encode(text);
}

// --- Punkt ---

/** Sections: abbreviations, collocations, sentence starters, words, contexts (a digit a word: see src/metrics/punkt.ts). */
function punkt(file: string): Uint8Array[] {
  const parameters = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, number>>;
  const keys = (name: string): string[] => {
    const table = parameters[name];
    if (table === undefined) throw new BuildError(`${file} has no ${name}`);
    return Object.keys(table).sort();
  };
  const context = parameters.OrthoContext!;
  // beginning, middle, unknown place: 2, 4, 8 in upper case, 16, 32, 64 in lower case
  const words = keys('OrthoContext').filter((word) => (context[word]! & (16 | 32 | 64)) !== 0);
  const digit = (bits: number): number =>
    ((bits & 4) !== 0 ? 1 : 0) + ((bits & (2 | 4 | 8)) === 0 && (bits & 16) !== 0 ? 2 : 0);
  const digits = words.map((word) => digit(context[word]!)).join('');
  const lists = [keys('AbbrevTypes'), keys('Collocations'), keys('SentStarters'), words];
  return [...lists.map((list) => encode(list.join('\n'))), encode(digits)];
}

// --- internal ---

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Each section with its length in four bytes before it, little-endian; brotli over all. */
function write(name: string, sections: readonly Uint8Array[]): void {
  const framed = sections.flatMap((section) => {
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, section.length, true);
    return [length, section];
  });
  const plain = Buffer.concat(framed);
  const packed = brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
  const path = `language/${name}.bin`;
  writeFileSync(join(ROOT, path), packed);
  process.stderr.write(`${path}: ${packed.length} bytes\n`);
}

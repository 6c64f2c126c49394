/**
 * Synonyms from WordNet 3.0 (Miller 1995), as far as METEOR asks for them.
 *
 * Equals NLTK 3.10's `wordnet.synsets(word)` with its one-pass morphy, reduced to the lemma names without an underscore
 * and without capitals, for words without an underscore. The data is in language/wordnet.bin.
 */

import { languageSections, sectionText } from './language-data';

/**
 * The one-word, lower-case lemmas of all synsets of `word`, over all parts of speech and the base forms morphy finds.
 *
 * Holds the word itself only when WordNet has it in lower case.
 */
export function synonyms(word: string): ReadonlySet<string> {
  const known = cache.get(word);
  if (known !== undefined) return known;
  lexicon ??= readLexicon();
  const found = lookUp(lexicon, word);
  if (cache.size < CACHE_LIMIT) cache.set(word, found);
  return found;
}

// --- internal ---

const CACHE_LIMIT = 100_000;
const cache = new Map<string, ReadonlySet<string>>();
let lexicon: Lexicon | undefined;

/** Noun, verb, adjective, adverb: bit p of a word's flags, and bit p + 4 when it is an answer itself. */
const PARTS_OF_SPEECH = 4;

/** Endings and what replaces them, per part of speech: each is tried once, on the word as it is. */
const SUBSTITUTIONS: readonly (readonly (readonly [string, string])[])[] = [
  [
    ['s', ''],
    ['ses', 's'],
    ['ves', 'f'],
    ['xes', 'x'],
    ['zes', 'z'],
    ['ches', 'ch'],
    ['shes', 'sh'],
    ['men', 'man'],
    ['ies', 'y'],
  ],
  [
    ['s', ''],
    ['ies', 'y'],
    ['es', 'e'],
    ['es', ''],
    ['ed', 'e'],
    ['ed', ''],
    ['ing', 'e'],
    ['ing', ''],
  ],
  [
    ['er', ''],
    ['est', ''],
    ['er', 'e'],
    ['est', 'e'],
  ],
  [],
];

interface Lexicon {
  readonly words: readonly string[];
  readonly id: ReadonlyMap<string, number>;
  readonly flags: Uint8Array;
  /** Per part of speech: irregular form -> lemmas. */
  readonly exceptions: readonly ReadonlyMap<string, readonly string[]>[];
  /** Per part of speech: word id -> the answers (word ids) of each of its synsets. */
  readonly synsets: readonly ReadonlyMap<number, readonly Uint32Array[]>[];
}

function lookUp({ words, id, flags, exceptions, synsets }: Lexicon, word: string): Set<string> {
  const found = new Set<string>();
  const lower = word.toLowerCase();
  for (let pos = 0; pos < PARTS_OF_SPEECH; pos++) {
    for (const form of forms(lower, pos, exceptions[pos]!)) {
      const place = id.get(form);
      if (place === undefined || ((flags[place]! >> pos) & 1) === 0) continue;
      if ((flags[place]! >> (pos + 4)) & 1) found.add(form);
      for (const answers of synsets[pos]!.get(place) ?? []) for (const answer of answers) found.add(words[answer]!);
    }
  }
  return found;
}

/** The word and its base forms: from the exceptions when it is one, else by the rules; those unknown to WordNet too. */
function forms(word: string, pos: number, exceptions: ReadonlyMap<string, readonly string[]>): string[] {
  const irregular = exceptions.get(word);
  if (irregular !== undefined) return [word, ...irregular];
  const rules = SUBSTITUTIONS[pos]!.filter(([ending]) => word.endsWith(ending));
  return [word, ...rules.map(([ending, instead]) => word.slice(0, word.length - ending.length) + instead)];
}

function readLexicon(): Lexicon {
  const [coded, flags, ...rest] = languageSections('wordnet') as [Uint8Array, Uint8Array, ...Uint8Array[]];
  const words = readWords(sectionText(coded));
  const exceptions = sectionText(rest.pop()!)
    .split('\n\n')
    .map(
      (block) =>
        new Map(
          block
            .split('\n')
            .map((line) => line.split(' '))
            .map(([form, ...to]) => [form!, to]),
        ),
    );
  const id = new Map(words.map((word, i) => [word, i]));
  return { words, id, flags, exceptions, synsets: rest.map(readSynsets) };
}

/** Each word is the number of letters it shares with the one before, as the character 65 + number, and the rest. */
function readWords(coded: string): string[] {
  const words: string[] = [];
  let word = '';
  for (const [, shared, rest] of coded.matchAll(/([A-`])([^A-`]*)/g)) {
    word = word.slice(0, shared!.charCodeAt(0) - 65) + rest;
    words.push(word);
  }
  return words;
}

/** Two counts (answers, other words) and the words, as distances in LEB128. */
function readSynsets(data: Uint8Array): Map<number, Uint32Array[]> {
  const byWord = new Map<number, Uint32Array[]>();
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = data[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  let first = 0;
  while (at < data.length) {
    const [count, others] = [number(), number()];
    const answers = new Uint32Array(count);
    let word = first;
    for (let i = 0; i < count; i++) {
      word += number();
      answers[i] = word;
    }
    first = answers[0]!;
    const keys = [...answers];
    word = 0;
    for (let i = 0; i < others; i++) {
      word += number();
      keys.push(word);
    }
    for (const key of keys) {
      const list = byWord.get(key);
      if (list === undefined) byWord.set(key, [answers]);
      else list.push(answers);
    }
  }
  return byWord;
}

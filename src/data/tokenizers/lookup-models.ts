/** Models that look words up: `WordPiece` and `WordLevel` of the Rust library `tokenizers` 0.23 (src/models). */

import type { Model } from './model';
import { Part } from './part';
import { Trie } from './trie';
import { Vocabulary } from './vocabulary';

/** The longest token at each place, or one unknown token for the whole word. */
export class WordPiece implements Model {
  readonly size: number;
  readonly idLimit: number;
  private readonly vocabulary: Vocabulary;
  private readonly ids: readonly number[];
  private readonly trie: Trie;
  /** The node after the prefix of continued words; -1 when no token has it. */
  private readonly continued: number;
  private readonly unknown: string;
  private readonly longest: number;

  /** @throws MedreproError `input` when a field is missing */
  constructor(json: Readonly<Record<string, unknown>>) {
    const part = new Part({ ...json, type: 'WordPiece' }, 'model');
    this.vocabulary = new Vocabulary(json.vocab as Readonly<Record<string, number>>);
    this.size = this.vocabulary.size;
    this.idLimit = this.vocabulary.idLimit;
    const entries = [...this.vocabulary.entries()];
    this.ids = entries.map(([, id]) => id);
    this.trie = new Trie(entries.map(([token]) => token));
    this.continued = this.trie.find(part.string('continuing_subword_prefix'));
    this.unknown = part.string('unk_token');
    this.longest = part.count('max_input_chars_per_word');
  }

  encode(word: string, ids: number[]): void {
    const before = ids.length;
    let start = lengthUpTo(word, this.longest) ? 0 : -1;
    while (start >= 0 && start < word.length) start = this.step(word, start, ids);
    if (start >= 0) return;
    ids.length = before;
    ids.push(this.vocabulary.unknownId(this.unknown));
  }

  idOf(token: string): number {
    return this.vocabulary.idOf(token);
  }

  tokenOf(id: number): string | null {
    return this.vocabulary.tokenOf(id);
  }

  /** Appends the longest token from `start` on; returns its end, -1 when there is none. */
  private step(word: string, start: number, ids: number[]): number {
    let node = start === 0 ? 0 : this.continued;
    let found = -1;
    let end = -1;
    for (let i = start; i < word.length && node >= 0; ) {
      node = this.trie.step(node, word.charCodeAt(i++));
      if (node < 0 || this.trie.wordAt(node) < 0) continue;
      found = this.ids[this.trie.wordAt(node)]!;
      end = i;
    }
    if (end >= 0) ids.push(found);
    return end;
  }
}

/** One id for each word. */
export class WordLevel implements Model {
  readonly size: number;
  readonly idLimit: number;
  private readonly vocabulary: Vocabulary;
  private readonly unknown: string;

  /** @throws MedreproError `input` when a field is missing */
  constructor(json: Readonly<Record<string, unknown>>) {
    const part = new Part({ ...json, type: 'WordLevel' }, 'model');
    this.vocabulary = new Vocabulary(json.vocab as Readonly<Record<string, number>>);
    this.size = this.vocabulary.size;
    this.idLimit = this.vocabulary.idLimit;
    this.unknown = part.string('unk_token');
  }

  encode(word: string, ids: number[]): void {
    const id = this.vocabulary.idOf(word);
    ids.push(id >= 0 ? id : this.vocabulary.unknownId(this.unknown));
  }

  idOf(token: string): number {
    return this.vocabulary.idOf(token);
  }

  tokenOf(id: number): string | null {
    return this.vocabulary.tokenOf(id);
  }
}

// --- internal ---

/** Whether a word has at most `most` characters. */
function lengthUpTo(word: string, most: number): boolean {
  if (word.length <= most) return true;
  let characters = 0;
  for (let i = 0; i < word.length && characters <= most; characters++) i += word.codePointAt(i)! > 0xffff ? 2 : 1;
  return characters <= most;
}

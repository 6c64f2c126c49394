/**
 * `Unigram` of the Rust library `tokenizers` 0.23 (src/models/unigram): the split of a word with the best sum of scores, by
 * Viterbi over the tokens that begin at each character.
 */

import { byteTokens } from './bpe';
import type { Model } from './model';
import { Part, refused } from './part';
import { Trie } from './trie';

/** How much worse than the worst token an unknown character is. */
const UNKNOWN_PENALTY = 10;

export class Unigram implements Model {
  readonly size: number;
  readonly idLimit: number;
  private readonly tokens: readonly string[];
  private readonly scores: Float64Array;
  private readonly ids: ReadonlyMap<string, number>;
  private readonly trie: Trie;
  private readonly unknown: number | null;
  private readonly unknownScore: number;
  private readonly bytes: boolean;
  private readonly byteIds: readonly number[];

  /** @throws MedreproError `input` when an entry is no token with a score, or `unk_id` is not in the vocabulary */
  constructor(json: Readonly<Record<string, unknown>>) {
    const part = new Part({ ...json, type: 'Unigram' }, 'model');
    const entries = part.list('vocab').map((entry, i) => {
      const good =
        Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && typeof entry[1] === 'number';
      if (!good) throw refused(`entry ${i} of "model.vocab" is not a token with a score`);
      return entry as [string, number];
    });
    this.tokens = entries.map(([token]) => token);
    this.scores = Float64Array.from(entries, ([, score]) => score);
    this.ids = new Map(this.tokens.map((token, id) => [token, id]));
    this.trie = new Trie(this.tokens);
    this.size = this.tokens.length;
    this.idLimit = this.size;
    this.unknown = part.get('unk_id') === null ? null : part.count('unk_id');
    if (this.unknown !== null && this.unknown >= this.size) throw part.wrong('unk_id');
    this.unknownScore = this.scores.reduce((least, score) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY;
    this.bytes = part.boolean('byte_fallback', false);
    this.byteIds = byteTokens(this);
  }

  encode(word: string, ids: number[]): void {
    const { best, from } = this.bestPath(word);
    // from the end: ends of the tokens, unknown neighbours as one
    const pieces: [number, number][] = [];
    let unknownEnd = -1;
    for (let end = word.length; end > 0; end = from[end]!) {
      const start = from[end]!;
      if (best[end] === this.unknown) {
        if (unknownEnd < 0) unknownEnd = end;
      } else {
        if (unknownEnd >= 0) pieces.push([end, unknownEnd]);
        unknownEnd = -1;
        pieces.push([start, end]);
      }
    }
    if (unknownEnd >= 0) pieces.push([0, unknownEnd]);
    for (const [start, end] of pieces.reverse()) this.push(word.slice(start, end), ids);
  }

  idOf(token: string): number {
    return this.ids.get(token) ?? -1;
  }

  tokenOf(id: number): string | null {
    return this.tokens[id] ?? null;
  }

  private push(token: string, ids: number[]): void {
    const id = this.idOf(token);
    if (id >= 0) {
      ids.push(id);
      return;
    }
    if (this.bytes) {
      const bytes = ENCODER.encode(token);
      if (bytes.every((byte) => this.byteIds[byte]! >= 0)) {
        for (const byte of bytes) ids.push(this.byteIds[byte]!);
        return;
      }
    }
    ids.push(this.unknownId());
  }

  /** For each end of a token on the best way there: the token's id, and where it starts. */
  private bestPath(word: string): { best: Int32Array; from: Int32Array } {
    const best = new Int32Array(word.length + 1);
    const from = new Int32Array(word.length + 1).fill(-1);
    const score = new Float64Array(word.length + 1);
    const offer = (start: number, end: number, id: number, own: number): void => {
      const candidate = own + score[start]!;
      if (from[end] !== -1 && !(candidate > score[end]!)) return;
      score[end] = candidate;
      from[end] = start;
      best[end] = id;
    };
    for (let start = 0; start < word.length; ) {
      const next = start + (word.codePointAt(start)! > 0xffff ? 2 : 1);
      let single = false;
      let node = 0;
      for (let end = start; end < word.length; ) {
        node = this.trie.step(node, word.charCodeAt(end++));
        if (node < 0) break;
        const id = this.trie.wordAt(node);
        if (id < 0) continue;
        offer(start, end, id, this.scores[id]!);
        single ||= end === next;
      }
      if (!single) offer(start, next, this.unknownId(), this.unknownScore);
      start = next;
    }
    return { best, from };
  }

  private unknownId(): number {
    if (this.unknown === null)
      throw refused('the text has a character outside the vocabulary, and model Unigram has no unk_id');
    return this.unknown;
  }
}

// --- internal ---

const ENCODER = new TextEncoder();

/**
 * `BPE` of the Rust library `tokenizers` 0.23 (src/models/bpe): characters are merged in the order of their rank, with a heap
 * over linked symbols, so that a word of any length takes n log n.
 */

import type { Model } from './model';
import { PairTable } from './pair-table';
import { Part, refused } from './part';
import { Vocabulary } from './vocabulary';

/** Ranks times places must stay exact in a float64. */
const MAX_MERGES = 2 ** 22;
const PLACES = 2 ** 31;

export class Bpe implements Model {
  readonly size: number;
  readonly idLimit: number;
  private readonly vocabulary: Vocabulary;
  /** (left id, right id) -> rank. */
  private readonly ranks: PairTable;
  /** Id that each rank makes. */
  private readonly made: Int32Array;
  private readonly unknown: string | null;
  private readonly fuseUnknown: boolean;
  private readonly bytes: boolean;
  private readonly wholeWords: boolean;
  private readonly prefix: string;
  private readonly suffix: string;
  /** Id of each byte's token `<0x0A>`; -1 where there is none. */
  private readonly byteIds: readonly number[];
  private symbols = new Symbols(64);

  /** @throws MedreproError `input` on options that cannot be done, or merges of tokens that are not in the vocabulary */
  constructor(json: Readonly<Record<string, unknown>>) {
    const part = new Part({ ...json, type: 'BPE' }, 'model');
    this.vocabulary = new Vocabulary(json.vocab as Readonly<Record<string, number>>);
    this.size = this.vocabulary.size;
    this.idLimit = this.vocabulary.idLimit;
    const dropout = part.get('dropout');
    if (dropout !== null && dropout !== 0)
      throw refused('model BPE has "dropout": the same text would get other ids each time');
    this.unknown = part.get('unk_token') === null ? null : part.string('unk_token');
    this.fuseUnknown = part.boolean('fuse_unk', false);
    this.bytes = part.boolean('byte_fallback', false);
    this.wholeWords = part.boolean('ignore_merges', false);
    this.prefix = part.string('continuing_subword_prefix', '');
    this.suffix = part.string('end_of_word_suffix', '');
    this.byteIds = byteTokens(this.vocabulary);
    const merges = part.list('merges');
    if (merges.length > MAX_MERGES) throw refused(`model BPE has more than ${MAX_MERGES} merges`);
    this.ranks = new PairTable(merges.length);
    this.made = new Int32Array(merges.length);
    for (const [rank, merge] of merges.entries()) {
      // a line of merges.txt that the library skips
      if (typeof merge === 'string' && merge.startsWith('#version')) continue;
      this.addMerge(rank, merge as string | readonly [string, string]);
    }
  }

  encode(word: string, ids: number[]): void {
    if (this.wholeWords) {
      const id = this.vocabulary.idOf(word);
      if (id >= 0) {
        ids.push(id);
        return;
      }
    }
    this.split(word);
    this.merge();
    const { ids: symbols, next } = this.symbols;
    for (let i = this.symbols.count === 0 ? -1 : 0; i >= 0; i = next[i]!) ids.push(symbols[i]!);
  }

  idOf(token: string): number {
    return this.vocabulary.idOf(token);
  }

  tokenOf(id: number): string | null {
    return this.vocabulary.tokenOf(id);
  }

  /** Exactly as the library: the right token loses its prefix, and all three must have ids. */
  private addMerge(rank: number, merge: string | readonly [string, string]): void {
    const [left, right] = (typeof merge === 'string' ? merge.split(' ') : merge) as [string, string];
    if (!right.startsWith(this.prefix)) {
      throw refused(`merge ${rank} joins ${JSON.stringify(right)}, which lacks the prefix of continued words`);
    }
    const parts = [left, right, left + right.slice(this.prefix.length)].map((token) => {
      const id = this.vocabulary.idOf(token);
      if (id < 0) throw refused(`merge ${rank} has ${JSON.stringify(token)}, which is not in the vocabulary`);
      return id;
    });
    this.ranks.set(parts[0]!, parts[1]!, rank);
    this.made[rank] = parts[2]!;
  }

  /** The word's characters as symbols. */
  private split(word: string): void {
    this.symbols.count = 0;
    this.reserve(word.length + 1);
    let unknown = -1;
    for (let i = 0; i < word.length; ) {
      this.reserve(2);
      const end = i + (word.codePointAt(i)! > 0xffff ? 2 : 1);
      let token = word.slice(i, end);
      if (i > 0) token = this.prefix + token;
      if (end === word.length) token += this.suffix;
      i = end;
      const id = this.vocabulary.idOf(token);
      if (id >= 0) {
        if (unknown >= 0) this.symbols.add(unknown);
        unknown = -1;
        this.symbols.add(id);
      } else if (this.bytes && this.addBytes(token)) {
        // as in the library, an unknown token that waits comes after these bytes
      } else if (this.unknown !== null) {
        if (unknown >= 0 && !this.fuseUnknown) this.symbols.add(unknown);
        unknown = this.vocabulary.unknownId(this.unknown);
      }
    }
    if (unknown >= 0) this.symbols.add(unknown);
  }

  private addBytes(token: string): boolean {
    const bytes = ENCODER.encode(token);
    if (bytes.some((byte) => this.byteIds[byte]! < 0)) return false;
    this.reserve(bytes.length);
    for (const byte of bytes) this.symbols.add(this.byteIds[byte]!);
    return true;
  }

  /** Makes room for `more` symbols. */
  private reserve(more: number): void {
    if (this.symbols.count + more > this.symbols.room) this.symbols = this.symbols.larger(more);
  }

  private merge(): void {
    const { ids, next, previous, count } = this.symbols;
    if (count < 2) return;
    const { ranks, made } = this;
    const heap = this.symbols.heap;
    heap.clear();
    for (let i = 0; i + 1 < count; i++) {
      const rank = ranks.get(ids[i]!, ids[i + 1]!);
      if (rank >= 0) heap.push(rank * PLACES + i);
    }
    for (let top = heap.pop(); top >= 0; top = heap.pop()) {
      const rank = Math.floor(top / PLACES);
      const at = top - rank * PLACES;
      if (ids[at] === GONE || next[at]! < 0) continue;
      const right = next[at]!;
      // an entry that has been overtaken still counts when its pair makes the same token today
      const now = ranks.get(ids[at]!, ids[right]!);
      if (now < 0 || made[now] !== made[rank]) continue;
      ids[at] = made[rank]!;
      ids[right] = GONE;
      next[at] = next[right]!;
      if (next[at]! >= 0) previous[next[at]!] = at;
      if (previous[at]! >= 0) {
        const before = ranks.get(ids[previous[at]!]!, ids[at]!);
        if (before >= 0) heap.push(before * PLACES + previous[at]!);
      }
      if (next[at]! >= 0) {
        const after = ranks.get(ids[at]!, ids[next[at]!]!);
        if (after >= 0) heap.push(after * PLACES + at);
      }
    }
  }
}

/** Ids of the tokens `<0x00>` to `<0xFF>`; -1 where the vocabulary has none. */
export function byteTokens(vocabulary: { idOf(token: string): number }): number[] {
  return Array.from({ length: 256 }, (_, byte) =>
    vocabulary.idOf(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
}

// --- internal ---

const ENCODER = new TextEncoder();

/** The id of a symbol that was merged into the one on its left. */
const GONE = -1;

/** The symbols of one word, as a list with links. */
class Symbols {
  count = 0;
  readonly ids: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  readonly heap = new Heap();

  constructor(readonly room: number) {
    this.ids = new Int32Array(room);
    this.next = new Int32Array(room);
    this.previous = new Int32Array(room);
  }

  add(id: number): void {
    const at = this.count++;
    this.ids[at] = id;
    this.previous[at] = at - 1;
    this.next[at] = -1;
    if (at > 0) this.next[at - 1] = at;
  }

  /** A copy with room for `more`, and more than that. */
  larger(more: number): Symbols {
    const copy = new Symbols(2 * this.room + more);
    copy.ids.set(this.ids);
    copy.next.set(this.next);
    copy.previous.set(this.previous);
    copy.count = this.count;
    return copy;
  }
}

/** The smallest number first. */
class Heap {
  private items = new Float64Array(64);
  private count = 0;

  clear(): void {
    this.count = 0;
  }

  push(item: number): void {
    if (this.count === this.items.length) {
      const larger = new Float64Array(2 * this.count);
      larger.set(this.items);
      this.items = larger;
    }
    const { items } = this;
    let at = this.count++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]! <= item) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  /** -1 when empty. */
  pop(): number {
    if (this.count === 0) return -1;
    const { items } = this;
    const top = items[0]!;
    const last = items[--this.count]!;
    const { count } = this;
    let at = 0;
    for (let child = 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

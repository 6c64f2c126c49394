/**
 * Many words in a text at once, the longest at the leftmost place, in time linear in the text however the words overlap.
 *
 * An automaton of Aho and Corasick over the reversed words, run from the end of the text, gives for every position the longest
 * word that begins there; going through the text from its start then takes them greedily.
 */

import { Trie } from './trie';

export class Matcher {
  /** Whether a text can hold any word at all, by the words' first characters. */
  private readonly possible: RegExp;
  private readonly trie: Trie;
  /** For each node the node of its longest proper suffix in the trie. */
  private readonly fallback: Int32Array;
  /** For each node the longest word that ends there; -1 when none does. */
  private readonly longest: Int32Array;

  /** @param words at least one, none empty, no two the same; in well-formed Unicode */
  constructor(private readonly words: readonly string[]) {
    const firsts = [...new Set(words.map((word) => word.codePointAt(0)!))];
    this.possible = new RegExp(`[${firsts.map((point) => `\\u{${point.toString(16)}}`).join('')}]`, 'u');
    const backwards = words.map(reversed);
    this.trie = new Trie(backwards);
    this.fallback = new Int32Array(this.trie.size);
    this.longest = new Int32Array(this.trie.size).fill(-1);
    this.link(backwards);
  }

  /** Calls `found` with each word's number and place, from left to right, without overlap. */
  find(text: string, found: (word: number, start: number, end: number) => void): void {
    if (!this.possible.test(text)) return;
    const begins = new Int32Array(text.length).fill(-1);
    let node = 0;
    for (let i = text.length - 1; i >= 0; i--) {
      node = this.next(node, text.charCodeAt(i));
      begins[i] = this.longest[node]!;
    }
    for (let i = 0; i < text.length; ) {
      const word = begins[i]!;
      if (word < 0) {
        i++;
        continue;
      }
      const end = i + this.words[word]!.length;
      found(word, i, end);
      i = end;
    }
  }

  private next(from: number, unit: number): number {
    for (let node = from; ; node = this.fallback[node]!) {
      const next = this.trie.step(node, unit);
      if (next >= 0) return next;
      if (node === 0) return 0;
    }
  }

  /** Fills the links by depth: a node's fallback is nearer to the root than the node. */
  private link(backwards: readonly string[]): void {
    const depth = backwards.reduce((most, word) => Math.max(most, word.length), 0);
    const at = new Int32Array(backwards.length);
    let longer = backwards.map((word, i) => ({ word, i }));
    for (let level = 0; level < depth; level++) {
      longer = longer.filter(({ word }) => level < word.length);
      for (const { word, i } of longer) {
        const unit = word.charCodeAt(level);
        const node = this.trie.step(at[i]!, unit);
        const fallback = level === 0 ? 0 : this.next(this.fallback[at[i]!]!, unit);
        this.fallback[node] = fallback;
        const own = this.trie.wordAt(node);
        this.longest[node] = own >= 0 ? own : this.longest[fallback]!;
        at[i] = node;
      }
    }
  }
}

// --- internal ---

/** UTF-16 units backwards. */
function reversed(word: string): string {
  let out = '';
  for (let i = word.length - 1; i >= 0; i--) out += word[i]!;
  return out;
}

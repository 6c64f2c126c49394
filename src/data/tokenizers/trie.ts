/** Words in a trie over UTF-16 units: which of them begin at a place of a text. */

import { PairTable } from './pair-table';

export class Trie {
  private readonly edges: PairTable;
  /** Word that ends at each node; -1 where none does. */
  private readonly words: number[] = [-1];

  /** @param words numbered by their index; of two equal ones the later counts. The empty word is never found. */
  constructor(words: readonly string[]) {
    this.edges = new PairTable(words.reduce((sum, word) => sum + word.length, 0));
    for (const [number, word] of words.entries()) this.words[this.add(word)] = number;
  }

  /** The node that `unit` leads to from `node` (0: the root); -1 when none. */
  step(node: number, unit: number): number {
    return this.edges.get(node, unit);
  }

  /** The node that `text` leads to from the root; -1 when none. */
  find(text: string): number {
    let node = 0;
    for (let i = 0; i < text.length && node >= 0; i++) node = this.step(node, text.charCodeAt(i));
    return node;
  }

  /** The word that ends at a node; -1 when none does. */
  wordAt(node: number): number {
    return this.words[node]!;
  }

  /** Nodes, the root included. */
  get size(): number {
    return this.words.length;
  }

  private add(word: string): number {
    let node = 0;
    for (let i = 0; i < word.length; i++) {
      let next = this.edges.get(node, word.charCodeAt(i));
      if (next < 0) {
        next = this.words.length;
        this.words.push(-1);
        this.edges.set(node, word.charCodeAt(i), next);
      }
      node = next;
    }
    return node;
  }
}

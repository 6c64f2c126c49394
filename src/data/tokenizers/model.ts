/** What every model of tokenizer.json does: words to ids. */
export interface Model {
  /** Appends the ids of a word, which is not empty. @throws MedreproError `input` when the word has none. */
  encode(word: string, ids: number[]): void;
  /** The id of a token; -1 when it is not in the vocabulary. */
  idOf(token: string): number;
  /** The token of an id; null when there is none. */
  tokenOf(id: number): string | null;
  /** Entries of the vocabulary: the library numbers added tokens from here. */
  readonly size: number;
  /** One more than the largest id. */
  readonly idLimit: number;
}

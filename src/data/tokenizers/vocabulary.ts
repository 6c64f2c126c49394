/** A vocabulary as tokenizer.json has it: token to id, and back. */

import { refused } from './part';

export class Vocabulary {
  private readonly ids: ReadonlyMap<string, number>;
  /** Made when it is first asked for: encoding does without. */
  private tokens: ReadonlyMap<number, string> | null = null;
  readonly size: number;
  readonly idLimit: number;

  /** @param entries checked: ids are whole numbers, no two the same */
  constructor(entries: Readonly<Record<string, number>>) {
    const ids = new Map<string, number>();
    let limit = 0;
    for (const token of Object.keys(entries)) {
      const id = entries[token]!;
      ids.set(token, id);
      if (id >= limit) limit = id + 1;
    }
    this.ids = ids;
    this.size = this.ids.size;
    this.idLimit = limit;
  }

  idOf(token: string): number {
    return this.ids.get(token) ?? -1;
  }

  tokenOf(id: number): string | null {
    this.tokens ??= new Map([...this.ids].map(([token, of]) => [of, token]));
    return this.tokens.get(id) ?? null;
  }

  entries(): IterableIterator<[string, number]> {
    return this.ids.entries();
  }

  /** The id of the token for what is unknown. @throws MedreproError `input` when the vocabulary lacks it. */
  unknownId(token: string): number {
    const id = this.idOf(token);
    if (id < 0)
      throw refused(
        `the text has a word outside the vocabulary, whose unknown token ${JSON.stringify(token)} is not in it`,
      );
    return id;
  }
}

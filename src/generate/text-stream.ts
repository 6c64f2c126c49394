/**
 * The text of a growing list of tokens, piece by piece. A character may span several tokens, and some tokenisers join or
 * strip spaces by what stands before: so a piece is what the last few tokens add to the ones before them, and is held back
 * while it ends inside a character. The pieces together are the text of all tokens.
 */

/** What text some ids stand for: special tokens left out. */
export type Decode = (ids: readonly number[]) => string;

export class TextStream {
  private readonly ids: number[] = [];
  /** Tokens that are decoded again to see what the next ones add. */
  private context = 0;
  /** Tokens whose text has been given out. */
  private done = 0;

  constructor(private readonly decode: Decode) {}

  /** What the token adds that is whole; '' while a character is not. */
  push(id: number): string {
    this.ids.push(id);
    return this.take(false);
  }

  /** What is left at the end, replacement characters included. */
  end(): string {
    return this.take(true);
  }

  private take(all: boolean): string {
    const before = this.decode(this.ids.slice(this.context, this.done));
    const after = this.decode(this.ids.slice(this.context));
    if (after.length <= before.length || (!all && after.endsWith('\ufffd'))) return '';
    this.context = this.done;
    this.done = this.ids.length;
    return after.slice(before.length);
  }
}

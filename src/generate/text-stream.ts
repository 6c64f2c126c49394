/**
 * The text of a growing list of tokens, piece by piece. A character may span several tokens, and some tokenisers join or
 * strip spaces depending on what precedes: so a piece is what the last few tokens add to the ones before them, and is withheld
 * while it ends inside a character. The pieces together are the text of all tokens.
 */

/** Decodes ids, without special tokens. */
export type Decode = (ids: readonly number[]) => string;

export class TextStream {
  private readonly ids: number[] = [];
  /** Tokens that are decoded again to see what the next ones add. */
  private context = 0;
  /** Tokens whose text has been returned. */
  private done = 0;

  constructor(private readonly decode: Decode) {}

  /** The text that the token completes; '' while a character is incomplete. */
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

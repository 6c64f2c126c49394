/**
 * What changes the scores of the next token before one is chosen, in the order and arithmetic of transformers' `generate`:
 * repetition_penalty, then no_repeat_ngram_size (generation/logits_process.py).
 */

/** The penalties of a generation; 1 and 0 switch them off. */
export interface Penalties {
  /** Keskar et al. 2019: scores of tokens that occurred are divided by it when positive, multiplied when negative. */
  readonly repetitionPenalty: number;
  /** No n-gram of this length occurs twice. */
  readonly noRepeatNgramSize: number;
}

/** The scores of one sequence, whose tokens (prompt first) it is told one by one. */
export class ScoreProcessor {
  private readonly seen = new Set<number>();
  private readonly tokens: number[] = [];
  /** The tokens that followed each run of n-1 tokens. */
  private readonly followers = new Map<string, number[]>();

  constructor(private readonly penalties: Penalties) {}

  /** Whether `apply` never does anything. */
  static idle({ repetitionPenalty, noRepeatNgramSize }: Penalties): boolean {
    return repetitionPenalty === 1 && noRepeatNgramSize === 0;
  }

  /** Adds a token to the sequence. */
  push(token: number): void {
    const { noRepeatNgramSize: n, repetitionPenalty } = this.penalties;
    if (repetitionPenalty !== 1) this.seen.add(token);
    if (n === 0) return;
    if (this.tokens.length >= n - 1) {
      const key = this.prefix();
      const known = this.followers.get(key);
      if (known === undefined) this.followers.set(key, [token]);
      else known.push(token);
    }
    this.tokens.push(token);
  }

  /** Changes the scores [vocab] in place: fp32 products and quotients, as torch computes them. */
  apply(scores: Float32Array): void {
    const { noRepeatNgramSize: n } = this.penalties;
    const penalty = Math.fround(this.penalties.repetitionPenalty);
    for (const token of this.seen) {
      const score = scores[token]!;
      scores[token] = score < 0 ? score * penalty : score / penalty;
    }
    if (n === 0 || this.tokens.length < n - 1) return;
    for (const token of this.followers.get(this.prefix()) ?? []) scores[token] = Number.NEGATIVE_INFINITY;
  }

  /** The last n-1 tokens. */
  private prefix(): string {
    const { length } = this.tokens;
    return this.tokens.slice(length - this.penalties.noRepeatNgramSize + 1).join();
  }
}

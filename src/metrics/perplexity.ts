/**
 * Validation loss and perplexity from the summed losses of rows.
 *
 * Both are token-weighted: the loss is the sum over all scored tokens divided by their number, perplexity its exponential.
 * That is what a loop of `total += loss * tokens` computes over batches of any size, and it does not depend on the batches.
 * The Hugging Face Trainer's `eval_loss` is another mean: of the means of batches, each counted once a row.
 *
 * A pipeline that forgets to mask padding scores padding tokens too. They are easy, so its perplexity is lower than that
 * of the text.
 */

import { groupsOf } from '../data/batches';
import { inputError } from '../errors';

/** Losses of one row. */
export interface TokenLoss {
  /** Summed over the labelled tokens, nats. */
  readonly sum: number;
  readonly tokens: number;
}

/** Mean loss of a token over all rows, in nats. @throws MedreproError `input` when there is no token. */
export function meanLoss(rows: readonly TokenLoss[]): number {
  let [sum, tokens] = [0, 0];
  for (const row of rows) {
    sum += row.sum;
    tokens += row.tokens;
  }
  if (tokens === 0) throw inputError('there are no tokens to score');
  return sum / tokens;
}

/**
 * Mean over batches of `batchSize` rows of each batch's mean, however many tokens it has: what a loop of `total += loss`
 * computes, in nats. A batch without a token is left out.
 */
export function batchMeanLoss(rows: readonly TokenLoss[], batchSize: number): number {
  const means = groupsOf(rows, batchSize)
    .filter((batch) => batch.some(({ tokens }) => tokens > 0))
    .map(meanLoss);
  return means.reduce((sum, value) => sum + value, 0) / means.length;
}

/** The Trainer's `eval_loss`, in nats: each batch's mean, counted as often as the batch has rows. */
export function trainerLoss(batches: readonly (TokenLoss & { readonly rows: number })[]): number {
  let [sum, rows] = [0, 0];
  for (const batch of batches) {
    sum += meanLoss([batch]) * batch.rows;
    rows += batch.rows;
  }
  if (rows === 0) throw inputError('there are no rows to score');
  return sum / rows;
}

/**
 * The most a perplexity on text can be when it is known only with padding: as if padding had cost nothing.
 *
 * @param tokens scored in all, `padding` of them padding
 */
export function perplexityBound(padded: number, tokens: number, padding: number): number {
  return Math.exp((Math.log(padded) * tokens) / (tokens - padding));
}

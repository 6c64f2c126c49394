/**
 * Validation loss and perplexity from the summed losses of rows.
 *
 * Both are token-weighted: the loss is the sum over all scored tokens divided by their number, perplexity its exponential.
 * That is what a loop makes of `total += loss * tokens` over batches of any size, and it does not depend on the batches.
 * The Hugging Face Trainer's `eval_loss` is another mean: of the means of batches, each counted once a row.
 *
 * A pipeline that forgets to mask padding scores padding tokens too. They are easy, so its perplexity is lower than that
 * of the text; `perplexity+padding` is that number.
 */

import { inputError } from '../errors';
import type { TokenLoss } from '../train/evaluate';
import { type Score, signatureOf } from './metric';

/** The same, with the padding that a pipeline without a mask scores too. */
export interface PaddedLoss extends TokenLoss {
  readonly padding: TokenLoss;
}

/** Mean loss of a token, in nats. @throws MedreproError `input` when there is none. */
export function validationLoss(rows: readonly TokenLoss[]): Score {
  return scoreOf('loss', meanLoss(rows), { weight: 'tokens', padding: 'masked' });
}

/** The Trainer's `eval_loss`: each batch's mean, counted as often as the batch has rows. */
export function trainerLoss(batches: readonly (TokenLoss & { readonly rows: number })[]): Score {
  let [sum, rows] = [0, 0];
  for (const batch of batches) {
    sum += meanLoss([batch]) * batch.rows;
    rows += batch.rows;
  }
  if (rows === 0) throw inputError('there are no rows to score');
  return scoreOf('trainer-loss', sum / rows, { weight: 'rows', padding: 'masked' });
}

/** exp of the mean loss of a token. @throws MedreproError `input` when there is none. */
export function perplexity(rows: readonly TokenLoss[]): Score {
  return scoreOf('perplexity', Math.exp(meanLoss(rows)), { weight: 'tokens', padding: 'masked' });
}

/** Perplexity with padding scored as if it were text. */
export function paddedPerplexity(rows: readonly PaddedLoss[]): Score {
  const all = rows.map(({ sum, tokens, padding }) => ({ sum: sum + padding.sum, tokens: tokens + padding.tokens }));
  return scoreOf('perplexity+padding', Math.exp(meanLoss(all)), { weight: 'tokens', padding: 'scored' });
}

/**
 * The most a perplexity on text can be when it is known only with padding: as if padding had cost nothing.
 *
 * @param tokens scored in all, `padding` of them padding
 */
export function perplexityBound(padded: number, tokens: number, padding: number): number {
  return Math.exp((Math.log(padded) * tokens) / (tokens - padding));
}

// --- internal ---

function meanLoss(rows: readonly TokenLoss[]): number {
  let [sum, tokens] = [0, 0];
  for (const row of rows) {
    sum += row.sum;
    tokens += row.tokens;
  }
  if (tokens === 0) throw inputError('there are no tokens to score');
  return sum / tokens;
}

function scoreOf(metric: string, value: number, parts: Readonly<Record<string, string>>): Score {
  const signature = signatureOf(metric, { ...parts, unit: metric.startsWith('perplexity') ? 'exp' : 'nats', v: 1 });
  return { metric, value, printed: value.toFixed(4), signature };
}

/** Metrics over generated texts: one prediction and one reference a row. */

import { inputError } from '../errors';
import { bootstrapInterval, type Interval } from './bootstrap';
import { type Score, signatureOf } from './metric';

/** What a text metric computes. */
export interface TextValue {
  /** Unrounded. */
  readonly value: number;
  /** (rows,) the metric of each row, in the unit of the value; null when the value is no mean of rows (BLEU). */
  readonly rows: Float64Array | null;
  /** The metric of rows drawn by index, with repetitions; absent where it is the mean of `rows`. */
  readonly resampled?: (drawn: Uint32Array) => number;
  /** Numbers the value is made of, for those who check it: precisions, lengths. */
  readonly details?: Readonly<Record<string, number | readonly number[]>>;
  /** What makes the value doubtful, one line each: a stemmer on Arabic. */
  readonly warnings?: readonly string[];
}

export interface TextScore extends Score, TextValue {
  /** Rows scored. */
  readonly count: number;
}

/** A metric over texts: `predictions[i]` is what the model wrote for row i, `references[i]` what it should have. */
export interface TextMetric {
  readonly id: string;
  /** What the number equals elsewhere. */
  readonly equals: string;
  /** Every argument that can change the number. */
  readonly signature: string;
  /** @throws MedreproError `input`: no rows, or lists of different length. */
  score(predictions: readonly string[], references: readonly string[]): TextScore;
}

/** A text metric from its value. */
export function textMetric(
  id: string,
  about: { readonly parts: Readonly<Record<string, string | number>>; readonly equals: string },
  compute: (predictions: readonly string[], references: readonly string[]) => TextValue,
): TextMetric {
  const { parts, equals } = about;
  const signature = signatureOf(id, { nrefs: 1, ...parts, equals, v: 1 });
  return {
    id,
    equals,
    signature,
    score: (predictions, references) => {
      if (predictions.length !== references.length) {
        throw inputError(`${predictions.length} predictions and ${references.length} references cannot be compared`);
      }
      if (predictions.length === 0) throw inputError('there are no rows to score');
      const computed = compute(predictions, references);
      return { ...computed, count: predictions.length, metric: id, printed: computed.value.toFixed(4), signature };
    },
  };
}

/** The 95% bootstrap interval of a score over its rows. */
export function scoreInterval({ rows, resampled, count }: TextScore): Interval {
  if (resampled !== undefined) return bootstrapInterval(count, resampled);
  return bootstrapInterval(count, (drawn) => {
    let sum = 0;
    for (const row of drawn) sum += rows![row]!;
    return sum / drawn.length;
  });
}

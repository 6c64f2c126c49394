/** Metrics over generated texts: one prediction and one reference a row. */

import { inputError } from '../errors';
import { type Score, signatureOf } from './metric';

/** What a text metric computes. */
export interface TextValue {
  /** Unrounded. */
  readonly value: number;
  /** (rows,) the metric of each row, whose mean it is (up to the unit); null when it is no mean of rows (BLEU). */
  readonly rows: Float64Array | null;
  /** Numbers the value is made of, for those who check it: precisions, lengths. */
  readonly details?: Readonly<Record<string, number | readonly number[]>>;
  /** What makes the value doubtful, one line each: a stemmer on Arabic. */
  readonly warnings?: readonly string[];
}

export interface TextScore extends Score, TextValue {}

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
      return { ...computed, metric: id, printed: computed.value.toFixed(4), signature };
    },
  };
}

/** Metrics over generated texts: one prediction and one or several references a row. */

import { inputError } from '../errors';
import { bootstrapInterval, type Interval } from './bootstrap';
import { type Score, signatureOf } from './metric';

/** What a row should have been: a text, or several of which any will do. */
export type References = string | readonly string[];

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

/**
 * A metric over texts: `predictions[i]` is what the model wrote for row i, `references[i]` what it should have. Of several references
 * the metric's own tool decides what counts: the best one for a metric of rows, all of them for BLEU.
 */
export interface TextMetric {
  readonly id: string;
  /** What it is, in one line: docs/spec.md. */
  readonly description: string;
  /** What the number equals elsewhere. */
  readonly equals: string;
  /** Every argument that can change the number, for one reference a row; a score's own names how many it has. */
  readonly signature: string;
  /** @throws MedreproError `input`: no rows, a row without a reference, or lists of different length. */
  score(predictions: readonly string[], references: readonly References[]): TextScore;
}

/** A text metric from its value; `references[i]` are those of row i, at least one. */
export function textMetric(
  id: string,
  about: {
    readonly description: string;
    readonly parts: Readonly<Record<string, string | number>>;
    readonly equals: string;
  },
  compute: (predictions: readonly string[], references: readonly (readonly string[])[]) => TextValue,
): TextMetric {
  const { description, parts, equals } = about;
  const signatureFor = (nrefs: number | 'var'): string => signatureOf(id, { nrefs, ...parts, equals, v: 1 });
  return {
    id,
    description,
    equals,
    signature: signatureFor(1),
    score: (predictions, references) => {
      if (predictions.length !== references.length) {
        throw inputError(`${predictions.length} predictions and ${references.length} references cannot be compared`);
      }
      if (predictions.length === 0) throw inputError('there are no rows to score');
      const lists = references.map((of) => (typeof of === 'string' ? [of] : of));
      const counts = new Set(lists.map(({ length }) => length));
      if (counts.has(0)) throw inputError('a row has no reference to be compared with');
      const [nrefs = 1, ...others] = counts;
      const computed = compute(predictions, lists);
      const signature = signatureFor(others.length === 0 ? nrefs : 'var');
      return { ...computed, count: predictions.length, metric: id, printed: computed.value.toFixed(4), signature };
    },
  };
}

/** A signature whatever the number of references: that is the data's, not the metric's. */
export const withoutReferences = (signature: string): string => signature.replace(/\|nrefs:[^|]+/, '');

/** The highest of some values, the first one where several are. */
export function best<T>(values: readonly T[], of: (value: T) => number): T {
  return values.reduce((most, value) => (of(value) > of(most) ? value : most));
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

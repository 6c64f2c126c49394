/**
 * Corpus BLEU (Papineni et al. 2002) as sacreBLEU 2.6 computes it by default, 0 to 100.
 *
 * The 13a tokeniser (mteval-v13a), mixed case, n-grams up to four, exponential smoothing. Of several references an n-gram counts as
 * often as in the one that has it most, and the length is that nearest to the prediction's. Counts are equal, the value to 1e-12.
 * sacreBLEU's own signature of this setting: nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp.
 */

import { splitWords, trimEnd } from './python-text';
import { textMetric } from './text-metric';

const MAX_ORDER = 4;

export const sacrebleu = textMetric(
  'bleu',
  {
    description: 'BLEU of the corpus (sacreBLEU).',
    parts: { case: 'mixed', eff: 'no', tok: '13a', smooth: 'exp' },
    equals: 'sacrebleu-2.6',
  },
  (predictions, references) => {
    const counts = predictions.map((prediction, i) => bleuCounts(prediction, ...references[i]!));
    const sum = (rows: Iterable<BleuCounts>): BleuCounts => {
      const all = emptyCounts();
      for (const row of rows) addCounts(all, row);
      return all;
    };
    const total = sum(counts);
    const resampled = (drawn: Uint32Array): number => bleuFromCounts(sum(Array.from(drawn, (i) => counts[i]!))).score;
    const { score, precisions, brevityPenalty } = bleuFromCounts(total);
    const details = {
      precisions,
      brevity_penalty: brevityPenalty,
      sys_len: total.predicted,
      ref_len: total.reference,
      counts: total.correct,
      totals: total.total,
    };
    return { value: score, rows: null, resampled, details };
  },
);

/** The counts that a BLEU is made of; those of a corpus are the sums of its rows'. */
export interface BleuCounts {
  /** Words of the prediction, and of the reference. */
  predicted: number;
  reference: number;
  /** (4,) n-grams of the prediction that the reference has too, at most as often; and all n-grams of the prediction. */
  readonly correct: number[];
  readonly total: number[];
}

/** The counts of one row with its references. */
export function bleuCounts(prediction: string, ...references: readonly string[]): BleuCounts {
  const said = tokenise13a(prediction);
  const golds = references.map(tokenise13a);
  const nearest = nearestLength(
    said.length,
    golds.map(({ length }) => length),
  );
  const counts = { ...emptyCounts(), predicted: said.length, reference: nearest };
  for (let order = 1; order <= MAX_ORDER; order++) {
    const known = new Map<string, number>();
    for (const gold of golds) {
      const own = new Map<string, number>();
      for (const ngram of ngrams(gold, order)) own.set(ngram, (own.get(ngram) ?? 0) + 1);
      for (const [ngram, count] of own) known.set(ngram, Math.max(known.get(ngram) ?? 0, count));
    }
    for (const ngram of ngrams(said, order)) {
      const left = known.get(ngram) ?? 0;
      if (left === 0) continue;
      known.set(ngram, left - 1);
      counts.correct[order - 1]!++;
    }
    counts.total[order - 1] = Math.max(0, said.length - order + 1);
  }
  return counts;
}

export function emptyCounts(): BleuCounts {
  return { predicted: 0, reference: 0, correct: [0, 0, 0, 0], total: [0, 0, 0, 0] };
}

/** Adds `row` to `sum`, in place. */
export function addCounts(sum: BleuCounts, row: BleuCounts): void {
  sum.predicted += row.predicted;
  sum.reference += row.reference;
  for (let n = 0; n < MAX_ORDER; n++) {
    sum.correct[n]! += row.correct[n]!;
    sum.total[n]! += row.total[n]!;
  }
}

/** BLEU from its counts, with the smoothing of mteval-v13a: the k-th order without a match counts as 1 / 2^k. */
export function bleuFromCounts(counts: BleuCounts): { score: number; precisions: number[]; brevityPenalty: number } {
  const { predicted, reference, correct, total } = counts;
  const brevityPenalty = predicted >= reference ? 1 : predicted > 0 ? Math.exp(1 - reference / predicted) : 0;
  const precisions = [0, 0, 0, 0];
  if (correct.every((count) => count === 0)) return { score: 0, precisions, brevityPenalty };
  let smoothing = 1;
  for (let n = 0; n < MAX_ORDER && total[n]! > 0; n++) {
    if (correct[n] === 0) smoothing *= 2;
    precisions[n] = correct[n] === 0 ? 100 / (smoothing * total[n]!) : (100 * correct[n]!) / total[n]!;
  }
  // an order without n-grams at all has a logarithm that makes the whole 0, as in sacreBLEU
  const logs = precisions.map((precision) => (precision === 0 ? -9999999999 : Math.log(precision)));
  const score = brevityPenalty * Math.exp(logs.reduce((sum, log) => sum + log, 0) / MAX_ORDER);
  return { score, precisions, brevityPenalty };
}

/** The words of a text under mteval-v13a. */
export function tokenise13a(text: string): string[] {
  let line = trimEnd(text).replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ');
  if (line.includes('&')) {
    line = line.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>');
  }
  line = ` ${line} `
    .replace(/[{-~[-` -&(-+:-@/]/g, ' $& ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ');
  return splitWords(line);
}

// --- internal ---

/** The length that differs least from `length`, the shorter of two. */
function nearestLength(length: number, lengths: readonly number[]): number {
  const [nearest = 0] = [...lengths].sort((a, b) => Math.abs(a - length) - Math.abs(b - length) || a - b);
  return nearest;
}

/** Words hold no white space, so a space between them keeps n-grams apart. */
function* ngrams(words: readonly string[], order: number): Generator<string> {
  if (order === 1) yield* words;
  else for (let i = 0; i + order <= words.length; i++) yield words.slice(i, i + order).join(' ');
}

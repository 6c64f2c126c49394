/**
 * Exact match and token F1 of SQuAD v1.1 (Rajpurkar et al. 2016), in percent.
 *
 * Equal to the last bit to the official evaluation script as Hugging Face evaluate's `squad` carries it
 * (metrics/squad/compute_score.py), of several references the best: texts are lower-cased, stripped of ASCII punctuation and of
 * the words a, an, the; F1 is over the bags of words of a row; both are means over rows.
 */

import { ASCII_PUNCTUATION, splitWords, WORD_END, WORD_START } from './python-text';
import { textMetric } from './text-metric';

const PARTS = { lower: 'yes', punctuation: 'no', articles: 'no', average: 'rows', unit: 'percent' };
const EQUALS = 'squad-v1.1';

export const squadExactMatch = textMetric(
  'exact-match',
  {
    description: 'Share of answers equal to a reference once normalised (SQuAD v1.1), in percent.',
    parts: PARTS,
    equals: EQUALS,
  },
  (predictions, references) => {
    const rows = Float64Array.from(predictions, (prediction, i) =>
      references[i]!.some((reference) => normaliseAnswer(prediction) === normaliseAnswer(reference)) ? 1 : 0,
    );
    return { value: percentMean(rows), rows: rows.map((row) => 100 * row) };
  },
);

export const squadF1 = textMetric(
  'f1',
  {
    description: 'F1 of the bags of words of answer and reference (SQuAD v1.1), in percent.',
    parts: PARTS,
    equals: EQUALS,
  },
  (predictions, references) => {
    const rows = Float64Array.from(predictions, (prediction, i) =>
      Math.max(...references[i]!.map((reference) => tokenF1(prediction, reference))),
    );
    return { value: percentMean(rows), rows: rows.map((row) => 100 * row) };
  },
);

/** A text as SQuAD compares it: words in lower case, single spaces between them. */
export function normaliseAnswer(text: string): string {
  return splitWords(text.toLowerCase().replace(PUNCTUATION, '').replace(ARTICLES, ' ')).join(' ');
}

/** F1 of the bags of words of two texts, 0 to 1; 0 when they share none, even when both are empty. */
export function tokenF1(prediction: string, reference: string): number {
  const [said, gold] = [splitWords(normaliseAnswer(prediction)), splitWords(normaliseAnswer(reference))];
  const left = new Map<string, number>();
  for (const word of gold) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of said) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    same++;
  }
  if (same === 0) return 0;
  const precision = same / said.length;
  const recall = same / gold.length;
  return (2 * precision * recall) / (precision + recall);
}

// --- internal ---

const PUNCTUATION = new RegExp(`[${ASCII_PUNCTUATION}]`, 'g');
const ARTICLES = new RegExp(`${WORD_START}(?:a|an|the)${WORD_END}`, 'gu');

/** The script's own order of operations: rows are summed one after the other. */
function percentMean(rows: Float64Array): number {
  let sum = 0;
  for (const row of rows) sum += row;
  return (100 * sum) / rows.length;
}

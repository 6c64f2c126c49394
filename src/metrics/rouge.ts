/**
 * ROUGE-1, -2, -L and -Lsum (Lin 2004) as Google's rouge_score 0.1.2 computes them; a metric's value is the F measure,
 * 0 to 1.
 *
 * Words are runs of a to z and 0 to 9 after lower-casing, so a text in another script has none and scores 0; with the
 * stemmer, words of more than three letters are reduced by Porter's. Lsum treats each line as a sentence.
 *
 * Of several references the one with the best F measure counts (`score_multi`).
 *
 * The mean over rows is exact. Hugging Face evaluate returns another number, the median of 1,000 means over resampled
 * rows (rouge_score's BootstrapAggregator) from an unseeded generator: its last digits change from run to run.
 * The mode `+bootstrap` is that number for seed 0, with the standard deviation it has over seeds.
 */

import { hfBootstrap, medianSpread } from './bootstrap';
import { lcsLength, unionLcs } from './lcs';
import { mean } from './mean';
import { porterStem } from './porter';
import { best, type TextMetric, textMetric } from './text-metric';

export const ROUGE_TYPES = ['1', '2', 'L', 'Lsum'] as const;
export type RougeType = (typeof ROUGE_TYPES)[number];

export interface RougeOptions {
  /** Porter's stemmer on words of more than three letters. */
  readonly stemmer?: boolean;
  /** `mean` of rows, or `bootstrap`: the median of resampled means, as Hugging Face evaluate prints it. */
  readonly aggregate?: 'mean' | 'bootstrap';
}

/** The seed of the mode `bootstrap`; evaluate itself sets none. */
export const BOOTSTRAP_SEED = 0;

/** Precision, recall and F measure of one row. */
export interface Rouge {
  readonly precision: number;
  readonly recall: number;
  readonly f: number;
}

/** A ROUGE as a metric: `rougeL`, `rougeL+stemmer`, `rougeL+bootstrap`, `rougeL+stemmer+bootstrap`. */
export function rougeMetric(type: RougeType, options: RougeOptions = {}): TextMetric {
  const { stemmer = false, aggregate = 'mean' } = options;
  const id = `rouge${type}${stemmer ? '+stemmer' : ''}${aggregate === 'bootstrap' ? '+bootstrap' : ''}`;
  const parts = { stemmer: stemmer ? 'porter-nltk' : 'no', ...AGGREGATES[aggregate] };
  const how = `${stemmer ? ', words stemmed' : ''}${aggregate === 'bootstrap' ? ', the median of resampled means, as evaluate prints it' : ''}`;
  const description = `ROUGE-${type} (F measure)${how}.`;
  return textMetric(id, { description, parts, equals: 'rouge_score-0.1.2' }, (predictions, references) => {
    const rows = predictions.map((prediction, i) =>
      best(
        references[i]!.map((reference) => rouge(type, prediction, reference, stemmer)),
        ({ f: measure }) => measure,
      ),
    );
    const f = Float64Array.from(rows, (row) => row.f);
    const details = {
      precision: mean(rows.map((row) => row.precision)),
      recall: mean(rows.map((row) => row.recall)),
      hf_bootstrap_sd: medianSpread(f),
    };
    const warnings = scriptWarnings(predictions, references);
    if (aggregate === 'mean') return { value: mean(f), rows: f, details, warnings };
    const { low, mid, high } = hfBootstrap(f, BOOTSTRAP_SEED);
    return { value: mid, rows: f, details: { ...details, low, high, mean: mean(f) }, warnings };
  });
}

/** ROUGE of one row. */
export function rouge(type: RougeType, prediction: string, reference: string, stemmer = false): Rouge {
  if (type === 'Lsum') {
    const lines = (text: string): string[][] =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => rougeTokens(line, stemmer));
    return summaryLevel(lines(prediction), lines(reference));
  }
  const [said, gold] = [rougeTokens(prediction, stemmer), rougeTokens(reference, stemmer)];
  if (type === 'L') return scored(lcsLength(gold, said), said.length, gold.length);
  const n = Number(type);
  return scored(shared(said, gold, n), said.length - n + 1, gold.length - n + 1);
}

/** The words ROUGE sees. */
export function rougeTokens(text: string, stemmer: boolean): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return stemmer ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : words;
}

// --- internal ---

const AGGREGATES = {
  mean: { aggregate: 'mean' },
  bootstrap: { aggregate: 'bootstrap-median', samples: 1000, seed: BOOTSTRAP_SEED },
} as const;

function scored(hits: number, said: number, gold: number): Rouge {
  const precision = hits / Math.max(said, 1);
  const recall = hits / Math.max(gold, 1);
  return { precision, recall, f: precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

/** N-grams that both have, each counted as often as it occurs in the text that has it less often. */
function shared(said: readonly string[], gold: readonly string[], n: number): number {
  const left = new Map<string, number>();
  for (let i = 0; i + n <= gold.length; i++) {
    const ngram = gold.slice(i, i + n).join(' ');
    left.set(ngram, (left.get(ngram) ?? 0) + 1);
  }
  let hits = 0;
  for (let i = 0; i + n <= said.length; i++) {
    const ngram = said.slice(i, i + n).join(' ');
    const count = left.get(ngram) ?? 0;
    if (count === 0) continue;
    left.set(ngram, count - 1);
    hits++;
  }
  return hits;
}

/** Section 3.2 of Lin (2004): per reference line the union of its LCS with every predicted line, no word used twice. */
function summaryLevel(said: readonly string[][], gold: readonly string[][]): Rouge {
  const count = (lines: readonly string[][]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const word of lines.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
    return counts;
  };
  const [leftSaid, leftGold] = [count(said), count(gold)];
  let hits = 0;
  for (const line of gold) {
    for (const i of unionLcs(line, said)) {
      const word = line[i]!;
      const [a, b] = [leftSaid.get(word) ?? 0, leftGold.get(word) ?? 0];
      if (a === 0 || b === 0) continue;
      hits++;
      leftSaid.set(word, a - 1);
      leftGold.set(word, b - 1);
    }
  }
  const size = (lines: readonly string[][]): number => lines.reduce((sum, line) => sum + line.length, 0);
  return scored(hits, size(said), size(gold));
}

/** ROUGE keeps a to z and 0 to 9 only: rows of another script always score 0. */
function scriptWarnings(predictions: readonly string[], references: readonly (readonly string[])[]): string[] {
  const blind = (text: string): boolean => /\p{L}/u.test(text) && !/[a-z0-9]/i.test(text);
  const rows = references.filter((of, i) => of.every(blind) || blind(predictions[i]!)).length;
  if (rows === 0) return [];
  return [
    `${rows} of ${references.length} rows have no Latin letters or digits on one side (Arabic?): ROUGE drops ` +
      'every other script, so they score 0',
  ];
}

/**
 * METEOR (Lavie and Agarwal 2007) as NLTK's `single_meteor_score` computes it on `word_tokenize`d texts, which is what
 * Hugging Face evaluate's `meteor` does; the mean over rows, 0 to 1. Of several references the best counts (`meteor_score`).
 *
 * Words are matched in three stages, each on what the one before has left: equal in lower case, equal Porter stems, and
 * a stem of the reference among the WordNet synonyms of a stem of the prediction. Every stage goes through the prediction
 * from its end and takes the last free place in the reference. Equal to NLTK to 1e-9 (measured: the last bits).
 *
 * NLTK 3.10 changed its tokenisers, and with them METEOR in the third digit. `meteor` is that of NLTK 3.9, with which
 * papers up to 2025 were scored; `meteor+nltk-3.10` is that of the release after it.
 */

import { mean } from './mean';
import { porterStem } from './porter';
import type { NltkVersion } from './punkt';
import { type TextMetric, textMetric } from './text-metric';
import { wordTokens } from './treebank';
import { synonyms } from './wordnet';

/** evaluate's and NLTK's defaults: weight of recall, shape and weight of the fragmentation penalty. */
const ALPHA = 0.9;
const BETA = 3;
const GAMMA = 0.5;

export const meteor = meteorMetric('3.9');
export const meteorNltk310 = meteorMetric('3.10');

/** METEOR of one text against one reference. */
export function meteorScore(prediction: string, reference: string, version: NltkVersion): number {
  return meteorOfTokens(wordTokens(prediction, version), wordTokens(reference, version));
}

/** METEOR of two lists of words; 0 when nothing matches. */
export function meteorOfTokens(prediction: readonly string[], reference: readonly string[]): number {
  const matches = alignWords(prediction, reference);
  if (matches.length === 0) return 0;
  const precision = matches.length / prediction.length;
  const recall = matches.length / reference.length;
  const fMean = (precision * recall) / (ALPHA * precision + (1 - ALPHA) * recall);
  const fragmentation = chunks(matches) / matches.length;
  return (1 - GAMMA * fragmentation ** BETA) * fMean;
}

/** A matched pair: place in the prediction, place in the reference. */
export type Match = readonly [predicted: number, reference: number];

/** The matched pairs, ascending by place in the prediction. */
export function alignWords(prediction: readonly string[], reference: readonly string[]): Match[] {
  const placed = (words: readonly string[]): Placed[] =>
    words.map((word, place) => ({ place, word: word.toLowerCase() }));
  const exact = matchStage(placed(prediction), placed(reference), () => []);
  const stems = matchStage(stemmed(exact.predicted), stemmed(exact.reference), () => []);
  const senses = matchStage(stems.predicted, stems.reference, synonyms);
  return [...exact.matches, ...stems.matches, ...senses.matches].sort(([a], [b]) => a - b);
}

// --- internal ---

function meteorMetric(version: NltkVersion): TextMetric {
  const tools = { tok: 'punkt-treebank', stemmer: 'porter-nltk', wordnet: '3.0' };
  const parts = { ...tools, alpha: ALPHA, beta: BETA, gamma: GAMMA, aggregate: 'mean' };
  const id = version === '3.9' ? 'meteor' : `meteor+nltk-${version}`;
  const description = `METEOR as nltk ${version} computes it.`;
  return textMetric(id, { description, parts, equals: `nltk-${version}` }, (predictions, references) => {
    const rows = Float64Array.from(predictions, (text, i) =>
      Math.max(...references[i]!.map((reference) => meteorScore(text, reference, version))),
    );
    return { value: mean(rows), rows };
  });
}

interface Placed {
  readonly place: number;
  readonly word: string;
}

interface Stage {
  readonly matches: Match[];
  /** What is left on both sides. */
  readonly predicted: Placed[];
  readonly reference: Placed[];
}

/** Matches words that are equal or that `others` names: from the end, with the last free place that fits. */
function matchStage(
  predicted: readonly Placed[],
  reference: readonly Placed[],
  others: (word: string) => Iterable<string>,
): Stage {
  const places = new Map<string, number[]>();
  for (const [j, { word }] of reference.entries()) {
    const list = places.get(word);
    if (list === undefined) places.set(word, [j]);
    else list.push(j);
  }
  const matches: Match[] = [];
  const used = new Set<number>();
  const left: Placed[] = [];
  for (const own of [...predicted].reverse()) {
    let best = places.get(own.word);
    for (const other of others(own.word)) {
      const list = places.get(other);
      if ((list?.at(-1) ?? -1) > (best?.at(-1) ?? -1)) best = list;
    }
    const j = best?.pop();
    if (j === undefined) {
      left.push(own);
      continue;
    }
    used.add(j);
    matches.push([own.place, reference[j]!.place]);
  }
  return { matches, predicted: left.reverse(), reference: reference.filter((_, j) => !used.has(j)) };
}

function stemmed(words: readonly Placed[]): Placed[] {
  return words.map(({ place, word }) => ({ place, word: porterStem(word) }));
}

/** Runs of matches that are adjacent in both texts. */
function chunks(matches: readonly Match[]): number {
  let count = 1;
  for (let i = 1; i < matches.length; i++) {
    const [[a, b], [c, d]] = [matches[i - 1]!, matches[i]!];
    if (c !== a + 1 || d !== b + 1) count++;
  }
  return count;
}

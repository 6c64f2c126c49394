/**
 * Questions with given choices: accuracy by log-likelihood, equal to lm-evaluation-harness 0.4 (`multiple_choice`: acc, acc_norm,
 * acc_bytes), and by the choice that a generated answer names.
 */

import { inputError } from '../errors';
import type { Choices } from '../paper/types';
import { type Score, signatureOf } from './metric';
import { isSpace } from './python-text';

/**
 * The ids. By log-likelihood, ties go to the first choice:
 * - `choice-accuracy`: the choice with the highest sum over its tokens (acc); or, generated, the choice that the answer names;
 * - `choice-accuracy-norm`: the highest sum divided by the characters of the choice, as Python counts them (acc_norm);
 * - `choice-accuracy-bytes`: the highest sum divided by the bytes of its UTF-8 (acc_bytes);
 * - `choice-unparsed`: the share of generated answers that name no choice; they count as wrong.
 */
export const CHOICE_METRICS = [
  'choice-accuracy',
  'choice-accuracy-norm',
  'choice-accuracy-bytes',
  'choice-unparsed',
] as const;
export type ChoiceMetric = (typeof CHOICE_METRICS)[number];

/** A choice metric, of all test rows or of one file of them. */
export interface ChoiceScoreId {
  readonly metric: ChoiceMetric;
  /** The test file's name among `data.testData.parts`; null = all rows. */
  readonly part: string | null;
}

/** Reads `choice-accuracy` or `choice-accuracy-<file>`; null for what is neither. */
export function choiceMetricOf(id: string, parts: readonly string[]): ChoiceScoreId | null {
  const whole = CHOICE_METRICS.find((metric) => id === metric);
  if (whole !== undefined) return { metric: whole, part: null };
  for (const metric of CHOICE_METRICS) {
    const part = parts.find((name) => id === `${metric}-${name}`);
    if (part !== undefined) return { metric, part };
  }
  return null;
}

/** The score of one choice of a row. */
export interface ScoredChoice {
  /** Nats, summed over the tokens of the continuation. */
  readonly logLikelihood: number;
  /** Its text without the delimiter. */
  readonly text: string;
}

/**
 * The place of the most likely choice among (choices,) of one row; the first one where several are.
 *
 * @throws MedreproError `input` when a log-likelihood is not a number.
 */
export function likeliestChoice(choices: readonly ScoredChoice[], metric: ChoiceMetric): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (const [i, { logLikelihood, text }] of choices.entries()) {
    if (Number.isNaN(logLikelihood)) throw inputError(`the log-likelihood of choice ${i + 1} is not a number`);
    const value = logLikelihood / lengthOf(text, metric);
    if (value > most) [best, most] = [i, value];
  }
  return best;
}

/** Finds an expression in a text from some place on, as Python's `re.search` does; see `regex/`. */
export type Find = (
  text: string,
  from: number,
) => { readonly start: number; readonly end: number; readonly groups: readonly (string | null)[] } | null;

/**
 * The place of the choice that an answer names among (names,); null when it names none.
 *
 * Without an expression: a name at the start of the answer, after white space and an opening bracket, that is not followed by a
 * letter or digit; the longest such name.
 *
 * @param find of the spec's expression: its first group, or all of it where it has none, must be a name. null = none given
 */
export function namedChoice(
  answer: string,
  names: readonly string[],
  find: Find | null,
  take: Choices['take'],
): number | null {
  if (find === null) return leadingName(answer, names);
  let found: string | null = null;
  for (let from = 0; from <= answer.length; ) {
    const match = find(answer, from);
    if (match === null) break;
    found = match.groups.length > 0 ? (match.groups[0] ?? null) : answer.slice(match.start, match.end);
    if (take === 'first') break;
    from = match.end > match.start ? match.end : match.end + 1;
  }
  const place = found === null ? -1 : names.indexOf(found);
  return place < 0 ? null : place;
}

/** A score from what each row adds: 1 for a hit, 0 else. @throws MedreproError `input` without rows. */
export function choiceScore(
  { metric, part }: ChoiceScoreId,
  hits: readonly number[],
  { by, pattern, take }: Choices,
): Score {
  const id = part === null ? metric : `${metric}-${part}`;
  if (hits.length === 0) throw inputError(`there are no rows to score ${id} on`);
  const value = hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
  const how: Readonly<Record<string, string>> =
    by === 'log-likelihood'
      ? { by, length: LENGTHS[metric], ties: 'first', equals: 'lm-eval-0.4' }
      : { by, pattern: pattern === null ? 'leading-name' : JSON.stringify(pattern), take };
  return { metric: id, value, printed: value.toFixed(4), signature: signatureOf(id, { ...how, v: 1 }) };
}

// --- internal ---

const LENGTHS: Readonly<Record<ChoiceMetric, string>> = {
  'choice-accuracy': 'none',
  'choice-accuracy-norm': 'characters',
  'choice-accuracy-bytes': 'bytes',
  'choice-unparsed': 'none',
};

function lengthOf(text: string, metric: ChoiceMetric): number {
  if (metric === 'choice-accuracy-norm') return [...text].length;
  return metric === 'choice-accuracy-bytes' ? Buffer.byteLength(text) : 1;
}

function leadingName(answer: string, names: readonly string[]): number | null {
  let start = 0;
  while (start < answer.length && isSpace(answer.charCodeAt(start))) start++;
  if (answer[start] === '(' || answer[start] === '[') start++;
  const rest = answer.slice(start);
  const fitting = names.filter((name) => rest.startsWith(name) && !/^[\p{L}\p{N}]/u.test(rest.slice(name.length)));
  const longest = fitting.reduce<string | null>(
    (most, name) => (name.length > (most?.length ?? 0) ? name : most),
    null,
  );
  return longest === null ? null : names.indexOf(longest);
}

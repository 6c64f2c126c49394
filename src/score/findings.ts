/**
 * What a score alone does not say about predictions: that they repeat the prompt, are a model's thinking, stop in the
 * middle, or that the test rows were in the training data.
 *
 * Everything is found in the texts themselves; no finding knows a paper.
 */

import { perplexityBound } from '../metrics/perplexity';
import { count } from '../units';
import { printedValue } from '../verify/tolerance';
import type { QuestionAnswers } from './pairs';

export interface Finding {
  readonly id: 'prompt-echo' | 'thinking-text' | 'cut-off' | 'train-overlap' | 'padded-perplexity';
  /** One sentence with its numbers. */
  readonly says: string;
  /** What it means for the scores. */
  readonly means: string;
  /** Rows it is true of; of a perplexity, tokens. */
  readonly rows: number;
  readonly of: number;
  readonly numbers: Readonly<Record<string, number>>;
}

/** A repeated prompt: `before`, the row's question, `after`. */
export interface Echo {
  readonly before: string;
  readonly after: string;
  /** (rows,) whether the prediction starts with it. */
  readonly echoed: readonly boolean[];
  /** (rows,) the predictions without it. */
  readonly stripped: readonly string[];
  /** (rows,) what was taken off. */
  readonly removed: readonly string[];
}

/**
 * The prompt that predictions start with, where at least a twentieth of them do.
 *
 * The part before the question is the commonest one; the part after it are the whole lines that all echoing rows share, so
 * that words which all answers begin with are not taken for prompt.
 */
export function findEcho(predictions: readonly string[], questions: readonly string[]): Echo | null {
  const befores = new Map<string, number>();
  for (const [i, text] of predictions.entries()) {
    const question = questions[i]!;
    const at = question === '' ? -1 : text.slice(0, LONGEST_PREFIX + question.length).indexOf(question);
    if (at >= 0) befores.set(text.slice(0, at), (befores.get(text.slice(0, at)) ?? 0) + 1);
  }
  const [commonest] = [...befores].sort(([, a], [, b]) => b - a);
  if (commonest === undefined || commonest[1] < predictions.length * LEAST_SHARE) return null;
  const [before] = commonest;
  const heads = questions.map((question) => before + question);
  const rests = predictions.flatMap((text, i) => (text.startsWith(heads[i]!) ? [text.slice(heads[i]!.length)] : []));
  const shared = commonPrefix(rests);
  const after = rests.length > 1 ? shared.slice(0, shared.lastIndexOf('\n') + 1) : '';
  const echoed = predictions.map((text, i) => text.startsWith(heads[i]! + after));
  const removed = echoed.map((yes, i) => (yes ? heads[i]! + after : ''));
  const stripped = predictions.map((text, i) => text.slice(removed[i]!.length));
  return { before, after, echoed, stripped, removed };
}

export function echoFinding({ before, after, echoed }: Echo): Finding {
  const rows = echoed.filter(Boolean).length;
  const shape = JSON.stringify(`${before}{question}${after}`);
  return {
    id: 'prompt-echo',
    says: `${count(rows)} of ${count(echoed.length)} predictions start with the prompt, ${shape}`,
    means: 'such a prediction cannot be an exact match, and words of the question count as words of the answer',
    rows,
    of: echoed.length,
    numbers: {},
  };
}

/** Answers (without echo) that open as a model's reasoning does; null when it is fewer than half of them. */
export function findThinking(answers: readonly string[]): Finding | null {
  const openings = new Map<string, number>();
  let [rows, user] = [0, 0];
  for (const answer of answers) {
    const opening = REASONING.exec(answer)?.[1];
    if (opening === undefined) continue;
    rows++;
    openings.set(opening, (openings.get(opening) ?? 0) + 1);
    if (/\bthe user\b/i.test(answer.slice(0, OPENING))) user++;
  }
  if (rows < answers.length / 2) return null;
  const [[word, times]] = [...openings].sort(([, a], [, b]) => b - a) as [[string, number]];
  return {
    id: 'thinking-text',
    says:
      `${count(rows)} of ${count(answers.length)} answers open as reasoning does (${count(times)} with ` +
      `${JSON.stringify(word)}), ${count(user)} speak of "the user" in their first ${OPENING} characters`,
    means: 'what is scored is the thinking of the model, not its answer',
    rows,
    of: answers.length,
    numbers: { commonestOpening: times, speakOfTheUser: user },
  };
}

/** Predictions that stop without an end of sentence, where they do so much more often than the references. */
export function findCutOff(predictions: readonly string[], references: readonly string[]): Finding | null {
  const open = (texts: readonly string[]): number => texts.filter((text) => !SENTENCE_END.test(text)).length;
  const [rows, gold] = [open(predictions), open(references)];
  const of = predictions.length;
  if (rows - gold < of * NOTICEABLE) return null;
  const words = (texts: readonly string[]): number =>
    texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0) / of;
  const [said, wanted] = [words(predictions), words(references)];
  return {
    id: 'cut-off',
    says:
      `${count(rows)} of ${count(of)} predictions stop without an end of sentence (references: ${count(gold)}); ` +
      `they have ${said.toFixed(1)} words on average, the references ${wanted.toFixed(1)}`,
    means: 'the limit on new tokens decides the length: recall, the brevity penalty and METEOR pay for it',
    rows,
    of,
    numbers: { references: gold, words: said, referenceWords: wanted },
  };
}

/** Test rows that occur verbatim in the training file once the test rows themselves are taken out of it. */
export function findOverlap(
  questions: readonly string[],
  answers: readonly string[],
  training: QuestionAnswers,
): Finding {
  const pair = (question: string, answer: string): string => `${question}\0${answer}`;
  const left = new Map<string, number>();
  for (const [i, question] of training.questions.entries()) {
    const key = pair(question, training.answers[i]!);
    left.set(key, (left.get(key) ?? 0) + 1);
  }
  let subtracted = 0;
  for (const [i, question] of questions.entries()) {
    const key = pair(question, answers[i]!);
    const times = left.get(key) ?? 0;
    if (times === 0) continue;
    subtracted++;
    left.set(key, times - 1);
  }
  const remaining = [...left].filter(([, times]) => times > 0).map(([key]) => key);
  const parts = remaining.map((key) => key.split('\0') as [string, string]);
  const [seenQuestions, seenAnswers] = [new Set(parts.map(([q]) => q)), new Set(parts.map(([, a]) => a))];
  const seenPairs = new Set(remaining);
  const of = questions.length;
  const sameQuestions = questions.filter((question) => seenQuestions.has(question)).length;
  const sameAnswers = answers.filter((answer) => seenAnswers.has(answer)).length;
  const samePairs = questions.filter((question, i) => seenPairs.has(pair(question, answers[i]!))).length;
  const rest = training.questions.length - subtracted;
  return {
    id: 'train-overlap',
    says:
      `${count(sameQuestions)} test questions, ${count(sameAnswers)} test answers and ${count(samePairs)} whole pairs ` +
      `of ${count(of)} occur verbatim among the other ${count(rest)} rows of ${training.file.name} ` +
      `(${count(subtracted)} test rows were taken out of it first)`,
    means: 'a model that has learned these rows by heart scores on them without knowing anything',
    rows: sameQuestions,
    of,
    numbers: { questions: sameQuestions, answers: sameAnswers, pairs: samePairs, subtracted, others: rest },
  };
}

/** What a spec states about the tokens that a printed perplexity is a mean over. */
export interface PaddedPerplexity {
  readonly perplexity: string;
  readonly tokens: number;
  readonly padding: number;
}

/** Padding among the tokens of a printed perplexity, which the predictions themselves do not show. */
export function paddingFinding({ perplexity, tokens, padding }: PaddedPerplexity): Finding {
  const bound = perplexityBound(printedValue(perplexity), tokens, padding);
  return {
    id: 'padded-perplexity',
    says:
      `the perplexity of ${perplexity} is that of ${count(tokens)} tokens, ${count(padding)} of which ` +
      `(${((100 * padding) / tokens).toFixed(2)}%) are padding; on the text alone it is at most ${bound.toFixed(2)}`,
    means: 'padding is easy to predict, so that the number says less about the answers than it seems',
    rows: padding,
    of: tokens,
    numbers: { bound },
  };
}

// --- internal ---

/** Characters a chat template puts before a question, at most. */
const LONGEST_PREFIX = 400;
const LEAST_SHARE = 0.05;
const NOTICEABLE = 0.2;
const OPENING = 200;

const REASONING = /^\s*(<think>|okay\b|ok\b|alright\b|hmm+\b|let me\b|let's\b|first, i\b|so, the user\b)/i;

/** A full stop or what may follow one, at the end. */
const SENTENCE_END = /[.?!:؟。…)\]"'”’»*]\s*$/;

function commonPrefix(texts: readonly string[]): string {
  let shared = texts[0] ?? '';
  for (const text of texts) {
    let length = 0;
    while (length < shared.length && shared[length] === text[length]) length++;
    shared = shared.slice(0, length);
  }
  return shared;
}

/**
 * Labels of references and predictions as classes. Texts that are equal are one class, and so are numbers and truth values in
 * every spelling: a model's 1.0 is the reference's 1, its True the reference's true.
 */

import { compareCodePoints, lookAlikes } from '../data/labels';
import { inputError } from '../errors';
import type { References } from '../metrics/text-metric';

export interface Classes {
  /** (rows,) indices into `labels`. */
  readonly gold: readonly number[];
  readonly predicted: readonly number[];
  /** Every class of either side, numbers by value and text by code point, as scikit-learn orders them. */
  readonly labels: readonly string[];
  /** What makes the scores doubtful, one line each. */
  readonly warnings: readonly string[];
}

/**
 * The classes of references and predictions.
 *
 * @throws MedreproError `input` for a row with several references: it has no one class
 */
export function classesOf(predictions: readonly string[], references: readonly References[]): Classes {
  const gold = references.map((reference, i) => {
    if (typeof reference === 'string') return reference;
    throw inputError(`row ${i + 1} has ${reference.length} references, and a class is one`, {
      remedy: 'name one of them with --map reference=COLUMN[0]',
    });
  });
  const byValue = valuesOf(gold);
  // the first spelling of a value among the references names its class
  const spelling = (text: string): string => byValue?.get(numberIn(text) ?? Number.NaN) ?? text;
  const [own, said] = [gold.map(spelling), predictions.map(spelling)];
  const known = new Set(own);
  const names = [...new Set([...own, ...said])];
  const labels =
    valuesOf(names) === null ? names.sort(compareCodePoints) : names.sort((a, b) => numberIn(a)! - numberIn(b)!);
  const place = new Map(labels.map((label, i) => [label, i]));
  return {
    gold: own.map((label) => place.get(label)!),
    predicted: said.map((label) => place.get(label)!),
    labels,
    warnings: [
      ...joined('references', gold, own),
      ...joined('predictions', predictions, said),
      ...strangers(said, known),
    ],
  };
}

// --- internal ---

/** A double does not distinguish all integers of sixteen digits and more. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i;
const MAX_DIGITS = 15;

/** Truth values as pandas reads them in a CSV and Python prints them; to Python, True is 1. */
const TRUTH: ReadonlyMap<string, number> = new Map(
  ['false', 'true'].flatMap((word, value) => {
    return [word, word.toUpperCase(), `${word[0]!.toUpperCase()}${word.slice(1)}`].map(
      (text) => [text, value] as const,
    );
  }),
);

/** The number that a text is, or that its truth value is; null for any other. */
function numberIn(text: string): number | null {
  const plain = text.trim();
  const truth = TRUTH.get(plain);
  if (truth !== undefined) return truth;
  if (!NUMBER.test(plain) || plain.replace(/e.*$|\D/gi, '').length > MAX_DIGITS) return null;
  // the zero of -0.0 is that of 0
  return Number(plain) + 0;
}

/** The first label of every value, when all labels have one; else null. */
function valuesOf(labels: Iterable<string>): ReadonlyMap<number, string> | null {
  const values = new Map<number, string>();
  for (const label of labels) {
    const value = numberIn(label);
    if (value === null) return null;
    if (!values.has(value)) values.set(value, label);
  }
  return values;
}

/** Says how many texts are compared as values, with an example. */
function joined(what: string, texts: readonly string[], classes: readonly string[]): string[] {
  const changed = texts.flatMap((text, i) => (text === classes[i] ? [] : [i]));
  const [i] = changed;
  if (i === undefined) return [];
  const example = `${JSON.stringify(texts[i])} is the class ${JSON.stringify(classes[i])}`;
  return [`${changed.length} of ${texts.length} ${what} are compared as values: ${example}`];
}

/** Predictions that are no class of the references. */
function strangers(said: readonly string[], known: ReadonlySet<string>): string[] {
  const foreign = said.filter((label) => !known.has(label));
  if (foreign.length === 0) return [];
  const distinct = [...new Set(foreign)];
  const alike = lookAlikes([...known, ...distinct]).find(([a, b]) => known.has(a) && !known.has(b));
  const example = alike?.[1] ?? distinct[0]!;
  const why = alike === undefined ? '' : `, which differs from ${brief(alike[0])} in case, spaces or normal form alone`;
  if (foreign.length === said.length) {
    const [reference] = known;
    return [
      `none of the ${said.length} predictions is a class of the references (${brief(example)} there, ${brief(reference!)} ` +
        `here${why}): the scores of classes say nothing about the model`,
    ];
  }
  return [
    `${foreign.length} of ${said.length} predictions are no class of the references, such as ${brief(example)}${why}`,
  ];
}

const brief = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

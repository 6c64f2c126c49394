/**
 * Labels of references and predictions as classes. Texts that are equal are one class, and so are numbers: a model's 1.0 is the
 * reference's 1.
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
  const known = new Set(gold);
  const byValue = valuesOf(known);
  let equal = 0;
  const said = predictions.map((text) => {
    const number = known.has(text) ? undefined : byValue?.get(numberOf(text) ?? Number.NaN);
    if (number !== undefined) equal++;
    return number ?? text;
  });
  const names = [...new Set([...gold, ...said])];
  const labels = valuesOf(names) === null ? names.sort(compareCodePoints) : names.sort((a, b) => Number(a) - Number(b));
  const place = new Map(labels.map((label, i) => [label, i]));
  const warnings = strangers(said, known);
  if (equal > 0) {
    const i = said.findIndex((label, row) => label !== predictions[row]);
    const example = `${JSON.stringify(predictions[i])} is the class ${JSON.stringify(said[i])}`;
    warnings.unshift(`${equal} of ${said.length} predictions are compared as numbers: ${example}`);
  }
  return {
    gold: gold.map((label) => place.get(label)!),
    predicted: said.map((label) => place.get(label)!),
    labels,
    warnings,
  };
}

// --- internal ---

/** Sixteen digits and more are not all told apart by a double. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i;
const MAX_DIGITS = 15;

function numberOf(text: string): number | null {
  const plain = text.trim();
  if (!NUMBER.test(plain) || plain.replace(/e.*$|\D/gi, '').length > MAX_DIGITS) return null;
  // the zero of -0.0 is that of 0
  return Number(plain) + 0;
}

/** Labels by their value, when all are numbers and no two are the same one; else null. */
function valuesOf(labels: Iterable<string>): ReadonlyMap<number, string> | null {
  const values = new Map<number, string>();
  for (const label of labels) {
    const value = numberOf(label);
    if (value === null || values.has(value)) return null;
    values.set(value, label);
  }
  return values;
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

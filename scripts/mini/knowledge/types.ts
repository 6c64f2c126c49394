/**
 * The shape of the hand-written knowledge base.
 *
 * Phrases stand in one string, separated by `|`, because a table that fits on a screen is easier to proof-read than
 * nested arrays. All of it was written for this project, in both languages; none of it is medical advice.
 *
 * Grammar contract, so that every phrase fits every template:
 * - Arabic `names`, `signs`, `causes`, `tests`, `care` are noun phrases; `advice` starts with a verbal noun and takes
 *   the prefix "ب". `asks` are whole questions and `facts` whole sentences, both without a full stop.
 * - English `names`, `signs`, `causes`, `tests`, `care` are noun phrases with the article they need; `advice` is an
 *   imperative; `asks` are whole questions with their mark; `facts` whole sentences without a full stop.
 */
export type ConditionRow = readonly [
  names: string,
  signs: string,
  causes: string,
  tests: string,
  care: string,
  advice: string,
];

/** A question that is not about symptoms: a test, a procedure, a substance, a piece of science. */
export type MatterRow = readonly [names: string, asks: string, facts: string, advice: string];

/** As written in the tables. */
export type ConditionTable = Readonly<Record<string, { readonly ar: ConditionRow; readonly en: ConditionRow }>>;
export type MatterTable = Readonly<Record<string, { readonly ar: MatterRow; readonly en: MatterRow }>>;

export interface Condition {
  readonly kind: 'condition';
  readonly names: readonly string[];
  readonly signs: readonly string[];
  readonly causes: readonly string[];
  readonly tests: readonly string[];
  readonly care: readonly string[];
  readonly advice: readonly string[];
}

export interface Matter {
  readonly kind: 'matter';
  readonly names: readonly string[];
  readonly asks: readonly string[];
  readonly facts: readonly string[];
  readonly advice: readonly string[];
}

export type Entry = Condition | Matter;
export type Language = 'ar' | 'en';

/** One topic: the same subject in both languages (not a sentence-by-sentence translation). */
export interface Topic {
  readonly id: string;
  readonly ar: Entry;
  readonly en: Entry;
}

/** Whose voice asks, which decides how the question opens ("my son, three years old, has ..."). */
export type Voice = 'any' | 'woman' | 'man' | 'child' | 'elder';

/** Questions and answers in which a class takes its own view of a topic; `{n}` is the topic's name. */
export interface Angle {
  readonly asks: readonly string[];
  readonly tells: readonly string[];
}

/** One of the 82 classes. */
export interface MedicalClass {
  /** Exactly the label used by the data set, spelling slips included. */
  readonly name: string;
  readonly gloss: string;
  /** Confusable group, or '' for a class that stands alone. */
  readonly group: string;
  readonly voice: Voice;
  /** Topic ids with integer weights. */
  readonly topics: readonly (readonly [id: string, weight: number])[];
  readonly angle: { readonly ar: Angle; readonly en: Angle };
  /** Rows of the class in the derived full-size training and test split. */
  readonly fullTrain: number;
  readonly fullTest: number;
}

/** Splits one cell of a table into its phrases. */
export function phrases(cell: string): readonly string[] {
  return cell === '' ? [] : cell.split('|');
}

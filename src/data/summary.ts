/** Counts of what a model is trained and evaluated on, to be checked before step 1. */

/** A tokenised row as far as it is counted here. */
export interface CountedRow {
  readonly text: string;
  readonly ids: Uint32Array;
  readonly fullLength: number;
  readonly label: number;
}

export interface SplitSummary {
  readonly rows: number;
  /** Tokens after truncation. */
  readonly tokens: number;
  /** Rows that were cut at the maximum length. */
  readonly truncated: number;
  /** Tokens of the longest row, before and after truncation. */
  readonly longestFull: number;
  readonly longest: number;
  /** Mean tokens a row after truncation; 0 without rows. */
  readonly meanTokens: number;
  /** Rows of each class, by class id. */
  readonly classCounts: readonly number[];
  /** Mean number of begin-of-text tokens a row; above 1 there is a double one. */
  readonly bosPerRow: number;
  /** Rows that begin with two of them. */
  readonly doubleBos: number;
}

export interface DataSummary {
  readonly splits: Readonly<Record<'train' | 'validation' | 'test', SplitSummary>>;
  /** Names of classes with too few rows to be split; their rows are in training. */
  readonly notSplit: readonly string[];
  /** Test rows whose text is also a training row's. */
  readonly testTextsInTrain: number;
  /** Extra training files of the spec that `--data` replaced by nothing: a claim about them was not tested. */
  readonly extraLeftOut: readonly string[];
  /** One line each for everything a reader should know before trusting the result. */
  readonly notes: readonly string[];
}

/** Counts of one split. `bosId` null: the tokenizer names no begin-of-text token. */
export function summariseSplit(
  rows: readonly CountedRow[],
  classes: readonly string[],
  bosId: number | null,
): SplitSummary {
  const classCounts = classes.map(() => 0);
  let [tokens, truncated, longestFull, longest, bos, doubleBos] = [0, 0, 0, 0, 0, 0];
  for (const { ids, fullLength, label } of rows) {
    tokens += ids.length;
    if (fullLength > ids.length) truncated++;
    longestFull = Math.max(longestFull, fullLength);
    longest = Math.max(longest, ids.length);
    classCounts[label]!++;
    if (bosId === null) continue;
    for (const id of ids) if (id === bosId) bos++;
    if (ids[0] === bosId && ids[1] === bosId) doubleBos++;
  }
  const perRow = (count: number): number => (rows.length === 0 ? 0 : count / rows.length);
  return {
    rows: rows.length,
    tokens,
    truncated,
    longestFull,
    longest,
    meanTokens: perRow(tokens),
    classCounts,
    bosPerRow: perRow(bos),
    doubleBos,
  };
}

/** How many rows of `test` have a text that a row of `train` has too. */
export function overlap(rows: readonly { readonly text: string }[], train: Uint32Array, test: Uint32Array): number {
  const known = new Set<string>();
  for (const index of train) known.add(rows[index]!.text);
  return test.reduce((count, index) => count + (known.has(rows[index]!.text) ? 1 : 0), 0);
}

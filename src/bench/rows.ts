/** Rows that measurements train on: how many tokens each has. */

/**
 * Tokens of 32 rows of the AHD questions (`datasets.given/abjadmed` of papers/abjadmed.yaml: mean 118, median 97), in a fixed
 * mixed order: the quantiles (i + 1/2) / 32 of a log-normal distribution with that median, rounded, the longest lengthened
 * by six tokens for a mean of 118.0. Real rows have a longer tail (up to 660), so padding costs a padded engine more than here.
 */
// biome-ignore format: a table
export const ROWS_OF_118: readonly number[] = [
  53, 110, 391, 81, 165, 57, 116, 24, 86, 178, 61, 122, 33, 90, 193, 65,
  129, 39, 95, 213, 69, 136, 44, 99, 240, 73, 145, 49, 105, 284, 77, 154,
];

/** `rows` rows of `tokens` tokens. */
export const uniform = (rows: number, tokens: number): readonly number[] => Array.from({ length: rows }, () => tokens);

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Tokens that a token sees on average under a causal mask: half of its row's length. */
export const meanContext = (rows: readonly number[]): number =>
  rows.reduce((total, length) => total + length * length, 0) / sum(rows) / 2;

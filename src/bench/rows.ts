/** Rows that measurements train on: how many tokens each has. */

/**
 * Tokens of 32 rows of the AHD questions (`datasets.given/abjadmed` of papers/abjadmed.yaml: mean 118, median 97): the quantiles
 * (i + 1/2) / 32 of a log-normal distribution with that median (sigma 0.64), rounded, the longest lengthened by six tokens for a
 * mean of 118.0. Their order is one in which padding takes what it takes on average under that distribution: 1.75 times the
 * tokens in batches of 4, 2.7 times in batches of 16.
 */
// biome-ignore format: a table
export const ROWS_OF_118: readonly number[] = [
  99, 145, 24, 391, 284, 81, 165, 90, 116, 65, 129, 53, 95, 33, 73, 49,
  61, 69, 77, 178, 136, 110, 122, 86, 193, 57, 44, 154, 213, 105, 240, 39,
];

/** `rows` rows of `tokens` tokens. */
export const uniform = (rows: number, tokens: number): readonly number[] => Array.from({ length: rows }, () => tokens);

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Tokens that a token sees on average under a causal mask: half of its row's length. */
export const meanContext = (rows: readonly number[]): number =>
  rows.reduce((total, length) => total + length * length, 0) / sum(rows) / 2;

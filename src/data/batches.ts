/**
 * Which rows go together, and in which order.
 *
 * Everything is a function of its arguments: the order of epoch e is known without having run the epochs before it, so a
 * run that is resumed at any step sees the rows it would have seen.
 */

import { inputError, type MedreproError } from '../errors';
import { torchRandperm } from './random/torch';

/**
 * The row order of an epoch (from 0): `torch.randperm(n)` under `manual_seed(seed + epoch)`.
 *
 * That is what the transformers Trainer shows since it hands its sampler to accelerate (SeedableRandomSampler): checked
 * with a real Trainer in test/fixtures/torch-sampler. `seed` is the Trainer's `data_seed` where it has one, else its seed.
 *
 * @returns (n,) positions among the training rows.
 */
export function epochOrder(n: number, seed: number, epoch: number): Uint32Array {
  return torchRandperm(n, seed + epoch);
}

/** Consecutive groups of `size`; the last one may be smaller. Micro-batches of an order, or steps of micro-batches. */
export function groupsOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** Rows back to back, without padding. T tokens in B rows. */
export interface PackedBatch {
  /** (T,) token ids. */
  readonly ids: Int32Array;
  /** (T,) position of each token in its row. */
  readonly positions: Int32Array;
  /** (B+1,) where each row begins; the last entry is T. */
  readonly cuSeqlens: Int32Array;
  /** (B,) class ids. */
  readonly labels: Int32Array;
  /** Tokens of the longest row. */
  readonly longest: number;
}

/** Packs rows in the order given. */
export function packBatch(rows: readonly { readonly ids: ArrayLike<number>; readonly label: number }[]): PackedBatch {
  const tokens = rows.reduce((sum, row) => sum + row.ids.length, 0);
  const ids = new Int32Array(tokens);
  const positions = new Int32Array(tokens);
  const cuSeqlens = new Int32Array(rows.length + 1);
  let longest = 0;
  for (const [b, row] of rows.entries()) {
    const start = cuSeqlens[b]!;
    for (let t = 0; t < row.ids.length; t++) {
      ids[start + t] = row.ids[t]!;
      positions[start + t] = t;
    }
    cuSeqlens[b + 1] = start + row.ids.length;
    longest = Math.max(longest, row.ids.length);
  }
  return { ids, positions, cuSeqlens, labels: Int32Array.from(rows, (row) => row.label), longest };
}

/**
 * The tokens of padded rows: those with a mask of 1, which must stand together. Positions count from a row's first token,
 * so padding on either side changes nothing (rotary positions are relative; a padded batch of transformers differs from
 * this in rounding only).
 *
 * @param ids (B, width) token ids, padding included
 * @param mask (B, width) 1 for a token, 0 for padding
 * @throws MedreproError `input` when a row has no token, or padding between tokens.
 */
export function stripPadding(
  ids: readonly ArrayLike<number>[],
  mask: readonly ArrayLike<number>[],
): readonly (readonly number[])[] {
  if (mask.length !== ids.length) throw inputError(`${ids.length} rows and ${mask.length} attention masks`, REPAD);
  return ids.map((row, index) => {
    const own = Array.from(mask[index]!);
    const wrong = (reason: string): MedreproError => inputError(`row ${index}: ${reason}`, REPAD);
    if (own.length !== row.length) throw wrong(`${row.length} tokens and a mask of ${own.length}`);
    if (own.some((value) => value !== 0 && value !== 1))
      throw wrong('the attention mask holds other values than 0 and 1');
    const [begin, end] = [own.indexOf(1), own.lastIndexOf(1) + 1];
    if (begin < 0) throw wrong('there is no token, only padding');
    if (own.indexOf(0, begin) >= 0 && own.indexOf(0, begin) < end) throw wrong('there is padding between tokens');
    return Array.from(row).slice(begin, end);
  });
}

const REPAD = { remedy: 'pad each row on one side, with a mask of 1 for every token and 0 for padding' };

/** Greedily fills packs of at most `budget` tokens, in order; an item above the budget goes alone. */
export function packsOf<Item>(items: readonly Item[], tokensOf: (item: Item) => number, budget: number): Item[][] {
  const packs: Item[][] = [];
  let used = 0;
  for (const item of items) {
    const size = tokensOf(item);
    const current = packs.at(-1);
    if (current === undefined || used + size > budget) {
      packs.push([item]);
      used = size;
    } else {
      current.push(item);
      used += size;
    }
  }
  return packs;
}

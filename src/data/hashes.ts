/**
 * A hash at every rung of the data: examples, prompts, token ids, batches. Two runs that differ are compared rung by rung,
 * and the first rung that differs says which stage to look at.
 *
 * Texts are hashed as JSON strings with a newline each (no text can imitate a border), numbers as little-endian int32.
 */

/** sha256 (hex) of one split, in the split's order. */
export interface RungHashes {
  /** `["text","class name"]` a row. */
  readonly examples: string;
  /** The text after the template was applied. */
  readonly prompts: string;
  /** Number of tokens, token ids, class id. */
  readonly tokenIds: string;
}

export interface HashedRow {
  readonly text: string;
  readonly prompt: string;
  readonly ids: Uint32Array;
  readonly label: number;
}

/** Hashes of the rows of a split. */
export function rungHashes(rows: readonly HashedRow[], classes: readonly string[]): RungHashes {
  const [examples, prompts, tokenIds] = [hasher(), hasher(), hasher()];
  for (const row of rows) {
    examples.update(`${JSON.stringify([row.text, classes[row.label]])}\n`);
    prompts.update(`${JSON.stringify(row.prompt)}\n`);
    tokenIds.update(numbersOf(row));
  }
  return { examples: examples.digest('hex'), prompts: prompts.digest('hex'), tokenIds: tokenIds.digest('hex') };
}

/** sha256 (hex) over the hashes of several splits, in order. */
export function combinedHash(splits: readonly RungHashes[]): string {
  const lines = splits.flatMap(({ examples, prompts, tokenIds }) => [examples, prompts, tokenIds]);
  return hasher()
    .update(`${lines.join('\n')}\n`)
    .digest('hex');
}

/** sha256 (hex) of the rows of one batch or step, in order: what the model saw, whatever the packing. */
export function batchHash(rows: readonly { readonly ids: ArrayLike<number>; readonly label: number }[]): string {
  const hash = hasher();
  for (const row of rows) hash.update(numbersOf(row));
  return hash.digest('hex');
}

// --- internal ---

/** Number of tokens, token ids, class id: (n+2,). */
function numbersOf(row: { readonly ids: ArrayLike<number>; readonly label: number }): Int32Array {
  const numbers = new Int32Array(row.ids.length + 2);
  numbers[0] = row.ids.length;
  numbers.set(row.ids, 1);
  numbers[row.ids.length + 1] = row.label;
  return numbers;
}

function hasher(): Bun.CryptoHasher {
  return new Bun.CryptoHasher('sha256');
}

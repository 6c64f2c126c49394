/**
 * A hash at every rung of the data: examples, prompts, token ids, batches. Two runs that differ are compared rung by rung,
 * and the first rung that differs names the stage to examine.
 *
 * Texts are hashed as JSON strings with a newline each (no text can imitate a border), numbers as little-endian int32.
 */

/** sha256 (hex) of one split, in the split's order. */
export interface RungHashes {
  /** The texts of a row as a list: `["text","class name"]`, or the cells that a causal LM's templates use. */
  readonly examples: string;
  /** The text that is tokenised. */
  readonly prompts: string;
  /** Number of tokens, token ids, then the class id or one label a token. */
  readonly tokenIds: string;
}

export interface HashedRow extends HashedTokens {
  readonly example: readonly string[];
  readonly prompt: string;
}

export interface HashedTokens {
  readonly ids: ArrayLike<number>;
  readonly label: number;
  /** (n,) labels of a causal LM; null or absent for a classifier. */
  readonly labels?: ArrayLike<number> | null;
}

/** Hashes of the rows of a split. */
export function rungHashes(rows: readonly HashedRow[]): RungHashes {
  const [examples, prompts, tokenIds] = [hasher(), hasher(), hasher()];
  for (const row of rows) {
    examples.update(`${JSON.stringify(row.example)}\n`);
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

/** sha256 (hex) of the rows of one batch or step, in order: what the model saw, independent of the packing. */
export function batchHash(rows: readonly HashedTokens[]): string {
  const hash = hasher();
  for (const row of rows) hash.update(numbersOf(row));
  return hash.digest('hex');
}

// --- internal ---

/** Number of tokens, token ids, class id: (n+2,); or number, ids, labels: (2n+1,). */
function numbersOf({ ids, label, labels }: HashedTokens): Int32Array {
  const rest = labels ?? [label];
  const numbers = new Int32Array(1 + ids.length + rest.length);
  numbers[0] = ids.length;
  numbers.set(ids, 1);
  numbers.set(rest, 1 + ids.length);
  return numbers;
}

function hasher(): Bun.CryptoHasher {
  return new Bun.CryptoHasher('sha256');
}

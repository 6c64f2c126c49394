/** What a Worker does of {@link encodeAll}. */

import { Tokenizer, type TokenizerOptions } from './tokenizer';
import type { TokenizerFiles } from './tokenizer-files';

export interface EncodeRequest {
  readonly files: TokenizerFiles;
  readonly options: TokenizerOptions;
  readonly texts: readonly string[];
  /** Whether special tokens are added. */
  readonly special: boolean;
}

/** All ids back to back, and the index of each text's first; the last offset is the number of ids. */
export interface Encoded {
  /** [ids] */
  readonly ids: Uint32Array;
  /** [texts + 1] */
  readonly offsets: Uint32Array;
}

export async function encodePart({ files, options, texts, special }: EncodeRequest): Promise<Encoded> {
  const tokenizer = new Tokenizer(files, options);
  const rows = texts.map((text) => tokenizer.encode(text, special));
  const offsets = new Uint32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) offsets[i + 1] = offsets[i]! + row.length;
  const ids = new Uint32Array(offsets[rows.length]!);
  for (const [i, row] of rows.entries()) ids.set(row, offsets[i]!);
  return { ids, offsets };
}

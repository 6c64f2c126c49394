/**
 * Many texts to token ids, on several cores where that pays.
 *
 * A tokeniser is a pure function of the text, so the ids are the same on any number of threads: the texts are cut into
 * parts, Workers encode some, this thread the rest, and the parts are concatenated in order.
 */

import { availableParallelism } from 'node:os';
import type { Task } from '../job';
import { startPart } from '../spawn';
import type { Encoded, EncodeRequest } from './encode-part';
import type { Tokenizer } from './tokenizer';

export interface EncodeOptions {
  /** Threads to use; null or absent = the cores, as far as the texts are worth it. */
  readonly threads?: number | null;
  /** Called now and then with the texts that are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * UTF-16 units that one more thread must have to do: loading a tokeniser takes a Worker about as long as encoding these.
 */
const UNITS_PER_WORKER = 4_000_000;
const MAX_THREADS = 8;

/** (n,) ids of each text, special tokens included when `special`. */
export async function encodeAll(
  tokenizer: Tokenizer,
  texts: readonly string[],
  special: boolean,
  options: EncodeOptions = {},
): Promise<Uint32Array[]> {
  const units = texts.reduce((sum, text) => sum + text.length, 0);
  const worth = 1 + Math.floor(units / UNITS_PER_WORKER);
  const threads = options.threads ?? Math.min(availableParallelism(), MAX_THREADS, worth);
  const parts = partsOf(texts, units, Math.max(1, threads));
  const [own, ...others] = parts;
  // the Workers must have their requests before this thread is busy
  const working = await Promise.all(
    others.map((part) =>
      startPart(encodeTask, { files: tokenizer.files, options: tokenizer.options, texts: part, special }),
    ),
  );
  const done: Uint32Array[] = [];
  for (const text of own ?? []) {
    done.push(tokenizer.encode(text, special));
    if (done.length % 512 === 0) options.onProgress?.(done.length, texts.length);
  }
  for (const part of working) {
    const { ids, offsets } = await part.answer;
    for (let i = 0; i + 1 < offsets.length; i++) done.push(ids.subarray(offsets[i]!, offsets[i + 1]!));
    options.onProgress?.(done.length, texts.length);
  }
  if (working.length === 0) options.onProgress?.(done.length, texts.length);
  return done;
}

/** Some of the texts, in a Worker. */
export const encodeTask: Task<EncodeRequest, Encoded> = {
  name: 'encode',
  load: async () => (await import('./encode-part')).encodePart,
};

// --- internal ---

/** Consecutive parts of about equal length. The first, this thread's, has no tokeniser to load: it is never empty. */
function partsOf(texts: readonly string[], units: number, count: number): string[][] {
  const parts: string[][] = [[]];
  let used = 0;
  for (const text of texts) {
    if (used >= (units * parts.length) / count && parts.length < count) parts.push([]);
    parts.at(-1)!.push(text);
    used += text.length;
  }
  return parts;
}

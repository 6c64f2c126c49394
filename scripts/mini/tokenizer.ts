/**
 * Trains the miniature's tokeniser: byte-level BPE built like Qwen3's (same normaliser, same split, same decoder), with
 * 3,072 ids instead of 151,669, so that an embedding table stays small beside a tiny model.
 *
 *   bun scripts/mini/tokenizer.ts            writes papers/mini/tokenizer/{tokenizer.json,tokenizer_config.json}
 *   bun scripts/mini/tokenizer.ts --check    compares the committed files with what this script makes
 *
 * It learns from a fixed sample of the pre-training corpus. Equal counts are decided by the smaller pair of ids, so the
 * result does not depend on the order in which pieces are counted.
 */
import { documents } from './corpus';
import type { GeneratedFile } from './files';
import { writeOrCheck } from './files';

/** All ids, the three special ones included. */
export const VOCABULARY_SIZE = 3072;

/** At the end of the vocabulary, in Qwen's order; pad is the first, end of sequence the third. */
export const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;

const SAMPLE_SEED = 3072;
const SAMPLE_DOCUMENTS = 40_000;

/** Qwen2's split, as tokenizer.json spells it. */
const SPLIT_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" +
  '|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** The same in JavaScript, which spells the case-insensitive group out. */
const SPLIT = new RegExp(
  `'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])${SPLIT_PATTERN.slice(SPLIT_PATTERN.indexOf(')') + 1)}`,
  'gu',
);

/** Vocabulary in id order and merges in the order in which they apply. */
export interface Bpe {
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [left: string, right: string])[];
}

/** Learns `mergeCount` merges from texts. */
export function trainBpe(texts: Iterable<string>, mergeCount: number): Bpe {
  const alphabet = byteAlphabet();
  // GPT-2's characters in code point order get the first 256 ids, as the Hugging Face trainer does.
  const tokens = [...alphabet].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const pieces = countPieces(texts, (byte) => idOf.get(alphabet[byte] ?? '') ?? 0);
  const merges: [string, string][] = [];
  const index = new PairIndex(pieces);
  for (let id = tokens.length; merges.length < mergeCount; id++) {
    const best = index.best();
    if (best === undefined) throw new Error('the sample is too small for this vocabulary');
    const [left, right] = best;
    const pair: [string, string] = [tokens[left] ?? '', tokens[right] ?? ''];
    merges.push(pair);
    tokens.push(pair[0] + pair[1]);
    index.merge(left, right, id);
  }
  return { tokens, merges };
}

/** The files this script owns. */
export function tokenizerFiles(): GeneratedFile[] {
  const bpe = trainBpe(sample(), VOCABULARY_SIZE - SPECIAL_TOKENS.length - 256);
  return [
    { path: 'tokenizer/tokenizer.json', content: tokenizerJson(bpe) },
    { path: 'tokenizer/tokenizer_config.json', content: tokenizerConfig(bpe) },
  ];
}

// --- internal ---

/** One distinct piece of text after the split: its ids and how often it occurs. */
interface Piece {
  ids: number[];
  readonly count: number;
}

/** Pair counts, kept up to date as merges change the pieces. */
class PairIndex {
  readonly #pieces: readonly Piece[];
  readonly #counts = new Map<number, number>();
  /** Pieces that held the pair at some time; a superset is enough, because merging re-reads them. */
  readonly #where = new Map<number, Set<number>>();

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
    for (const [at, piece] of pieces.entries()) this.#add(piece, at, 1);
  }

  /** The most frequent pair; the smallest pair of ids among equals. */
  best(): readonly [left: number, right: number] | undefined {
    let bestKey = -1;
    let bestCount = 1; // a pair seen once teaches nothing
    for (const [key, count] of this.#counts) {
      if (count > bestCount || (count === bestCount && bestKey >= 0 && key < bestKey)) {
        bestKey = key;
        bestCount = count;
      }
    }
    return bestKey < 0 ? undefined : [bestKey >>> 16, bestKey & 0xffff];
  }

  /** Replaces the pair by `id` everywhere, left to right. */
  merge(left: number, right: number, id: number): void {
    const key = pairKey(left, right);
    for (const at of this.#where.get(key) ?? []) {
      const piece = this.#pieces[at];
      if (piece === undefined) continue;
      this.#add(piece, at, -1);
      piece.ids = replacePair(piece.ids, left, right, id);
      this.#add(piece, at, 1);
    }
    this.#where.delete(key);
    this.#counts.delete(key);
  }

  #add(piece: Piece, at: number, sign: 1 | -1): void {
    for (let i = 0; i + 1 < piece.ids.length; i++) {
      const key = pairKey(piece.ids[i] ?? 0, piece.ids[i + 1] ?? 0);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + sign * piece.count);
      if (sign < 0) continue;
      const set = this.#where.get(key);
      if (set === undefined) this.#where.set(key, new Set([at]));
      else set.add(at);
    }
  }
}

function* sample(): Generator<string> {
  const stream = documents(SAMPLE_SEED);
  for (let i = 0; i < SAMPLE_DOCUMENTS; i++) yield stream.next().value;
}

/** Ids fit into 16 bits, so a pair fits into one number whose order is the order of pairs. */
function pairKey(left: number, right: number): number {
  return left * 65536 + right;
}

function replacePair(ids: readonly number[], left: number, right: number, id: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(id);
      i++;
    } else {
      out.push(ids[i] ?? 0);
    }
  }
  return out;
}

function countPieces(texts: Iterable<string>, idOfByte: (byte: number) => number): Piece[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of text.normalize('NFC').matchAll(SPLIT)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  }
  const encoder = new TextEncoder();
  return [...counts].map(([piece, count]) => ({ ids: Array.from(encoder.encode(piece), idOfByte), count }));
}

/** GPT-2's printable stand-in for each byte: itself where printable, otherwise code points from 256 on. */
function byteAlphabet(): readonly string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(printable ? byte : next++);
  });
}

function tokenizerJson(bpe: Bpe): string {
  const first = bpe.tokens.length;
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return `${JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, i) => ({ id: first + i, ...specialToken(content) })),
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [{ type: 'Split', pattern: { Regex: SPLIT_PATTERN }, behavior: 'Isolated', invert: false }, bytes],
    },
    post_processor: bytes,
    decoder: bytes,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(bpe.tokens.map((token, id) => [token, id])),
      merges: bpe.merges,
    },
  })}\n`;
}

function tokenizerConfig(bpe: Bpe): string {
  const first = bpe.tokens.length;
  return `${JSON.stringify(
    {
      add_bos_token: false,
      add_prefix_space: false,
      added_tokens_decoder: Object.fromEntries(SPECIAL_TOKENS.map((content, i) => [first + i, specialToken(content)])),
      additional_special_tokens: ['<|im_start|>', '<|im_end|>'],
      bos_token: null,
      clean_up_tokenization_spaces: false,
      eos_token: '<|im_end|>',
      errors: 'replace',
      model_max_length: 1024,
      pad_token: '<|endoftext|>',
      split_special_tokens: false,
      tokenizer_class: 'Qwen2Tokenizer',
      unk_token: null,
    },
    null,
    2,
  )}\n`;
}

function specialToken(content: string): Record<string, string | boolean> {
  return { content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

if (import.meta.main) writeOrCheck(tokenizerFiles());

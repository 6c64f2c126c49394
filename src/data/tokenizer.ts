/**
 * Text to token ids: @huggingface/tokenizers with a cache of pre-tokens.
 *
 * A byte-level BPE tokenizer (GPT-2, Llama 3, Qwen) first cuts text into words by a regular expression; what a word
 * becomes depends on the word alone. So the ids of each word are kept in a Map, which makes encoding about 2.6 times
 * faster with the same ids (test/data/tokenizer.test.ts compares them on random text). Any other kind of tokenizer takes
 * the plain path; `cacheReason` says which and why.
 */

import {
  ByteLevelPreTokenizer,
  DigitsPreTokenizer,
  Tokenizer as PlainTokenizer,
  type PreTokenizer,
  SplitPreTokenizer,
} from '@huggingface/tokenizers';
import { inputError } from '../errors';
import { parseTokenizerFiles, type TokenizerConfig, type TokenizerFile, type TokenizerFiles } from './tokenizer-files';

/** Words kept at most, some tens of megabytes; a data set has far fewer different ones. */
const MAX_CACHED_WORDS = 400_000;

export interface TokenizerOptions {
  /** Use the plain path even where the cache would do; for tests. */
  readonly cache?: boolean;
}

/** What encoding to a length gives. */
export interface Encoded {
  /** (n,) token ids, special tokens included. */
  readonly ids: Uint32Array;
  /** Tokens before truncation. */
  readonly fullLength: number;
}

export class Tokenizer {
  /** sha256 (hex) of tokenizer.json. */
  readonly sha256: string;
  /** One more than the largest token id. */
  readonly vocabSize: number;
  /** Begin-of-text, end-of-text and padding ids that tokenizer_config.json names; null where it names none. */
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly padId: number | null;
  /** Special tokens the tokenizer itself puts before and after a text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  /** Why encoding goes through the cache of words, or why not. */
  readonly cacheReason: string;

  private readonly plain: PlainTokenizer;
  private readonly words: WordEncoder | null;

  /** @param files what it is made of, kept so that a Worker can make another. */
  constructor(
    readonly files: TokenizerFiles,
    options: TokenizerOptions = {},
  ) {
    const { file, config } = parseTokenizerFiles(files);
    this.sha256 = new Bun.CryptoHasher('sha256').update(files.tokenizer).digest('hex');
    try {
      this.plain = new PlainTokenizer(file, config);
      const [bare, full] = [this.encodePlain('a', false), this.encodePlain('a', true)];
      const at = full.length === bare.length ? 0 : full.indexOf(bare[0] ?? -1);
      this.prefix = full.slice(0, Math.max(at, 0));
      this.suffix = full.slice(Math.max(at, 0) + bare.length);
    } catch (error) {
      throw inputError(`this tokenizer cannot be used: ${firstLine(error)}`, {
        where: { file: files.name },
        remedy: 'give the folder of another revision of the model with --tokenizer',
        cause: error,
      });
    }
    this.vocabSize = largestId(file) + 1;
    this.bosId = this.tokenId(config.bos_token);
    this.eosId = this.tokenId(config.eos_token);
    this.padId = this.tokenId(config.pad_token);
    const obstacle = options.cache === false ? 'switched off' : cacheObstacle(file, config);
    this.cacheReason = obstacle === null ? 'byte-level BPE: ids are cached per word' : `no cache of words: ${obstacle}`;
    this.words = obstacle === null ? new WordEncoder(this.plain, file) : null;
  }

  /** (n,) token ids of a text, with the special tokens the tokenizer adds unless `special` is false. */
  encode(text: string, special = true): Uint32Array {
    if (this.words === null) return Uint32Array.from(this.encodePlain(text, special));
    const ids = this.words.encode(text);
    return special ? Uint32Array.from([...this.prefix, ...ids, ...this.suffix]) : Uint32Array.from(ids);
  }

  /**
   * Token ids of at most `maxLength`, cut on the right as Hugging Face tokenizers cut: tokens of the text go, the special
   * tokens around it stay.
   */
  encodeTruncated(text: string, maxLength: number): Encoded {
    return this.truncate(this.encode(text), maxLength);
  }

  /** {@link encodeTruncated} of ids that are there already, with the special tokens around them. */
  truncate(ids: Uint32Array, maxLength: number): Encoded {
    if (ids.length <= maxLength) return { ids, fullLength: ids.length };
    const cut = new Uint32Array(maxLength);
    const kept = Math.max(0, maxLength - this.suffix.length);
    cut.set(ids.subarray(0, kept));
    cut.set(this.suffix.slice(0, maxLength - kept), kept);
    return { ids: cut, fullLength: ids.length };
  }

  /** The text of some ids; special tokens are left out when `skipSpecial`. */
  decode(ids: ArrayLike<number>, skipSpecial = false): string {
    if (ids.length === 0) return '';
    return this.plain.decode(Array.from(ids), {
      skip_special_tokens: skipSpecial,
      clean_up_tokenization_spaces: false,
    });
  }

  /** The id of a token by its text; null when there is none. */
  idOf(token: string): number | null {
    return this.plain.token_to_id(token) ?? null;
  }

  private encodePlain(text: string, special: boolean): number[] {
    return this.plain.encode(text, { add_special_tokens: special }).ids;
  }

  /** The id of a token that the configuration names as a string or as `{ content }`. */
  private tokenId(token: TokenizerConfig['bos_token']): number | null {
    const content = typeof token === 'object' && token !== null ? token.content : token;
    return content === undefined || content === null ? null : (this.plain.token_to_id(content) ?? null);
  }
}

// --- internal ---

/**
 * Byte-level BPE through a Map from word to ids. Added tokens are cut out first, the rest is normalised and cut into words
 * exactly as the plain path does, with the package's own classes.
 */
class WordEncoder {
  private readonly cache = new Map<string, readonly number[]>();
  private readonly added: ReadonlyMap<string, number>;
  private readonly addedPattern: RegExp | null;
  private readonly normalise: (text: string) => string;
  /** What cuts text before the byte-level step, in order. */
  private readonly cutters: readonly PreTokenizer[];
  private readonly byteLevel: ByteLevelPreTokenizer;

  constructor(
    private readonly plain: PlainTokenizer,
    file: TokenizerFile,
  ) {
    this.added = new Map(file.added_tokens.map((token) => [token.content, token.id]));
    this.addedPattern = alternatives([...this.added.keys()]);
    this.normalise = file.normalizer === null ? (text) => text : (text) => text.normalize('NFC');
    const steps = preTokenizerSteps(file);
    const last = steps.at(-1)!;
    const cutting = last.use_regex === false ? steps.slice(0, -1) : [...steps.slice(0, -1), GPT2_SPLIT];
    this.cutters = cutting.map((step) =>
      step.type === 'Split' ? new SplitPreTokenizer(step as never) : new DigitsPreTokenizer(step as never),
    );
    this.byteLevel = new ByteLevelPreTokenizer({ ...last, use_regex: false } as never);
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    if (this.addedPattern === null) this.encodeSection(text, ids);
    else {
      for (const section of text.split(this.addedPattern)) {
        const id = this.added.get(section);
        if (id !== undefined) ids.push(id);
        else if (section !== '') this.encodeSection(section, ids);
      }
    }
    return ids;
  }

  private encodeSection(text: string, ids: number[]): void {
    const normal = this.normalise(text);
    // as in the plain path: what becomes an added token only by normalisation is one when it is the whole section
    const id = this.added.get(normal);
    if (id !== undefined) {
      ids.push(id);
      return;
    }
    let words = [normal];
    for (const cutter of this.cutters) words = cutter.pre_tokenize(words);
    for (const word of words) for (const id of this.wordIds(word)) ids.push(id);
  }

  private wordIds(word: string): readonly number[] {
    const known = this.cache.get(word);
    if (known !== undefined) return known;
    const tokens = this.plain.model!(this.byteLevel.pre_tokenize(word));
    const ids = tokens.map((token) => this.plain.token_to_id(token)!);
    if (this.cache.size < MAX_CACHED_WORDS) this.cache.set(word, ids);
    return ids;
  }
}

/** The regular expression inside the byte-level step (GPT-2's), as a step of its own. */
const GPT2_SPLIT: Step = {
  type: 'Split',
  pattern: {
    Regex: "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  },
  behavior: 'Isolated',
  invert: false,
};

interface Step {
  readonly type: string;
  readonly [option: string]: unknown;
}

/** The pre-tokenizer as a list; a lone step is a list of one. */
function preTokenizerSteps(file: TokenizerFile): readonly Step[] {
  const root = file.pre_tokenizer as Step | null;
  if (root === null) return [];
  return root.type === 'Sequence' ? (root.pretokenizers as readonly Step[]) : [root];
}

/** What speaks against the cache, or null. Anything not known to be a pure function of the word counts. */
function cacheObstacle(file: TokenizerFile, config: TokenizerConfig): string | null {
  const { model } = file;
  if (model.type !== 'BPE') return `the model is ${model.type}, not BPE`;
  if (typeof model.unk_token === 'string' || model.byte_fallback === true) return 'the model has an unknown token';
  if (file.normalizer !== null && (file.normalizer as Step).type !== 'NFC') return 'the normaliser is not NFC';
  const steps = preTokenizerSteps(file);
  if (steps.at(-1)?.type !== 'ByteLevel') return 'the pre-tokenizer is not byte-level';
  if (!steps.slice(0, -1).every((step) => step.type === 'Split' || step.type === 'Digits')) {
    return `the pre-tokenizer has a step besides Split and Digits`;
  }
  if (steps.at(-1)?.add_prefix_space === true) return 'a space is added in front of words';
  const special = file.added_tokens.find((token) => token.lstrip || token.rstrip || token.single_word);
  if (special !== undefined) return `added token ${special.content} strips its neighbours`;
  const normalised = file.normalizer === null ? undefined : file.added_tokens.find((token) => token.normalized);
  if (normalised !== undefined) return `added token ${normalised.content} is looked for after normalisation`;
  const changed = file.added_tokens.find((token) => token.content !== token.content.normalize('NFC'));
  if (changed !== undefined) return `added token ${changed.content} is not in normal form`;
  if (config.remove_space === true || config.do_lowercase_and_remove_accent === true)
    return 'the text is changed first';
  return null;
}

/** A pattern that finds the longest of the words at each place and keeps them when a text is split by it. */
function alternatives(words: readonly string[]): RegExp | null {
  if (words.length === 0) return null;
  const longestFirst = [...words].sort((a, b) => b.length - a.length);
  return new RegExp(`(${longestFirst.map((word) => word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|')})`);
}

function largestId(file: TokenizerFile): number {
  let largest = Array.isArray(file.model.vocab) ? file.model.vocab.length - 1 : 0;
  for (const id of Object.values(file.model.vocab)) largest = Math.max(largest, typeof id === 'number' ? id : 0);
  for (const { id } of file.added_tokens) largest = Math.max(largest, id);
  return largest;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 200);
}

/**
 * Text to token ids and back: tokenizer.json as the Rust library `tokenizers` does it (src/data/tokenizers), with what
 * tokenizer_config.json adds as transformers does it.
 */

import { inputError, MedreproError } from '../errors';
import { sha256 } from '../sha256';
import { configuredTokens, namedToken, switchedTokens, type TransformersRelease } from './tokenizer-config';
import { parseTokenizerFiles, type TokenizerConfig, type TokenizerFiles } from './tokenizer-files';
import { cleanUp } from './tokenizers/clean-up';
import { Pipeline } from './tokenizers/pipeline';

export interface TokenizerOptions {
  /** Keep the ids of words, which gives the same ids faster; false is for tests. */
  readonly cache?: boolean;
  /** The release of transformers whose reading of tokenizer_config.json counts; default 4. */
  readonly release?: TransformersRelease;
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
  /** The same without the tokens that only tokenizer_config.json has. */
  readonly ownSize: number;
  /** Begin-of-text, end-of-text and padding ids that tokenizer_config.json names; null where it names none. */
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly padId: number | null;
  /** Special tokens the tokenizer itself puts before and after a text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  private readonly pipeline: Pipeline;
  private readonly cleansUp: boolean;

  /**
   * @param files what it is made of, kept so that a Worker can make another.
   * @throws MedreproError `input`, one line, when the files are damaged or ask for what cannot be done exactly
   */
  constructor(
    readonly files: TokenizerFiles,
    readonly options: TokenizerOptions = {},
  ) {
    const { cache = true, release = 4 } = options;
    const { file, config } = parseTokenizerFiles(files);
    this.sha256 = sha256(files.tokenizer);
    try {
      this.pipeline = new Pipeline(file, {
        cache,
        added: [configuredTokens(file, config)],
        ignoreSpecial: config.split_special_tokens ?? false,
      });
      const switched = switchedTokens(config, release);
      this.prefix = switched?.prefix.map((token) => this.pipeline.idOf(token)!) ?? this.pipeline.prefix;
      this.suffix = switched?.suffix.map((token) => this.pipeline.idOf(token)!) ?? this.pipeline.suffix;
      this.cleansUp = cleansUp(config, file.model.type, release);
      this.vocabSize = this.pipeline.idLimit;
      this.ownSize = this.pipeline.ownIdLimit;
      this.bosId = this.namedId(config, 'bos_token');
      this.eosId = this.namedId(config, 'eos_token');
      this.padId = this.namedId(config, 'pad_token');
    } catch (error) {
      throw unusable(error, files.name);
    }
  }

  /**
   * (n,) token ids of a text, with the special tokens the tokenizer adds unless `special` is false.
   *
   * @throws MedreproError `input` when the text has a word that the vocabulary has no id for, not even an unknown token's
   */
  encode(text: string, special = true): Uint32Array {
    let ids: number[];
    try {
      ids = this.pipeline.encode(text);
    } catch (error) {
      throw unusable(error, this.files.name);
    }
    if (!special) return Uint32Array.from(ids);
    const { prefix, suffix } = this;
    const all = new Uint32Array(prefix.length + ids.length + suffix.length);
    all.set(prefix);
    all.set(ids, prefix.length);
    all.set(suffix, prefix.length + ids.length);
    return all;
  }

  /**
   * Token ids of at most `maxLength`, cut on the right as Hugging Face tokenizers cut: tokens of the text go, the special
   * tokens around it stay.
   */
  encodeTruncated(text: string, maxLength: number): Encoded {
    return this.truncate(this.encode(text), maxLength);
  }

  /**
   * {@link encodeTruncated} of existing ids.
   *
   * @param side from which tokens of the text are removed: `truncation_side`
   * @param special whether the special tokens are around them
   */
  truncate(ids: Uint32Array, maxLength: number, side: 'right' | 'left' = 'right', special = true): Encoded {
    if (ids.length <= maxLength) return { ids, fullLength: ids.length };
    const [prefix, suffix] = special ? [this.prefix.length, this.suffix] : [0, []];
    const cut = new Uint32Array(maxLength);
    const kept = Math.max(0, maxLength - suffix.length);
    cut.set(ids.subarray(0, kept));
    if (side === 'left' && kept > prefix) {
      const end = ids.length - suffix.length;
      cut.set(ids.subarray(end - (kept - prefix), end), prefix);
    }
    cut.set(suffix.slice(0, maxLength - kept), kept);
    return { ids: cut, fullLength: ids.length };
  }

  /**
   * The text of some ids; special tokens are omitted when `skipSpecial`, and spaces are cleaned up where
   * tokenizer_config.json and the release of transformers say so.
   */
  decode(ids: ArrayLike<number>, skipSpecial = false): string {
    let text: string;
    try {
      text = this.pipeline.decode(ids, skipSpecial);
    } catch (error) {
      throw unusable(error, this.files.name);
    }
    return this.cleansUp ? cleanUp(text, 'transformers') : text;
  }

  /** The id of a token by its text; null when there is none. */
  idOf(token: string): number | null {
    return this.pipeline.idOf(token);
  }

  private namedId(config: TokenizerConfig, name: 'bos_token' | 'eos_token' | 'pad_token'): number | null {
    const token = namedToken(config, name);
    return token === null ? null : this.pipeline.idOf(token);
  }
}

// --- internal ---

/**
 * Whether `decode` removes spaces before punctuation and in English short forms. Release 5 does not for BPE unless a second
 * switch insists.
 */
function cleansUp(config: TokenizerConfig, model: string, release: TransformersRelease): boolean {
  if (config.clean_up_tokenization_spaces !== true) return false;
  if (release === 4 || model !== 'BPE') return true;
  return config.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output === true;
}

/** An error of the pipeline with its file. */
function unusable(error: unknown, file: string): unknown {
  if (!(error instanceof MedreproError)) return error;
  return inputError(`this tokenizer cannot be used: ${error.message}`, {
    where: { file },
    remedy: error.remedy,
    cause: error,
  });
}

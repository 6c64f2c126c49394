/**
 * tokenizer.json as a whole: text to ids and back, as the Rust library `tokenizers` 0.23 does it.
 *
 * The ids of a word depend on the word alone, for every model: so they are cached in a Map, which makes encoding two to
 * three times faster.
 */

import type { AddedToken, TokenizerFile } from '../tokenizer-files';
import { AddedTokens } from './added-tokens';
import { Bpe } from './bpe';
import { type Decoder, decoderOf } from './decoders';
import { WordLevel, WordPiece } from './lookup-models';
import type { Model } from './model';
import { type Normalizer, normalizerOf } from './normalizers';
import { Part, refused } from './part';
import { aroundOf } from './post-processors';
import { preTokenize, type Step, stepsOf } from './pre-tokenizers';
import { Unigram } from './unigram';

/** Words kept at most, some tens of megabytes; a data set has far fewer different ones. */
const MAX_CACHED_WORDS = 400_000;

/** Longer words hardly come twice, and without a pre-tokenizer a word is a whole text. */
const MAX_CACHED_UNITS = 128;

export interface PipelineOptions {
  /** Keep the ids of words. */
  readonly cache: boolean;
  /** Tokens added to those of the file, each group by one call. */
  readonly added: readonly (readonly AddedToken[])[];
  /** Special tokens in a text are text. */
  readonly ignoreSpecial: boolean;
}

export class Pipeline {
  /** Ids of special tokens before and after a text. */
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  /** One more than the largest id. */
  readonly idLimit: number;
  /** The same without the tokens that are not in the file. */
  readonly ownIdLimit: number;

  private readonly model: Model;
  private readonly added: AddedTokens;
  private readonly steps: readonly Step[];
  private readonly decoder: Decoder | null;
  private readonly cache: Map<string, readonly number[]> | null;

  /** @throws MedreproError `input`, one line, when a part is not known or cannot be done */
  constructor(file: TokenizerFile, options: PipelineOptions) {
    this.model = modelOf(file.model);
    const normalizer: Normalizer | null =
      file.normalizer === null ? null : normalizerOf(new Part(file.normalizer, 'normalizer'));
    this.steps = file.pre_tokenizer === null ? [] : stepsOf(new Part(file.pre_tokenizer, 'pre_tokenizer'));
    this.decoder = file.decoder === null ? null : decoderOf(new Part(file.decoder, 'decoder'));
    this.added = new AddedTokens([file.added_tokens, ...options.added], this.model, normalizer, options.ignoreSpecial);
    const around =
      file.post_processor === null
        ? { prefix: [], suffix: [] }
        : aroundOf(new Part(file.post_processor, 'post_processor'));
    this.prefix = around.prefix;
    this.suffix = around.suffix;
    this.idLimit = Math.max(this.model.idLimit, this.added.idLimit);
    this.ownIdLimit = Math.max(this.model.idLimit, this.added.ownIdLimit);
    this.cache = options.cache ? new Map() : null;
  }

  /** The ids of a text, without special tokens around it. Lone surrogates count as U+FFFD. */
  encode(text: string): number[] {
    const ids: number[] = [];
    for (const section of this.added.split(text.toWellFormed())) {
      if (typeof section === 'number') ids.push(section);
      else preTokenize(this.steps, section, (word) => this.encodeWord(word, ids));
    }
    return ids;
  }

  /** The text of some ids; ids without a token are left out, as in the library. */
  decode(ids: ArrayLike<number>, skipSpecial: boolean): string {
    const tokens: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const token = this.added.tokenOf(ids[i]!) ?? this.model.tokenOf(ids[i]!);
      if (token !== null && !(skipSpecial && this.added.isSpecial(token))) tokens.push(token);
    }
    if (tokens.length === 0) return '';
    return this.decoder === null ? tokens.join(' ') : this.decoder(tokens).join('');
  }

  /** The id of a token by its text; null when there is none. */
  idOf(token: string): number | null {
    const id = this.added.idOf(token);
    if (id >= 0) return id;
    const own = this.model.idOf(token);
    return own < 0 ? null : own;
  }

  private encodeWord(word: string, ids: number[]): void {
    const { cache } = this;
    const known = cache?.get(word);
    if (known !== undefined) {
      for (const id of known) ids.push(id);
      return;
    }
    const from = ids.length;
    this.model.encode(this.steps.at(-1)?.after?.(word) ?? word, ids);
    if (cache === null || word.length > MAX_CACHED_UNITS || cache.size >= MAX_CACHED_WORDS) return;
    cache.set(word, ids.slice(from));
  }
}

// --- internal ---

function modelOf(json: TokenizerFile['model']): Model {
  switch (json.type) {
    case 'BPE':
      return new Bpe(json);
    case 'Unigram':
      return new Unigram(json);
    case 'WordPiece':
      return new WordPiece(json);
    case 'WordLevel':
      return new WordLevel(json);
    default:
      throw refused(`model ${json.type} is not known`);
  }
}

/**
 * What changes the scores of the next token before one is chosen, in the order and arithmetic of transformers 5.18's `generate`
 * (`_get_logits_processor` of generation/utils.py, classes of generation/logits_process.py).
 */

/** The penalties of a generation; 1 and 0 switch them off. */
export interface Penalties {
  /** Keskar et al. 2019: scores of tokens that occurred are divided by it when positive, multiplied when negative. */
  readonly repetitionPenalty: number;
  /** No n-gram of this length occurs twice. */
  readonly noRepeatNgramSize: number;
  /** What else a generation_config.json asks for; absent for nothing. */
  readonly rules?: ScoreRules;
}

/** Settings by transformers' names; an absent one does nothing. Lengths count the prompt with its padding, as they do there. */
export interface ScoreRules {
  /** Added to the score of a sequence's last token where it would complete the sequence. */
  readonly sequenceBias?: readonly { readonly ids: readonly number[]; readonly bias: number }[];
  /** Above 1: the prompt's tokens become likelier (`encoder_repetition_penalty`; the prompt of a decoder is its encoder's input). */
  readonly encoderRepetitionPenalty?: number;
  /** No n-gram of the prompt of this length is completed. */
  readonly encoderNoRepeatNgramSize?: number;
  /** Sequences that are never completed; one that is a single end-of-text token is allowed. */
  readonly badWords?: readonly (readonly number[])[];
  /** No end-of-text token before so many tokens, prompt included. */
  readonly minLength?: number;
  /** The same, of new tokens. */
  readonly minNewTokens?: number;
  /** The second token of a text whose prompt is one token. */
  readonly forcedBos?: number;
  /** The last token that `maxNewTokens` allows is one of these. */
  readonly forcedEos?: readonly number[];
  /** NaN becomes 0, infinities the largest numbers. */
  readonly removeInvalidValues?: boolean;
  /** From `start` new tokens on, end-of-text tokens gain |score| * (factor^n - 1). */
  readonly lengthPenalty?: { readonly start: number; readonly factor: number };
  readonly suppressTokens?: readonly number[];
  /** Not as the first new token. */
  readonly beginSuppressTokens?: readonly number[];
}

/** The inputs of the rules about ends and lengths. */
export interface Ends {
  readonly eosTokenIds?: readonly number[];
  readonly maxNewTokens?: number;
}

/** Processes the scores of one sequence; its tokens, prompt first, are pushed one by one. */
export class ScoreProcessor {
  private readonly tokens: number[] = [];
  private readonly seen = new Set<number>();
  private readonly ngrams: Ngrams | null;
  private readonly promptNgrams: Ngrams | null;
  private readonly rules: ScoreRules;
  private readonly eos: readonly number[];
  private readonly maxNewTokens: number;
  private readonly badWords: NonNullable<ScoreRules['sequenceBias']>;
  /** Tokens of the prompt with its padding; Infinity until it is whole. */
  private promptLength = Number.POSITIVE_INFINITY;
  private readonly promptTokens = new Set<number>();

  constructor(private readonly settings: Penalties & Ends) {
    const { rules = {}, noRepeatNgramSize, eosTokenIds = [], maxNewTokens = Number.POSITIVE_INFINITY } = settings;
    this.rules = rules;
    this.eos = eosTokenIds;
    this.maxNewTokens = maxNewTokens;
    this.ngrams = noRepeatNgramSize > 0 ? new Ngrams(noRepeatNgramSize) : null;
    const encoderNgrams = rules.encoderNoRepeatNgramSize ?? 0;
    this.promptNgrams = encoderNgrams > 0 ? new Ngrams(encoderNgrams) : null;
    const allowed = (ids: readonly number[]): boolean => ids.length === 1 && eosTokenIds.includes(ids[0]!);
    this.badWords = (rules.badWords ?? [])
      .filter((ids) => !allowed(ids))
      .map((ids) => ({ ids, bias: Number.NEGATIVE_INFINITY }));
  }

  /** Whether `apply` never does anything. */
  static idle({ repetitionPenalty, noRepeatNgramSize, rules = {} }: Penalties): boolean {
    return repetitionPenalty === 1 && noRepeatNgramSize === 0 && Object.keys(rules).length === 0;
  }

  /** Adds a token to the sequence. */
  push(token: number): void {
    if (this.settings.repetitionPenalty !== 1) this.seen.add(token);
    this.tokens.push(token);
    this.ngrams?.note(this.tokens);
    if (this.tokens.length > this.promptLength) return;
    this.promptTokens.add(token);
    this.promptNgrams?.note(this.tokens);
  }

  /** The tokens so far are the prompt. */
  begin(): void {
    this.promptLength = this.tokens.length;
  }

  /** Changes the scores [vocab] in place: fp32 sums, products and quotients, as torch computes them. */
  apply(scores: Float32Array): void {
    const { rules } = this;
    if (rules.sequenceBias !== undefined) this.bias(scores, rules.sequenceBias);
    const encoder = rules.encoderRepetitionPenalty ?? 1;
    if (encoder !== 1) penalise(scores, this.promptTokens, 1 / encoder);
    penalise(scores, this.seen, this.settings.repetitionPenalty);
    forbid(scores, this.ngrams?.followers(this.tokens) ?? []);
    forbid(scores, this.promptNgrams?.followers(this.tokens) ?? []);
    if (this.badWords.length > 0) this.bias(scores, this.badWords);
    this.lengths(scores);
    forbid(scores, rules.suppressTokens ?? []);
    if (rules.beginSuppressTokens === undefined) return;
    const late = this.promptLength <= 1 && rules.forcedBos !== undefined ? 1 : 0;
    if (this.tokens.length === this.promptLength + late) forbid(scores, rules.beginSuppressTokens);
  }

  // --- internal ---

  private bias(scores: Float32Array, sequences: NonNullable<ScoreRules['sequenceBias']>): void {
    // the biases of a token are summed first; single tokens precede longer sequences
    const sums = new Map<number, number>();
    for (const { ids, bias } of [...sequences].sort((a, b) => Math.min(a.ids.length, 2) - Math.min(b.ids.length, 2))) {
      const prefix = ids.length - 1;
      const begin = this.tokens.length - prefix;
      if (begin < 0 || !ids.every((id, i) => i === prefix || id === this.tokens[begin + i])) continue;
      const last = ids[prefix]!;
      sums.set(last, Math.fround((sums.get(last) ?? 0) + Math.fround(bias)));
    }
    for (const [token, sum] of sums) scores[token]! += sum;
  }

  /** The rules that depend on the length of the text. */
  private lengths(scores: Float32Array): void {
    const { rules, eos, promptLength } = this;
    const { length } = this.tokens;
    const early = length < (rules.minLength ?? 0) || length - promptLength < (rules.minNewTokens ?? 0);
    if (early) forbid(scores, eos);
    if (rules.forcedBos !== undefined && length === 1) force(scores, [rules.forcedBos]);
    if (rules.forcedEos !== undefined && length === promptLength + this.maxNewTokens - 1)
      force(scores, rules.forcedEos);
    if (rules.removeInvalidValues) removeInvalid(scores);
    const decay = rules.lengthPenalty;
    const steps = decay === undefined ? 0 : length - promptLength - decay.start;
    if (decay === undefined || !(steps > 0)) return;
    const factor = Math.fround(decay.factor ** steps - 1);
    for (const token of new Set(eos)) {
      if (token >= scores.length) continue;
      const grown = scores[token]! + Math.fround(Math.abs(scores[token]!) * factor);
      // a forbidden end becomes NaN in transformers, which torch's argmax treats as the largest
      scores[token] = Number.isNaN(grown) ? Number.POSITIVE_INFINITY : grown;
    }
  }
}

/** The tokens that followed each run of n-1 tokens. */
class Ngrams {
  private readonly known = new Map<string, number[]>();

  constructor(private readonly n: number) {}

  /** The last token of a sequence is new. */
  note(tokens: readonly number[]): void {
    const before = tokens.length - this.n;
    if (before < 0) return;
    const key = tokens.slice(before, -1).join();
    const followers = this.known.get(key);
    if (followers === undefined) this.known.set(key, [tokens.at(-1)!]);
    else followers.push(tokens.at(-1)!);
  }

  /** What followed the last n-1 tokens before. */
  followers(tokens: readonly number[]): readonly number[] {
    if (tokens.length < this.n - 1) return [];
    return this.known.get(tokens.slice(tokens.length - this.n + 1).join()) ?? [];
  }
}

function penalise(scores: Float32Array, tokens: Iterable<number>, by: number): void {
  const penalty = Math.fround(by);
  if (penalty === 1) return;
  for (const token of tokens) {
    const score = scores[token]!;
    scores[token] = score < 0 ? score * penalty : score / penalty;
  }
}

/** Ids beyond the vocabulary match nothing, as in transformers. */
function forbid(scores: Float32Array, tokens: readonly number[]): void {
  for (const token of tokens) if (token >= 0 && token < scores.length) scores[token] = Number.NEGATIVE_INFINITY;
}

function force(scores: Float32Array, tokens: readonly number[]): void {
  scores.fill(Number.NEGATIVE_INFINITY);
  for (const token of tokens) scores[token] = 0;
}

/** Largest finite fp32. */
const LARGEST = 3.4028234663852886e38;

function removeInvalid(scores: Float32Array): void {
  const bits = new Int32Array(scores.buffer, scores.byteOffset, scores.length);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & EXPONENT) !== EXPONENT) continue;
    const score = scores[i]!;
    scores[i] = Number.isNaN(score) ? 0 : Math.sign(score) * LARGEST;
  }
}

/** All ones in infinities and NaN alone. */
const EXPONENT = 0x7f80_0000;

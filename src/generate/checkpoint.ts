/**
 * The generation settings of a checkpoint, and the settings that result: the one place where `run`, `generate` and `eval` get
 * them from.
 *
 * As transformers 5.18 resolves them (`adjust_generation_fn`, `_prepare_generation_config`): what the user passes wins; then
 * generation_config.json counts as a whole, and only where there is no such file the same fields of config.json, then those of
 * its text model. Neither the tokeniser nor the other file fills in what one leaves out. Tokens are sampled only when
 * the user asks for it (`do_sample` is ignored), so that texts are reproducible by default.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type } from 'arktype';
import { inputError } from '../errors';
import { isRecord } from '../json';
import type { DecoderConfig } from '../nn/config';
import type { GenerationOptions } from './generate';
import { parseJson } from './inputs';
import type { ScoreRules } from './processors';
import type { Sampling } from './sampling';

/** What the files of a checkpoint say; null and absent where they say nothing. */
export interface CheckpointGeneration {
  readonly eosTokenIds: readonly number[];
  readonly repetitionPenalty: number | null;
  readonly noRepeatNgramSize: number | null;
  readonly rules: ScoreRules;
  readonly sampling: {
    /** `do_sample` */
    readonly wanted: boolean;
    readonly temperature: number | null;
    readonly topK: number | null;
    readonly topP: number | null;
    readonly minP: number | null;
  };
  /** Warnings, whatever the decoding. */
  readonly warnings: readonly string[];
  /** Warnings unless the user names the end-of-text tokens. */
  readonly endWarnings: readonly string[];
  /** Warnings when tokens are sampled. */
  readonly samplingWarnings: readonly string[];
}

/** What the user sets; null = the checkpoint's value. */
export interface AskedGeneration {
  readonly compute: GenerationOptions['compute'];
  readonly maxNewTokens: number;
  readonly eosTokenIds: readonly number[] | null;
  readonly repetitionPenalty: number | null;
  readonly noRepeatNgramSize: number | null;
  /** null = greedy. */
  readonly sampling: AskedSampling | null;
}

/** A k of 0 and a p of 1 keep every token, as in transformers. */
export interface AskedSampling {
  readonly temperature: number | null;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly seed: number;
}

/**
 * Reads what a folder's generation_config.json, or else its config.json, says.
 * @throws MedreproError `input`, one line that names the field and what is wrong with it
 */
export function readCheckpointGeneration(folder: string, { vocabSize }: DecoderConfig): CheckpointGeneration {
  const own = join(folder, 'generation_config.json');
  const config = join(folder, 'config.json');
  const file = existsSync(own) ? own : config;
  const refuse = (what: string) => inputError(what, { where: { file }, remedy: REMEDY });
  const json = parseJson(file, REMEDY);
  if (!isRecord(json)) throw refuse('not a JSON object');
  const fields = file === own ? withoutNull(json) : textFields(json);
  const read = Fields(fields);
  if (read instanceof type.errors) throw refuse(read.map(({ message }) => message.replace(/\s+/g, ' ')).join('; '));
  for (const [name, ids] of Object.entries(vocabularyIds(read))) {
    const beyond = ids.find((id) => id >= vocabSize);
    if (beyond !== undefined)
      throw refuse(`"${name}" has token ${beyond}, and the model's tokens are 0 to ${vocabSize - 1}`);
  }
  const eosTokenIds = [read.eos_token_id ?? []].flat().filter((id) => id >= 0);
  const short = file === own ? 'generation_config.json' : 'config.json';
  const warnings = [...notImplemented(short, fields, UNUSABLE), ...lengths(short, fields)];
  const endWarnings: string[] = [];
  if (file === own) {
    const unknown = Object.keys(fields).filter((name) => !KNOWN.has(name));
    if (unknown.length > 0) warnings.push(`${short} has fields that transformers does not know: ${listed(unknown)}`);
    const other = existsSync(config) ? parseJson(config, REMEDY) : {};
    if (eosTokenIds.length === 0 && isRecord(other) && (textFields(other).eos_token_id ?? null) !== null) {
      endWarnings.push(
        `${short} names no end of text, and config.json's does not count beside it: texts are as long as they may be`,
      );
    }
  }
  return {
    eosTokenIds,
    repetitionPenalty: read.repetition_penalty ?? null,
    noRepeatNgramSize: read.no_repeat_ngram_size ?? null,
    rules: rulesOf(read),
    sampling: {
      wanted: read.do_sample ?? false,
      temperature: read.temperature ?? null,
      topK: read.top_k ?? null,
      topP: read.top_p ?? null,
      minP: read.min_p ?? null,
    },
    warnings,
    endWarnings,
    samplingWarnings: notImplemented(short, fields, UNUSABLE_SAMPLING),
  };
}

/** Of a model that has no files of its own: its end of text. */
export const plainGeneration = ({ eosTokenIds }: DecoderConfig): CheckpointGeneration => ({
  eosTokenIds,
  repetitionPenalty: null,
  noRepeatNgramSize: null,
  rules: {},
  sampling: { wanted: false, temperature: null, topK: null, topP: null, minP: null },
  warnings: [],
  endWarnings: [],
  samplingWarnings: [],
});

/** The settings of a generation, and warnings about them. */
export function resolveGeneration(
  checkpoint: CheckpointGeneration,
  asked: AskedGeneration,
): { readonly options: GenerationOptions; readonly warnings: readonly string[] } {
  const { compute, maxNewTokens } = asked;
  const sampling = asked.sampling === null ? null : samplingOf(checkpoint, asked.sampling);
  const options: GenerationOptions = {
    compute,
    maxNewTokens,
    eosTokenIds: asked.eosTokenIds ?? checkpoint.eosTokenIds,
    sampling,
    repetitionPenalty: asked.repetitionPenalty ?? checkpoint.repetitionPenalty ?? 1,
    noRepeatNgramSize: asked.noRepeatNgramSize ?? checkpoint.noRepeatNgramSize ?? 0,
    ...(Object.keys(checkpoint.rules).length === 0 ? {} : { rules: checkpoint.rules }),
  };
  const { warnings, endWarnings, samplingWarnings } = checkpoint;
  const ends = asked.eosTokenIds === null ? endWarnings : [];
  return { options, warnings: [...warnings, ...ends, ...(sampling === null ? [] : samplingWarnings)] };
}

/** Of the settings, what comes from the checkpoint beside its end of text, for a document or a record. */
export const describeGeneration = ({ repetitionPenalty, noRepeatNgramSize, rules, sampling }: GenerationOptions) => ({
  repetitionPenalty,
  noRepeatNgramSize,
  ...rules,
  sampling,
});

// --- internal ---

const REMEDY = 'download the file again, or mend the field';

type Json = Record<string, unknown>;
const withoutNull = (fields: Json): Json =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
const listed = (names: readonly string[]): string =>
  names
    .slice(0, 5)
    .map((name) => name.slice(0, 60).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?'))
    .join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');

/** The fields of config.json that are about generation: its own, then those of its text model. */
function textFields(config: Json): Json {
  const inner = ['decoder', 'generator', 'text_config'].map((name) => config[name]).find(isRecord) ?? {};
  const all = { ...withoutNull(inner), ...withoutNull(config) };
  return Object.fromEntries(Object.entries(all).filter(([name]) => KNOWN.has(name)));
}

const id = 'number.integer >= 0';
const ids = `(${id})[]`;
/** A negative id never occurs: it means that no token ends a text. */
const ends = 'number.integer | number.integer[]';

/** The fields that are applied. */
const Fields = type({
  'eos_token_id?': ends,
  'repetition_penalty?': 'number > 0',
  'no_repeat_ngram_size?': id,
  'encoder_repetition_penalty?': 'number > 0',
  'encoder_no_repeat_ngram_size?': id,
  'sequence_bias?': type([`${ids} > 0`, 'number'])
    .array()
    .atLeastLength(1),
  'bad_words_ids?': `(${ids})[] > 0`,
  'min_length?': id,
  'min_new_tokens?': id,
  'forced_bos_token_id?': id,
  'forced_eos_token_id?': `${id} | ${ids}`,
  'remove_invalid_values?': 'boolean',
  'exponential_decay_length_penalty?': type(['number.integer', 'number']),
  'suppress_tokens?': 'number.integer[]',
  'begin_suppress_tokens?': 'number.integer[]',
  'do_sample?': 'boolean',
  'temperature?': 'number >= 0',
  'top_k?': id,
  'top_p?': '0 <= number <= 1',
  'min_p?': '0 <= number <= 1',
});
type Fields = typeof Fields.infer;

/** Ids that transformers looks up in the vocabulary. */
const vocabularyIds = (read: Fields): Readonly<Record<string, readonly number[]>> => ({
  sequence_bias: (read.sequence_bias ?? []).flatMap(([sequence]) => sequence),
  bad_words_ids: (read.bad_words_ids ?? []).flat(),
  forced_bos_token_id: [read.forced_bos_token_id ?? []].flat(),
  forced_eos_token_id: [read.forced_eos_token_id ?? []].flat(),
});

/** Values at which transformers adds no processor are left out. */
function rulesOf(read: Fields): ScoreRules {
  const decay = read.exponential_decay_length_penalty;
  const rules: ScoreRules = {
    ...(read.sequence_bias && {
      sequenceBias: read.sequence_bias.map(([sequence, bias]) => ({ ids: sequence, bias })),
    }),
    ...((read.encoder_repetition_penalty ?? 1) !== 1 && { encoderRepetitionPenalty: read.encoder_repetition_penalty! }),
    ...(read.encoder_no_repeat_ngram_size && { encoderNoRepeatNgramSize: read.encoder_no_repeat_ngram_size }),
    // empty words are ignored
    ...(read.bad_words_ids && { badWords: read.bad_words_ids.filter(({ length }) => length > 0) }),
    ...(read.min_length && { minLength: read.min_length }),
    ...(read.min_new_tokens && { minNewTokens: read.min_new_tokens }),
    ...(read.forced_bos_token_id !== undefined && { forcedBos: read.forced_bos_token_id }),
    ...(read.forced_eos_token_id !== undefined && { forcedEos: [read.forced_eos_token_id].flat() }),
    ...(read.remove_invalid_values && { removeInvalidValues: true }),
    ...(decay && { lengthPenalty: { start: decay[0], factor: decay[1] } }),
    ...(read.suppress_tokens && { suppressTokens: read.suppress_tokens }),
    ...(read.begin_suppress_tokens && { beginSuppressTokens: read.begin_suppress_tokens }),
  };
  return rules;
}

/** What the user does not set is taken from the checkpoint. @throws MedreproError `input` for a temperature of 0 in the file. */
function samplingOf({ sampling }: CheckpointGeneration, asked: AskedSampling): Sampling {
  const temperature = asked.temperature ?? sampling.temperature ?? 1;
  if (!(temperature > 0)) {
    throw inputError(`generation_config.json: a temperature of ${temperature} draws nothing`, {
      remedy: 'say --temperature',
    });
  }
  const [topK, topP] = [asked.topK ?? sampling.topK, asked.topP ?? sampling.topP];
  return {
    temperature,
    topK: topK === 0 ? null : topK,
    topP: topP === 1 ? null : topP,
    ...(sampling.minP === null ? {} : { minP: sampling.minP }),
    seed: asked.seed,
  };
}

/** Fields that would change a text with values other than these, and are not implemented. */
const UNUSABLE: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  num_beam_groups: [1],
  num_return_sequences: [1],
  diversity_penalty: [0],
  penalty_alpha: [0],
  dola_layers: [],
  constraints: [],
  force_words_ids: [],
  guidance_scale: [1],
  watermarking_config: [],
  renormalize_logits: [false],
  stop_strings: [],
  max_time: [],
  token_healing: [false],
  prompt_lookup_num_tokens: [],
  assistant_early_exit: [],
  use_mtp: [false],
  speculation_type: [],
};
/** The same when tokens are sampled. */
const UNUSABLE_SAMPLING: Readonly<Record<string, readonly unknown[]>> = {
  typical_p: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  top_h: [],
};

/** Fields that change nothing here: they are the user's (lengths), about output, caches, speed, or beams alone. */
const NEUTRAL =
  `max_length max_new_tokens pad_token_id bos_token_id decoder_start_token_id early_stopping length_penalty use_cache
  cache_implementation cache_config max_cache_len output_attentions output_hidden_states output_scores output_logits
  return_dict_in_generate is_assistant num_assistant_tokens num_assistant_tokens_schedule assistant_confidence_threshold
  max_matching_ngram_size assistant_lookbehind target_lookbehind assistant_ensemble_weight compile_config disable_compile
  continuous_batching_config low_memory prefill_chunk_size transformers_version _from_model_config _commit_hash`
    .trim()
    .split(/\s+/);

const KNOWN: ReadonlySet<string> = new Set([
  ...(Fields.json as { optional: { key: string }[] }).optional.map(({ key }) => key),
  ...Object.keys(UNUSABLE),
  ...Object.keys(UNUSABLE_SAMPLING),
  ...NEUTRAL,
]);

/** The command or the spec sets the length of an answer; the file may name another one. */
function lengths(file: string, fields: Json): string[] {
  return ['max_new_tokens', 'max_length'].flatMap((name) => {
    const value = fields[name] ?? null;
    if (value === null || (name === 'max_length' && value === 20)) return []; // the library's default
    return [
      `${file}: ${name} ${JSON.stringify(value).slice(0, 60)} is not followed: the flag or the spec says how long`,
    ];
  });
}

function notImplemented(file: string, fields: Json, unusable: typeof UNUSABLE): string[] {
  return Object.entries(unusable).flatMap(([name, neutral]) => {
    const value = fields[name] ?? null;
    if (value === null || neutral.includes(value)) return [];
    return [`${file}: ${name} ${JSON.stringify(value).slice(0, 60)} is not implemented, and not followed`];
  });
}

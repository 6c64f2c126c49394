/**
 * tokenizer.json and tokenizer_config.json: from a folder or from the embedded files, size-limited, and checked before the
 * tokenizer library sees them (it trusts its input).
 *
 * Checked by hand rather than with a schema: a vocabulary has 150,000 entries and 280,000 merges.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasAsset, readAsset } from '../assets';
import { inputError, type MedreproError } from '../errors';
import { readBytes } from '../files';

/** The largest published tokenizer.json is about 35 MB (Gemma 3). */
const MAX_TOKENIZER_BYTES = 128 * 2 ** 20;
const MAX_CONFIG_BYTES = 16 * 2 ** 20;
const MAX_ID = 2 ** 24;

/** The files as bytes. */
export interface TokenizerFiles {
  /** Path or asset name of tokenizer.json, for messages. */
  readonly name: string;
  readonly tokenizer: Uint8Array;
  /** tokenizer_config.json; null where a model comes without one. */
  readonly config: Uint8Array | null;
  /** special_tokens_map.json, where there is one: it counts beside a configuration without `added_tokens_decoder`. */
  readonly specialTokens?: Uint8Array | null;
  /** added_tokens.json, where there is one: it counts in the same case. */
  readonly addedTokens?: Uint8Array | null;
}

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly single_word?: boolean;
  readonly normalized?: boolean;
  readonly special?: boolean;
}

/** tokenizer.json as far as it is checked; the rest is the library's. */
export interface TokenizerFile {
  readonly model: {
    readonly type: string;
    readonly vocab: Readonly<Record<string, unknown>>;
    readonly unk_token?: unknown;
    readonly byte_fallback?: unknown;
  };
  readonly added_tokens: readonly AddedToken[];
  /** Of added_tokens.json: ids by token; empty where `added_tokens_decoder` takes its place. */
  readonly addedIds: Readonly<Record<string, number>>;
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly post_processor: object | null;
  readonly decoder: object | null;
}

/** A token of tokenizer_config.json: its text, or its text with flags. */
export type ConfigToken = string | (Partial<Omit<AddedToken, 'id'>> & { readonly content?: string }) | null;

/** tokenizer_config.json as far as it is read here. */
export interface TokenizerConfig {
  readonly tokenizer_class?: string | null;
  readonly bos_token?: ConfigToken;
  readonly eos_token?: ConfigToken;
  readonly unk_token?: ConfigToken;
  readonly sep_token?: ConfigToken;
  readonly pad_token?: ConfigToken;
  readonly cls_token?: ConfigToken;
  readonly mask_token?: ConfigToken;
  readonly additional_special_tokens?: readonly ConfigToken[] | null;
  readonly extra_special_tokens?: readonly ConfigToken[] | Readonly<Record<string, ConfigToken>> | null;
  readonly added_tokens_decoder?: Readonly<Record<string, NonNullable<ConfigToken>>> | null;
  readonly add_bos_token?: boolean | null;
  readonly add_eos_token?: boolean | null;
  readonly split_special_tokens?: boolean | null;
  readonly clean_up_tokenization_spaces?: boolean | null;
  readonly clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output?: boolean | null;
}

/**
 * Reads tokenizer.json and, where there is one, tokenizer_config.json of a folder on disk.
 *
 * @throws MedreproError `input` when the folder holds no tokenizer.json.
 */
export function readTokenizerFolder(folder: string): TokenizerFiles {
  const name = join(folder, 'tokenizer.json');
  if (!existsSync(name)) {
    throw inputError(`${folder} holds no tokenizer.json`, { remedy: 'name the folder that does with --tokenizer' });
  }
  const optional = (file: string): Uint8Array | null => {
    const path = join(folder, file);
    return existsSync(path) ? readBytes(path, { limit: MAX_CONFIG_BYTES }) : null;
  };
  return {
    name,
    tokenizer: readBytes(name, { limit: MAX_TOKENIZER_BYTES }),
    config: optional('tokenizer_config.json'),
    specialTokens: optional('special_tokens_map.json'),
    addedTokens: optional('added_tokens.json'),
  };
}

/** {@link readTokenizerFolder} for an embedded folder, `papers/mini/tokenizer`. */
export function readTokenizerAsset(folder: string): TokenizerFiles {
  const name = `${folder}/tokenizer.json`;
  const config = `${folder}/tokenizer_config.json`;
  return { name, tokenizer: readAsset(name), config: hasAsset(config) ? readAsset(config) : null };
}

/**
 * Parses and checks both files.
 *
 * @throws MedreproError `input`, one line that names what is wrong.
 */
export function parseTokenizerFiles(files: TokenizerFiles): { file: TokenizerFile; config: TokenizerConfig } {
  const wrong = (what: string): MedreproError =>
    inputError(`not a usable tokenizer: ${what}`, {
      where: { file: files.name },
      remedy: 'copy or download the tokenizer files again',
    });
  const file = parseObject(files.tokenizer, MAX_TOKENIZER_BYTES, 'tokenizer.json', wrong);
  const config =
    files.config === null ? {} : parseObject(files.config, MAX_CONFIG_BYTES, 'tokenizer_config.json', wrong);
  checkModel(file.model, wrong);
  checkAddedTokens(file.added_tokens ?? [], wrong);
  let addedIds: Json = {};
  if ((config.added_tokens_decoder ?? null) === null) {
    const { specialTokens: special = null, addedTokens: added = null } = files;
    if (special !== null) {
      addSpecialTokens(config, parseObject(special, MAX_CONFIG_BYTES, 'special_tokens_map.json', wrong));
    }
    if (added !== null) addedIds = parseObject(added, MAX_CONFIG_BYTES, 'added_tokens.json', wrong);
  }
  for (const [content, id] of Object.entries(addedIds)) {
    if (!isId(id)) throw wrong(`the id of ${JSON.stringify(content)} in added_tokens.json is not a whole number`);
  }
  for (const part of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) {
    const value = file[part] ?? null;
    if (value !== null && (!isObject(value) || typeof value.type !== 'string')) {
      throw wrong(`"${part}" is neither null nor an object with a type`);
    }
    file[part] = value;
  }
  checkConfig(config, wrong);
  return { file: { ...file, added_tokens: file.added_tokens ?? [], addedIds } as unknown as TokenizerFile, config };
}

// --- internal ---

type Json = Record<string, unknown>;
type Wrong = (what: string) => MedreproError;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseObject(bytes: Uint8Array, limit: number, name: string, wrong: Wrong): Json {
  if (bytes.length > limit) throw wrong(`${name} is above ${limit / 2 ** 20} MiB`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw wrong(`${name} is not JSON in UTF-8 (${bytes.length} bytes)`);
  }
  if (!isObject(value)) throw wrong(`${name} is not a JSON object`);
  return value;
}

/** Entries of the map take the place of the configuration's; lists of further tokens are joined. */
function addSpecialTokens(config: Json, map: Json): void {
  for (const [key, value] of Object.entries(map)) {
    const own = config[key];
    const lists = Array.isArray(value) && Array.isArray(own);
    config[key] = lists ? [...own, ...value.filter((token) => !own.includes(token))] : value;
  }
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_ID;
}

function checkModel(model: unknown, wrong: Wrong): void {
  if (!isObject(model) || typeof model.type !== 'string') throw wrong('"model" is missing or has no type');
  if (model.type === 'Unigram') {
    if (!Array.isArray(model.vocab)) throw wrong('"model.vocab" is not a list');
    return;
  }
  if (!isObject(model.vocab)) throw wrong('"model.vocab" is not an object');
  const used = new Set<number>();
  for (const [token, id] of Object.entries(model.vocab)) {
    if (!isId(id)) throw wrong(`the id of token ${JSON.stringify(token)} is not a whole number`);
    if (used.has(id)) throw wrong(`id ${id} stands for two tokens`);
    used.add(id);
  }
  if (used.size === 0) throw wrong('"model.vocab" is empty');
  if (model.type !== 'BPE') return;
  if (!Array.isArray(model.merges)) throw wrong('"model.merges" is not a list');
  for (const [i, merge] of model.merges.entries()) {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    const good =
      Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string' && part !== '');
    if (!good) throw wrong(`merge ${i} is not a pair of tokens`);
  }
}

const NAMED_TOKENS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];
const SWITCHES = [
  'add_bos_token',
  'add_eos_token',
  'split_special_tokens',
  'clean_up_tokenization_spaces',
  'clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output',
];

function checkConfig(config: Json, wrong: Wrong): void {
  const refuse = (field: string, what: string): never => {
    throw wrong(`"${field}" of tokenizer_config.json is ${what}`);
  };
  for (const field of NAMED_TOKENS) if (!isConfigToken(config[field] ?? null)) refuse(field, 'not a token');
  for (const field of ['additional_special_tokens', 'extra_special_tokens', 'added_tokens_decoder']) {
    const value = config[field] ?? null;
    const isList = Array.isArray(value) && field !== 'added_tokens_decoder';
    const isMap = isObject(value) && field !== 'additional_special_tokens';
    if (value !== null && !isList && !isMap) refuse(field, 'not a list of tokens');
    if (value !== null && !Object.values(value).every(isConfigToken)) refuse(field, 'not a list of tokens');
  }
  for (const field of SWITCHES) {
    if (typeof (config[field] ?? false) !== 'boolean') refuse(field, 'neither true nor false');
  }
  if (typeof (config.tokenizer_class ?? '') !== 'string') refuse('tokenizer_class', 'not a name');
}

function isConfigToken(value: unknown): boolean {
  if (value === null || typeof value === 'string') return true;
  return isObject(value) && typeof (value.content ?? '') === 'string' && hasFlags(value);
}

/** Whether the flags of an added token, where given, are true or false. */
function hasFlags(token: Json): boolean {
  return ['lstrip', 'rstrip', 'single_word', 'normalized', 'special'].every((flag) =>
    ['undefined', 'boolean'].includes(typeof (token[flag] ?? undefined)),
  );
}

function checkAddedTokens(tokens: unknown, wrong: Wrong): void {
  if (!Array.isArray(tokens)) throw wrong('"added_tokens" is not a list');
  for (const [i, token] of tokens.entries()) {
    if (!isObject(token) || !isId(token.id) || typeof token.content !== 'string' || token.content === '') {
      throw wrong(`added token ${i} has no id or no content`);
    }
    if (!hasFlags(token)) throw wrong(`added token ${i} has a flag that is neither true nor false`);
  }
}

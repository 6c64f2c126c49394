/**
 * What tokenizer_config.json adds to tokenizer.json when transformers loads both: further tokens, and special tokens around a
 * text.
 *
 * As transformers 4.57 does it (`PreTrainedTokenizerFast.__init__`), in which the papers' models were trained: a few classes of
 * tokenizer put their begin and end of text by `add_bos_token` and `add_eos_token`, whatever tokenizer.json says; for all others
 * tokenizer.json decides. In release 5 it decides for every class.
 */

import type { AddedToken, ConfigToken, TokenizerConfig, TokenizerFile } from './tokenizer-files';
import { refused } from './tokenizers/part';

/** The releases of transformers that differ. */
export type TransformersRelease = 4 | 5;

/** The named special tokens, in the order in which they are added. */
const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'] as const;
export type NamedToken = (typeof NAMED)[number];

interface SwitchingClass {
  readonly bos_token: string;
  readonly eos_token: string;
  readonly unk_token: string;
}

const LLAMA: SwitchingClass = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' };
const GEMMA: SwitchingClass = { bos_token: '<bos>', eos_token: '<eos>', unk_token: '<unk>' };
const COHERE: SwitchingClass = { bos_token: '<BOS_TOKEN>', eos_token: '<|END_OF_TURN_TOKEN|>', unk_token: '<UNK>' };

/** Classes that build the special tokens around a text themselves, with the tokens they assume. */
const SWITCHING: Readonly<Record<string, SwitchingClass>> = {
  LlamaTokenizer: LLAMA,
  LlamaTokenizerFast: LLAMA,
  CodeLlamaTokenizer: LLAMA,
  CodeLlamaTokenizerFast: LLAMA,
  GemmaTokenizer: GEMMA,
  GemmaTokenizerFast: GEMMA,
  CohereTokenizer: COHERE,
  CohereTokenizerFast: COHERE,
};

/** The text of a named token; null when neither the configuration nor its class has one. */
export function namedToken(config: TokenizerConfig, name: NamedToken): string | null {
  const value = config[name];
  if (value === undefined) {
    const own = SWITCHING[config.tokenizer_class ?? ''];
    return name in (own ?? {}) ? own![name as keyof SwitchingClass] : null;
  }
  return contentOf(value);
}

/**
 * The tokens that are added to those of tokenizer.json, in order: `added_tokens_decoder` or added_tokens.json by id, which also
 * changes how existing tokens are matched, then special tokens that do not exist yet.
 *
 * @throws MedreproError `input` when one has no content
 */
export function configuredTokens(file: TokenizerFile, config: TokenizerConfig): AddedToken[] {
  const special = specialTokens(config);
  const names = new Set(special.map(({ content }) => content));
  const tokens = config.added_tokens_decoder ?? legacyTokens(file, names);
  const added = Object.entries(tokens)
    .map(([id, token]) => ({ id: Number(id), token }))
    .sort((a, b) => a.id - b.id)
    .map(({ id, token }) => {
      if (!Number.isInteger(id) || contentOf(token) === null) {
        throw refused('"added_tokens_decoder" of tokenizer_config.json has an entry that is no token');
      }
      return asAdded(token, names.has(contentOf(token)!) ? true : undefined);
    });
  const there = new Set([...file.added_tokens, ...added].map(({ content }) => content));
  for (const token of special) {
    if (there.has(token.content)) continue;
    there.add(token.content);
    added.push(token);
  }
  return added;
}

/**
 * The begin and end of text that the class puts around a text in place of what tokenizer.json says; null when that decides.
 *
 * @throws MedreproError `input` when one is to be added that is not named
 */
export function switchedTokens(
  config: TokenizerConfig,
  release: TransformersRelease,
): { readonly prefix: readonly string[]; readonly suffix: readonly string[] } | null {
  if (release !== 4 || SWITCHING[config.tokenizer_class ?? ''] === undefined) return null;
  const list = (on: boolean, name: NamedToken): string[] => {
    if (!on) return [];
    const token = namedToken(config, name);
    if (token === null) throw refused(`tokenizer_config.json adds the ${name}, but names none`);
    return [token];
  };
  return {
    prefix: list(config.add_bos_token ?? true, 'bos_token'),
    suffix: list(config.add_eos_token ?? false, 'eos_token'),
  };
}

// --- internal ---

/** The tokens of added_tokens.json by id; those of tokenizer.json take the place of others with the same id. */
function legacyTokens(file: TokenizerFile, special: ReadonlySet<string>): Record<string, NonNullable<ConfigToken>> {
  const ids = Object.entries(file.addedIds);
  if (ids.length === 0) return {};
  const tokens: Record<string, NonNullable<ConfigToken>> = {};
  for (const [content, id] of ids) tokens[id] = { content, normalized: !special.has(content) };
  for (const { id, ...token } of file.added_tokens) tokens[id] = token;
  return tokens;
}

function specialTokens(config: TokenizerConfig): AddedToken[] {
  const named: (ConfigToken | undefined)[] = NAMED.map((name) => config[name] ?? namedToken(config, name));
  const extra = config.extra_special_tokens ?? [];
  const list = Array.isArray(extra) ? extra : Object.values(extra as Readonly<Record<string, ConfigToken>>);
  const all = [...named, ...list, ...(config.additional_special_tokens ?? [])];
  return all.filter((token) => contentOf(token ?? null) !== null).map((token) => asAdded(token!, true));
}

function contentOf(token: ConfigToken): string | null {
  const content = typeof token === 'object' && token !== null ? token.content : token;
  return content === undefined || content === null || content === '' ? null : content;
}

function asAdded(token: NonNullable<ConfigToken>, special?: boolean): AddedToken {
  const flags = typeof token === 'object' ? token : {};
  return { ...flags, id: -1, content: contentOf(token)!, special: special ?? flags.special ?? false };
}

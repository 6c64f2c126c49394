/** tokenizer.json: damage to its bytes, and to one value of it, with expressions that backtrack; then a text through what came. */

import { Tokenizer } from '../../src/data/tokenizer';
import type { FuzzTarget } from './harness';

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const SPLIT = "'s|'t| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const PIECES = ['<unk>', '▁', 'a', 'b', 'c', 'ab', 'abc', 'x', ' ', '1', '<0x61>', '</w>', '##a'];
const VOCAB = Object.fromEntries(PIECES.map((piece, id) => [piece, id]));

const MODELS: readonly object[] = [
  { type: 'BPE', vocab: VOCAB, merges: [['a', 'b'], 'ab c'], unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
  { type: 'Unigram', vocab: PIECES.map((piece, i) => [piece, -i]), unk_id: 0, byte_fallback: true },
  {
    type: 'WordPiece',
    vocab: VOCAB,
    unk_token: '<unk>',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
  },
  { type: 'WordLevel', vocab: VOCAB, unk_token: '<unk>' },
];
const STEPS: readonly (object | null)[] = [
  { type: 'Split', pattern: { Regex: SPLIT }, behavior: 'Isolated', invert: false },
  {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'Punctuation', behavior: 'Contiguous' },
    ],
  },
  { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true },
  { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: 'FixedLength', length: 5 },
];
const NORMALIZERS: readonly (object | null)[] = [
  null,
  { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' },
  {
    type: 'Sequence',
    normalizers: [
      { type: 'NFKC' },
      { type: 'Strip', strip_left: true, strip_right: true },
      { type: 'Prepend', prepend: '▁' },
    ],
  },
  { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
];
const DECODERS: readonly (object | null)[] = [
  null,
  {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  { type: 'WordPiece', prefix: '##', cleanup: true },
];

const FILES = MODELS.flatMap((model, m) =>
  STEPS.map((pre_tokenizer, s) => ({
    version: '1.0',
    added_tokens: [
      {
        id: 12,
        content: '[X]',
        lstrip: true,
        rstrip: s === 0,
        single_word: s === 1,
        normalized: s === 2,
        special: true,
      },
    ],
    normalizer: NORMALIZERS[(m + s) % NORMALIZERS.length],
    pre_tokenizer,
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: 'b', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      special_tokens: { b: { id: 'b', ids: [2], tokens: ['b'] } },
    },
    decoder: DECODERS[(m + s) % DECODERS.length],
    model,
  })),
);

const TEXT = `${'a'.repeat(3000)}! abc [X] 12 ${' '.repeat(500)}\ud83d\ude00 é ${'ab '.repeat(200)}b`;

/** Values that take another's place; the expressions take exponential time where every way is tried. */
const VALUES: readonly unknown[] = [
  null, true, 0, -1, 1e9, 2 ** 24, 0.5, '', 'a', '\u0000', '\ud800', '▁', [], {}, [['a', 'b']], ['a b'], { Regex: '(a*)*b' }, { Regex: '(a|aa)+$' },
  { Regex: '(?:a?){2000}a{2000}' }, { Regex: '(.*)*\\1' }, { Regex: '(?<=a+)b' }, { Regex: '[' }, { Regex: '\\s*\\s*\\s*x' }, { Regex: '' }, { String: '' },
  'constructor', '__proto__', 'toString', { type: 'Sequence' }, { type: 'NFKD' }, { type: 'Precompiled', precompiled_charsmap: 'AAAA' },
]; // biome-ignore format: a list of values reads best as one

export const target: FuzzTarget = {
  name: 'tokenizer',
  seeds: () => FILES.map(encode),
  parse(input) {
    const tokenizer = new Tokenizer({ name: 'tokenizer.json', tokenizer: input, config: null });
    return tokenizer.decode(tokenizer.encode(TEXT));
  },
  mutate(seed, random) {
    const below = (n: number): number => Math.floor(random() * n);
    const file: unknown = JSON.parse(new TextDecoder().decode(seed));
    for (let times = 1 + below(3); times > 0; times--) {
      let at = file as Record<string, unknown>;
      for (;;) {
        const keys = Object.keys(at);
        const key = keys[below(keys.length)];
        if (key === undefined) break;
        const value = at[key];
        if (typeof value === 'object' && value !== null && below(6) > 0) {
          at = value as Record<string, unknown>;
          continue;
        }
        at[key] = structuredClone(VALUES[below(VALUES.length)]);
        break;
      }
    }
    return encode(file);
  },
};

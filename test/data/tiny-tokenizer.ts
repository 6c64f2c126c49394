/** A byte-level BPE tokenizer of 256 bytes and a few merges, small enough to write down. */

import type { TokenizerFiles } from '../../src/data/tokenizer-files';

/** GPT-2's byte alphabet: printable bytes stand for themselves, the others for code points from 256 on. */
function byteAlphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
    return String.fromCodePoint(printable ? byte : next++);
  });
}

const MERGES = ['h e', 'l l', 'he ll', 'hell o', 'Ġ w', 'Ø §', 'Ù Ħ', 'Ø§ ÙĦ', 'Ġ Ø§ÙĦ', 'a b', 'ab c', '1 2', 'Ċ Ċ'];

export interface TinyOptions {
  /** Put `<bos>` in front of every text. */
  readonly bos?: boolean;
  /** Top-level parts of tokenizer.json to replace. */
  readonly patch?: Readonly<Record<string, unknown>>;
  /** Fields of its model to replace. */
  readonly model?: Readonly<Record<string, unknown>>;
}

/** tokenizer.json and tokenizer_config.json as bytes; `<eos>` and `<bos>` are special tokens. */
export function tinyTokenizer({ bos = false, patch, model }: TinyOptions = {}): TokenizerFiles {
  const words = [...byteAlphabet(), ...MERGES.map((merge) => merge.replace(' ', ''))];
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  const special = (id: number, content: string) => ({ id, content, special: true, normalized: false });
  const bosId = words.length;
  const file = {
    version: '1.0',
    added_tokens: [special(bosId, '<bos>'), special(bosId + 1, '<eos>'), special(bosId + 2, '<eos>2')],
    normalizer: { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex:
              "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
          },
          behavior: 'Isolated',
          invert: false,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: bos
      ? {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
          pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
          special_tokens: { '<bos>': { id: '<bos>', ids: [bosId], tokens: ['<bos>'] } },
        }
      : null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      vocab,
      merges: MERGES,
      unk_token: null,
      byte_fallback: false,
      ignore_merges: false,
      ...model,
    },
    ...patch,
  };
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const config = { bos_token: '<bos>', eos_token: { content: '<eos>' }, pad_token: '<eos>' };
  return { name: 'tiny/tokenizer.json', tokenizer: encode(file), config: encode(config) };
}

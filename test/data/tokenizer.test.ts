import { describe, expect, it } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as OtherTokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { Tokenizer } from '../../src/data/tokenizer';
import { readTokenizerFolder, type TokenizerFiles } from '../../src/data/tokenizer-files';
import { MedreproError } from '../../src/errors';
import { damaged, seeded } from '../damage';
import { tinyTokenizer } from './tiny-tokenizer';

const DATA = process.env.MEDREPRO_TEST_DATA;

/** Text as people write it and as they do not: Arabic, accents in both forms, spaces, special tokens, lone surrogates. */
const piece = fc.oneof(
  fc.constantFrom(
    'hello',
    ' world',
    "it's",
    "'LL",
    '123',
    ' 12',
    '\n\n',
    '\r\n',
    '  ',
    '\t',
    ' \n ',
    '<eos>',
    '<eos>2',
    '<bos>',
    '<eos',
    'السؤال',
    ' الجواب',
    'ﻻ',
    'قَلْب',
    'e\u0301',
    '\u0301',
    '\u212a',
    '\u212b',
    '한국',
    'ᄒ\u1161',
    '👩‍⚕️',
    '\ud800',
    '\u0000',
    '<|im_end|>',
    '<|endoftext|>',
    '<|begin_of_text|>',
    '\u00a0',
    '\u200f',
    '...',
    '?!',
    'ß',
    'ſ',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));

function sameIds(files: TokenizerFiles, runs: number): void {
  const [cached, plain] = [new Tokenizer(files), new Tokenizer(files, { cache: false })];
  fc.assert(
    fc.property(text, fc.boolean(), (s, special) => {
      expect(cached.encode(s, special)).toEqual(plain.encode(s, special));
    }),
    { numRuns: runs },
  );
}

describe('Tokenizer', () => {
  const tiny = new Tokenizer(tinyTokenizer());
  const withBos = new Tokenizer(tinyTokenizer({ bos: true }));

  it('knows its special tokens, with names as strings or objects', () => {
    expect([tiny.bosId, tiny.eosId, tiny.padId, tiny.vocabSize]).toEqual([269, 270, 270, 272]);
    expect([tiny.prefix, tiny.suffix]).toEqual([[], []]);
    expect([withBos.prefix, withBos.suffix]).toEqual([[269], []]);
  });

  it('encodes words, bytes and added tokens, longest first', () => {
    expect([...tiny.encode('hello<eos>2<eos>')]).toEqual([259, 271, 270]);
    expect([...withBos.encode('hello')]).toEqual([269, 259]);
    expect([...withBos.encode('hello', false)]).toEqual([259]);
    expect(tiny.encode('')).toEqual(new Uint32Array(0));
  });

  it('gives the same ids with and without the cache of words', () => {
    sameIds(tinyTokenizer(), 500);
    sameIds(tinyTokenizer({ bos: true }), 200);
    // GPT-2's own form: the regular expression is inside the byte-level step
    sameIds(tinyTokenizer({ patch: { pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } } }), 500);
    sameIds(tinyTokenizer({ patch: { normalizer: null } }), 200);
  }, 30_000);

  it('agrees with an implementation that is not ours', () => {
    const read = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
    const texts = [
      '',
      "hello world it's 12 123",
      'السؤال: الجواب قَلْب',
      'a\n\nb \t c  ',
      '<bos>hello<eos>2<eos><eos',
      '한국 👩‍⚕️ e\u0301',
    ];
    for (const files of [
      tinyTokenizer(),
      tinyTokenizer({ bos: true }),
      tinyTokenizer({ patch: { normalizer: null } }),
    ]) {
      const [own, other] = [new Tokenizer(files), new OtherTokenizer(read(files.tokenizer), read(files.config!))];
      for (const s of texts) expect([...own.encode(s)]).toEqual(other.encode(s).ids);
    }
  });

  it('decodes what it encoded', () => {
    const s = 'السؤال: hello 👩‍⚕️\n\n12';
    expect(withBos.decode(withBos.encode(s), true)).toBe(s);
    expect(withBos.decode(withBos.encode(s))).toBe(`<bos>${s}`);
    expect(tiny.decode([])).toBe('');
  });

  it('cuts on the right and keeps special tokens at the end', () => {
    expect(tiny.encodeTruncated('hello hello', 2)).toEqual({ ids: Uint32Array.of(259, 32), fullLength: 3 });
    expect(tiny.encodeTruncated('hello', 2)).toEqual({ ids: Uint32Array.of(259), fullLength: 1 });
    const eos = { SpecialToken: { id: '<eos>', type_id: 0 } };
    const post_processor = {
      type: 'TemplateProcessing',
      single: [eos, { Sequence: { id: 'A', type_id: 0 } }, eos],
      pair: [],
      special_tokens: { '<eos>': { id: '<eos>', ids: [270], tokens: ['<eos>'] } },
    };
    const both = new Tokenizer(tinyTokenizer({ patch: { post_processor } }));
    expect([both.prefix, both.suffix]).toEqual([[270], [270]]);
    expect([...both.encodeTruncated('abcabcabc', 3).ids]).toEqual([270, 266, 270]);
  });

  it('takes time in proportion to a text, also without anything to cut it', () => {
    const uncut = new Tokenizer(tinyTokenizer({ patch: { pre_tokenizer: null } }));
    expect(uncut.encode('ab'.repeat(1_000_000)).length).toBe(1_000_000);
    const cut = new Tokenizer(tinyTokenizer());
    for (const s of ['a', 'hello ', ' ', '\n', '1', '<eos', '\u0301']) {
      expect(cut.encode(s.repeat(200_000 / s.length)).length).toBeGreaterThan(50_000);
    }
  }, 60_000);

  it('finds added tokens in a text made of their beginnings', () => {
    const tokens = [1, 10, 100, 1000].map((n, i) => ({ id: 280 + i, content: `${'a'.repeat(n)}!`, special: true }));
    const tokenizer = new Tokenizer(tinyTokenizer({ patch: { added_tokens: tokens } }));
    const ids = tokenizer.encode(`${'a'.repeat(200_000)}!a!`);
    expect([...ids.subarray(-2)]).toEqual([272, 269]);
    expect(ids.length).toBe(200_000 - 1000 + 2);
  }, 20_000);

  it.each([
    ['a word without an id', { pre_tokenizer: null, model: { type: 'WordLevel', vocab: { a: 1 }, unk_token: '?' } }],
    ['a character without one', { pre_tokenizer: null, model: { type: 'Unigram', vocab: [['a', -1]], unk_id: null } }],
    [
      'a word too long',
      {
        pre_tokenizer: null,
        model: {
          type: 'WordPiece',
          vocab: { a: 1 },
          unk_token: '?',
          continuing_subword_prefix: '#',
          max_input_chars_per_word: 2,
        },
      },
    ],
  ])('%s is an error, never id 0', (_name, patch) => {
    const tokenizer = new Tokenizer(tinyTokenizer({ patch: { ...patch, normalizer: null, added_tokens: [] } }));
    expect([...tokenizer.encode('a')]).toEqual([patch.model.type === 'Unigram' ? 0 : 1]);
    expect(() => tokenizer.encode('bbb')).toThrow('this tokenizer cannot be used: the text has a');
  });
});

describe('broken tokenizer files', () => {
  const encode = (s: string) => new TextEncoder().encode(s);
  const good = tinyTokenizer();
  const cases: [string, TokenizerFiles, string][] = [
    ['cut', { ...good, tokenizer: good.tokenizer.subarray(0, 900) }, 'tokenizer.json is not JSON in UTF-8 (900 bytes)'],
    ['empty', { ...good, tokenizer: encode('') }, 'tokenizer.json is not JSON in UTF-8 (0 bytes)'],
    ['a list', { ...good, tokenizer: encode('[]') }, 'tokenizer.json is not a JSON object'],
    ['no model', { ...good, tokenizer: encode('{}') }, '"model" is missing or has no type'],
    ['a bad id', tinyTokenizer({ model: { vocab: { a: -1 } } }), 'the id of token "a" is not a whole number'],
    ['a double id', tinyTokenizer({ model: { vocab: { a: 1, b: 1 } } }), 'id 1 stands for two tokens'],
    ['no tokens', tinyTokenizer({ model: { vocab: {} } }), '"model.vocab" is empty'],
    ['a bad merge', tinyTokenizer({ model: { merges: ['a b', 'c'] } }), 'merge 1 is not a pair of tokens'],
    [
      'a bad added token',
      tinyTokenizer({ patch: { added_tokens: [{ id: 1 }] } }),
      'added token 0 has no id or no content',
    ],
    ['a bad step', tinyTokenizer({ patch: { decoder: 7 } }), '"decoder" is neither null nor an object with a type'],
    [
      'a bad configuration',
      { ...good, config: encode('{"bos_token": 7}') },
      '"bos_token" of tokenizer_config.json is not a token',
    ],
    ['a cut configuration', { ...good, config: encode('{') }, 'tokenizer_config.json is not JSON in UTF-8 (1 bytes)'],
  ];
  it.each(cases)('%s', (_name, files, message) => {
    let thrown: unknown;
    try {
      new Tokenizer(files);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(MedreproError);
    expect((thrown as MedreproError).message).toBe(`not a usable tokenizer: ${message}`);
    expect((thrown as MedreproError).where?.file).toBe('tiny/tokenizer.json');
  });

  it('a step the library does not know is one line too', () => {
    const odd = tinyTokenizer({ patch: { pre_tokenizer: { type: 'Nonsense' } } });
    expect(() => new Tokenizer(odd)).toThrow('this tokenizer cannot be used: pre_tokenizer Nonsense is not known');
  });

  it.each([
    ['a step', { pre_tokenizer: { type: 'UnicodeScripts' } }, 'pre_tokenizer UnicodeScripts is not supported'],
    ['a behaviour', { pre_tokenizer: { type: 'Punctuation', behavior: 'Kept' } }, 'no behaviour "Kept"'],
    ['a normaliser', { normalizer: { type: 'NFX' } }, 'normalizer NFX is not known'],
    ['a decoder', { decoder: { type: 'Nothing' } }, 'decoder Nothing is not known'],
    ['a post-processor', { post_processor: { type: 'PairProcessing' } }, 'post_processor PairProcessing is not known'],
    ['a model', { model: { type: 'Morphology', vocab: { a: 0 } } }, 'model Morphology is not known'],
    ['a field', { normalizer: { type: 'Strip', strip_left: 1 } }, 'normalizer Strip has no usable "strip_left"'],
    ['a template', { post_processor: { type: 'TemplateProcessing', single: [] } }, 'has no usable "special_tokens"'],
  ])('%s that cannot be done is named', (_name, patch, message) => {
    expect(() => new Tokenizer(tinyTokenizer({ patch }))).toThrow(message);
  });

  it.each([
    ['dropout', { dropout: 0.1 }, '"dropout"'],
    ['a merge of unknown tokens', { merges: ['a ?b'] }, 'merge 0 has "?b", which is not in the vocabulary'],
  ])('%s is refused', (_name, model, message) => {
    expect(() => new Tokenizer(tinyTokenizer({ model }))).toThrow(message);
  });

  it('replacements that each make a text longer end in one line, not in all of the memory', () => {
    const grow = { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(50) };
    const normalizer = { type: 'Sequence', normalizers: Array.from({ length: 8 }, () => grow) };
    const tokenizer = new Tokenizer(tinyTokenizer({ patch: { normalizer } }));
    expect(() => tokenizer.encode('aaa')).toThrow('a Replace makes a text of more than 67108864 characters');
  });

  it('damaged files: usable, or one line', () => {
    const draw = seeded(7);
    for (let round = 0; round < 250; round++) {
      const files =
        round % 4 === 0
          ? { ...good, config: damaged(good.config!, draw) }
          : { ...good, tokenizer: damaged(good.tokenizer, draw) };
      try {
        const tokenizer = new Tokenizer(files);
        const ids = tokenizer.encode('hello world 12');
        expect(ids.every((id) => id < tokenizer.vocabSize)).toBe(true);
        expect(tokenizer.decode(ids)).toBeString();
      } catch (error) {
        if (!(error instanceof MedreproError)) throw error;
        expect(error.code).toBe('input');
        expect(error.message).not.toContain('\n');
        expect(error.message.length).toBeLessThan(500);
        expect(error.remedy).toBeString();
      }
    }
  });

  it('any JSON in any part', () => {
    const part = fc.constantFrom('model', 'added_tokens', 'normalizer', 'pre_tokenizer', 'post_processor', 'decoder');
    fc.assert(
      fc.property(fc.dictionary(part, fc.jsonValue(), { maxKeys: 2 }), (patch) => {
        try {
          new Tokenizer(tinyTokenizer({ patch })).encode('hello');
        } catch (error) {
          if (!(error instanceof MedreproError)) throw error;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('a folder without tokenizer.json', () => {
    expect(() => readTokenizerFolder('/nowhere')).toThrow('/nowhere holds no tokenizer.json');
  });
});

/** Runs only where MEDREPRO_TEST_DATA names a folder with the published tokenizers. */
describe.skipIf(DATA === undefined || !existsSync(join(DATA, 'tokenizers')))(
  'published tokenizers (needs MEDREPRO_TEST_DATA)',
  () => {
    const folder = join(DATA ?? '', 'tokenizers');

    it.each(['qwen3', 'llama-3.2'])(
      '%s: same ids with and without the cache',
      (name) => {
        sameIds(readTokenizerFolder(join(folder, name)), 1500);
      },
      60_000,
    );

    it('tinyllama begins with <s>', () => {
      const tokenizer = new Tokenizer(readTokenizerFolder(join(folder, 'tinyllama')));
      expect([...tokenizer.encode('Hello')]).toEqual([1, 15043]);
    }, 60_000);

    it.each([
      ['qwen3', 'qwen2'],
      ['llama-3.2', 'llama-bpe'],
    ])(
      '%s: the test vectors of llama.cpp',
      (name, vectors) => {
        const tokenizer = new Tokenizer(readTokenizerFolder(join(folder, name)));
        const base = join(folder, 'vectors', `ggml-vocab-${vectors}.gguf`);
        const texts = readFileSync(`${base}.inp`, 'utf8').split('\n__ggml_vocab_test__\n');
        const expected = readFileSync(`${base}.out`, 'utf8').split('\n');
        for (const [i, s] of texts.entries())
          expect([...tokenizer.encode(s, false)].join(' ')).toBe(expected[i]!.trim());
      },
      60_000,
    );
  },
);

import { describe, expect, it } from 'bun:test';
import { Tokenizer, type TokenizerOptions } from '../../src/data/tokenizer';
import fixture from '../fixtures/tokenizers/config.json';

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

function tokenizerOf(
  patch: object,
  config: object | null = null,
  options: TokenizerOptions = {},
  special: object | null = null,
  added: object | null = null,
): Tokenizer {
  const files = {
    name: 'made/tokenizer.json',
    tokenizer: encode({ ...fixture.file, ...patch }),
    config: config === null ? null : encode(config),
    specialTokens: special === null ? null : encode(special),
    addedTokens: added === null ? null : encode(added),
  };
  return new Tokenizer(files, options);
}

describe('tokenizer_config.json as transformers reads it', () => {
  it.each(Object.entries(fixture.configs))('%s', (_name, { config, ids, texts, skipped, size, ...others }) => {
    const { special = null, added = null } = others as { special?: object | null; added?: object | null };
    const tokenizer = tokenizerOf(
      {},
      { tokenizer_class: 'PreTrainedTokenizerFast', ...config },
      { release: 5 },
      special,
      added,
    );
    expect(fixture.texts.map((text) => [...tokenizer.encode(text)])).toEqual(ids);
    expect(ids.map((row) => tokenizer.decode(row))).toEqual(texts);
    expect(ids.map((row) => tokenizer.decode(row, true))).toEqual(skipped);
    expect(tokenizer.vocabSize).toBe(size);
  });

  it('refuses an added_tokens.json that holds no ids', () => {
    const damaged = () => tokenizerOf({}, null, {}, null, { '[PAD]': 'x' });
    expect(damaged).toThrow('not a usable tokenizer: the id of "[PAD]" in added_tokens.json is not a whole number');
  });

  const [bos, eos] = [1, 2];
  const own = [...tokenizerOf({}).encode('a')];
  const template = { post_processor: fixture.processors.template.processor };
  it.each([
    ['the class adds its begin of text', { tokenizer_class: 'LlamaTokenizerFast' }, {}, [bos, ...own]],
    [
      'by its switches',
      { tokenizer_class: 'LlamaTokenizer', add_bos_token: false, add_eos_token: true },
      {},
      [...own, eos],
    ],
    ['whatever tokenizer.json says', { tokenizer_class: 'LlamaTokenizer', add_bos_token: false }, template, own],
    ['other classes leave it to tokenizer.json', { tokenizer_class: 'Qwen2Tokenizer', add_bos_token: true }, {}, own],
  ])('release 4: %s', (_name, config, patch, ids) => {
    expect([...tokenizerOf(patch, config).encode('a')]).toEqual(ids);
  });

  it('release 4: a class that adds what nobody names is refused', () => {
    const config = { tokenizer_class: 'LlamaTokenizer', bos_token: null };
    expect(() => tokenizerOf({}, config)).toThrow('tokenizer_config.json adds the bos_token, but names none');
  });

  it('release 5 leaves it to tokenizer.json for every class', () => {
    const config = { tokenizer_class: 'LlamaTokenizerFast', add_eos_token: true };
    expect([...tokenizerOf({}, config, { release: 5 }).encode('a')]).toEqual(own);
    expect([...tokenizerOf(template, config, { release: 5 }).encode('a')]).toEqual([bos, ...own, eos]);
  });

  it('release 4 cleans spaces up for every model, release 5 not for BPE', () => {
    const config = { clean_up_tokenization_spaces: true };
    const ids = tokenizerOf({}).encode('do . x ? a ,');
    const texts = ([4, 5] as const).map((release) => tokenizerOf({}, config, { release }).decode(ids));
    expect(texts).toEqual(['do. x? a,', 'do . x ? a ,']);
  });
});

describe('decoders give the text of the Rust library', () => {
  it.each(Object.entries(fixture.decoders))('%s', (_name, { decoder, texts, skipped }) => {
    const tokenizer = tokenizerOf({ decoder });
    expect(fixture.sequences.map((ids) => tokenizer.decode(ids))).toEqual(texts);
    expect(fixture.sequences.map((ids) => (ids.length > 1 ? tokenizer.decode(ids, true) : ''))).toEqual(skipped);
  });
});

describe('post-processors give the ids of the Rust library', () => {
  it.each(Object.entries(fixture.processors))('%s', (_name, { processor, ids }) => {
    const tokenizer = tokenizerOf({ post_processor: processor });
    expect(fixture.texts.slice(0, ids.length).map((text) => [...tokenizer.encode(text)])).toEqual(ids);
  });
});

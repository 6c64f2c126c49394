import { describe, expect, it } from 'bun:test';
import { Tokenizer } from '../../src/data/tokenizer';
import fixture from '../fixtures/tokenizers/pipelines.json';
import { randomText } from './random-texts';

interface PipelineFixture {
  readonly model: string;
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly added_tokens: readonly object[];
  /** Of the ids of all texts: the number, then the ids, as little-endian 32 bits. */
  readonly sha256: string;
  /** Of the first texts. */
  readonly ids: readonly (readonly number[])[];
}

const models = fixture.models as Readonly<Record<string, object>>;
const pipelines = fixture.pipelines as unknown as Readonly<Record<string, PipelineFixture>>;
const texts = Array.from({ length: fixture.texts.count }, (_, seed) => randomText(seed));

function tokenizerOf({ model, normalizer, pre_tokenizer, added_tokens }: PipelineFixture): Tokenizer {
  const file = {
    version: '1.0',
    added_tokens: added_tokens.map((token, i) => ({ id: 5000 + i, ...token })),
    normalizer,
    pre_tokenizer,
    post_processor: null,
    decoder: null,
    model: models[model],
  };
  return new Tokenizer({ name: 'made', tokenizer: new TextEncoder().encode(JSON.stringify(file)), config: null });
}

describe('pipelines of tokenizer.json give the ids of the Rust library', () => {
  it('on the same texts', () => {
    const hash = new Bun.CryptoHasher('sha256').update(texts.join('\0'));
    expect(hash.digest('hex')).toBe(fixture.texts.sha256);
  });

  it.each(Object.keys(pipelines))('%s', (name) => {
    const pipeline = pipelines[name]!;
    const tokenizer = tokenizerOf(pipeline);
    const hash = new Bun.CryptoHasher('sha256');
    for (const [i, text] of texts.entries()) {
      const ids = tokenizer.encode(text, false);
      if (i < pipeline.ids.length) expect([...ids]).toEqual([...pipeline.ids[i]!]);
      hash.update(Uint32Array.of(ids.length, ...ids));
    }
    expect(hash.digest('hex')).toBe(pipeline.sha256);
  });
});

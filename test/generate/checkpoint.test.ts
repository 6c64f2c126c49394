/** What a checkpoint's own files say about generation, against transformers' generate. */
import { afterAll, describe, expect, test } from 'bun:test';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpointGeneration, resolveGeneration } from '../../src/generate/checkpoint';
import { generate } from '../../src/generate/generate';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { box } from '../cli/box';
import { FIXTURES, onCpu, PLAIN, readJson } from '../engine/support';

interface Case {
  readonly generation: Record<string, unknown> | null;
  readonly config: Record<string, unknown>;
  readonly eos: number | number[] | null;
  readonly alone: number[][];
  readonly batch: number[][];
}
const { checkpoint, prompts, newTokens, pad, cases } = readJson<{
  checkpoint: string;
  prompts: number[][];
  newTokens: number;
  pad: number;
  cases: Record<string, Case>;
}>('generation-config', 'cases.json');

const made = box();
afterAll(() => made.remove());

/** A copy of the checkpoint with these files. */
function folderWith(generation: unknown, config: Record<string, unknown> = {}): string {
  const folder = made.at('model');
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(FIXTURES, checkpoint), folder, { recursive: true });
  const path = join(folder, 'config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...config }));
  rmSync(join(folder, 'generation_config.json'));
  if (generation !== null) writeFileSync(join(folder, 'generation_config.json'), JSON.stringify(generation));
  return folder;
}

const ASKED = {
  compute: 'fp32',
  maxNewTokens: newTokens,
  eosTokenIds: null,
  repetitionPenalty: null,
  noRepeatNgramSize: null,
  sampling: null,
} as const;
const read = (generation: unknown, config: Record<string, unknown> = {}) => {
  const folder = folderWith(generation, config);
  return readCheckpointGeneration(folder, openModelFolder(folder).config);
};

test.each(Object.entries(cases))(
  "ids equal those of transformers' generate, alone and left-padded in a batch: %s",
  (_, { generation, config, eos, alone, batch }) => {
    const folder = folderWith(generation, config);
    onCpu((device) => {
      const files = openModelFolder(folder);
      const model = loadModel(device, files, PLAIN);
      const { options, warnings } = resolveGeneration(readCheckpointGeneration(folder, files.config), ASKED);
      expect(options.eosTokenIds).toEqual([eos ?? []].flat());
      expect(warnings.filter((one) => one.includes('not implemented'))).toEqual([]);
      const idsOf = (more = {}) => generate(device, model, prompts, { ...options, ...more }).map(({ ids }) => [...ids]);
      expect(idsOf()).toEqual(alone);
      expect(idsOf({ padding: { tokenId: pad, batchSize: prompts.length } })).toEqual(batch);
      files.tensors.close();
    });
  },
);

describe('what wins', () => {
  const file = {
    eos_token_id: 3,
    repetition_penalty: 1.5,
    no_repeat_ngram_size: 4,
    do_sample: true,
    temperature: 0.6,
    top_k: 20,
    top_p: 0.9,
    min_p: 0.05,
  };
  test('the user over the file, for each setting', () => {
    const asked = { ...ASKED, eosTokenIds: [7], repetitionPenalty: 1, noRepeatNgramSize: 0 };
    expect(resolveGeneration(read(file), asked).options).toEqual({
      compute: 'fp32',
      maxNewTokens: newTokens,
      eosTokenIds: [7],
      sampling: null,
      repetitionPenalty: 1,
      noRepeatNgramSize: 0,
    });
  });
  test('where tokens are drawn, the file fills in what the user leaves open', () => {
    const drawn = (temperature: number | null, topK: number | null, topP: number | null) =>
      resolveGeneration(read(file), { ...ASKED, sampling: { temperature, topK, topP, seed: 1 } }).options.sampling;
    expect(drawn(null, null, null)).toEqual({ temperature: 0.6, topK: 20, topP: 0.9, minP: 0.05, seed: 1 });
    expect(drawn(2, 0, 1)).toEqual({ temperature: 2, topK: null, topP: null, minP: 0.05, seed: 1 });
  });
  test('do_sample alone draws nothing', () => {
    const checkpoint = read(file);
    expect(checkpoint.sampling.wanted).toBeTrue();
    expect(resolveGeneration(checkpoint, ASKED).options.sampling).toBeNull();
  });
});

describe('what is not followed is named', () => {
  const warned = (generation: unknown, sampling: typeof ASKED.sampling | object = null): readonly string[] =>
    resolveGeneration(read(generation), {
      ...ASKED,
      sampling: sampling === null ? null : { temperature: 1, topK: null, topP: null, seed: 1 },
    }).warnings;
  test.each([
    ['num_beams', 4],
    ['penalty_alpha', 0.6],
    ['guidance_scale', 1.5],
    ['stop_strings', ['END']],
    ['watermarking_config', { bias: 2 }],
    ['renormalize_logits', true],
    ['token_healing', true],
    ['max_time', 3],
    ['diversity_penalty', 0.5],
    ['constraints', []],
  ])('%s %j', (name, value) => {
    const said = warned({ eos_token_id: 1, [name]: value });
    expect(said).toEqual([
      `generation_config.json: ${name} ${JSON.stringify(value)} is not implemented, and not followed`,
    ]);
  });
  test("lengths, which are the flag's or the spec's to say", () => {
    expect(warned({ eos_token_id: 1, max_new_tokens: 4, max_length: 9 })).toEqual([
      'generation_config.json: max_new_tokens 4 is not followed: the flag or the spec says how long',
      'generation_config.json: max_length 9 is not followed: the flag or the spec says how long',
    ]);
  });
  test('a negative end of text never comes, as in transformers', () => {
    const { options } = resolveGeneration(read({ eos_token_id: [2, -1] }), ASKED);
    expect(options.eosTokenIds).toEqual([2]);
  });
  test.each([
    ['typical_p', 0.5],
    ['epsilon_cutoff', 1e-3],
    ['eta_cutoff', 1e-3],
    ['top_h', 0.4],
  ])('%s %j, where tokens are drawn', (name, value) => {
    expect(warned({ eos_token_id: 1, [name]: value })).toEqual([]);
    expect(warned({ eos_token_id: 1, [name]: value }, {})).toEqual([
      `generation_config.json: ${name} ${JSON.stringify(value)} is not implemented, and not followed`,
    ]);
  });
  test('neutral values are not, fields that nobody knows are', () => {
    expect(warned({ eos_token_id: 1, num_beams: 1, guidance_scale: null, max_length: 20, use_cache: true })).toEqual(
      [],
    );
    expect(warned({ eos_token_id: 1, repetition_penalyt: 1.3 })).toEqual([
      'generation_config.json has fields that transformers does not know: repetition_penalyt',
    ]);
  });
  test('a file without an end of text beside a config.json with one', () => {
    const said = resolveGeneration(read({ max_length: 20 }, { eos_token_id: 1 }), ASKED).warnings;
    expect(said.length).toBe(1);
    expect(said[0]).toStartWith('generation_config.json names no end of text');
    const asked = { ...ASKED, eosTokenIds: [4] };
    expect(resolveGeneration(read({ max_length: 20 }, { eos_token_id: 1 }), asked).warnings).toEqual([]);
  });
});

test.each([
  [[], 'not a JSON object'],
  [{ eos_token_id: 1.5 }, 'eos_token_id must be'],
  [{ eos_token_id: '</s>' }, 'eos_token_id must be'],
  [{ suppress_tokens: 3 }, 'suppress_tokens must be an array'],
  [{ bad_words_ids: [[999_999]] }, '"bad_words_ids" has token 999999, and the model\'s tokens are 0 to'],
  [{ sequence_bias: [[[1, 2], 'x']] }, 'must be a number'],
  [{ repetition_penalty: 0 }, 'repetition_penalty must be positive'],
])('refused in one line: %j', (generation, message) => {
  expect(() => read(generation)).toThrow(message);
});

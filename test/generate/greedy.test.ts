/** Continuations against transformers' generate, and against ourselves without a cache. */
import { describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { linear } from '../../src/autograd/ops/linear';
import { Tape } from '../../src/autograd/tape';
import { KvCache } from '../../src/generate/cache';
import { type GenerationOptions, generate } from '../../src/generate/generate';
import { Passes } from '../../src/generate/passes';
import type { Isa } from '../../src/native/isa';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { packRows } from '../../src/train/pass';
import { FIXTURES, forwardOptions, onCpu, PLAIN, readJson } from '../engine/support';

interface Run {
  readonly repetition_penalty?: number;
  readonly no_repeat_ngram_size?: number;
  readonly eos?: readonly number[];
  readonly pad: number;
  readonly alone: readonly (readonly number[])[];
  readonly batch: readonly (readonly number[])[];
}
interface Fixture {
  readonly checkpoint: string;
  readonly prompts: readonly (readonly number[])[];
  readonly runs: Readonly<Record<string, Run>>;
}

const files = readdirSync(join(FIXTURES, 'generation'))
  .filter((name) => name !== 'versions.json')
  .sort();
const fixtures = files.map((name) => readJson<Fixture>('generation', name));

const GREEDY: GenerationOptions = {
  compute: 'fp32',
  maxNewTokens: 64,
  eosTokenIds: [],
  sampling: null,
  repetitionPenalty: 1,
  noRepeatNgramSize: 0,
};
const optionsOf = (run: Run): GenerationOptions => ({
  ...GREEDY,
  eosTokenIds: run.eos ?? [],
  repetitionPenalty: run.repetition_penalty ?? 1,
  noRepeatNgramSize: run.no_repeat_ngram_size ?? 0,
});

// a checkpoint is a fixture of its family, made by another script
describe.each(fixtures)('$checkpoint', ({ checkpoint, prompts, runs }) => {
  const folder = join(FIXTURES, checkpoint);

  test("greedy ids equal those of transformers' generate, alone and left-padded in a batch", () => {
    onCpu((device) => {
      const model = loadModel(device, openModelFolder(folder), PLAIN);
      for (const [name, run] of Object.entries(runs)) {
        const options = optionsOf(run);
        const idsOf = (rows: readonly (readonly number[])[], more: Partial<GenerationOptions> = {}) =>
          generate(device, model, rows, { ...options, ...more }).map(({ ids }) => ids);
        expect(idsOf(prompts), name).toEqual([...run.alone]);
        // whatever runs with it
        expect(idsOf(prompts, { cacheTokens: 100 }), name).toEqual([...run.alone]);
        const padding = { tokenId: run.pad, batchSize: prompts.length };
        expect(idsOf(prompts, { padding }), name).toEqual([...run.batch]);
      }
    });
  });

  test('why a row ended', () => {
    onCpu((device) => {
      const model = loadModel(device, openModelFolder(folder), PLAIN);
      const run = runs.eos!;
      const ended: number[] = [];
      const rows = generate(device, model, prompts, optionsOf(run), { onRow: (row) => ended.push(row) });
      expect(rows.map(({ finish }) => finish)).toEqual(
        run.alone.map((ids) => (run.eos!.includes(ids.at(-1)!) ? 'eos' : 'length')),
      );
      expect(rows.some(({ finish }) => finish === 'eos')).toBe(true);
      expect(ended.toSorted()).toEqual(prompts.map((_, i) => i));
    });
  });

  test.each([
    ['fp32', 'portable'],
    ['fp32', undefined],
    ['bf16', undefined],
    ['fp16', undefined],
  ] as [GenerationOptions['compute'], Isa | undefined][])(
    'cached logits have the bits of the whole row: %p %p',
    (compute, isa) => {
      onCpu(
        (device) => {
          const model = loadModel(device, openModelFolder(folder), PLAIN);
          model.decoder.prepare(64);
          const ids = Array.from({ length: 61 }, (_, i) => 2 + ((i * 37) % 90));
          device.scope(() => {
            const cache = new KvCache(device, model.config, compute, 3, 64);
            const passes = new Passes(device, model, cache, compute);
            let done = 0;
            // another sequence runs along, one piece longer
            for (const piece of [7, 1, 1, 30, 1, 16, 5]) {
              const next = ids.slice(done, done + piece);
              done += piece;
              const cached = device.readF32(
                passes.logits([
                  { slot: 2, ids: [...next, ...(done === 7 ? [5] : [])] },
                  { slot: 1, ids: next },
                ]),
              );
              const row = { ids: ids.slice(0, done), label: 0, labels: null };
              const tape = new Tape(device, false);
              const last = device.fromArray(Int32Array.of(done - 1), [1], 'i32');
              const hidden = model.decoder.forward(tape, packRows(device, [row]), last, forwardOptions(compute));
              const whole = device.readF32(linear(tape, compute, hidden, model.head, null, 'f32'));
              expect([...cached.subarray(whole.length)]).toEqual([...whole]);
            }
          });
        },
        isa === undefined ? {} : { isa },
      );
    },
  );
});

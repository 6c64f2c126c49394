/** Temperature, top-k, top-p and the draw; penalties on small cases. */
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { generate } from '../../src/generate/generate';
import { ScoreProcessor } from '../../src/generate/processors';
import { distribution, type Sampling, sample, uniform } from '../../src/generate/sampling';
import { loadCase, onCpu, PLAIN } from '../engine/support';

const ALL: Sampling = { temperature: 1, topK: null, topP: null, seed: 1 };
const scores = Float32Array.of(1, 3, 2, 3, -1);
const softmax = (values: readonly number[]): number[] => {
  const weights = values.map(Math.exp);
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
};
const rounded = (values: readonly number[]): number[] => values.map((value) => Number(value.toFixed(12)));

describe('the distribution that is drawn from', () => {
  test('softmax of scores over temperature, the most probable first', () => {
    const { ids, probabilities } = distribution(scores, { ...ALL, temperature: 2 }, Math.exp);
    expect(ids).toEqual([1, 3, 2, 0, 4]);
    expect(rounded(probabilities)).toEqual(rounded(softmax([1.5, 1.5, 1, 0.5, -0.5])));
  });
  test('top-k keeps what ties with the last, as transformers does', () => {
    expect(distribution(scores, { ...ALL, topK: 1 }, Math.exp).ids).toEqual([1, 3]);
    expect(distribution(scores, { ...ALL, topK: 3 }, Math.exp).ids).toEqual([1, 3, 2]);
  });
  test('top-p keeps the least set that reaches it, at least one', () => {
    const probabilities = [0.5, 0.3, 0.15, 0.05];
    const logits = Float32Array.from(probabilities, Math.log);
    const kept = (topP: number): number[] => distribution(logits, { ...ALL, topP }, Math.exp).ids;
    expect([kept(0.01), kept(0.49), kept(0.6), kept(0.79), kept(0.85), kept(1)].map(({ length }) => length)).toEqual([
      1, 1, 2, 2, 3, 4,
    ]);
  });
  test('a token that a penalty forbade is never drawn', () => {
    const forbidden = Float32Array.of(0, Number.NEGATIVE_INFINITY, 0);
    expect(distribution(forbidden, ALL, Math.exp).ids).toEqual([0, 2]);
  });
});

describe('the draw', () => {
  test('is uniform in [0, 1) and another one for every row, token and seed', () => {
    const draws = Array.from({ length: 4000 }, (_, i) => uniform(5, i % 40, Math.floor(i / 40)));
    expect(new Set(draws).size).toBe(4000);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    const mean = draws.reduce((a, b) => a + b) / draws.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
    expect(uniform(6, 0, 0)).not.toBe(uniform(5, 0, 0));
  });
  test('has the frequencies of the distribution', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 5000; i++) {
      const id = sample(scores, ALL, 0, i, Math.exp);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const { ids, probabilities } = distribution(scores, ALL, Math.exp);
    ids.forEach((id, i) => {
      const expected = probabilities[i]! * 5000;
      expect(Math.abs((counts.get(id) ?? 0) - expected)).toBeLessThan(4 * Math.sqrt(expected));
    });
  });
  test('a row does not depend on what runs with it, nor on threads', () => {
    const options = {
      compute: 'fp32',
      maxNewTokens: 20,
      eosTokenIds: [],
      sampling: { temperature: 1, topK: 40, topP: 0.95, seed: 11 },
      repetitionPenalty: 1.1,
      noRepeatNgramSize: 0,
    } as const;
    const prompts = [[5, 6, 7], [9], [20, 21, 22, 23, 24]];
    const run = (threads: number, cacheTokens: number): number[][] =>
      onCpu(
        (device) => {
          const model = loadCase(device, 'causal-tied', PLAIN);
          return generate(device, model, prompts, { ...options, cacheTokens }).map(({ ids }) => [...ids]);
        },
        { threads },
      );
    const together = run(2, 1000);
    expect(run(1, 1)).toEqual(together);
    expect(new Set(together.map(String)).size).toBe(3);
  });
});

describe('penalties', () => {
  const processed = (tokens: readonly number[], repetitionPenalty: number, noRepeatNgramSize: number): number[] => {
    const processor = new ScoreProcessor({ repetitionPenalty, noRepeatNgramSize });
    for (const token of tokens) processor.push(token);
    const changed = Float32Array.of(2, -2, 4, 0);
    processor.apply(changed);
    return [...changed];
  };
  test('a token that occurred twice is penalised once', () => {
    expect(processed([0, 1, 0], 2, 0)).toEqual([1, -4, 4, 0]);
  });
  test('a token that would complete an n-gram again has no score', () => {
    expect(processed([0, 1, 2, 0, 1], 1, 3)).toEqual([2, -2, Number.NEGATIVE_INFINITY, 0]);
    expect(processed([3, 3], 1, 1)).toEqual([2, -2, 4, Number.NEGATIVE_INFINITY]);
    expect(processed([0, 1], 1, 3)).toEqual([2, -2, 4, 0]);
  });
});

describe('a draw from sums to nine digits', () => {
  /** The draw by its definition: the first token at which the sum of exact probabilities exceeds u. */
  const defined = (values: Float32Array, options: Sampling, index: number): number => {
    const { ids, probabilities } = distribution(values, options, Math.exp);
    const u = uniform(options.seed, 0, index);
    let sum = 0;
    for (const [i, id] of ids.entries()) {
      sum += probabilities[i]!;
      if (sum > u) return id;
    }
    return ids.at(-1)!;
  };
  const score = fc.oneof(
    { weight: 6, arbitrary: fc.float({ min: -20, max: 20, noNaN: true }) },
    { weight: 2, arbitrary: fc.integer({ min: -3, max: 3 }) },
    { weight: 1, arbitrary: fc.constantFrom(Number.NEGATIVE_INFINITY, -1e30, 15, 15.0001) },
  );
  test('is the draw by its definition', () => {
    fc.assert(
      fc.property(
        fc.array(score, { minLength: 1, maxLength: 300 }),
        fc.constantFrom(0.05, 0.7, 1, 3),
        fc.option(fc.constantFrom(1e-9, 0.1, 0.5, 0.9, 0.999), { nil: null }),
        fc.option(fc.constantFrom(1, 3, 50, 1000), { nil: null }),
        fc.constantFrom(0, 0.001, 0.3, 1),
        fc.integer({ min: 0, max: 1000 }),
        (values, temperature, topP, topK, minP, index) => {
          const scores = Float32Array.from(values);
          if (scores.every((one) => one === Number.NEGATIVE_INFINITY)) return;
          const options = { temperature, topP, topK, minP, seed: 9 };
          expect(sample(scores, options, 0, index, Math.exp)).toBe(defined(scores, options, index));
        },
      ),
      { numRuns: 1500 },
    );
  });
  test('is the draw by its definition however far scores are apart', () => {
    for (const spread of [1e-7, 1e-3, 1, 25, 400]) {
      // every score twice
      const values = Float32Array.from({ length: 3000 }, (_, id) => spread * uniform(3, id >> 1, 0));
      const settings = [{}, { topP: 0.9 }, { topP: 0.5, minP: 0.01 }, { minP: 0.2 }];
      for (const kept of [...settings, ...settings.map((one) => ({ ...one, topK: 999 })), { topK: 3000 }]) {
        const options = { ...ALL, ...kept };
        for (let index = 0; index < 5; index++) {
          expect(sample(values, options, 0, index, Math.exp)).toBe(defined(values, options, index));
        }
      }
    }
  });
  test('where every token has the same score, and where none may be drawn', () => {
    const equal = new Float32Array(5000).fill(2);
    for (let index = 0; index < 50; index++) {
      expect(sample(equal, ALL, 0, index, Math.exp)).toBe(Math.floor(uniform(ALL.seed, 0, index) * 5000));
    }
    expect(sample(new Float32Array(9).fill(Number.NEGATIVE_INFINITY), ALL, 0, 0, Math.exp)).toBe(-1);
  });
  test('minP keeps what is probable beside the best', () => {
    const logits = Float32Array.from([0.5, 0.3, 0.15, 0.05], Math.log);
    const kept = (minP: number): number => distribution(logits, { ...ALL, minP }, Math.exp).ids.length;
    expect([0, 0.09, 0.2, 0.5, 0.7, 1].map(kept)).toEqual([4, 4, 3, 2, 1, 1]);
  });
});

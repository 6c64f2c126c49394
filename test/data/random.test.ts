import { describe, expect, it } from 'bun:test';
import { defaultRng } from '../../src/data/random/pcg64';
import { RandomState } from '../../src/data/random/random-state';
import { TorchGenerator, torchRandperm } from '../../src/data/random/torch';
import generator from '../fixtures/numpy/generator.json';
import legacy from '../fixtures/numpy/randomstate.json';
import torch from '../fixtures/numpy/torch.json';
import sampler from '../fixtures/numpy/torch-sampler.json';
import { digest } from './digest';

describe('numpy default_rng', () => {
  it.each(generator)('permutation($n), seed $seed', ({ n, seed, ...expected }) => {
    expect(digest(defaultRng(seed).permutation(n))).toEqual(expected);
  });

  // python: numpy.random.default_rng(42).random(3)
  it('random()', () => {
    const rng = defaultRng(42);
    expect([rng.random(), rng.random(), rng.random()]).toEqual([
      0.7739560485559633, 0.4388784397520523, 0.8585979199113825,
    ]);
  });

  it('gives the MedQuAD split of a published test set', () => {
    const head = [7641, 7583, 4866, 2669, 2468, 5229, 14385, 5159, 8907, 16156];
    expect([...defaultRng(42).permutation(16407).subarray(0, 10)]).toEqual(head);
  });
});

describe('numpy RandomState', () => {
  it.each(legacy)('permutation($n), seed $seed', ({ n, seed, ...expected }) => {
    expect(digest(new RandomState(seed).permutation(n))).toEqual(expected);
  });

  // python: r = numpy.random.RandomState(42); r.random_sample(); [r.randint(0, 100) for _ in range(5)]; r.choice(10, 4, False)
  it('random_sample, randint, choice', () => {
    const rng = new RandomState(42);
    expect(rng.randomSample()).toBe(0.3745401188473625);
    expect(Array.from({ length: 5 }, () => rng.randint(0, 100))).toEqual([92, 14, 71, 60, 20]);
    expect([
      ...rng.choiceWithoutReplacement(
        Uint32Array.from({ length: 10 }, (_, i) => i),
        4,
      ),
    ]).toEqual([0, 1, 5, 3]);
  });

  it('draws nothing for a range of one', () => {
    const [a, b] = [new RandomState(3), new RandomState(3)];
    expect(a.randint(7, 8)).toBe(7);
    expect(a.nextUint32()).toBe(b.nextUint32());
  });
});

describe('torch', () => {
  it.each(torch)('randperm($n), seed $seed', ({ n, seed, ...expected }) => {
    expect(digest(torchRandperm(n, seed))).toEqual(expected);
  });

  // RandomSampler draws a second, unused permutation at the end of every epoch (for num_samples % n rows)
  it.each(sampler)('RandomSampler over one generator, n $n, seed $seed', ({ n, seed, epochs }) => {
    const generator = new TorchGenerator(seed);
    for (const expected of epochs) {
      expect(digest(generator.randperm(n))).toEqual(expected);
      generator.randperm(n);
    }
  });
});

describe('seeds', () => {
  it.each([-1, 0.5, Number.NaN, 2 ** 53])('%p is refused by all', (seed) => {
    for (const make of [defaultRng, (s: number) => new RandomState(s), (s: number) => new TorchGenerator(s)]) {
      expect(() => make(seed)).toThrow(`seed ${seed} is not an integer`);
    }
  });

  it('RandomState stops at 32 bits', () => {
    expect(() => new RandomState(2 ** 32)).toThrow('seed 4294967296 is not an integer from 0 to 4294967295');
  });
});

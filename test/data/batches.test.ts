import { describe, expect, it } from 'bun:test';
import fc from 'fast-check';
import { epochOrder, groupsOf, packBatch, packsOf, stripPadding } from '../../src/data/batches';
import { batchHash } from '../../src/data/hashes';
import trainer from '../fixtures/torch-sampler/trainer.json';

describe('epochOrder', () => {
  it.each(trainer)('is the row order of the transformers Trainer: n $n, seed $seed', (c) => {
    const seed = ('data_seed' in c ? c.data_seed : undefined) ?? c.seed;
    for (const [epoch, rows] of c.epochs.entries()) expect([...epochOrder(c.n, seed, epoch)]).toEqual(rows);
  });

  it.each(trainer)('with groups for each step: n $n, batch $batch_size, accumulation $accumulation', (c) => {
    const steps = c.epochs.map((rows) => groupsOf(groupsOf(rows, c.batch_size), c.accumulation).length);
    expect(steps.reduce((a, b) => a + b)).toBe(c.steps);
  });
});

describe('packBatch', () => {
  it('puts rows back to back', () => {
    const rows = [
      { ids: Uint32Array.of(5, 6, 7), label: 1 },
      { ids: Uint32Array.of(8), label: 0 },
    ];
    expect(packBatch(rows)).toEqual({
      ids: Int32Array.of(5, 6, 7, 8),
      positions: Int32Array.of(0, 1, 2, 0),
      cuSeqlens: Int32Array.of(0, 3, 4),
      labels: Int32Array.of(1, 0),
      longest: 3,
    });
    expect(packBatch([]).cuSeqlens).toEqual(Int32Array.of(0));
  });
});

describe('batchHash', () => {
  it('tells borders, order, ids and labels apart', () => {
    const row = (ids: number[], label: number) => ({ ids, label });
    const batches = [
      [row([1, 2], 0), row([3], 1)],
      [row([1], 0), row([2, 3], 1)],
      [row([3], 1), row([1, 2], 0)],
      [row([1, 2], 0), row([3], 0)],
      [row([1, 2], 0), row([4], 1)],
    ];
    expect(new Set(batches.map(batchHash)).size).toBe(batches.length);
    expect(batchHash(batches[0]!)).toBe(batchHash([row([1, 2], 0), row([3], 1)]));
  });
});

describe('packsOf', () => {
  it('takes every item once, in order, within the budget', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 120 }), (own, budget) => {
        const packs = packsOf([...own.keys()], (index) => own[index]!, budget);
        expect(packs.flat()).toEqual([...own.keys()]);
        for (const pack of packs) {
          const tokens = pack.reduce((sum, i) => sum + own[i]!, 0);
          expect(pack.length > 0 && (tokens <= budget || pack.length === 1)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('stripPadding', () => {
  it('leaves the tokens, whichever side the padding is on; a token may be the padding token', () => {
    const ids = [
      [0, 0, 5, 6],
      [7, 8, 0, 0],
      [1, 2, 3, 0],
    ];
    const mask = [
      [0, 0, 1, 1],
      [1, 1, 0, 0],
      [1, 1, 1, 1],
    ];
    expect(stripPadding(ids, mask)).toEqual([
      [5, 6],
      [7, 8],
      [1, 2, 3, 0],
    ]);
  });

  it.each([
    ['there is no token, only padding', [[0, 0, 0]]],
    ['there is padding between tokens', [[1, 0, 1]]],
    ['3 tokens and a mask of 2', [[1, 1]]],
    ['the attention mask holds other values than 0 and 1', [[1, 2, 0]]],
    [
      '1 rows and 2 attention masks',
      [
        [1, 1, 1],
        [1, 1, 1],
      ],
    ],
  ])('refuses: %s', (message, mask) => {
    expect(() => stripPadding([[4, 5, 6]], mask)).toThrow(message);
  });
});

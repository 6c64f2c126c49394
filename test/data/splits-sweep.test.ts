import { describe, expect, it } from 'bun:test';
import { defaultRng } from '../../src/data/random/pcg64';
import { torchRandperm } from '../../src/data/random/torch';
import {
  datasetsSplit,
  datasetsStratifiedSplit,
  sklearnSplit,
  sklearnStratifiedSplit,
  torchRandomSplit,
} from '../../src/data/splits';
import sweep from '../fixtures/splits/sweep.json';

/** First 16 hex digits of sha256 over the lists, each preceded by its length, as little-endian int64. */
function short(...lists: readonly Uint32Array[]): string {
  const flat = lists.flatMap((list) => [list.length, ...list]);
  return new Bun.CryptoHasher('sha256').update(BigInt64Array.from(flat, BigInt)).digest('hex').slice(0, 16);
}

/** The labels of make_splits.py. */
function labels(n: number, classes: number): number[] {
  const label = (i: number): number =>
    Math.min(classes - 1, Math.clz32(Math.max(1, Number(BigInt.asUintN(32, BigInt(i) * 2654435761n)))));
  const tail = Array.from({ length: 2 * classes }, (_, i) => Math.floor(i / 2));
  return [...Array.from({ length: n - 2 * classes }, (_, i) => label(i)), ...tail];
}

const sides = ({ train, test }: { train: Uint32Array; test: Uint32Array }): Uint32Array[] => [train, test];
const pick = (rows: Uint32Array, positions: Uint32Array): Uint32Array => positions.map((p) => rows[p]!);

type Make = (...values: [number, number, number, number]) => readonly Uint32Array[];
const KINDS: Record<keyof typeof sweep, Make> = {
  'generator-permutation': (n, seed) => [defaultRng(seed).permutation(n)],
  'torch-randperm': (n, seed) => [torchRandperm(n, seed)],
  sklearn: (n, size, seed) => sides(sklearnSplit(n, size, seed)),
  'sklearn-stratified': (n, classes, size, seed) => sides(sklearnStratifiedSplit(labels(n, classes), size, seed)),
  'datasets-stratified': (n, classes, size, seed) => sides(datasetsStratifiedSplit(labels(n, classes), size, seed)),
  'datasets-shuffle-select': (n, seed) => {
    const order = defaultRng(seed).permutation(n);
    const [train, validation] = [Math.floor((n * 10) / 13), Math.floor(n / 13)];
    return [order.slice(0, train), order.slice(train, train + validation)];
  },
  'datasets-twice': (n, seed) => {
    const first = datasetsSplit(n, 0.1, seed);
    const second = datasetsSplit(first.train.length, 0.1111, seed);
    return [pick(first.train, second.train), pick(first.train, second.test), first.test];
  },
  'torch-random-split': (n, seed) => {
    const tenth = Math.floor(n / 10);
    return torchRandomSplit([n - 2 * tenth, tenth, tenth], n, seed);
  },
};

describe('splits equal to the libraries over many sizes and seeds', () => {
  it.each(Object.entries(KINDS))('%s', (kind, make) => {
    const cases = sweep[kind as keyof typeof sweep] as [[number, number, number, number], string][];
    expect(cases.length).toBeGreaterThan(10);
    const wrong = cases.filter(([values, hash]) => short(...make(...values)) !== hash).map(([values]) => values);
    expect(wrong).toEqual([]);
  });

  it('refuses parts that do not add up', () => {
    expect(() => torchRandomSplit([5, 3], 9, 0)).toThrow('parts of 5 + 3 rows are 8, and there are 9');
  });
});

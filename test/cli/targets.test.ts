/** How the common flags become a request. */

import { describe, expect, test } from 'bun:test';
import { Flags } from '../../src/cli/flags';
import { parseData, readTargets } from '../../src/commands/flags';

describe('--data', () => {
  test.each([
    ['all.csv', { kind: 'file', path: 'all.csv' }],
    ['odd=name.csv', { kind: 'file', path: 'odd=name.csv' }],
    ['test=t.csv', { kind: 'splits', train: null, validation: null, test: 't.csv' }],
    ['train=a.csv,test=b,c.csv', { kind: 'splits', train: 'a.csv', validation: null, test: 'b,c.csv' }],
    ['val=v.csv,train=a.csv', { kind: 'splits', train: 'a.csv', validation: 'v.csv', test: null }],
  ] as const)('%s', (text, expected) => {
    expect(parseData(text)).toEqual(expected);
  });
});

test('what is not given is null', () => {
  expect(readTargets(new Flags({}, ['abjadmed']))).toEqual({
    targets: ['abjadmed'],
    all: false,
    scale: 'auto',
    device: 'auto',
    threads: null,
    isa: null,
    seed: null,
    data: null,
    map: {},
    model: null,
    tokenizer: null,
    reading: null,
    golden: null,
  });
});

test('what is given is typed', () => {
  const flags = new Flags({ seed: '7', threads: '2', isa: 'avx2', map: 'text=Question,label=Category' }, ['a', 'b/c']);
  expect(readTargets(flags)).toMatchObject({
    targets: ['a', 'b/c'],
    seed: 7,
    threads: 2,
    isa: 'avx2',
    map: { text: 'Question', label: 'Category' },
  });
});

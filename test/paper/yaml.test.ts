/** YAML that must not become a value: refused in one line with its place, in bounded time and memory. */

import { describe, expect, test } from 'bun:test';
import { readAssetText } from '../../src/assets';
import { MedreproError } from '../../src/errors';
import { loadPaper } from '../../src/paper/load';
import { parseYaml } from '../../src/paper/source';
import { loadEmbedded, loadTarget } from '../../src/paper/target';
import { loadGolden } from '../../src/verify/golden';
import { box } from '../cli/box';

const wrong = (text: string): string[] =>
  parseYaml(text, 'x.yaml').syntax.map(({ line, expected }) => `${line}: ${expected}`);

describe('what a file must not hold is named with its line', () => {
  test.each([
    ['an alias without an anchor', 'a: 1\nb: *x', "2: '*x' has no anchor '&x' before it"],
    ['an alias before its anchor', 'a: *x\nb: &x 1', "1: '*x' has no anchor '&x' before it"],
    ['an alias of what it stands in', 'a: &x [1, *x]', "1: '*x' is a part of what it stands for"],
    [
      'keys merged',
      'a: &x { b: 1 }\nc: { <<: *x }',
      '2: merges keys (<<), which YAML 1.2 does not: write the fields themselves',
    ],
    ['a key twice', "a: 1\n'a': 2", "2: has the key 'a' twice: keys must be unique"],
    ['a number and a text as one key', "1: 1\n'1': 2", "2: has the key '1' twice: keys must be unique"],
    ['a list as a key', '? [a, b]\n: 1', '1: has a key that is no plain text'],
    ['nothing as a key', '~: 1', '1: has a key that is no plain text'],
    ['a prototype', 'a: { __proto__: { b: 1 } }', '1: has a key __proto__'],
    ['a date', 'a: !!timestamp 2001-01-01', '1: has a tag that stands for neither text, number, boolean, list nor map'],
    ['bytes', 'a: !!binary aGVsbG8=', '1: has a tag that stands for neither text, number, boolean, list nor map'],
    ['an unknown tag', 'a: !x 1', '1: is not YAML that can be read: Unresolved tag: !x'],
    ['infinity', 'a: .inf', '1: is not a finite number'],
    ['no number', 'a: .nan', '1: is not a finite number'],
    ['a number that overflows', 'a: 1e999', '1: is not a finite number'],
    [
      'a whole number that doubles do not have',
      'a: 9007199254740993',
      '1: is a whole number above 2^53, which would not be exact',
    ],
    ['half a character', 'a: "\\ud83d"', '1: holds half of a surrogate pair, which is no character'],
    ['half a character in a key', '"\\ude00": 1', '1: holds half of a surrogate pair, which is no character'],
    ['a NUL', 'a: "b\\0"', '1: holds a NUL, which text does not'],
    ['the same in hexadecimals', 'a: 0x20000000000001', '1: is a whole number above 2^53, which would not be exact'],
    ['lists in lists', `${'['.repeat(100)}${']'.repeat(100)}`, '1: is nested deeper than 64 levels'],
    ['more text than a spec has', `a: ${'x'.repeat(2 ** 18)}`, '1: is above 256 KiB'],
  ])('%s', (_, text, expected) => {
    expect(wrong(text)).toEqual([expected]);
    expect(parseYaml(text, 'x.yaml').value).toBeNull();
  });

  test('aliases of aliases', () => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 40; i++) text += `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]\n`;
    expect(wrong(text)).toEqual(['5: stands for more than 100000 values once its aliases are followed']);
  });

  test('nesting that no parser can follow', () => {
    for (const open of ['[', '- ', '? ', '{a: ']) {
      const [first] = wrong(open.repeat(10_000));
      expect(first).toStartWith('1: is');
      expect(first!.length).toBeLessThan(200);
    }
  }, 20_000);

  test('many keys take time in proportion', () => {
    const keys = Array.from({ length: 5000 }, (_, i) => `k${i}: 1`).join('\n');
    expect(wrong(keys)).toEqual([]);
    expect(() => loadPaper(`spec: 1\n${keys}`, { kind: 'file', path: 'x.yaml' })).toThrow('and 980 more problems');
  }, 20_000);
});

describe('what a file may hold', () => {
  test.each([
    ['aliases of anchors before them', 'a: &x [1, 2]\nb: *x\nc: { d: *x }', { a: [1, 2], b: [1, 2], c: { d: [1, 2] } }],
    ['an anchor given again', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', { a: 1, b: 1, c: 2, d: 2 }],
    ['tags of the core schema', 'a: !!str 12\nb: !!int "3"', { a: '12', b: 3 }],
    ['numbers as keys', '8: a\n1e-3: b', { 8: 'a', 0.001: 'b' }],
    ['large numbers with a fraction', 'a: 1e300\nb: 9007199254740991', { a: 1e300, b: Number.MAX_SAFE_INTEGER }],
  ])('%s', (_, text, value) => {
    expect(parseYaml(text, 'x.yaml')).toMatchObject({ value, syntax: [] });
  });
});

test.each(['*nobody', '&x [*x]', '.inf', '9007199254740993'])(
  'a spec and a golden file with %s are refused',
  (value) => {
    const spec = readAssetText('papers/abjadmed.yaml').replace('rank: 256', `rank: ${value}`);
    const golden = readAssetText('golden/abjadmed.yaml').replace(/^log:/m, `context: ${value}\nlog:`);
    const paper = loadEmbedded('abjadmed');
    for (const load of [
      () => loadPaper(spec, { kind: 'file', path: 'x.yaml' }),
      () => loadGolden(golden, 'x.yaml', paper),
    ]) {
      expect(load).toThrow(MedreproError);
      expect(load).toThrow(
        expect.objectContaining({ code: 'spec', where: { file: 'x.yaml', line: expect.any(Number) } }),
      );
    }
  },
);

test('a number of layers that is no length of a list', () => {
  const text = readAssetText('papers/abjadmed.yaml').replace('layers: 36', 'layers: 1e10');
  expect(() => loadPaper(text, { kind: 'file', path: 'x.yaml' })).toThrow('layers must be at most 10000');
});

test.each(['../../x', 'a/b', '..', '.hidden', '"a\\nb"'])(
  'an experiment called %s is refused: its runs have a folder',
  (name) => {
    const text = readAssetText('papers/abjadmed.yaml').replace(/^ {2}focal-4b:/m, `  ${name}:`);
    expect(() => loadPaper(text, { kind: 'file', path: 'x.yaml' })).toThrow('must be a name of letters');
  },
);

test('a name that every object has is looked up in the file alone', () => {
  const paper = loadEmbedded('abjadmed');
  const text = readAssetText('golden/abjadmed.yaml').replace(/metric: macro-f1/g, 'metric: constructor');
  expect(() => loadGolden(text, 'x.yaml', paper)).toThrow('needs a printed constructor of');
});

test('a spec that is not UTF-8 is refused at its line', () => {
  const folder = box();
  const path = folder.write('x.yaml', Buffer.from("id: a\ntitle: '\xe3\xd1\xcd\xc8'\n", 'latin1'));
  expect(() => loadTarget(path)).toThrow(expect.objectContaining({ code: 'input', where: { file: path, line: 2 } }));
  folder.remove();
});

test('what a file holds is shown on one line, and not at length', () => {
  const text = `"${'y\\n'.repeat(300)}": 1\n${readAssetText('papers/abjadmed.yaml')}`;
  const error = (() => {
    try {
      loadPaper(text, { kind: 'file', path: 'x.yaml' });
    } catch (thrown) {
      return thrown as MedreproError;
    }
    throw new Error('nothing was thrown');
  })();
  expect(error.message).toContain('is not a known field');
  expect(error.message).not.toContain('\n');
  expect(error.message.length).toBeLessThan(1000);
});

/** Expressions of both dialects, as a tokenizer.json or an adapter's settings may hold them, each tried on a few texts. */
import { MedreproError } from '../../src/errors';
import { compileRegex } from '../../src/regex/compile';
import cases from '../../test/fixtures/regex/cases.json';
import type { FuzzTarget } from './harness';

const PATTERNS = [
  ...cases.python.map(({ pattern }) => `p${pattern}`),
  ...cases.oniguruma.map(({ pattern }) => `o${pattern}`),
  'p(a+)+b',
  'o(?:a*)*b',
  'o(a|a|ab)+$',
];

const TEXTS = ['', 'a'.repeat(300), `${' '.repeat(100)}\n${'aB1_'.repeat(50)}`, "it's é中😀\ud800 123"];

/** Syntax that is inserted. */
const PIECES = [
  '(',
  ')',
  '(?:',
  '(?=',
  '(?<!',
  '(?>',
  '(?i)',
  '[',
  ']',
  '[^',
  '&&',
  '*',
  '+',
  '?',
  '{2,}',
  '{,3}',
  '|',
  '\\',
  '\\p{L}',
  '\\b',
  '^',
  '$',
  '.',
  'a',
];

export const target: FuzzTarget = {
  name: 'regex',
  seeds: () => PATTERNS.map((pattern) => new TextEncoder().encode(pattern)),
  parse(input) {
    const text = new TextDecoder().decode(input);
    const regex = compileRegex(text.slice(1), text.startsWith('p') ? 'python' : 'oniguruma');
    for (const sample of TEXTS) {
      try {
        for (const { start, end } of regex.all(sample)) {
          if (start > end || end > sample.length) throw new Error(`a match from ${start} to ${end}`);
        }
        regex.fullMatch(sample);
      } catch (error) {
        if (!(error instanceof MedreproError)) throw error;
      }
    }
  },
  mutate(seed, random) {
    let text = new TextDecoder().decode(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let times = 1 + below(4); times > 0; times--) {
      const at = 1 + below(text.length);
      const piece = random() < 0.7 ? PIECES[below(PIECES.length)]! : text.slice(at, at + below(12));
      text = text.slice(0, at) + piece + text.slice(at + (random() < 0.5 ? 0 : below(3)));
    }
    return new TextEncoder().encode(text);
  },
};

import { describe, expect, it } from 'bun:test';
import fc from 'fast-check';
import { MedreproError } from '../../src/errors';
import { compileRegex, type Dialect, type Regex, type RegexMatch } from '../../src/regex/compile';
import cases from '../fixtures/regex/cases.json';

interface Case {
  readonly pattern: string;
  readonly texts?: readonly string[];
  readonly expected: readonly unknown[] | null;
}

/** What a peer refuses or this refuses by name. */
function compiled(pattern: string, dialect: Dialect): Regex | null {
  try {
    return compileRegex(pattern, dialect);
  } catch (error) {
    expect(error).toBeInstanceOf(MedreproError);
    return null;
  }
}

const points = (text: string, index: number): number => [...text.slice(0, index)].length;

function found(regex: Regex, text: string): unknown {
  const span = (match: RegexMatch | null) => match && [points(text, match.start), points(text, match.end)];
  const whole = (match: RegexMatch | null) => match && [...span(match)!, match.groups];
  if (regex.dialect === 'python') return [regex.exec(text), regex.matchAt(text, 0), regex.fullMatch(text)].map(whole);
  return [...regex.all(text)].filter((match) => match.start < match.end).map(span);
}

/** Nothing here takes seconds by itself; the machine may be busy. */
const SLOW = 60_000;

/** Expressions the peer reads and this one refuses: each stands for one named limit. */
const REFUSED = [
  /\(\?<[=!].*[*+]/, // looks behind without a limit, or further than this sees
  /\(\?i/, // pairs such as the sharp s and ss
  /\\p\{InArabic\}/,
];

describe.each(['python', 'oniguruma'] as const)('%s', (dialect) => {
  const all: readonly Case[] = cases[dialect];

  it(
    'finds what the peer finds',
    () => {
      for (const { pattern, texts = cases.texts, expected } of all) {
        const regex = compiled(pattern, dialect);
        if (expected === null || regex === null) continue;
        texts.forEach((text, i) => {
          expect({ pattern, text, found: found(regex, text) }).toEqual({ pattern, text, found: expected[i] });
        });
      }
    },
    SLOW,
  );

  it('refuses what the peer refuses, and nothing else but by a named limit', () => {
    const refused = all.filter(({ pattern }) => compiled(pattern, dialect) === null);
    const more = refused.filter(
      ({ pattern, expected }) => expected !== null && !REFUSED.some((one) => one.test(pattern)),
    );
    expect(more.map((one) => one.pattern)).toEqual([]);
    const laxer = all.filter((one) => one.expected === null && !refused.includes(one)).map((one) => one.pattern);
    // Oniguruma allows less in what looks behind
    expect(laxer.filter((pattern) => !pattern.includes('(?<'))).toEqual([]);
  });
});

describe('expressions of public tokenizers', () => {
  const LETTERS = String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`;
  const SMALL = String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`;
  const PUBLIC: Readonly<Record<string, string>> = {
    gpt2: String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
    llama3: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    qwen2: String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    o200k: String.raw`[^\r\n\p{L}\p{N}]?${LETTERS}*${SMALL}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?${LETTERS}+${SMALL}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    deepseek:
      '[!-/:-~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+',
    digits: String.raw`\p{N}{1,3}`,
  };

  it.each(Object.entries(PUBLIC))('%s runs in the native engine', (_, pattern) => {
    expect(compileRegex(pattern, 'oniguruma').engine).toBe('native');
  });

  it(
    'both engines agree on random texts',
    () => {
      // an empty atomic group changes nothing and keeps an expression from the native engine
      const pairs = Object.values(PUBLIC).map((one) =>
        [one, `(?>)(?:${one})`].map((source) => compileRegex(source, 'oniguruma')),
      );
      expect(pairs.map(([, stepped]) => stepped!.engine)).toEqual(pairs.map(() => 'stepped'));
      const unit = fc.oneof(
        fc.constantFrom(' ', '\n', '\r', "'", 'S', 's', 'é', '\u0301', '中', '1', '٣', 'ſ'),
        fc.string({ unit: 'binary', maxLength: 1 }),
      );
      fc.assert(
        fc.property(fc.array(unit, { maxLength: 40 }), (units) => {
          const text = units.join('');
          for (const [native, stepped] of pairs) expect([...stepped!.all(text)]).toEqual([...native!.all(text)]);
        }),
        { numRuns: 150 },
      );
    },
    SLOW,
  );

  const LONG = 1_200_000;
  it.each([' ', 'a', 'A', '\n', '!', '中'])('a run of %j is one piece, however long', (character) => {
    const text = `${character.repeat(LONG)}1`;
    for (const pattern of [PUBLIC.llama3!, PUBLIC.o200k!]) {
      const pieces = [...compileRegex(pattern, 'oniguruma').all(text)].map((match) => match.end - match.start);
      // the last space belongs to what follows, or stands alone before a digit
      expect(pieces).toEqual(character === ' ' ? [LONG - 1, 1, 1] : [LONG, 1]);
    }
  });
});

describe('expressions that could run for ever', () => {
  const text = 'a'.repeat(20_000);

  it.each(['(a+)+b', '(a|a)*b', '(?:a|aa)+b', '(?:a+){2,}b', 'a*a*a*a*b', '(.*)(.*)(.*)b', 'a+b'])(
    '%s ends in proportion to the text',
    (pattern) => {
      for (const dialect of ['python', 'oniguruma'] as const) {
        const regex = compileRegex(pattern, dialect);
        expect(regex.exec(text)).toBeNull();
        expect(regex.fullMatch(text)).toBeNull();
        expect(regex.exec(`${text}b`)).toMatchObject({ end: text.length + 1 });
      }
    },
  );

  it('what cannot be remembered ends at a limit of steps, in one line', () => {
    const regex = compileRegex('(a*)*b', 'python', { name: 'the pattern of targets', code: 'spec' });
    expect(regex.engine).toBe('stepped');
    expect(() => regex.exec('a'.repeat(200))).toThrow(
      'the pattern of targets "(a*)*b" took more than 1020000 steps on 200 characters',
    );
  });

  it.each([
    '((a{1000}){1000}){1000}',
    '(?:(?:){100000}){100000}',
    '('.repeat(5000),
    '['.repeat(5000),
    'a'.repeat(200_000),
    'a{999999}',
  ])('refuses what is too large', (pattern) => {
    expect(() => compileRegex(pattern, 'oniguruma').fullMatch('a')).toThrow(MedreproError);
  });
});

describe('positions', () => {
  it('are UTF-16 indices, characters are code points', () => {
    const regex = compileRegex('.', 'python');
    expect([...regex.all('a😀b')].map(({ start, end }) => [start, end])).toEqual([
      [0, 1],
      [1, 3],
      [3, 4],
    ]);
  });

  it('an empty match is not taken where another ended', () => {
    expect([...compileRegex('a*', 'oniguruma').all('baa')].map(({ start, end }) => [start, end])).toEqual([
      [0, 0],
      [1, 3],
    ]);
  });

  it('messages say where', () => {
    expect(() => compileRegex('ab(?P=n)', 'python')).toThrow('at character 3');
  });
});

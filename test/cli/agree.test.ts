/**
 * Whatever the strict layer lets through, citty reads the same way: the two parse one command line, so they must agree.
 */

import { expect, test } from 'bun:test';
import { parseArgs } from 'citty';
import fc from 'fast-check';
import { checkWords } from '../../src/cli/strict';
import { run } from '../../src/commands/run';
import { verify } from '../../src/commands/verify';
import { MedreproError } from '../../src/errors';

const word = fc.oneof(
  fc.constantFrom('abjadmed', 'a/b', '7', '-1', '--', '-', '-h', '=', 'no-run', 'a=b'),
  fc.constantFrom(
    '--out',
    '--seed',
    '--scale',
    '--all',
    '--resume',
    '--run',
    '--no-run',
    '--no-out',
    '--data',
    '--json',
  ),
  fc.constantFrom(
    '--seed=7',
    '--scale=mini',
    '--scale=',
    '--out=a=b',
    '--all=true',
    '--map=text=a,label=b',
    '--no-run=1',
  ),
  fc.string({ maxLength: 6 }),
);

test.each([run, verify])('$name', (command) => {
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (raw) => {
      try {
        checkWords(command, raw);
      } catch (error) {
        expect(error).toBeInstanceOf(MedreproError);
        return;
      }
      accepted++;
      const parsed: Record<string, unknown> = parseArgs(raw, { ...command.flags });
      const expected = readPlainly(raw, command.flags);
      expect(parsed._).toEqual(expected.words);
      for (const [name, value] of expected.values) expect(parsed[name]).toBe(value);
    }),
    { numRuns: 3000, seed: 1 },
  );
  expect(accepted).toBeGreaterThan(300);
});

/** The grammar in its simplest form, for command lines that are known to be right. */
function readPlainly(raw: string[], flags: typeof run.flags) {
  const values = new Map<string, string | boolean>();
  const words: string[] = [];
  for (let i = 0; i < raw.length; i++) {
    const text = raw[i] ?? '';
    if (text === '--') {
      words.push(...raw.slice(i + 1));
      break;
    }
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(text);
    const name = match?.[1] ?? '';
    if (name === '') words.push(text);
    else if (flags[name]?.type === 'boolean') values.set(name, true);
    else if (name.startsWith('no-')) values.set(name.slice(3), false);
    else values.set(name, match?.[2] ?? raw[++i] ?? '');
  }
  return { values, words };
}

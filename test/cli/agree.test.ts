/**
 * Whatever the strict layer lets through, citty reads the same way: the two parse one command line, so they must agree.
 */

import { expect, test } from 'bun:test';
import { runCommand } from 'citty';
import fc from 'fast-check';
import { type Command, type FlagDefs, toCitty, wordsForCitty } from '../../src/cli/command';
import type { Flags } from '../../src/cli/flags';
import { checkWords } from '../../src/cli/strict';
import { commands } from '../../src/commands';
import { EXIT, MedreproError } from '../../src/errors';

const QUIET = { verbose: false, quiet: true };

test.each([...commands])('$name', async (command) => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(wordOf(command), { maxLength: 6 }), async (raw) => {
      try {
        checkWords(command, raw);
      } catch (error) {
        expect(error).toBeInstanceOf(MedreproError);
        return;
      }
      accepted++;
      const parsed = await parse(command, raw);
      const expected = readPlainly(raw, command.flags);
      expect([...parsed.words]).toEqual(expected.words);
      for (const [name, value] of expected.values) {
        if (typeof value === 'boolean') expect(parsed.is(name)).toBe(value);
        else expect(parsed.text(name)).toBe(value);
      }
    }),
    { numRuns: 2000, seed: 1 },
  );
  expect(accepted).toBeGreaterThan(100);
});

test.each(
  commands.flatMap((command) => Object.keys(command.flags).map((name) => ({ of: command.name, name, command }))),
)('$of --$name arrives', async ({ command, name }) => {
  const flag = command.flags[name]!;
  const words = command.words?.min ? ['7'] : [];
  if (flag.type === 'boolean') {
    const positive = flag.default !== true;
    expect((await parse(command, [...words, `--${positive ? '' : 'no-'}${name}`])).is(name)).toBe(positive);
    return;
  }
  const value = 'options' in flag && flag.options ? flag.options.at(-1)! : '7';
  for (const raw of [[`--${name}`, value], [`--${name}=${value}`]]) {
    checkWords(command, [...words, ...raw]);
    expect((await parse(command, [...words, ...raw])).text(name)).toBe(value);
  }
});

/** What a command's body is given. */
async function parse(command: Command, raw: readonly string[]): Promise<Flags> {
  let given: Flags | undefined;
  const run: Command['run'] = async (flags) => {
    given = flags;
    return EXIT.ok;
  };
  await runCommand(
    toCitty({ ...command, run }, QUIET, () => undefined),
    { rawArgs: wordsForCitty(command, raw) },
  );
  return given!;
}

/** Words of which some make sense to the command. */
function wordOf(command: Command): fc.Arbitrary<string> {
  const names = Object.keys(command.flags);
  const options = Object.values(command.flags).flatMap((flag) => ('options' in flag && flag.options) || []);
  return fc.oneof(
    fc.constantFrom('abjadmed', 'a/b', '7', '-1', '--', '-', '-h', '=', 'no-run', 'a=b', ...options),
    fc.constantFrom('--out', ...names.flatMap((name) => [`--${name}`, `--no-${name}`])),
    fc.constantFrom('--out=', '--all=true', ...names.flatMap((name) => [`--${name}=7`, `--${name}=a=b`])),
    fc.string({ maxLength: 6 }),
  );
}

/** The grammar in its simplest form, for command lines that are known to be right. */
function readPlainly(raw: readonly string[], flags: FlagDefs) {
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
    else if (flags[name] === undefined) values.set(name.slice(3), false);
    else values.set(name, match?.[2] ?? raw[++i] ?? '');
  }
  return { values, words };
}

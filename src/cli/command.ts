/**
 * A command: a name, its flags (citty's definitions), how many words it takes, and a body.
 *
 * citty parses; on its own it accepts unknown flags, missing values and surplus words, so `strict.ts` checks the raw words
 * first.
 */

import type { ArgDef, CommandDef } from 'citty';
import type { ExitCode } from '../errors';
import { Flags } from './flags';

/** A flag: everything of citty but positionals, which `words` describes. */
export type FlagDef = Exclude<ArgDef, { type?: 'positional' }>;
export type FlagDefs = Readonly<Record<string, FlagDef>>;

export interface Words {
  /** As the help names it: `target`. */
  name: string;
  min: number;
  max: number;
  description: string;
}

export interface Globals {
  /** Errors with their stacks. */
  verbose: boolean;
  /** Only results and errors. */
  quiet: boolean;
}

export interface Command {
  name: string;
  /** One line, for the list of commands and the head of its help. */
  description: string;
  flags: FlagDefs;
  /** null = takes none. */
  words: Words | null;
  /** Command lines shown by `--help`. */
  examples?: readonly string[];
  run(flags: Flags, globals: Globals): Promise<ExitCode>;
}

/** Flags every command takes, before or after its name; `strict.ts` reads them. */
export const GLOBAL_FLAGS: FlagDefs = {
  quiet: { type: 'boolean', description: 'results and errors only' },
  verbose: { type: 'boolean', description: 'stack traces with errors' },
  help: { type: 'boolean', alias: 'h', description: 'this text' },
  version: { type: 'boolean', description: 'the version' },
};

/** The flag of a name, and nothing for a name that every object has. */
export function flagOf(flags: FlagDefs, name: string): FlagDef | undefined {
  return Object.hasOwn(flags, name) ? flags[name] : undefined;
}

/** The citty form of a command, for `wordsForCitty`; `done` receives its exit code. */
export function toCitty(command: Command, globals: Globals, done: (code: ExitCode) => void): CommandDef {
  const flags = Object.entries(command.flags).map(([name, flag]) => ({ name, flag, known: nameForCitty(name, flag) }));
  return {
    meta: { name: command.name, description: command.description },
    args: Object.fromEntries(flags.map(({ known, flag }) => [known, flag])),
    run: async ({ args }) => {
      const values = Object.fromEntries(flags.map(({ name, known }) => [name, args[known]]));
      done(await command.run(new Flags(values, args._), globals));
    },
  };
}

/** The words after a command's name as citty reads them. They must have passed `checkWords`. */
export function wordsForCitty(command: Command, raw: readonly string[]): string[] {
  const end = raw.indexOf('--');
  return raw.map((word, index) => {
    if (!word.startsWith('--') || (end >= 0 && index >= end)) return word;
    const [name = ''] = word.slice(2).split('=', 1);
    const flag = flagOf(command.flags, name);
    return flag === undefined ? word : `--${nameForCitty(name, flag)}${word.slice(2 + name.length)}`;
  });
}

// --- internal ---

/** citty takes any flag that begins with --no- for a boolean that is turned off: a flag with a value gets another name there. */
function nameForCitty(name: string, flag: FlagDef): string {
  return flag.type !== 'boolean' && name.startsWith('no-') ? `value-of-${name}` : name;
}

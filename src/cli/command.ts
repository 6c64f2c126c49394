/**
 * What a command is: a name, its flags (citty's definitions), how many words it takes, and a body.
 *
 * citty holds the tree and parses; on its own it lets unknown flags, missing values and spare words through, so
 * `strict.ts` looks at the raw words first.
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
  /** Stacks with errors. */
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

/** Flags every command takes, before or after its name; `globals.ts` reads them. */
export const GLOBAL_FLAGS: FlagDefs = {
  quiet: { type: 'boolean', description: 'results and errors only' },
  verbose: { type: 'boolean', description: 'stack traces with errors' },
  help: { type: 'boolean', alias: 'h', description: 'this text' },
  version: { type: 'boolean', description: 'the version' },
};

/** The citty form of a command; `done` receives its exit code. */
export function toCitty(command: Command, globals: Globals, done: (code: ExitCode) => void): CommandDef {
  return {
    meta: { name: command.name, description: command.description },
    args: { ...command.flags },
    run: async ({ args }) => done(await command.run(new Flags(args, args._), globals)),
  };
}

/**
 * The checks citty does not make: unknown flags, missing values, repeated flags, surplus words. Each is a usage error with
 * a suggestion where one is near.
 */

import { editDistance } from '../edit-distance';
import { usageError } from '../errors';
import { type Command, type FlagDef, type FlagDefs, flagOf, type Globals } from './command';

export interface Split {
  /** `--help` or `-h` was given. */
  help: boolean;
  version: boolean;
  globals: Globals;
  /** The command's name, when there is one. */
  name: string | undefined;
  /** What follows the name, without the global flags. */
  rest: string[];
}

/**
 * Takes the global flags out of a command line and finds the command's name.
 *
 * @throws MedreproError `usage` when another flag precedes the command.
 */
export function splitCommandLine(argv: readonly string[]): Split {
  const split: Split = {
    help: false,
    version: false,
    globals: { verbose: false, quiet: false },
    name: undefined,
    rest: [],
  };
  const end = argv.indexOf('--');
  argv.forEach((word, index) => {
    const isFlagPart = end < 0 || index < end;
    if (isFlagPart && (word === '--help' || word === '-h')) split.help = true;
    else if (isFlagPart && word === '--version') split.version = true;
    else if (isFlagPart && word === '--verbose') split.globals.verbose = true;
    else if (isFlagPart && word === '--quiet') split.globals.quiet = true;
    else if (split.name !== undefined) split.rest.push(word);
    else if (word.startsWith('-')) throw usageError(`${word} stands before the command`, 'flags follow the command');
    else split.name = word;
  });
  return split;
}

/**
 * Checks the words after a command's name against its definition.
 *
 * @throws MedreproError `usage`
 */
export function checkWords(command: Command, raw: readonly string[]): void {
  const words: string[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < raw.length; i++) {
    const word = raw[i] ?? '';
    if (word === '--') {
      words.push(...raw.slice(i + 1));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      words.push(word);
      continue;
    }
    const equals = word.indexOf('=');
    const written = equals < 0 ? word : word.slice(0, equals);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    const { name, flag } = findFlag(command, written);
    if (seen.has(name)) throw usageError(`--${name} is given twice`);
    seen.add(name);
    if (flag.type === 'boolean') {
      if (value !== undefined) throw usageError(`${written} takes no value`);
    } else {
      checkValue(name, flag, value ?? raw[++i]);
    }
  }
  checkCount(command, words);
}

/** `; did you mean 'x'?` for the nearest of `candidates`, or nothing when none is near. */
export function didYouMean(word: string, candidates: readonly string[], prefix = ''): string {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(word, candidate);
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  const near = best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3));
  return near ? `; did you mean '${prefix}${best?.candidate}'?` : '';
}

// --- internal ---

function findFlag(command: Command, written: string): { name: string; flag: FlagDef } {
  const flags: FlagDefs = command.flags;
  if (written.startsWith('--')) {
    const name = written.slice(2);
    const flag = flagOf(flags, name);
    if (flag) return { name, flag };
    const positive = name.startsWith('no-') ? name.slice(3) : '';
    const negated = flagOf(flags, positive);
    if (negated && negated.type === 'boolean' && negated.default === true) return { name: positive, flag: negated };
    const all = Object.entries(flags).map(([known, { type, default: value }]) =>
      type === 'boolean' && value === true ? `no-${known}` : known,
    );
    const hint = didYouMean(name, [...all, 'help', 'quiet', 'verbose'], '--');
    throw usageError(`unknown option ${written}${hint}`, seeHelp(command));
  }
  for (const [name, flag] of Object.entries(flags)) {
    if ([flag.alias ?? []].flat().includes(written.slice(1))) return { name, flag };
  }
  throw usageError(`unknown option ${written}`, seeHelp(command));
}

function checkValue(name: string, flag: FlagDef, value: string | undefined): void {
  if (value === undefined || value === '' || /^--?[A-Za-z]/.test(value)) {
    throw usageError(`--${name} needs a value`, `write --${name} <${valueHint(name, flag)}>`);
  }
  const options = 'options' in flag ? flag.options : undefined;
  if (options && !options.includes(value)) {
    const hint = didYouMean(value, options);
    throw usageError(`--${name} is one of ${options.join(', ')}, not '${value}'${hint}`);
  }
}

/** The placeholder of a flag's value in the help: `dir` for `out`. */
export function valueHint(name: string, flag: FlagDef): string {
  if ('options' in flag && flag.options) return flag.options.join('|');
  return flag.valueHint ?? name;
}

function checkCount(command: Command, words: readonly string[]): void {
  const { words: takes } = command;
  const max = takes?.max ?? 0;
  if (words.length > max) throw usageError(`unexpected '${words[max]}'`, seeHelp(command));
  if (takes && words.length < takes.min) throw usageError(`${command.name} needs a ${takes.name}`, seeHelp(command));
}

function seeHelp(command: Command): string {
  return `see 'medrepro ${command.name} --help'`;
}

/** Runs one command line and returns its exit code. */

import { defineCommand, runCommand } from 'citty';
import { asMedreproError, EXIT, type ExitCode, usageError } from '../errors';
import { type Command, toCitty, wordsForCitty } from './command';
import { renderCommandHelp, renderRootHelp } from './help';
import { formatError, print, printError, wantsColour } from './output';
import { checkWords, didYouMean, splitCommandLine } from './strict';

export interface Cli {
  version: string;
  commands: readonly Command[];
}

/** Runs `medrepro <argv>`: prints results to stdout, errors to stderr, and never throws. */
export async function runCli(cli: Cli, argv: readonly string[]): Promise<ExitCode> {
  try {
    return await dispatch(cli, argv);
  } catch (thrown) {
    const error = asMedreproError(thrown);
    const verbose = argv.includes('--verbose');
    printError(formatError(error, { verbose, colour: wantsColour(process.stderr) }));
    return error.exitCode;
  }
}

// --- internal ---

async function dispatch(cli: Cli, argv: readonly string[]): Promise<ExitCode> {
  const { help, version, globals, name, rest } = splitCommandLine(argv);
  const command = name === undefined ? undefined : findCommand(cli, name);
  if (help) {
    print(command ? renderCommandHelp(command) : renderRootHelp(cli.version, cli.commands));
    return EXIT.ok;
  }
  if (version) {
    print(cli.version);
    return EXIT.ok;
  }
  if (!command) throw usageError('a command is needed', "see 'medrepro --help'");

  checkWords(command, rest);
  let code: ExitCode = EXIT.error;
  const tree = defineCommand({
    meta: { name: 'medrepro', version: cli.version },
    subCommands: Object.fromEntries(
      cli.commands.map((each) => [
        each.name,
        toCitty(each, globals, (result) => {
          code = result;
        }),
      ]),
    ),
  });
  await runCommand(tree, { rawArgs: [command.name, ...wordsForCitty(command, rest)] });
  return code;
}

function findCommand(cli: Cli, name: string): Command {
  const found = cli.commands.find((command) => command.name === name);
  if (found) return found;
  const known = cli.commands.map((command) => command.name);
  throw usageError(`unknown command '${name}'${didYouMean(name, known)}`, `the commands are ${known.join(', ')}`);
}

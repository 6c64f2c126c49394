/** The program: every command is a door in `commands/`, and this file is the list of doors. */

import { version } from '../package.json';
import { runCli } from './cli/run';
import { commands } from './commands';

process.exit(await runCli({ version, commands }, process.argv.slice(2)));

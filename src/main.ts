/** The entry point of the main thread; the commands are in `commands/`. */

import { version } from '../package.json';
import { runCli } from './cli/run';
import { commands } from './commands';

process.exit(await runCli({ version, commands }, process.argv.slice(2)));

/** The Worker's entry point. In the compiled binary it must be in the folder of `main.ts`: both are entry points. */

import { commands } from './commands';
import { encodeTask } from './data/encode';
import { serveTasks, type WorkerPort } from './serve';

declare const self: WorkerPort;

serveTasks([...commands.map(({ task }) => task), encodeTask], self);

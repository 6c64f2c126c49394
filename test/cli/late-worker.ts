/** A Worker whose event loop turns before it listens. */

import { serveTasks, type WorkerPort } from '../../src/serve';

declare const self: WorkerPort;

await new Promise((resolve) => setTimeout(resolve, 100));
const count = async (request: number): Promise<string> => `counted to ${request}`;
serveTasks([{ name: 'count', load: async () => count }], self);

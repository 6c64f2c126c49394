/** A Worker whose event loop turns before it listens. */

import { serveJobs, type WorkerPort } from '../../src/job';

await new Promise((resolve) => setTimeout(resolve, 100));
const count = async () => async (request: unknown) => ({
  exitCode: 0 as const,
  text: `counted to ${request}`,
  document: null,
});
serveJobs({ count }, globalThis as unknown as WorkerPort);

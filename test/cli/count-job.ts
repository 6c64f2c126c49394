/** A Worker with jobs that only tests have, and a program that runs `block` as a command would. */

import { dlopen } from 'bun:ffi';
import { formatError, print } from '../../src/cli/output';
import { asMedreproError, hashError, interruptedError } from '../../src/errors';
import type { JobResult, Task, Work } from '../../src/job';
import { serveTasks, type WorkerPort } from '../../src/serve';
import { spawnTask } from '../../src/spawn';

declare const self: WorkerPort;

export const WORKER = new URL(import.meta.url);

const task = <Request, Answer>(name: string, work: Work<Request, Answer>): Task<Request, Answer> => ({
  name,
  load: async () => work,
});

/** Counts to `request` with one event each. */
export const count = task('count', async (request: number, context): Promise<JobResult<object>> => {
  for (let done = 1; done <= request; done++) {
    context.emit({ kind: 'progress', name: 'count', done, total: request, unit: 'numbers', rate: 1, eta: 0 });
  }
  return { exitCode: 1, text: `counted to ${request}`, document: { count: request, exact: 0.1 + 0.2 } };
});

export const hash = task('hash', async (_: null) => {
  throw hashError('weights', 'aa', 'bb');
});

export const bug = task('bug', async (_: null) => {
  throw new TypeError('x is not a function');
});

/** Gives no sign for `request` ms in native code, then ends. */
export const silent = task('silent', async (request: number, context) => {
  const { usleep } = dlopen('libc.so.6', { usleep: { args: ['u32'], returns: 'i32' } }).symbols;
  context.emit({
    kind: 'step',
    step: 3,
    total: 9,
    loss: 1,
    lr: 1,
    gradNorm: 1,
    tokens: 1,
    tokensPerSecond: 1,
    eta: 1,
  });
  usleep(request * 1000);
});

/** Asks whether it is to stop for `request` ms: alive, though it says nothing. */
export const asking = task('asking', async (request: number, context) => {
  const end = performance.now() + request;
  while (performance.now() < end && !context.cancelled()) Bun.sleepSync(1);
});

/** Blocks in native code, 50 ms at a time, until it is asked to stop; then takes `request` ms to save. */
const block = task('block', async (request: number, context) => {
  const { usleep } = dlopen('libc.so.6', { usleep: { args: ['u32'], returns: 'i32' } }).symbols;
  context.emit({ kind: 'info', message: 'blocking' });
  while (!context.cancelled()) usleep(50_000);
  for (let waited = 0; waited < request; waited += 50) usleep(50_000);
  throw interruptedError('stopped', 'continue with --resume');
});

if (!Bun.isMainThread) serveTasks([count, hash, bug, silent, asking, block], self);
else if (import.meta.main) {
  try {
    const onEvent = (event: object) => print(JSON.stringify(event));
    await spawnTask(block, Number(process.argv[2]), { worker: WORKER, onEvent });
  } catch (thrown) {
    const error = asMedreproError(thrown);
    process.stderr.write(formatError(error, { verbose: false, colour: false }));
    process.exit(error.exitCode);
  }
}

/** A Worker with jobs that only tests have, and a program that runs one of them as a command would. */

import { dlopen } from 'bun:ffi';
import { formatError, print } from '../../src/cli/output';
import { asMedreproError, hashError, interruptedError } from '../../src/errors';
import { type JobRegistry, serveJobs, type WorkerPort } from '../../src/job';
import { spawnJob } from '../../src/spawn';

export const WORKER = new URL(import.meta.url);

const registry: JobRegistry = {
  /** Counts to `request` with one event each. */
  count: async () => async (request, context) => {
    for (let done = 1; done <= Number(request); done++) {
      context.emit({ kind: 'progress', name: 'count', done, total: Number(request), unit: 'numbers', rate: 1, eta: 0 });
    }
    return { exitCode: 1, text: `counted to ${request}`, document: { count: request, exact: 0.1 + 0.2 } };
  },
  hash: async () => async () => {
    throw hashError('weights', 'aa', 'bb');
  },
  bug: async () => async () => {
    throw new TypeError('x is not a function');
  },
  /** Gives no sign for `request` ms in native code, then ends. */
  silent: async () => async (request, context) => {
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
    usleep(Number(request) * 1000);
    return { exitCode: 0, text: '', document: null };
  },
  /** Asks whether it is to stop for `request` ms: alive, though it says nothing. */
  asking: async () => async (request, context) => {
    const end = performance.now() + Number(request);
    while (performance.now() < end && !context.cancelled()) Bun.sleepSync(1);
    return { exitCode: 0, text: '', document: null };
  },
  /** Blocks in native code, 50 ms at a time, until it is asked to stop; then takes `request` ms to save. */
  block: async () => async (request, context) => {
    const { usleep } = dlopen('libc.so.6', { usleep: { args: ['u32'], returns: 'i32' } }).symbols;
    context.emit({ kind: 'info', message: 'blocking' });
    while (!context.cancelled()) usleep(50_000);
    for (let waited = 0; waited < Number(request); waited += 50) usleep(50_000);
    throw interruptedError('stopped', 'continue with --resume');
  },
};

if (!Bun.isMainThread) serveJobs(registry, globalThis as unknown as WorkerPort);
else if (import.meta.main) {
  try {
    const onEvent = (event: object) => print(JSON.stringify(event));
    const result = await spawnJob(process.argv[2] ?? '', process.argv[3], { worker: WORKER, onEvent });
    process.exit(result.exitCode);
  } catch (thrown) {
    const error = asMedreproError(thrown);
    process.stderr.write(formatError(error, { verbose: false, colour: false }));
    process.exit(error.exitCode);
  }
}

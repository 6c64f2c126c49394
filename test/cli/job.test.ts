/** Jobs in a Worker: events, results, errors, and both kinds of Ctrl-C. */

import { describe, expect, test } from 'bun:test';
import type { JobEvent } from '../../src/events';
import type { Task } from '../../src/job';
import { spawnTask } from '../../src/spawn';
import { asking, bug, count, hash, silent, WORKER } from './count-job';

describe('spawnTask', () => {
  test('forwards events in order, then the result', async () => {
    const events: JobEvent[] = [];
    const result = await spawnTask(count, 3, { worker: WORKER, onEvent: (event) => events.push(event) });
    expect(events.map((event) => event.kind === 'progress' && event.done)).toEqual([1, 2, 3]);
    expect(result).toEqual({ exitCode: 1, text: 'counted to 3', document: { count: 3, exact: 0.1 + 0.2 } });
  });

  test('an error keeps its code, exit code and remedy', async () => {
    const failed = spawnTask(hash, null, { worker: WORKER, onEvent: () => {} });
    expect(failed).rejects.toMatchObject({
      code: 'hash',
      exitCode: 3,
      message: 'weights: sha256 is bb, expected aa',
      remedy: expect.stringContaining('fetch'),
    });
  });

  test('a bug is an internal error that keeps its stack', async () => {
    const failed = spawnTask(bug, null, { worker: WORKER, onEvent: () => {} });
    expect(failed).rejects.toMatchObject({
      code: 'internal',
      exitCode: 2,
      message: 'internal error: x is not a function',
      stack: expect.stringContaining('count-job.ts'),
    });
  });

  test('an unknown task is an internal error', async () => {
    const unknown = { ...count, name: 'toString' };
    const failed = spawnTask(unknown, 1, { worker: WORKER, onEvent: () => {} });
    expect(failed).rejects.toMatchObject({ code: 'internal', message: "this build has no task 'toString'" });
  });
});

describe('a job that gives no sign', () => {
  async function warnings(task: Task<number, void>, milliseconds: number): Promise<string[]> {
    const said: string[] = [];
    const onEvent = (event: JobEvent) => {
      if (event.kind === 'warning') said.push(event.message);
    };
    await spawnTask(task, milliseconds, { worker: WORKER, onEvent, silence: 300 });
    return said;
  }

  test('is said to give none, with the place where it stands and the processor time it took', async () => {
    const said = await warnings(silent, 1500);
    expect(said.length).toBeGreaterThan(0);
    expect(said[0]).toMatch(
      /^no sign of the job for \d+\.\d s; it used \d+\.\d s of processor time meanwhile; last: step 3 of 9$/,
    );
  });

  test('is left alone while it asks whether it is to stop', async () => {
    expect(await warnings(asking, 1500)).toEqual([]);
  });
});

test('a Worker that listens late still gets its request', async () => {
  // what is posted to a Worker before it listens is lost once its event loop has turned: the request waits until it is ready
  const onEvent = () => {};
  const late: Task<number, string> = { name: 'count', load: () => Promise.reject(new Error('not on this thread')) };
  const answer = await spawnTask(late, 2, { worker: new URL('late-worker.ts', import.meta.url), onEvent });
  expect(answer).toBe('counted to 2');
});

describe('signals', () => {
  /** Starts the `block` job in a process of its own and waits until it blocks in native code. */
  async function blocked(saving: number) {
    const child = Bun.spawn([process.execPath, WORKER.pathname, String(saving)], {
      stdout: 'pipe',
      stderr: 'pipe',
    });
    for await (const chunk of child.stdout) if (Buffer.from(chunk).includes('blocking')) break;
    return child;
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s: the job saves, then 130', async (signal) => {
    const child = await blocked(100);
    child.kill(signal);
    expect(await child.exited).toBe(130);
    expect(await child.stderr.text()).toBe('medrepro: stopped\n  continue with --resume\n');
  });

  test('the same key press delivered twice is one', async () => {
    const child = await blocked(300);
    child.kill('SIGINT');
    await Bun.sleep(50);
    child.kill('SIGINT');
    expect(await child.exited).toBe(130);
    expect(await child.stderr.text()).toContain('continue with --resume');
  });

  test('a second Ctrl-C ends it at once, also out of a native call', async () => {
    const child = await blocked(60_000);
    child.kill('SIGINT');
    await Bun.sleep(700);
    child.kill('SIGINT');
    expect(await child.exited).toBe(130);
    expect(await child.stderr.text()).toBe('');
  });
});

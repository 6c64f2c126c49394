/** Runs in one process give back what they opened. */
import { afterAll, expect, test } from 'bun:test';
import { readdirSync, readlinkSync } from 'node:fs';
import { experiment, request, run, sandbox } from './support';

const box = sandbox();
afterAll(() => box.remove());

/** The files under the sandbox that are open. */
function open(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const file = readlinkSync(`/proc/self/fd/${fd}`);
      return file.startsWith(box.path) ? [file] : [];
    } catch {
      return [];
    }
  });
}

test('a run that ends and one that is stopped leave no file open', async () => {
  const what = experiment({ epochs: 1 });
  expect((await run(request(box, { device: 'cpu' }), what)).error).toBeNull();
  expect(open()).toEqual([]);
  const stopped = await run(request(box, { device: 'cpu', seed: 2 }), what, (polls) => polls > 6);
  expect(stopped.error?.code).toBe('interrupted');
  expect(open()).toEqual([]);
});

/** A machine that gives few threads or descriptors, folders that cannot be read: one line, no crash report. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { BINARY, medrepro } from './binary';
import { type Box, box, expectFailure, table } from './box';

setDefaultTimeout(120_000);

/** Limits on processes do not hold for root: as another user, where this is root and may become one. */
const asNobody = process.getuid?.() === 0 && Bun.which('setpriv') !== null;

let files: Box;
beforeAll(() => {
  files = box();
  chmodSync(files.path, 0o777);
  copyFileSync(BINARY, files.at('medrepro'));
  chmodSync(files.at('medrepro'), 0o755);
});
afterAll(() => files.remove());

async function limited(limit: string, ...words: string[]) {
  const nobody = asNobody ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const command = [...nobody, 'bash', '-c', `${limit}; exec "$0" "$@"`, files.at('medrepro'), ...words];
  const child = Bun.spawn(command, {
    cwd: files.path,
    env: { PATH: process.env.PATH! },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}

test.skipIf(!asNobody)('too few processes for the threads of a job', async () => {
  const outcome = await limited('ulimit -u 8', 'list', '--quiet');
  expectFailure(outcome, /the limit of 8 processes of a user leaves \d+ threads, and a job needs \d+/, 4);
});

test('few descriptors are enough, or one line says what they were missing for', async () => {
  const data = files.write('rows.csv', table());
  const words = ['run', 'abjadmed/attention-only', '--data', data, '--out', files.at('few'), '--quiet'];
  const { exitCode, stderr } = await limited('ulimit -n 12', ...words);
  if (exitCode !== 0) expect(stderr).toMatch(/too many (open files|files open)/);
  expect(stderr).not.toMatch(/internal error|panic|\n\s+at /);
});

test('folders that are links to themselves', async () => {
  symlinkSync('loop', files.at('loop'));
  mkdirSync(files.at('runs', 'abjadmed'), { recursive: true });
  symlinkSync('all-linear', files.at('runs', 'abjadmed', 'all-linear'));
  const data = files.write('rows.csv', table());
  const target = 'abjadmed/all-linear';
  const loop = files.at('loop');
  for (const words of [
    ['run', target, '--data', data, '--out', loop],
    ['run', target, '--data', data, '--out', files.at('runs')],
    ['eval', '--model', loop, '--ids', files.write('ids.json', '{"ids": [[1]]}')],
    ['data', target, '--data', loop],
    ['data', target, '--tokenizer', loop],
    ['verify', 'abjadmed', '--no-run', '--out', files.at('runs')],
    ['verify', 'abjadmed', '--no-run', '--golden', loop],
    ['merge', '--model', loop, '--adapter', loop, '--out', files.at('merged')],
    ['generate', '--model', loop, '--prompt', 'x'],
    ['audit', files.at('loop.yaml')],
  ]) {
    const outcome = await medrepro([...words, '--quiet']);
    expect([words, outcome.stderr]).toEqual([words, expect.stringMatching(/^medrepro: [^\n]+\n {2}\S[^\n]*\n$/)]);
    expect(outcome.stderr).not.toContain('internal error');
    expect(outcome.exitCode).toBe(2);
  }
});

test.skipIf(!asNobody)('folders that may not be read', async () => {
  for (const name of ['locked', 'out']) {
    mkdirSync(files.at(name, 'abjadmed', 'all-linear'), { recursive: true });
    chmodSync(files.at(name, 'abjadmed', 'all-linear'), 0o700);
  }
  chmodSync(files.at('locked'), 0o700);
  for (const words of [
    ['verify', 'abjadmed', '--no-run', '--out', files.at('out')],
    ['verify', 'abjadmed', '--no-run', '--golden', files.at('locked')],
    ['generate', '--model', files.at('locked'), '--prompt', 'x'],
    ['data', 'qwen3-medquad', '--data', files.at('locked')],
    ['run', 'abjadmed/all-linear', '--resume', '--out', files.at('out'), '--data', files.write('r.csv', table())],
  ]) {
    const outcome = await limited('true', ...words, '--quiet');
    expect([words, outcome.stderr]).toEqual([words, expect.stringMatching(/^medrepro: [^\n]+\n {2}\S[^\n]*\n$/)]);
    expect(outcome.stderr).not.toContain('internal error');
    expect(outcome.exitCode).toBe(2);
  }
});

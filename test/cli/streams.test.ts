/** stdout holds results only, colour is for terminals, and a reader that goes away is no error. */

import { describe, expect, test } from 'bun:test';
import { formatError, wantsColour } from '../../src/cli/output';
import { createProgress } from '../../src/cli/progress';
import { inputError, usageError } from '../../src/errors';
import type { StepEvent } from '../../src/events';
import { bytes, count, duration } from '../../src/units';
import { BINARY, medrepro } from './binary';

describe('the binary', () => {
  test('doctor --json is one JSON document and nothing else', async () => {
    const { exitCode, stdout, stderr } = await medrepro(['doctor', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ready: true, cpu: { library: { how: 'memfd' } } });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });

  test('no colour without a terminal', async () => {
    const { stderr } = await medrepro(['rnu']);
    expect(stderr).not.toContain('\x1b');
  });

  test('a closed stdout is no error', async () => {
    const script = `set -o pipefail; "${BINARY}" doctor --json | true; echo "\${PIPESTATUS[0]}"`;
    const child = Bun.spawn(['bash', '-c', script], { stdout: 'pipe', stderr: 'pipe' });
    expect(await child.stderr.text()).toBe('');
    expect(await child.stdout.text()).toBe('0\n');
  });

  test('a full disk is an error of two lines at most, without a bug report', async () => {
    const child = Bun.spawn(['bash', '-c', `"${BINARY}" doctor >/dev/full`], { stdout: 'ignore', stderr: 'pipe' });
    expect(await child.stderr.text()).toStartWith('medrepro: cannot write to stdout: ENOSPC');
    expect(await child.exited).toBe(2);
  });

  test('a closed stderr does not change the exit code', async () => {
    const child = Bun.spawn(['bash', '-c', `"${BINARY}" rnu 2>&-`], { stdout: 'ignore', stderr: 'ignore' });
    expect(await child.exited).toBe(2);
  });
});

describe('colour', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '0' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %p, %j: %p', (isTTY, env, expected) => {
    expect(wantsColour({ isTTY }, env)).toBe(expected);
  });
});

describe('errors', () => {
  test('file, line, cause and remedy on two lines', () => {
    const error = inputError('label 82 of\n82 classes', { where: { file: 'a.csv', line: 3 }, remedy: 'use --map' });
    expect(formatError(error, { verbose: false, colour: false })).toBe(
      'medrepro: a.csv:3: label 82 of 82 classes\n  use --map\n',
    );
  });

  test('a cause that begins with the file names it once', () => {
    const error = inputError('a.json: head_dim 3 is odd', { where: { file: 'a.json' } });
    expect(formatError(error, { verbose: false, colour: false })).toBe('medrepro: a.json: head_dim 3 is odd\n');
  });

  test('verbose shows causes too', () => {
    const error = inputError('cannot read it', { cause: new Error('EACCES') });
    expect(formatError(error, { verbose: true, colour: false })).toMatch(/caused by Error: EACCES/);
    expect(formatError(usageError('x'), { verbose: false, colour: true })).toContain('\x1b[31m');
  });
});

describe('progress', () => {
  const step = (at: number): StepEvent => ({
    kind: 'step',
    step: at,
    total: 100,
    loss: 1 / at,
    lr: 2e-5,
    gradNorm: 0.25,
    tokens: at * 1000,
    tokensPerSecond: 1234.5,
    eta: 100 - at,
  });

  /** Feeds 100 steps, one per second, and returns what was written. */
  function watch(terminal: boolean, quiet: boolean): string {
    let written = '';
    let now = 0;
    const write = (text: string) => {
      written += text;
    };
    const progress = createProgress({
      terminal,
      quiet,
      columns: 60,
      colour: false,
      write,
      result: write,
      now: () => now,
    });
    for (let at = 1; at <= 100; at++, now += 1000) progress.onEvent(step(at));
    progress.onEvent({ kind: 'warning', message: 'slow', remedy: '--threads 2' });
    progress.close();
    return written;
  }

  test('plain lines: the first, one every five seconds, the last', () => {
    const lines = watch(false, false).trimEnd().split('\n');
    expect(lines[0]).toBe('step   1/100  loss 1.0000  lr 2.00e-5  |g| 0.250  1,235 tokens/s  ETA 1 min 39 s');
    expect(lines.map((line) => Number(/step +(\d+)/.exec(line)?.[1])).slice(0, 4)).toEqual([1, 6, 11, 16]);
    expect(lines.at(-2)).toStartWith('step 100/100');
    expect(lines.at(-1)).toBe('warning: slow (--threads 2)');
  });

  test('one line on a terminal, never wider than it, cleared for other lines', () => {
    const written = watch(true, false);
    const draws = written.split('\r\x1b[2K').slice(1);
    expect(draws.length).toBe(101);
    expect(draws.slice(0, 100).every((draw) => draw.length < 60 && !draw.includes('\n'))).toBe(true);
    expect(draws[100]).toBe('warning: slow (--threads 2)\n');
  });

  test('--quiet leaves warnings', () => {
    expect(watch(false, true)).toBe('warning: slow (--threads 2)\n');
  });

  test('units', () => {
    expect([0.04, 59.94, 185, 7800, Number.NaN].map(duration)).toEqual([
      '0.0 s',
      '59.9 s',
      '3 min 05 s',
      '2 h 10 min',
      'unknown',
    ]);
    expect([0, 999, 1000, 1.5e9].map(bytes)).toEqual(['0 B', '999 B', '1.00 kB', '1.50 GB']);
    expect([0, 999, 1234.5, 1e6].map(count)).toEqual(['0', '999', '1,235', '1,000,000']);
  });
});

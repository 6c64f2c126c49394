/** Ctrl-C, a killed process and a full disk: what is left can be resumed, to the bytes of a run that was left alone. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_FILES } from '../../scripts/run-files';
import { BINARY, medrepro } from './binary';
import { type Box, box, filesOf, resultsOf, runDirectories, statusOf, table } from './box';

setDefaultTimeout(120_000);

/** Milliseconds of CPU between Ctrl-C and the end: what is about a second on a quiet machine may be any time on a busy one. */
const SOON = 2000;

let files: Box;
/** A run that nobody stopped; it has 16 steps, enough for a signal to arrive while it trains. */
let alone: string;
let data: string;
const TARGET = 'abjadmed/attention-only';

beforeAll(async () => {
  files = box();
  data = files.write('long.csv', table(237, 40));
  const { exitCode } = await medrepro(['run', TARGET, '--data', data, '--out', files.at('alone'), '--quiet']);
  expect(exitCode).toBe(0);
  alone = runDirectories(files.at('alone'))[0]!;
});
afterAll(() => files.remove());

interface Stopped {
  code: number | null;
  signal: NodeJS.Signals | number | null;
  stdout: string;
  stderr: string;
  /** CPU after the signal, in milliseconds. */
  after: number;
}

/** Starts or resumes the run, and sends a signal as soon as it reports a step. */
async function stop(out: string, signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<Stopped> {
  const flags = ['--data', data, '--out', out, '--resume'];
  const child = Bun.spawn([BINARY, 'run', TARGET, ...flags], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  let stderr = '';
  let used: number | null = null;
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    stderr += decoder.decode(chunk, { stream: true });
    if (used === null && /^step +\d+\/16 /m.test(stderr)) {
      used = cpuOf(child.pid);
      child.kill(signal);
    }
  }
  const stdout = await child.stdout.text();
  await child.exited;
  // of the whole life, in microseconds
  const total = Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1000;
  return { code: child.exitCode, signal: child.signalCode, stdout, stderr, after: total - (used ?? Number.NaN) };
}

/** CPU a process has used, in milliseconds: utime and stime of /proc/PID/stat, in ticks of ten. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resumes to the end. */
async function finish(out: string): Promise<void> {
  const { exitCode, stderr } = await medrepro(['run', TARGET, '--data', data, '--out', out, '--resume']);
  expect(exitCode).toBe(0);
  expect(stderr).toContain(`resuming ${runDirectories(out)[0]} after step`);
}

/** Unfinished on the face of it: nothing there says otherwise. */
function expectUnfinished(folder: string): void {
  expect(existsSync(join(folder, 'metrics.json'))).toBeFalse();
  expect(existsSync(join(folder, 'report.html'))).toBeFalse();
  expect(statusOf(folder)).toBe('unfinished');
}

test('Ctrl-C while training: 130 at once, a checkpoint, and --resume ends in the same bytes', async () => {
  const out = files.at('ctrl-c');
  const { code, stdout, stderr, after } = await stop(out, 'SIGINT');
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expect(after).toBeLessThan(SOON);
  expect(stderr).toMatch(/\nmedrepro: stopped after step \d+\n {2}[^\n]*--resume\n$/);
  const [folder, ...others] = runDirectories(out);
  expect(others).toEqual([]);
  expectUnfinished(folder!);
  expect(filesOf(folder!)).toContain('checkpoint/state.safetensors');
  await finish(out);
  expect(runDirectories(out)).toEqual([folder!]);
  expect(filesOf(folder!)).toEqual([...RUN_FILES]);
  expect(resultsOf(folder!)).toEqual(resultsOf(alone));
  expect(readFileSync(join(folder!, 'metrics.json')).equals(readFileSync(join(alone, 'metrics.json')))).toBeTrue();
});

test('killed before and after a checkpoint: never half-true, and --resume ends in the same bytes', async () => {
  const out = files.at('killed');
  expect(await stop(out, 'SIGKILL')).toMatchObject({ signal: 'SIGKILL', stdout: '' });
  const [folder] = runDirectories(out);
  expectUnfinished(folder!);
  expect(filesOf(folder!)).not.toContain('checkpoint/state.safetensors');
  expect(await stop(out, 'SIGTERM')).toMatchObject({ code: 130, stdout: '' });
  expect(await stop(out, 'SIGKILL')).toMatchObject({ signal: 'SIGKILL', stdout: '' });
  expect(runDirectories(out)).toEqual([folder!]);
  expectUnfinished(folder!);
  expect(filesOf(folder!)).toContain('checkpoint/state.safetensors');
  await finish(out);
  expect(resultsOf(folder!)).toEqual(resultsOf(alone));
});

/** Runs the words as root of a mount namespace; null where that is not allowed. */
const namespace = await (async (): Promise<string[] | null> => {
  if (process.getuid?.() !== 0 || Bun.which('unshare') === null) return null;
  const words = ['unshare', '-m', '--propagation', 'private'];
  const probe = Bun.spawn([...words, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], {
    stdout: 'ignore',
    stderr: 'ignore',
  });
  return (await probe.exited) === 0 ? words : null;
})();

describe.if(namespace !== null)('a full disk', () => {
  /** Runs on a disk of `size`, keeps what it left in `first`, grows the disk, resumes, keeps that in `second`. */
  const SCRIPT = `
    mount -t tmpfs -o size="$2" tmpfs "$1/disk"
    "$3" run ${TARGET} --data "$4" --out "$1/disk" --quiet >"$1/stdout" 2>"$1/stderr"
    echo $? >"$1/code"
    cp -a "$1/disk" "$1/first"
    mount -o remount,size=64m "$1/disk"
    "$3" run ${TARGET} --data "$4" --out "$1/disk" --quiet --resume >"$1/again" 2>&1
    echo $? >>"$1/code"
    cp -a "$1/disk" "$1/second"`;

  // full at the manifest, the adapter, the middle of the adapter, the report
  test.each(['8k', '24k', '256k', '452k'])('of %s', async (size) => {
    const short = files.write('short.csv', table());
    const place = files.at(`disk-${size}`);
    mkdirSync(join(place, 'disk'), { recursive: true });
    const words = [...(namespace ?? []), 'sh', '-c', SCRIPT, 'sh', place, size, BINARY, short];
    expect(await Bun.spawn(words, { stdout: 'inherit', stderr: 'inherit' }).exited).toBe(0);
    const read = (name: string): string => readFileSync(join(place, name), 'utf8');
    expect(read('code')).toBe('2\n0\n');
    expect(read('stdout')).toBe('');
    expect(read('stderr')).toMatch(/^medrepro: cannot write [^\n]+\n {2}free disk space[^\n]*\n$/);
    const [full] = runDirectories(join(place, 'first'));
    const runs = runDirectories(join(place, 'second'));
    if (size === '452k') {
      // the result is whole, so the second call starts a run of its own
      expect(filesOf(full!)).toEqual(RUN_FILES.filter((name) => name !== 'report.html'));
      expect(resultsOf(runs[1]!)).toEqual({ ...resultsOf(runs[0]!), log: expect.any(String) });
    } else {
      // a run that has no room for its manifest leaves nothing
      if (size === '8k') expect(full).toBeUndefined();
      else expectUnfinished(full!);
      expect(runs).toHaveLength(1);
    }
    expect(filesOf(runs.at(-1)!)).toEqual([...RUN_FILES]);
    expect(statusOf(runs.at(-1)!)).toBe('finished');
  });
});

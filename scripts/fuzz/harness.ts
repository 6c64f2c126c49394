/**
 * Fuzzing of the parsers: every file under scripts/fuzz/ that exports a `target` is given valid inputs with random damage. A
 * parser may reject an input with a MedreproError; any other exception, more than 2 s of processor time or more than 1 GB of
 * memory for one input is a failure.
 *
 *   bun scripts/fuzz/harness.ts                       every target, 100,000 cases each
 *   bun scripts/fuzz/harness.ts parquet --cases 5000  one target
 *   bun scripts/fuzz/harness.ts parquet --case 4711   that one case again, in this process, with its stack
 *
 * Case n of a target is the same bytes on every machine (its damage is drawn from a generator seeded with n), so a failure is
 * reproduced by its number; its bytes are kept in build/fuzz/ as well. Each target runs in a process of its own, which is
 * watched from outside: a case that hangs or grows is killed, reported and skipped.
 */

import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { MedreproError } from '../../src/errors';
import { ROOT } from '../stages';
import { damage, generator } from './damage';

export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs, which damage starts from. */
  seeds(): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Reads one input; a MedreproError rejects it, anything else that is thrown is a failure. */
  parse(input: Uint8Array): unknown;
  /** Damage specific to the target, where damaged bytes seldom pass the first check; `random` gives [0, 1). */
  mutate?(seed: Uint8Array, random: () => number): Uint8Array;
}

export interface FuzzFailure {
  readonly case: number;
  readonly reason: string;
}

export const CASES = 100_000;

/** Seconds of processor time one case may take. */
const CASE_SECONDS = 2;

/** Bytes of resident memory the process may hold. */
const CASE_BYTES = 2 ** 30;

/** Failures after which a target is abandoned. */
const MAX_FAILURES = 10;

/** Milliseconds between two checks of the process. */
const LOOK = 50;

const HERE = join(ROOT, 'scripts', 'fuzz');

/** The names of all targets. */
export function fuzzTargets(): string[] {
  const tools = ['damage.ts', 'harness.ts', 'tables.ts'];
  return readdirSync(HERE)
    .filter((file) => file.endsWith('.ts') && !tools.includes(file))
    .map((file) => basename(file, '.ts'))
    .sort();
}

/** Runs cases [0, cases) of a target in processes of their own, and returns the failures. */
export async function fuzz(name: string, cases: number): Promise<FuzzFailure[]> {
  const failures: FuzzFailure[] = [];
  for (let next = 0; next < cases && failures.length < MAX_FAILURES; ) {
    const ended = await watch(name, next, cases);
    failures.push(...ended.failures);
    if (ended.stopped === null) break;
    failures.push({ case: ended.at, reason: ended.stopped });
    next = ended.at + 1;
  }
  for (const failure of failures) await keep(name, failure.case);
  return failures;
}

// --- internal ---

if (import.meta.main) {
  const [name, ...flags] = process.argv.slice(2).filter((word) => word !== '');
  const option = (flag: string): number | null =>
    flags.includes(flag) ? Number(flags[flags.indexOf(flag) + 1]) : null;
  if (option('--child') !== null) await serve(name!, option('--child')!, option('--cases')!, option('--state')!);
  else if (option('--case') !== null) await replay(name!, option('--case')!);
  else process.exitCode = await runAll(name === undefined ? fuzzTargets() : [name], option('--cases') ?? CASES);
}

async function runAll(names: readonly string[], cases: number): Promise<number> {
  let failed = 0;
  for (const name of names) {
    const start = performance.now();
    const failures = await fuzz(name, cases);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${failures.length > 0 ? 'FAIL' : 'ok  '} ${name}: ${cases} cases (${seconds} s)`);
    for (const { case: number, reason } of failures) {
      console.log(`     case ${number}: ${reason}; again: bun scripts/fuzz/harness.ts ${name} --case ${number}`);
    }
    if (failures.length > 0) failed++;
  }
  console.log(`${names.length - failed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

async function load(name: string): Promise<FuzzTarget> {
  return ((await import(join(HERE, `${name}.ts`))) as { target: FuzzTarget }).target;
}

/** The bytes of a case. */
function inputOf(target: FuzzTarget, seeds: readonly Uint8Array[], number: number): Uint8Array {
  const random = generator(number);
  const seed = seeds[Math.floor(random() * seeds.length)]!;
  if (target.mutate !== undefined && random() < 0.5) return target.mutate(seed, random);
  return damage(seed, seeds, random);
}

async function replay(name: string, number: number): Promise<void> {
  const target = await load(name);
  const input = inputOf(target, await target.seeds(), number);
  console.log(`${input.length} bytes: ${JSON.stringify(new TextDecoder('latin1').decode(input.subarray(0, 2000)))}`);
  try {
    await target.parse(input);
    console.log('accepted');
  } catch (error) {
    console.log(error instanceof MedreproError ? `rejected: ${error.message}` : error);
  }
}

async function keep(name: string, number: number): Promise<void> {
  const target = await load(name);
  const folder = join(ROOT, 'build', 'fuzz');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}-${number}`), inputOf(target, await target.seeds(), number));
}

/** The child: writes the number of its current case to the file `state`, and prints each failure as a line of JSON. */
async function serve(name: string, first: number, cases: number, state: number): Promise<void> {
  const target = await load(name);
  const seeds = await target.seeds();
  const at = new Float64Array(1);
  let failures = 0;
  for (let number = first; number < cases && failures < MAX_FAILURES; number++) {
    at[0] = number;
    writeSync(state, at, 0, 8, 0);
    try {
      await target.parse(inputOf(target, seeds, number));
    } catch (error) {
      if (error instanceof MedreproError && error.code !== 'internal') continue;
      failures++;
      const reason = error instanceof Error ? `${error.name}: ${error.message.split('\n')[0]}` : String(error);
      writeSync(1, `${JSON.stringify({ case: number, reason: reason.slice(0, 300) })}\n`);
    }
  }
  process.exit(0);
}

interface Ended {
  readonly failures: FuzzFailure[];
  /** Why the process was killed before its last case; null when it was not. */
  readonly stopped: string | null;
  /** The case it was at. */
  readonly at: number;
}

/** Starts a child and monitors it until it exits or has to be killed. */
async function watch(name: string, first: number, cases: number): Promise<Ended> {
  const folder = join(ROOT, 'build', 'fuzz');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.${process.pid}.state`);
  const state = openSync(file, 'w+');
  try {
    const words = ['--child', String(first), '--cases', String(cases), '--state', '3'];
    const child = Bun.spawn([process.execPath, join(HERE, 'harness.ts'), name, ...words], {
      stdio: ['ignore', 'pipe', 'pipe', state],
    });
    const output = new Response(child.stdout).text();
    const errors = new Response(child.stderr).text();
    let stopped: string | null = null;
    let [at, since] = [-1, 0];
    while (child.exitCode === null && child.signalCode === null) {
      await Promise.race([child.exited, Bun.sleep(LOOK)]);
      const seen = usage(child.pid);
      if (seen === null) continue;
      const now = readCase(state);
      if (now !== at) [at, since] = [now, seen.seconds];
      else if (at >= 0 && seen.seconds - since > CASE_SECONDS) stopped = `took more than ${CASE_SECONDS} s`;
      if (seen.bytes > CASE_BYTES) stopped = `took ${(seen.bytes / 2 ** 30).toFixed(1)} GiB`;
      if (stopped !== null) child.kill('SIGKILL');
    }
    const failures = (await output)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FuzzFailure);
    if (stopped === null && child.exitCode !== 0) {
      stopped = `the process ended with ${child.signalCode ?? child.exitCode}: ${(await errors).trim().slice(-300)}`;
    }
    return { failures, stopped, at: readCase(state) };
  } finally {
    closeSync(state);
    rmSync(file, { force: true });
  }
}

function readCase(state: number): number {
  const at = new Float64Array(1);
  return readSync(state, at, 0, 8, 0) === 8 ? at[0]! : -1;
}

/** Processor time and resident memory of a process; null when it has exited. */
function usage(pid: number): { seconds: number; bytes: number } | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
    // proc(5): utime and stime in ticks of 10 ms, rss in pages of 4 KiB, counted from the field after the name
    return { seconds: (Number(fields[11]) + Number(fields[12])) / 100, bytes: Number(fields[21]) * 4096 };
  } catch {
    return null;
  }
}

/**
 * Starts, kills and resumes a run of about a second, many times on a busy machine, on one core and on two, and checks that
 * none hangs: a process that uses no processor time for half a minute without being stopped is a failure, and its stacks are
 * kept. Every resumed run must end with the metrics of an uninterrupted one.
 *
 *   bun scripts/stress.ts [--runs 2000] [--busy 8] [--lanes 4]     after bun run build
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BINARY } from './build';
import { generator } from './fuzz/damage';
import { capture, ROOT } from './stages';

export interface StressOptions {
  /** Runs that are started; each is stopped at a random moment, or not, and then resumed to its end. */
  readonly runs: number;
  /** Processes that only use the processor. */
  readonly busy: number;
  /** Runs at the same time. */
  readonly lanes: number;
}

/** Seconds without processor time after which a process counts as hung. */
const STANDSTILL = 30;

const TARGET = 'abjadmed/attention-only';
const binary = join(ROOT, BINARY);

if (import.meta.main) {
  const option = (flag: string, otherwise: number): number => {
    const at = process.argv.indexOf(flag);
    return at < 0 ? otherwise : Number(process.argv[at + 1]);
  };
  const options = { runs: option('--runs', 2000), busy: option('--busy', 8), lanes: option('--lanes', 4) };
  const failures = await stress(options, (line) => console.log(line));
  for (const failure of failures) console.log(failure);
  console.log(`${options.runs - failures.length} passed, ${failures.length} failed`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

/** Returns one line (and stacks) for each run that went wrong. */
export async function stress(options: StressOptions, say: (line: string) => void = () => {}): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-stress-'));
  const busy = Array.from({ length: options.busy }, () => Bun.spawn(['sh', '-c', 'while :; do :; done']));
  const failures: string[] = [];
  try {
    const data = join(folder, 'rows.csv');
    writeFileSync(data, rows());
    const alone = await attempt({ folder: join(folder, 'alone'), data, cores: '', stop: null });
    if (typeof alone === 'string') return [alone];
    say(`a run alone takes ${alone.seconds.toFixed(2)} s of processor time`);
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < options.runs) {
        const number = next++;
        const problem = await one(number, folder, data, alone);
        if (problem !== null) failures.push(`run ${number}: ${problem}`);
        if ((number + 1) % 100 === 0) say(`${number + 1} runs, ${failures.length} failures`);
      }
    };
    await Promise.all(Array.from({ length: options.lanes }, lane));
    return failures;
  } finally {
    for (const process of busy) process.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

// --- internal ---

interface Attempt {
  readonly folder: string;
  readonly data: string;
  /** For taskset; empty = all. */
  readonly cores: string;
  /** A signal after so many seconds of the process's own time; null = none. */
  readonly stop: { readonly signal: NodeJS.Signals; readonly after: number } | null;
}

interface Finished {
  readonly metrics: string;
  readonly seconds: number;
}

async function one(number: number, parent: string, data: string, alone: Finished): Promise<string | null> {
  const random = generator(number);
  const folder = join(parent, String(number));
  const cores = random() < 0.5 || availableParallelism() < 2 ? String(number % availableParallelism()) : '';
  const signal: NodeJS.Signals = random() < 0.6 ? 'SIGKILL' : 'SIGINT';
  const after = random() * alone.seconds * 1.1;
  try {
    const stopped = await attempt({ folder, data, cores, stop: { signal, after } });
    if (typeof stopped === 'string') return stopped;
    const resumed = await attempt({ folder, data, cores, stop: null });
    if (typeof resumed === 'string') return `${resumed} (resumed after ${signal} at ${after.toFixed(2)} s)`;
    return resumed.metrics === alone.metrics ? null : `other metrics after ${signal} at ${after.toFixed(2)} s`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs once; a text says what went wrong. */
async function attempt({ folder, data, cores, stop }: Attempt): Promise<Finished | string> {
  mkdirSync(folder, { recursive: true });
  const words = [binary, 'run', TARGET, '--scale', 'mini', '--data', data, '--out', folder, '--resume'];
  const command = cores === '' ? words : ['taskset', '-c', cores, ...words];
  const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' });
  const output = Promise.all([child.stdout.text(), child.stderr.text()]);
  let [used, since, sent] = [0, performance.now(), false];
  while (child.exitCode === null && child.signalCode === null) {
    await Promise.race([child.exited, Bun.sleep(20)]);
    const seconds = secondsOf(child.pid);
    if (seconds === null) continue;
    if (seconds !== used) [used, since] = [seconds, performance.now()];
    if (stop !== null && !sent && seconds >= stop.after) {
      child.kill(stop.signal);
      sent = true;
    }
    if (performance.now() - since > STANDSTILL * 1000) {
      const stacks = await stacksOf(child.pid);
      child.kill('SIGKILL');
      const [stdout, stderr] = await output;
      return `stood still after ${used} s of processor time\n${stdout}${stderr}${stacks}`;
    }
  }
  const [stdout, stderr] = await output;
  const accepted = stop === null ? child.exitCode === 0 : [0, 130].includes(child.exitCode ?? 130);
  if (!accepted) return `ended with ${child.signalCode ?? child.exitCode}\n${stdout}${stderr}`;
  return { metrics: stop === null ? metricsIn(folder) : '', seconds: used };
}

/** `metrics.json` of the only finished run, but for what names the run. */
function metricsIn(folder: string): string {
  const parent = join(folder, ...TARGET.split('/'));
  const finished = readdirSync(parent).flatMap((id) => {
    try {
      return [readFileSync(join(parent, id, 'metrics.json'), 'utf8')];
    } catch {
      return [];
    }
  });
  return finished.length > 0 ? finished.at(-1)! : 'no finished run';
}

/** Processor time of a process; null when it is gone. */
function secondsOf(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}

/** Where every thread is: gdb's stacks where gdb is installed, else the kernel's. */
async function stacksOf(pid: number): Promise<string> {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => {
    const read = (name: string): string => {
      try {
        return readFileSync(`/proc/${pid}/task/${id}/${name}`, 'utf8').trim();
      } catch {
        return '?';
      }
    };
    return `${id} ${read('comm')}: ${read('wchan')}, syscall ${read('syscall')}`;
  });
  const { output } = await capture(['gdb', '-p', String(pid), '-batch', '-ex', 'thread apply all bt 20']);
  return `${threads.join('\n')}\n${output}`;
}

function rows(): string {
  const lines = ['text,category'];
  for (let i = 0; i < 60; i++) lines.push(`question ${i} about ${['fever', 'pain', 'sleep'][i % 3]},class ${i % 3}`);
  return `${lines.join('\n')}\n`;
}

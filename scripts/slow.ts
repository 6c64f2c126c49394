/**
 * The checks that take minutes or depend on the machine's speed; `bun scripts/test.ts --slow` runs them after the tests.
 */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkBareMachine, whyNoBareMachine } from './bare';
import { BINARY, CPU_LIBRARY, CUDA_LIBRARY } from './build';
import { type Check, countPlain } from './checks';
import { CASES, fuzz, fuzzTargets } from './fuzz/harness';
import { type CommandResult, capture, ROOT } from './stages';

/** The library must load on Ubuntu 22.04. */
const GLIBC_FLOOR = 35;

/** Milliseconds of CPU `--help` may take; the minimum of HELP_TRIES counts, because other processes use the machine too. */
const HELP_BUDGET = 30;
const HELP_TRIES = 5;

/** A short form of `scripts/stress.ts`. */
const STRESS = { runs: 16, busy: 4, lanes: 2 };

/** The real rows, where available. */
const MEDQUAD = join(process.env.MEDREPRO_TEST_DATA ?? '', 'data/medquad/medquad.csv.gz');

export function slowChecks(): Check[] {
  const noBareMachine = whyNoBareMachine();
  if (noBareMachine !== null) console.log(`skip a bare machine: ${noBareMachine}`);
  if (!existsSync(MEDQUAD))
    console.log('skip a run on the real rows of MedQuAD: MEDREPRO_TEST_DATA does not name them');
  return [
    { name: `glibc 2.${GLIBC_FLOOR} is enough, and only glibc is needed`, command: checkLibraryNeeds },
    { name: `--help takes less than ${HELP_BUDGET} ms of CPU`, command: checkHelpTime },
    { name: "the README's first command, then every paper against its golden file", command: runPapers },
    ...(existsSync(MEDQUAD) ? [{ name: 'qwen3-medquad at the mini scale on real rows', command: runRealRows }] : []),
    { name: `${STRESS.runs} runs that are stopped and resumed on a busy machine`, command: checkStress },
    ...(noBareMachine === null ? [{ name: 'a bare machine', command: checkBareMachine }] : []),
    { name: 'kernels under ASan and UBSan', command: () => sanitized('address,undefined'), count: countPlain },
    { name: 'kernels under TSan', command: () => sanitized('thread'), count: countPlain, alongside: true },
    ...fuzzTargets().map(
      (name): Check => ({
        name: `${CASES} damaged inputs: ${name}`,
        command: () => fuzzed(name),
        alongside: true,
      }),
    ),
  ];
}

// --- internal ---

async function checkLibraryNeeds(): Promise<CommandResult> {
  const libraries = existsSync(join(ROOT, CUDA_LIBRARY)) ? [CPU_LIBRARY, CUDA_LIBRARY] : [CPU_LIBRARY];
  const { exitCode, output } = await capture(['objdump', '-pT', ...libraries]);
  if (exitCode !== 0) return { exitCode, output };
  const versions = [...output.matchAll(/\bGLIBC_2\.(\d+)/g)].map((match) => Number(match[1]));
  const needed = [...output.matchAll(/^ *NEEDED +(\S+)$/gm)].map((match) => match[1] ?? '');
  const foreign = needed.filter(
    (name) => !/^(libc|libm|libpthread|libdl|ld-linux-x86-64|ld-linux-aarch64)\.so/.test(name),
  );
  const newest = Math.max(...versions);
  const ok = versions.length > 0 && newest <= GLIBC_FLOOR && foreign.length === 0;
  return { exitCode: ok ? 0 : 1, output: `needs glibc 2.${newest} and ${[...new Set(needed)].join(', ')}` };
}

async function checkHelpTime(): Promise<CommandResult> {
  const times: number[] = [];
  for (let i = 0; i < HELP_TRIES; i++) {
    const child = Bun.spawn([join(ROOT, BINARY), '--help'], { stdout: 'ignore', stderr: 'ignore' });
    await child.exited;
    // cpuTime is in microseconds
    times.push(Number(child.resourceUsage()?.cpuTime.total ?? Number.NaN) / 1000);
  }
  const best = Math.min(...times);
  return { exitCode: best < HELP_BUDGET ? 0 : 1, output: `${times.map((time) => time.toFixed(1)).join(', ')} ms` };
}

/**
 * `medrepro run abjadmed` as a reviewer types it, from a folder of their own; verify finds those runs and agrees, and runs every
 * other experiment that has a miniature.
 */
async function runPapers(): Promise<CommandResult> {
  const commands = [
    ['run', 'abjadmed'],
    ['verify', 'abjadmed', '--no-run', '--require', 'L1'],
    ['verify', '--all'],
  ];
  return inFolder(async (cwd) => {
    let last: CommandResult = { exitCode: 0, output: '' };
    for (const words of commands) {
      last = await capture([join(ROOT, BINARY), ...words], { cwd });
      if (last.exitCode !== 0) break;
    }
    return last;
  });
}

/** Rows of the real file that are trained and evaluated on: all 16,407 take more than six minutes and exercise nothing else. */
const REAL_ROWS = 6000;

/** Trains on thousands of real rows and computes the losses of hundreds more, which shows the memory that a long run keeps. */
async function runRealRows(): Promise<CommandResult> {
  const { readRecords } = await import('../src/data/records');
  const { columns, records } = (await readRecords(MEDQUAD)).parsed;
  return inFolder((cwd) => {
    const data = join(cwd, 'medquad.jsonl');
    const lines: string[] = [];
    for (const { values } of records) {
      if (lines.length === REAL_ROWS) break;
      lines.push(`${JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, values[i]])))}\n`);
    }
    writeFileSync(data, lines.join(''));
    return capture([join(ROOT, BINARY), 'run', 'qwen3-medquad', '--scale', 'mini', '--data', data], { cwd });
  });
}

/** Runs in a temporary folder that is deleted afterwards. */
async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-slow-'));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkStress(): Promise<CommandResult> {
  const { stress } = await import('./stress');
  const failures = await stress(STRESS);
  return { exitCode: failures.length > 0 ? 1 : 0, output: failures.join('\n') };
}

async function fuzzed(name: string): Promise<CommandResult> {
  const failures = await fuzz(name, CASES);
  const lines = failures.map((failure) => `case ${failure.case}: ${failure.reason}`);
  return { exitCode: failures.length > 0 ? 1 : 0, output: lines.join('\n') };
}

let cases: Promise<string> | null = null;

/** The cases of the self-test, written once for all sanitizers. */
function writtenCases(): Promise<string> {
  cases ??= import('./replay').then(({ writeCases }) => {
    const path = join(ROOT, 'build/selftest.cases');
    writeCases(path);
    return path;
  });
  return cases;
}

/**
 * Builds medrepro_test with a sanitizer, for the paths that this CPU runs, in a folder of its own, and runs it with the cases of the
 * self-test.
 */
async function sanitized(sanitizer: string): Promise<CommandResult> {
  const folder = join(ROOT, 'build', `sanitize-${sanitizer.replace(',', '-')}`);
  const compiler = `-DCMAKE_CXX_COMPILER=${process.env.CXX ?? 'g++'}`;
  const { availablePaths } = await import('../src/selftest/run');
  const options = ['-DMR_TESTS=ON', `-DMR_SANITIZE=${sanitizer}`, `-DMR_PATHS=${availablePaths().join(';')}`, compiler];
  const configure = ['cmake', '-S', 'kernels', '-B', folder, ...options];
  const compile = ['cmake', '--build', folder, '--target', 'medrepro_test', '-j', String(availableParallelism())];
  for (const command of [configure, compile]) {
    const result = await capture(command);
    if (result.exitCode !== 0) return result;
  }
  // TSan of older compilers cannot place its shadow memory under strong address space randomisation
  const fixed = (await capture(['setarch', '-R', 'true'])).exitCode === 0 ? ['setarch', '-R'] : [];
  const { output } = await capture(['find', folder, '-name', 'medrepro_test', '-type', 'f']);
  return capture([...fixed, output.trim(), '--quick', '--cases', await writtenCases()], {
    env: { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1', TSAN_OPTIONS: 'halt_on_error=1' },
  });
}

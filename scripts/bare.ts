/**
 * A machine with nothing on it: a root file system that holds the binary, the dynamic loader and glibc, mounted read-only,
 * without a network, a home or a place to execute files from. Anything else that medrepro needs is detected here.
 */

import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BINARY, CPU_LIBRARY } from './build';
import { RUN_FILES } from './run-files';
import { type CommandResult, capture, must, ROOT } from './stages';

/** Why this machine cannot have such a file system; null when it can. */
export function whyNoBareMachine(): string | null {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'mounting needs root';
  for (const tool of ['unshare', 'chroot', 'mount', 'ldd']) if (Bun.which(tool) === null) return `there is no ${tool}`;
  const probe = Bun.spawnSync([...NAMESPACE, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);
  return probe.exitCode === 0 ? null : 'mount namespaces are not allowed here';
}

/** Runs the binary there as an ordinary user; every line of the output is a fault. */
export async function checkBareMachine(): Promise<CommandResult> {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-bare-'));
  try {
    chmodSync(folder, 0o755);
    await furnish(join(folder, 'root'));
    for (const name of ['out', 'results']) mkdirSync(join(folder, name));
    chownSync(join(folder, 'out'), NOBODY, NOBODY);
    const { exitCode, output } = await capture([...NAMESPACE, 'sh', '-eu', '-c', script(), 'sh', folder]);
    if (exitCode !== 0) return { exitCode, output: `the machine could not be made: ${output}` };
    const wrong = [...COMMANDS.flatMap((command) => judge(folder, command)), ...judgeFiles(folder)];
    return { exitCode: wrong.length > 0 ? 1 : 0, output: wrong.join('\n') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// --- internal ---

const NAMESPACE = ['unshare', '--mount', '--net', '--propagation', 'private'];
const NOBODY = 65534;

interface Command {
  readonly name: string;
  readonly words: string;
  readonly env?: string;
  readonly exitCode: number;
  /** What is wrong with what it printed; null when nothing is. */
  readonly check: (stdout: string, stderr: string) => string | null;
}

const loadedFrom = (how: string) => (stdout: string) => {
  const { ready, cpu } = JSON.parse(stdout) as { ready: boolean; cpu: { library: { how: string } } };
  return ready && cpu.library.how === how ? null : `ready ${ready}, loaded by ${cpu.library.how}, not ${how}`;
};

const COMMANDS: readonly Command[] = [
  { name: 'doctor', words: 'doctor --json', exitCode: 0, check: loadedFrom('memfd') },
  {
    name: 'doctor through a cache folder',
    words: 'doctor --json',
    env: 'MEDREPRO_LIBRARY=cache XDG_CACHE_HOME=/exec',
    exitCode: 0,
    check: loadedFrom('cache'),
  },
  {
    name: 'no folder for a cache',
    words: 'selftest --only argmax --quiet',
    env: 'MEDREPRO_LIBRARY=cache',
    exitCode: 2,
    check: (stdout, stderr) =>
      stdout === '' && /^medrepro: no folder can hold [^\n]+\n {2}set XDG_CACHE_HOME[^\n]+\n$/.test(stderr)
        ? null
        : stderr,
  },
  {
    name: 'selftest',
    words: 'selftest --only gemm --quiet',
    exitCode: 0,
    check: (stdout) => (/^\d+ cases passed, 0 failed$/m.test(stdout) ? null : stdout),
  },
  {
    // a seed of its own has no golden values, so that the exit code does not depend on them
    name: 'run',
    words: 'run abjadmed/attention-only --seed 7 --out /out --quiet',
    exitCode: 0,
    check: (stdout) => (/^abjadmed\/attention-only \(mini, seed 7\): macro-f1 0\.\d+/.test(stdout) ? null : stdout),
  },
];

/** The binary, what ldd says it and the kernels need, and empty places to mount on. */
async function furnish(root: string): Promise<void> {
  for (const name of ['proc', 'dev', 'tmp', 'out', 'exec']) mkdirSync(join(root, name), { recursive: true });
  for (const name of DEVICES) writeFileSync(join(root, 'dev', name), '');
  copyFileSync(join(ROOT, BINARY), join(root, 'medrepro'));
  chmodSync(join(root, 'medrepro'), 0o755);
  for (const file of [BINARY, CPU_LIBRARY]) {
    for (const [, path] of (await must(['ldd', join(ROOT, file)])).matchAll(/(\/\S+) \(0x/g)) {
      mkdirSync(dirname(join(root, path!)), { recursive: true });
      copyFileSync(path!, join(root, path!));
      chmodSync(join(root, path!), 0o755);
    }
  }
}

const DEVICES = ['null', 'zero', 'urandom'];

/** Mounts, then runs every command; `$1` is the folder that holds root/, out/ and results/. */
function script(): string {
  const enter = 'env -i HOME=/nonexistent PATH=/';
  const user = `${Bun.which('chroot')} --userspec=${NOBODY}:${NOBODY} "$1/root" /medrepro`;
  return [
    'mount --bind "$1/root" "$1/root"',
    'mount --bind /proc "$1/root/proc"',
    ...DEVICES.map((name) => `mount --bind /dev/${name} "$1/root/dev/${name}"`),
    'mount -t tmpfs -o noexec,mode=1777 tmpfs "$1/root/tmp"',
    `mount -t tmpfs -o uid=${NOBODY},mode=700 tmpfs "$1/root/exec"`,
    'mount --bind "$1/out" "$1/root/out"',
    'mount -o remount,bind,ro "$1/root"',
    ...COMMANDS.flatMap(({ words, env }, index) => [
      'code=0',
      `${enter} ${env ?? ''} ${user} ${words} >"$1/results/${index}.out" 2>"$1/results/${index}.err" || code=$?`,
      `echo $code >"$1/results/${index}.code"`,
    ]),
    'ls -A "$1/root/tmp" >"$1/results/tmp"',
  ].join('\n');
}

function judge(folder: string, command: Command): string[] {
  const index = COMMANDS.indexOf(command);
  const read = (part: string): string => readFileSync(join(folder, 'results', `${index}.${part}`), 'utf8');
  const [code, stdout, stderr] = [Number(read('code')), read('out'), read('err')];
  if (code !== command.exitCode) return [`${command.name}: exit code ${code}, not ${command.exitCode}: ${stderr}`];
  const wrong = command.check(stdout, stderr);
  return wrong === null ? [] : [`${command.name}: ${wrong}`];
}

/** The run directory is complete, and nothing was left in /tmp. */
function judgeFiles(folder: string): string[] {
  const wrong: string[] = [];
  const left = readFileSync(join(folder, 'results', 'tmp'), 'utf8').trim();
  if (left !== '') wrong.push(`left in /tmp: ${left}`);
  const parent = join(folder, 'out', 'abjadmed', 'attention-only');
  const runs = existsSync(parent) ? readdirSync(parent) : [];
  if (runs.length !== 1) return [...wrong, `${runs.length} run directories`];
  const run = join(parent, runs[0]!);
  const found = readdirSync(run, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(run.length + 1))
    .sort();
  if (found.join() !== RUN_FILES.join()) wrong.push(`the run directory holds ${found.join(', ')}`);
  return wrong;
}

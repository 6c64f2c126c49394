/**
 * `bun run test`: builds, then runs every check, and ends with `N passed, N failed`.
 *
 * Each stage prints one line; a stage that fails also prints what its tool said. A tool that crashes without counting
 * counts as one failure, and so does a build that fails. Exit code 0 when nothing failed, 1 otherwise.
 *
 *   bun scripts/test.ts           about ten minutes on two cores, half of it to build everything once
 *   bun scripts/test.ts --slow    also sanitizers and checks of the finished binary
 *
 * MEDREPRO_TEST_DATA names a folder with the papers' real data; tests that need it are left out without it.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, NATIVE_TEST } from './build';
import { type Check, type Count, countBunTest, countCtest, countPlain, finish, runChecks } from './checks';
import { BuildError, filesUnder, main, ROOT } from './stages';

/** The scripts that write committed files; each has a --check. */
const MAKERS = ['tokenizer', 'abjadmed', 'medquad', 'textbooks'].map((name) => `scripts/mini/${name}.ts`);

/** The versions of clang-format that agree on .clang-format and kernels/; Debian's and Ubuntu's of these years. */
const CLANG_FORMAT = { oldest: 14, newest: 19 };

if (import.meta.main) {
  await main(async () => {
    const built = await tryBuild();
    const list = built.failed === 0 ? [...staticChecks(), ...testRuns()] : staticChecks();
    if (built.failed === 0 && process.argv.includes('--slow')) list.push(...(await import('./slow')).slowChecks());
    const { passed, failed } = await runChecks(list);
    return finish({ passed: passed + built.passed, failed: failed + built.failed });
  });
}

// --- internal ---

async function tryBuild(): Promise<Count> {
  try {
    await build({ tests: true });
    return { passed: 1, failed: 0 };
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.log(`FAIL build\n${error.message}`);
    return { passed: 0, failed: 1 };
  }
}

/** What needs no build. */
function staticChecks(): Check[] {
  const bun = process.execPath;
  const tool = (path: string) => [bun, join(ROOT, 'node_modules', path)];
  return [
    { name: 'types', command: tool('typescript/bin/tsc') },
    { name: 'format and lint', command: [...tool('@biomejs/biome/bin/biome'), 'ci', '--colors=off'] },
    { name: 'bindings match the headers', command: [bun, 'scripts/bindings.ts', '--check'] },
    ...formatOfKernels(),
    ...MAKERS.map((script) => ({ name: `what ${script} makes is up to date`, command: [bun, script, '--check'] })),
  ];
}

/** kernels/ as .clang-format says; nothing, with the reason, where no clang-format can tell. */
function formatOfKernels(): Check[] {
  const found = ['clang-format', 'clang-format-14', 'clang-format-19'].map((name) => Bun.which(name)).find(Boolean);
  if (!found) {
    console.log('skip the format of kernels/: there is no clang-format (apt install clang-format)');
    return [];
  }
  const version = Bun.spawnSync([found, '--version']).stdout.toString();
  const major = Number(/version (\d+)/.exec(version)?.[1]);
  if (!(major >= CLANG_FORMAT.oldest && major <= CLANG_FORMAT.newest)) {
    const { oldest, newest } = CLANG_FORMAT;
    console.log(`skip the format of kernels/: ${oldest} to ${newest} agree on it, and this is ${version.trim()}`);
    return [];
  }
  const sources = filesUnder(['kernels']).filter((file) => /\.(cpp|h|cu)$/.test(file));
  return [{ name: 'format of kernels/', command: [found, '--dry-run', '--Werror', ...sources] }];
}

function testRuns(): Check[] {
  const bun = process.execPath;
  // the limit only ends what hangs: no test fails because the machine is busy
  const bunTest = [bun, 'test', '--timeout', '120000'];
  return [
    {
      name: 'no path lends its code to another (weak symbols)',
      command: ['ctest', '--test-dir', 'build/kernels', '-R', 'weak_symbols', '--output-on-failure'],
      count: countCtest,
    },
    { name: 'pre-training repeats its first steps', command: [bun, 'scripts/mini/pretrain.ts', '--check'] },
    // the longest first
    { name: 'the compiled binary', command: [...bunTest, './test/cli'], count: countBunTest },
    { name: 'CUDA kernels, emulated', command: [...bunTest, './test/cuda'], count: countBunTest, alongside: true },
    { name: 'TypeScript', command: [...bunTest, ...testFolders()], count: countBunTest, alongside: true },
    { name: 'kernels', command: [join(ROOT, NATIVE_TEST)], count: countPlain, alongside: true },
  ];
}

/** Everything under test/ that holds tests, but what has a stage of its own. */
function testFolders(): string[] {
  return readdirSync(join(ROOT, 'test'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['cli', 'cuda', 'fixtures'].includes(entry.name))
    .map((entry) => `./test/${entry.name}`);
}

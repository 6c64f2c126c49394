/**
 * Builds `dist/medrepro`: packages, kernels, assets, binary. Each step runs only when what it reads has changed (by
 * content, not by time), so that a second call costs a few milliseconds.
 *
 *   bun scripts/build.ts            the binary
 *   bun scripts/build.ts --tests    also medrepro_test, the tests of the kernels
 *
 * Everything is printed on stderr, one line per step that had to run. Exit code 2 when something is missing.
 */

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { ASSET_FOLDERS, packAsset } from '../src/assets';
import {
  BuildError,
  capture,
  contentHash,
  filesUnder,
  isFresh,
  locked,
  main,
  must,
  ROOT,
  stage,
  writeStamp,
} from './stages';

export const BINARY = 'dist/medrepro';
export const NATIVE = 'build/native';
export const CPU_LIBRARY = `${NATIVE}/libmedrepro_cpu.so`;
export const CUDA_LIBRARY = `${NATIVE}/libmedrepro_cuda.so`;
export const NATIVE_TEST = 'build/kernels/test/medrepro_test';

/** The first g++ with all intrinsics the AVX512-BF16 path uses. */
const OLDEST_COMPILER = [11, 0] as const;

/** Everything up to date; `tests` adds the native test program. */
export async function build(options: { tests?: boolean } = {}): Promise<void> {
  await locked(async () => {
    await installPackages();
    await buildKernels(options.tests ?? false);
    await compileBinary();
  });
}

/** `bun install` when package.json or bun.lock changed or node_modules is missing. */
export async function installPackages(): Promise<void> {
  const hash = contentHash(['package.json', 'bun.lock'], [Bun.version]);
  const stamp = 'node_modules/.medrepro';
  if (isFresh(stamp, hash, ['node_modules'])) return;
  await stage('installing packages', () => must([process.execPath, 'install', '--frozen-lockfile']));
  writeStamp(stamp, hash);
}

/** Whether the CUDA kernels are built: where there is an nvcc, unless MEDREPRO_CUDA=off says not to. */
export const buildsCuda = (): boolean => process.env.MEDREPRO_CUDA !== 'off' && Bun.which('nvcc') !== null;

/**
 * The shared libraries into build/native.
 *
 * @throws BuildError naming the Debian package when a tool is missing or too old.
 */
export async function buildKernels(tests: boolean): Promise<void> {
  const compiler = process.env.CXX ?? 'g++';
  const cuda = buildsCuda();
  const flags = [
    `--CDMR_TESTS=${tests ? 'ON' : 'OFF'}`,
    `--CDMR_CUDA=${cuda ? 'ON' : 'OFF'}`,
    `--CDCMAKE_CXX_COMPILER=${compiler}`,
  ];
  // the flag for the tests adds a program and changes no library: their stamps are separate
  const sources = filesUnder(['kernels']);
  const libraries = contentHash(sources, [compiler, String(cuda)]);
  const products = cuda ? [CPU_LIBRARY, CUDA_LIBRARY] : [CPU_LIBRARY];
  const fresh = isFresh(`${NATIVE}/libraries.stamp`, libraries, products);
  if (fresh && (!tests || isFresh(`${NATIVE}/tests.stamp`, libraries, [NATIVE_TEST]))) return;

  await requireTool('cmake', 'cmake', oldestCmake());
  await requireTool(compiler, 'g++', OLDEST_COMPILER);
  if (cuda) await requireNvcc();
  const cmakeJs = [process.execPath, join(ROOT, 'node_modules/cmake-js/bin/cmake-js')];
  const where = ['-d', join(ROOT, 'kernels'), '-O', join(ROOT, 'build/kernels'), '-l', 'warn'];
  forgetMovedBuild();
  await stage(tests ? 'building kernels and their tests' : 'building kernels', async () => {
    await must([...cmakeJs, 'configure', ...where, ...flags]);
    await must([...cmakeJs, 'build', ...where, '-p', String(availableParallelism())]);
  });

  // a library of an earlier build has other sources
  rmSync(join(ROOT, CUDA_LIBRARY), { force: true });
  mkdirSync(join(ROOT, NATIVE), { recursive: true });
  for (const folder of ['build/kernels', 'build/kernels/Release']) {
    if (!existsSync(join(ROOT, folder))) continue;
    for (const name of readdirSync(join(ROOT, folder))) {
      if (/^libmedrepro_\w+\.so$/.test(name)) install(join(folder, name), NATIVE);
    }
  }
  for (const file of tests ? [...products, NATIVE_TEST] : products) {
    if (!existsSync(join(ROOT, file))) throw new BuildError(`cmake-js built no ${basename(file)}`);
  }
  writeStamp(`${NATIVE}/libraries.stamp`, libraries);
  if (tests) writeStamp(`${NATIVE}/tests.stamp`, libraries);
}

/** `dist/medrepro` from src/, the assets and the libraries. */
export async function compileBinary(): Promise<void> {
  const libraries = readdirSync(join(ROOT, NATIVE)).filter((name) => /^libmedrepro_\w+\.so$/.test(name));
  const inputs = [
    ...filesUnder(['src', ...ASSET_FOLDERS]),
    ...libraries.map((name) => join(NATIVE, name)),
    'package.json',
    'bun.lock',
    'scripts/build.ts',
  ];
  const hash = contentHash(inputs, [Bun.version]);
  const stamp = 'build/binary.stamp';
  if (isFresh(stamp, hash, [BINARY])) return;
  await stage('compiling medrepro', async () => {
    await prepareAssets(libraries);
    // the name is baked in, so it must be the final one; the rename makes the change atomic
    const unfinished = 'build/compile/medrepro';
    mkdirSync(join(ROOT, dirname(BINARY)), { recursive: true });
    // --splitting keeps the jobs out of what --help loads. --bytecode needs --format=esm: without it the build machine's path is
    // baked in. The two autoload flags keep the binary from reading a .env or bunfig.toml of the folder it is started in.
    await must([
      process.execPath,
      'build',
      '--compile',
      '--minify',
      '--splitting',
      '--bytecode',
      '--format=esm',
      '--sourcemap=none',
      '--no-compile-autoload-dotenv',
      '--no-compile-autoload-bunfig',
      '--asset',
      'build/assets',
      'src/main.ts',
      'src/worker.ts',
      '--outfile',
      unfinished,
    ]);
    renameSync(join(ROOT, unfinished), join(ROOT, BINARY));
  });
  writeStamp(stamp, hash);
}

// --- internal ---

/**
 * build/assets: libraries as they are (they are loaded in place), everything else packed; beside a paper and its golden file, what
 * the loader makes of them.
 */
async function prepareAssets(libraries: readonly string[]): Promise<void> {
  const folder = join(ROOT, 'build/assets');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of libraries) copyFileSync(join(ROOT, NATIVE, name), join(folder, name));
  const write = (name: string, bytes: Uint8Array): void => {
    const target = join(folder, `${name}.zst`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, packAsset(name, bytes));
  };
  for (const file of filesUnder(ASSET_FOLDERS)) write(file, readFileSync(join(ROOT, file)));
  for (const { name, text } of await storedForms()) write(name, Buffer.from(text));
}

/** Papers and golden files as the loader leaves them; they are checked here, so a start need not. */
async function storedForms(): Promise<{ readonly name: string; readonly text: string }[]> {
  // they need the packages, which are installed by now
  const { embeddedPapers, loadEmbedded } = await import('../src/paper/target');
  const { storePaper } = await import('../src/paper/stored');
  const { storeGolden } = await import('../src/verify/golden');
  return embeddedPapers().flatMap((id) => {
    const golden = join(ROOT, `golden/${id}.yaml`);
    return [
      ...storePaper(id, readFileSync(join(ROOT, `papers/${id}.yaml`), 'utf8')),
      ...(existsSync(golden) ? [storeGolden(readFileSync(golden, 'utf8'), loadEmbedded(id))] : []),
    ];
  });
}

/** CMake rejects a build folder configured under another path: a checkout that was copied or moved starts over. */
function forgetMovedBuild(): void {
  const cache = join(ROOT, 'build/kernels/CMakeCache.txt');
  if (!existsSync(cache)) return;
  const here = `CMAKE_HOME_DIRECTORY:INTERNAL=${join(ROOT, 'kernels')}\n`;
  if (!readFileSync(cache, 'utf8').includes(here)) rmSync(dirname(cache), { recursive: true, force: true });
}

/** Copies by rename: a process that has the old file mapped keeps it. */
function install(file: string, folder: string): void {
  const target = join(ROOT, folder, basename(file));
  copyFileSync(join(ROOT, file), `${target}.new`);
  renameSync(`${target}.new`, target);
}

/** The version kernels/CMakeLists.txt asks for. */
function oldestCmake(): [number, number] {
  const text = readFileSync(join(ROOT, 'kernels/CMakeLists.txt'), 'utf8');
  const [, major, minor] = /cmake_minimum_required\(VERSION (\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(major), Number(minor)];
}

async function requireTool(command: string, name: string, oldest: readonly [number, number]): Promise<void> {
  const needs = `medrepro is built with ${name} ${oldest.join('.')} or newer`;
  const remedy = 'apt install cmake g++';
  if (Bun.which(command) === null) throw new BuildError(`${needs}, which is not here: ${remedy}`);
  const { output } = await capture([command, '--version']);
  // the last version-like word of the first line: "g++ (Debian 12.2.0-14) 12.2.0", "cmake version 3.25.1"
  const found = (output.split('\n')[0] ?? '').match(/\d+\.\d+(\.\d+)*/g)?.at(-1);
  const [major = 0, minor = 0] = (found ?? '').split('.').map(Number);
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new BuildError(`${needs}, this one is ${found ?? 'of an unknown version'}: ${remedy}`);
  }
}

/** The nvcc that knows every architecture of kernels/cuda/CMakeLists.txt. */
async function requireNvcc(): Promise<void> {
  const { output } = await capture(['nvcc', '--version']);
  const [, major, minor] = /release (\d+)\.(\d+)/.exec(output) ?? [];
  if (Number(major) >= 13) return;
  const found = major === undefined ? 'this one does not say what it is' : `this one is ${major}.${minor}`;
  throw new BuildError(
    `the CUDA kernels are built with nvcc 13.0 or newer, ${found}: install a newer CUDA toolkit, or set MEDREPRO_CUDA=off`,
  );
}

if (import.meta.main) {
  await main(async () => {
    await build({ tests: process.argv.includes('--tests') });
    return 0;
  });
}

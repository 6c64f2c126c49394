/** The CUDA back end has every function of kernels/medrepro.h: written, and exported by the libraries that are built from it. */
import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CUDA_WORKSPACE_BYTES } from '../../src/native/device';
import { exportedBy } from './elf';
import { EMULATED_LIBRARY } from './emulated';

const ROOT = join(import.meta.dir, '../..');
const FOLDER = join(ROOT, 'kernels/cuda');

/** What the header declares. */
const declared = [
  ...readFileSync(join(ROOT, 'kernels/medrepro.h'), 'utf8').matchAll(/^MR_API [^(;]*?\b(mr_\w+)\(/gm),
].map(([, name]) => name!);

test('a plan counts the workspace that the kernels may take', () => {
  const [, megabytes] = /WORKSPACE_LIMIT = (\d+) << 20;/.exec(readFileSync(join(FOLDER, 'device.h'), 'utf8')) ?? [];
  expect(Number(megabytes) * 2 ** 20).toBe(CUDA_WORKSPACE_BYTES);
});

test('the header declares functions, each once', () => {
  expect(declared.length).toBeGreaterThan(50);
  expect(new Set(declared).size).toBe(declared.length);
});

test('every function has a definition in kernels/cuda, and one alone', () => {
  const defined = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.cu'))
    .flatMap((name) => definitions(readFileSync(join(FOLDER, name), 'utf8')));
  expect(declared.filter((name) => !defined.includes(name))).toEqual([]);
  expect(defined.filter((name, i) => defined.indexOf(name) !== i)).toEqual([]);
});

const libraries = { emulated: EMULATED_LIBRARY, shipped: join(ROOT, 'build/native/libmedrepro_cuda.so') };
for (const [name, path] of Object.entries(libraries)) {
  test.skipIf(!existsSync(path))(`the ${name} library exports every function, none of them weak`, () => {
    const symbols = exportedBy(readFileSync(path));
    expect(declared.filter((one) => symbols.get(one) !== 'strong')).toEqual([]);
  });
}

/** Names of the functions that a source file defines within extern "C", but for weak ones. */
function definitions(source: string): string[] {
  const inside = source.slice(Math.max(source.indexOf('extern "C" {'), 0));
  if (!inside.startsWith('extern "C" {')) return [];
  return [...inside.matchAll(/^MR_API [^(;{]*?\b(mr_\w+)\([^;{]*\{/gm)].map(([, name]) => name!);
}

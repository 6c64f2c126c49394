/**
 * `bun run medrepro <arguments>`: builds what has changed, then becomes `dist/medrepro <arguments>`.
 *
 * It replaces itself by exec instead of starting a child, so that standard input and output, signals and the exit code are
 * the binary's own.
 */

import { dlopen, ptr } from 'bun:ffi';
import { join } from 'node:path';
import { BINARY, build } from './build';
import { BuildError, main, ROOT } from './stages';

await main(async () => {
  await build();
  return exec(join(ROOT, BINARY), process.argv.slice(2));
});

/** Does not return, unless it throws because the file cannot be executed. */
function exec(file: string, args: readonly string[]): never {
  const { execv } = dlopen('libc.so.6', { execv: { args: ['ptr', 'ptr'], returns: 'i32' } }).symbols;
  const texts = [file, ...args].map((text) => Buffer.from(`${text}\0`));
  const pointers = new BigUint64Array([...texts.map((text) => BigInt(ptr(text))), 0n]);
  execv(ptr(texts[0] as Buffer), ptr(pointers));
  throw new BuildError(`cannot execute ${file}`);
}

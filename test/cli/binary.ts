/** Runs the compiled binary; `bun scripts/build.ts` makes it. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dir, '../..');
export const BINARY = join(ROOT, 'dist/medrepro');

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface Options {
  env?: Record<string, string>;
  cwd?: string;
  /** Words before the binary: `setpriv --reuid 65534`. */
  through?: string[];
}

/** Runs `medrepro <args>` to its end with a closed stdin and an environment of PATH, HOME and `env`. */
export async function medrepro(args: string[], options: Options = {}): Promise<Outcome> {
  if (!existsSync(BINARY)) throw new Error("dist/medrepro is missing: run 'bun scripts/build.ts'");
  const child = Bun.spawn([...(options.through ?? []), BINARY, ...args], {
    cwd: options.cwd ?? ROOT,
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', ...options.env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { exitCode, stdout, stderr };
}

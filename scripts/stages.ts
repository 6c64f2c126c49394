/**
 * Small tools of the build and test scripts: stages that print one line, commands, content hashes, a lock.
 *
 * Everything under scripts/ that runs before `bun install` imports only Bun, node: modules and each other.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = new URL('..', import.meta.url).pathname;

/** A failure whose message is a full explanation: printed without a stack, exit code 2. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
}

/** Runs `work` and prints `what … 1.2 s` on stderr. */
export async function stage<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  process.stderr.write(`${what} … `);
  try {
    const result = await work();
    process.stderr.write(`${((performance.now() - start) / 1000).toFixed(1)} s\n`);
    return result;
  } catch (error) {
    process.stderr.write('failed\n');
    throw error;
  }
}

export interface CommandOptions {
  env?: Record<string, string>;
  cwd?: string;
}

export interface CommandResult {
  exitCode: number;
  /** stdout and stderr, interleaved as far as the pipes allow. */
  output: string;
}

/** Runs a command from the repository root without a terminal and returns what it printed; 127 when it is not there. */
export async function capture(command: string[], options: CommandOptions = {}): Promise<CommandResult> {
  if (Bun.which(command[0] ?? '') === null) return { exitCode: 127, output: `${command[0]} is not here` };
  const child = Bun.spawn(command, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const chunks: Uint8Array[] = [];
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) chunks.push(chunk);
  };
  await Promise.all([drain(child.stdout), drain(child.stderr), child.exited]);
  return { exitCode: child.exitCode ?? 128, output: Buffer.concat(chunks).toString() };
}

/** {@link capture} that must succeed; otherwise the end of the output is the error's message. */
export async function must(command: string[], options: CommandOptions = {}): Promise<string> {
  const { exitCode, output } = await capture(command, options);
  if (exitCode === 0) return output;
  const tail = output.trimEnd().split('\n').slice(-40).join('\n');
  throw new BuildError(`${command.map((word) => word.replace(ROOT, '')).join(' ')} exited with ${exitCode}\n${tail}`);
}

/** All files under `paths` (files or folders, relative to the root), sorted; folders named in `skip` are left out. */
export function filesUnder(paths: readonly string[], skip: readonly string[] = ['node_modules']): string[] {
  const files: string[] = [];
  const visit = (path: string) => {
    for (const entry of readdirSync(join(ROOT, path), { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!skip.includes(entry.name)) visit(child);
      } else if (entry.isFile()) files.push(child);
    }
  };
  for (const path of paths) {
    if (!existsSync(join(ROOT, path))) continue;
    if (Bun.file(join(ROOT, path)).size > 0 && !isFolder(path)) files.push(path);
    else visit(path);
  }
  return files.sort();
}

/** sha256 over names and contents of files and over `extra` (flags, versions): equal means nothing to do. */
export function contentHash(files: readonly string[], extra: readonly string[] = []): string {
  const hasher = new Bun.CryptoHasher('sha256');
  for (const text of extra) hasher.update(`${text}\0`);
  for (const file of files) {
    const data = readFileSync(join(ROOT, file));
    hasher.update(`${file}\0${data.length}\0`).update(data);
  }
  return hasher.digest('hex');
}

/** Whether `stamp` (relative to the root) holds `hash` and all `outputs` exist. */
export function isFresh(stamp: string, hash: string, outputs: readonly string[]): boolean {
  const path = join(ROOT, stamp);
  return (
    existsSync(path) && readFileSync(path, 'utf8') === hash && outputs.every((output) => existsSync(join(ROOT, output)))
  );
}

export function writeStamp(stamp: string, hash: string): void {
  mkdirSync(dirname(join(ROOT, stamp)), { recursive: true });
  writeFileSync(join(ROOT, stamp), hash);
}

/** Holds `build/lock` while `work` runs, so that two builds in one checkout wait for each other. */
export async function locked<T>(work: () => Promise<T>): Promise<T> {
  const path = join(ROOT, 'build', 'lock');
  mkdirSync(dirname(path), { recursive: true });
  while (!take(path)) await Bun.sleep(200);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Runs a script's body; a BuildError becomes its message and exit code 2. */
export async function main(body: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

// --- internal ---

function isFolder(path: string): boolean {
  try {
    readdirSync(join(ROOT, path));
    return true;
  } catch {
    return false;
  }
}

/** Creates the lock file, or clears it when the process that held it is gone. */
function take(path: string): boolean {
  try {
    const fd = openSync(path, 'wx');
    writeFileSync(fd, String(process.pid));
    closeSync(fd);
    return true;
  } catch {
    const holder = Number(readText(path));
    if (holder > 0 && !existsSync(`/proc/${holder}`)) rmSync(path, { force: true });
    return false;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

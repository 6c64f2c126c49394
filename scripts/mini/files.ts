/**
 * Writing generated files, or checking that the committed ones are still what the generator makes (`--check`).
 * Tests run the checks, so that nobody edits data by hand or changes a generator without its output.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `papers/mini`, wherever the repository lies. */
export const MINI_FOLDER = join(import.meta.dir, '..', '..', 'papers', 'mini');

/** A generated file: path below `papers/mini` and its whole content. */
export interface GeneratedFile {
  readonly path: string;
  readonly content: string;
}

/** Paths whose committed bytes differ from the generated ones (or are missing). */
export function stale(files: readonly GeneratedFile[]): string[] {
  return files
    .filter((file) => {
      const path = join(MINI_FOLDER, file.path);
      return !existsSync(path) || !readFileSync(path).equals(Buffer.from(file.content, 'utf8'));
    })
    .map((file) => file.path);
}

/** The body of each generator's command line: write, or with `--check` compare and exit 1 on any difference. */
export function writeOrCheck(files: readonly GeneratedFile[]): void {
  if (process.argv.includes('--check')) {
    const changed = stale(files);
    for (const path of changed)
      console.error(`papers/mini/${path} is not what the generator makes; run it without --check`);
    if (changed.length === 0) console.log(`${files.length} files are up to date`);
    process.exitCode = changed.length === 0 ? 0 : 1;
    return;
  }
  for (const file of files) {
    const path = join(MINI_FOLDER, file.path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file.content);
    console.log(`wrote papers/mini/${file.path} (${Buffer.byteLength(file.content)} bytes)`);
  }
}

/**
 * A run directory, `<out>/<paper>/<experiment>/<id>/`. Every file is written under a temporary name and renamed, `metrics.json`
 * last: a directory without it is an unfinished run, which can be resumed.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { inputError } from '../errors';
import { notWritable, readFolder, readText, writeWhole } from '../files';
import { jsonText } from '../json';
import { sha256 } from '../sha256';

export interface LineLog {
  /** @throws MedreproError `input` on a full disk */
  append(value: unknown): void;
  close(): void;
}

export class RunDirectory {
  private constructor(readonly path: string) {}

  /**
   * A new directory whose id is the time and the start of the settings' hash. It is renamed to that id once `files` are in it, so
   * that a killed process leaves either nothing of that name or a run that can be resumed.
   *
   * @param files by name; a manifest among them
   * @throws MedreproError `input` on a full disk or a folder that is not writable
   */
  static create(
    out: string,
    paper: string,
    experiment: string,
    specSha256: string,
    files: Readonly<Record<string, string>>,
  ): RunDirectory {
    const time = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '').replace('T', '-');
    const parent = join(out, paper, experiment);
    const unnamed = new RunDirectory(
      join(parent, `${UNNAMED}${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`),
    );
    makeFolder(unnamed.path);
    try {
      removeAbandoned(parent);
      for (const [name, content] of Object.entries(files)) unnamed.write(name, content);
      for (let attempt = 0; ; attempt++) {
        const path = join(parent, `${time}-${specSha256.slice(0, 8)}${attempt === 0 ? '' : `-${attempt}`}`);
        try {
          renameSync(unnamed.path, path);
          return new RunDirectory(path);
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if ((code === 'EEXIST' || code === 'ENOTEMPTY' || code === 'ENOTDIR') && attempt < 1000) continue;
          throw notWritable(path, error, ADVICE);
        }
      }
    } catch (error) {
      rmSync(unnamed.path, { recursive: true, force: true });
      throw error;
    }
  }

  /** The newest unfinished directory whose manifest has this identity, or null. */
  static findUnfinished(out: string, paper: string, experiment: string, identity: string): RunDirectory | null {
    const parent = join(out, paper, experiment);
    for (const name of readFolder(parent).reverse()) {
      const directory = new RunDirectory(join(parent, name));
      if (name.startsWith(UNNAMED) || existsSync(directory.file('metrics.json'))) continue;
      if (manifestOf(directory.path)?.identity === identity) return directory;
    }
    return null;
  }

  file(...name: string[]): string {
    return join(this.path, ...name);
  }

  /** Writes `name` whole or not at all. @throws MedreproError `input` on a full disk or a folder that is not writable. */
  write(name: string, content: string | Uint8Array): void {
    writeWhole(this.file(name), content, { ...ADVICE, folders: true });
  }

  writeJson(name: string, value: unknown): void {
    this.write(name, documentText(value));
  }

  /** One JSON document a line. */
  writeLines(name: string, values: readonly unknown[]): void {
    this.write(name, values.map((value) => `${jsonText(value)}\n`).join(''));
  }

  /**
   * Writes the manifest with the sha256 of `name`, then `name` itself: the last file of a finished run, which is valid only
   * while the manifest holds its sha256 ({@link readVouched}).
   */
  complete(manifest: Readonly<Record<string, unknown>>, name: string, value: unknown): void {
    const content = documentText(value);
    this.writeJson(MANIFEST, { ...manifest, files: { [name]: sha256(content) } });
    this.write(name, content);
  }

  /** Removes what is no longer needed once the run has finished. */
  remove(name: string): void {
    rmSync(this.file(name), { recursive: true, force: true });
  }

  /** Opens a file to append JSON lines to; lines written before a crash stay readable. The caller closes it. */
  openLog(name: string, lines: readonly unknown[]): LineLog {
    this.writeLines(name, lines);
    const file = openSync(this.file(name), 'a');
    const append = (value: unknown): void => {
      try {
        writeSync(file, `${jsonText(value)}\n`);
      } catch (error) {
        throw notWritable(this.file(name), error, ADVICE);
      }
    };
    return { append, close: () => closeSync(file) };
  }
}

/** JSON as stored in run directories. */
export const documentText = (value: unknown): string => `${jsonText(value, 2)}\n`;

/**
 * The text of a result in a run directory.
 *
 * @throws MedreproError `input` when the manifest beside it does not name the file's sha256: it was edited, comes from
 *   another run, or from an earlier version of medrepro
 */
export function readVouched(file: string): string {
  const text = readText(file);
  const { files } = manifestOf(dirname(file)) ?? {};
  if (typeof files === 'object' && files !== null && Reflect.get(files, basename(file)) === sha256(text)) return text;
  throw inputError(`the ${MANIFEST} beside it does not vouch for it`, {
    where: { file },
    remedy: 'it was edited or comes from another version of medrepro: run it again',
  });
}

/** Makes a folder and those above it. @throws MedreproError `input` on a full disk or a folder that is not writable. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw notWritable(path, error, ADVICE);
  }
}

// --- internal ---

const MANIFEST = 'manifest.json';

/** Prefix of directories that are not renamed to their id yet. */
const UNNAMED = '.new-';

/** The manifest in a folder; null where it is absent or cannot be read. */
function manifestOf(folder: string): { readonly identity?: unknown; readonly files?: unknown } | null {
  try {
    const manifest: unknown = JSON.parse(readText(join(folder, MANIFEST)));
    return typeof manifest === 'object' ? manifest : null;
  } catch {
    return null; // absent or damaged: not a run to resume or to reuse
  }
}

/** Removes directories that killed processes of this machine had not renamed to their id. */
function removeAbandoned(parent: string): void {
  const ours = `${UNNAMED}${hostname()}-`;
  for (const name of readFolder(parent)) {
    if (!name.startsWith(ours)) continue;
    const pid = Number.parseInt(name.slice(ours.length), 10);
    if (!existsSync(`/proc/${pid}`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

const ADVICE = {
  full: 'free disk space and go on with --resume',
  elsewhere: 'choose a writable folder with --out',
};

/**
 * A run directory, `<out>/<paper>/<experiment>/<id>/`. Every file is written beside its place and renamed into it, and
 * `metrics.json` last of all: a directory without one is a run that has not finished, and can be resumed.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { notWritable, readText, writeWhole } from '../files';
import { jsonText } from '../json';

export interface LineLog {
  /** @throws MedreproError `input` on a full disk */
  append(value: unknown): void;
  close(): void;
}

export class RunDirectory {
  private constructor(readonly path: string) {}

  /** A new directory whose id is the time and the start of the settings' hash. */
  static create(out: string, paper: string, experiment: string, specSha256: string): RunDirectory {
    const time = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '').replace('T', '-');
    const parent = join(out, paper, experiment);
    for (let attempt = 0; ; attempt++) {
      const path = join(parent, `${time}-${specSha256.slice(0, 8)}${attempt === 0 ? '' : `-${attempt}`}`);
      try {
        mkdirSync(parent, { recursive: true });
        mkdirSync(path);
        return new RunDirectory(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST' && attempt < 1000) continue;
        throw notWritable(path, error, ADVICE);
      }
    }
  }

  /** The newest unfinished directory whose manifest has this identity, or null. */
  static findUnfinished(out: string, paper: string, experiment: string, identity: string): RunDirectory | null {
    const parent = join(out, paper, experiment);
    if (!existsSync(parent)) return null;
    for (const name of readdirSync(parent).sort().reverse()) {
      const directory = new RunDirectory(join(parent, name));
      if (existsSync(directory.file('metrics.json')) || !existsSync(directory.file('manifest.json'))) continue;
      try {
        const manifest = JSON.parse(readText(directory.file('manifest.json'))) as { identity?: string };
        if (manifest.identity === identity) return directory;
      } catch {
        // cut off while it was written: not a run to go on with
      }
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
    this.write(name, `${jsonText(value, 2)}\n`);
  }

  /** One JSON document a line. */
  writeLines(name: string, values: readonly unknown[]): void {
    this.write(name, values.map((value) => `${jsonText(value)}\n`).join(''));
  }

  /** Removes what is no longer needed once the run has finished. */
  remove(name: string): void {
    rmSync(this.file(name), { recursive: true, force: true });
  }

  /** A file that grows by lines; what was written before a crash stays readable. It is open until it is closed. */
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

const ADVICE = {
  full: 'free disk space and go on with --resume',
  elsewhere: 'choose a writable folder with --out',
};

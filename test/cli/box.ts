/** What the tests of whole commands share: a folder of their own, tiny tables, what a failure and a run look like. */

import { expect } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RUN_FILES } from '../../scripts/run-files';
import type { Outcome } from './binary';

/** A temporary folder; `write` returns the path of the file it wrote. */
export interface Box {
  readonly path: string;
  at(...names: string[]): string;
  write(name: string, content: string | Uint8Array): string;
  remove(): void;
}

export function box(): Box {
  const path = mkdtempSync(join(tmpdir(), 'medrepro-cli-'));
  const at = (...names: string[]): string => join(path, ...names);
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(at(name), content);
    return at(name);
  };
  return { path, at, write, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A table of the spec's columns, two classes in turn; a run of 40 short rows takes a fraction of a second. */
export function table(rows = 40, words = 4): string {
  const lines = Array.from({ length: rows }, (_, i) => {
    const text = Array.from({ length: words }, (_, j) => SYMPTOMS[(i * 7 + j * (3 + (i % 2))) % SYMPTOMS.length]);
    return `patient ${i} ${text.join(' ')},${i % 2 === 0 ? 'heart' : 'skin'}`;
  });
  return ['text,category', ...lines, ''].join('\n');
}

/** One line of cause, one of remedy, nothing on stdout, no stack; for commands with `--quiet`. */
export function expectFailure({ exitCode, stdout, stderr }: Outcome, cause: string | RegExp, code = 2): void {
  expect(stderr).toMatch(/^medrepro: [^\n]+\n {2}\S[^\n]*\n$/);
  expect(stderr.split('\n')[0]).toMatch(cause);
  expect(stderr).not.toMatch(/internal error|\n\s+at /);
  expect({ exitCode, stdout }).toEqual({ exitCode: code, stdout: '' });
}

/** The run directories below `out`, oldest first. */
export function runDirectories(out: string): string[] {
  if (!existsSync(out)) return [];
  const folders = (parent: string): string[] => readdirSync(parent).map((name) => join(parent, name));
  return folders(out).flatMap(folders).flatMap(folders).sort();
}

export function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** What must be equal between two runs of one setting: bytes, and the log without its times. */
export function resultsOf(folder: string): Record<string, string> {
  const timed = (name: string): boolean => name === 'manifest.json' || name === 'report.html' || name === 'log.jsonl';
  const same = RUN_FILES.filter((name) => !timed(name)).map((name) => {
    return [name, Bun.hash(readFileSync(join(folder, name))).toString()];
  });
  const log = readFileSync(join(folder, 'log.jsonl'), 'utf8').replaceAll(/,"seconds":[^,}]*/g, '');
  return { ...Object.fromEntries(same), log };
}

/** A manifest's status, or `unfinished` where there is none yet. */
export function statusOf(folder: string): string {
  const file = join(folder, 'manifest.json');
  if (!existsSync(file)) return 'unfinished';
  return String((JSON.parse(readFileSync(file, 'utf8')) as { status: unknown }).status);
}

// --- internal ---

const SYMPTOMS = 'fever cough pain rash itching swelling nausea headache dizziness fatigue burning weakness'.split(' ');

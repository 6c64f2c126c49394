/**
 * Finished runs that are already there, so that nothing runs twice.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type ExperimentResult, numericPath, parseResult } from './result';

/** What a run must be to count. */
export interface WantedResult {
  readonly paper: string;
  readonly experiment: string;
  readonly specSha256: string;
  readonly seed: number;
  /** Null when the data's hash is not known before running. */
  readonly dataSha256: string | null;
  /** `numericPath` of the run: any fp32 CPU path serves for another. */
  readonly path: string;
  /** The build that must have made it; absent = any. */
  readonly build?: string;
}

export interface FoundResults {
  readonly found: readonly ExperimentResult[];
  readonly missing: readonly WantedResult[];
  /** Files that are no results, with the reason: another version's, or cut off. */
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
}

/**
 * Looks for results in `outDir/<paper>/<experiment>/<id>/metrics.json`, newest first.
 */
export function findResults(outDir: string, wanted: readonly WantedResult[]): FoundResults {
  const found: ExperimentResult[] = [];
  const missing: WantedResult[] = [];
  const unreadable: { file: string; reason: string }[] = [];
  for (const want of wanted) {
    const match = candidates(join(outDir, want.paper, want.experiment)).find(({ file }) => {
      const result = readOrNote(file, unreadable);
      if (result === null || !matches(result, want)) return false;
      found.push(result);
      return true;
    });
    if (match === undefined) missing.push(want);
  }
  return { found, missing, unreadable };
}

/** The result of one run directory. */
export function readRunResult(runDir: string): ExperimentResult {
  const file = join(runDir, 'metrics.json');
  return parseResult(readFileSync(file, 'utf8'), file);
}

// --- internal ---

function matches(result: ExperimentResult, want: WantedResult): boolean {
  return (
    result.paper === want.paper &&
    result.experiment === want.experiment &&
    result.overrides.length === 0 &&
    result.specSha256 === want.specSha256 &&
    result.seed === want.seed &&
    (want.dataSha256 === null || result.dataSha256 === want.dataSha256) &&
    numericPath(result) === want.path &&
    (want.build === undefined || result.build === want.build)
  );
}

function candidates(directory: string): { file: string; time: number }[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .map((name) => join(directory, name, 'metrics.json'))
    .filter((file) => existsSync(file))
    .map((file) => ({ file, time: statSync(file).mtimeMs }))
    .sort((a, b) => b.time - a.time || (a.file < b.file ? 1 : -1));
}

function readOrNote(file: string, unreadable: { file: string; reason: string }[]): ExperimentResult | null {
  try {
    return parseResult(readFileSync(file, 'utf8'), file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!unreadable.some((known) => known.file === file)) unreadable.push({ file, reason });
    return null;
  }
}

/**
 * Finds finished runs and stored re-scorings, so that nothing is computed twice.
 */

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readFolder } from '../files';
import { withoutReferences } from '../metrics/text-metric';
import { readVouched } from '../run/directory';
import { type Identity, isResultOf } from '../run/identity';
import { type ExperimentResult, parseResult } from '../run/result';
import { parseScore, type ScoreRecord } from './scored';

export interface FoundResults {
  readonly found: readonly ExperimentResult[];
  readonly missing: readonly Identity[];
  /** Files that are not valid results, with the reason: another version's, or truncated. */
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
}

/**
 * Looks for results in `outDir/<paper>/<experiment>/<id>/metrics.json`, newest first.
 */
export function findResults(outDir: string, wanted: readonly Identity[]): FoundResults {
  const found: ExperimentResult[] = [];
  const missing: Identity[] = [];
  const unreadable: { file: string; reason: string }[] = [];
  for (const want of wanted) {
    const match = candidates(join(outDir, want.paper, want.experiment), 'metrics.json').find(({ file }) => {
      const result = readOrNote(file, unreadable, parseResult);
      if (result === null || !isResultOf(result, want)) return false;
      found.push(result);
      return true;
    });
    if (match === undefined) missing.push(want);
  }
  return { found, missing, unreadable };
}

/** The key by which a stored re-scoring is reused. */
export interface WantedScore {
  readonly paper: string;
  readonly experiment: string;
  /** The signatures of the current metrics; null for those that predictions do not determine. */
  readonly signatures: Readonly<Record<string, string | null>>;
  /** sha256 of the files that were named; null = any. */
  readonly predictions: string | null;
  readonly references: string | null;
}

/** The newest stored re-scoring in `outDir/<paper>/<experiment>/<id>/score.json`; null when there is none. */
export function findScore(outDir: string, want: WantedScore): FoundScore {
  const unreadable: { file: string; reason: string }[] = [];
  for (const { file } of candidates(join(outDir, want.paper, want.experiment), 'score.json')) {
    const record = readOrNote(file, unreadable, parseScore);
    if (record !== null && isWanted(record, want)) return { record, unreadable };
  }
  return { record: null, unreadable };
}

export interface FoundScore extends Pick<FoundResults, 'unreadable'> {
  readonly record: ScoreRecord | null;
}

/** The result of one run directory. */
export function readRunResult(runDir: string): ExperimentResult {
  const file = join(runDir, 'metrics.json');
  return parseResult(readVouched(file), file);
}

// --- internal ---

function isWanted(record: ScoreRecord, { paper, experiment, signatures, ...files }: WantedScore): boolean {
  const sameFile = (role: 'predictions' | 'references'): boolean =>
    files[role] === null || record.files.some((file) => file.role === role && file.sha256 === files[role]);
  return (
    record.paper === paper &&
    record.experiment === experiment &&
    Object.entries(signatures).every(([metric, signature]) =>
      sameMetric(record.metrics[metric]?.signature, signature),
    ) &&
    sameFile('predictions') &&
    sameFile('references')
  );
}

/** Without the number of references, which belongs to the data: its hash is compared separately. */
function sameMetric(a: string | null | undefined, b: string | null): boolean {
  return typeof a === 'string' && b !== null ? withoutReferences(a) === withoutReferences(b) : a === b;
}

function candidates(directory: string, name: string): { file: string; time: number }[] {
  return readFolder(directory)
    .map((id) => join(directory, id, name))
    .filter((file) => existsSync(file))
    .map((file) => ({ file, time: statSync(file).mtimeMs }))
    .sort((a, b) => b.time - a.time || (a.file < b.file ? 1 : -1));
}

function readOrNote<T>(
  file: string,
  unreadable: { file: string; reason: string }[],
  parse: (text: string, file: string) => T,
): T | null {
  try {
    return parse(readVouched(file), file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!unreadable.some((known) => known.file === file)) unreadable.push({ file, reason });
    return null;
  }
}

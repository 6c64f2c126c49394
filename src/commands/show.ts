/** What every command with a job does: run it in the Worker, show its progress, print its result. */

import type { Globals } from '../cli/command';
import { print, printJson } from '../cli/output';
import type { ExitCode } from '../errors';
import type { JobResult } from '../job';
import { jsonText } from '../json';
import { spawnJob } from '../spawn';

export interface Show extends Globals {
  /** `lines`: the document is an array, printed as JSON Lines. */
  json: boolean | 'lines';
}

/**
 * Runs a job in the Worker and prints its result on stdout.
 *
 * @param saves whether a job that is stopped has something to save; otherwise Ctrl-C simply ends the process
 */
export async function runAndShow(kind: string, request: unknown, show: Show, saves = true): Promise<ExitCode> {
  const { stderrProgress } = await import('../cli/progress');
  const progress = stderrProgress(show.quiet);
  try {
    return showResult(await spawnJob(kind, request, { onEvent: progress.onEvent, saves }), show.json);
  } finally {
    progress.close();
  }
}

// --- internal ---

function showResult(result: JobResult, json: Show['json']): ExitCode {
  if (json === 'lines') for (const row of result.document as unknown[]) print(jsonText(row));
  else if (json) printJson(result.document);
  else if (result.text !== '') print(result.text);
  return result.exitCode;
}

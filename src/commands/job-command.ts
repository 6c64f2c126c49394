/** What every command is: flags that become a request, a job in the Worker, and a result that is printed. */

import type { Command, Globals } from '../cli/command';
import type { Flags } from '../cli/flags';
import { print, printJson } from '../cli/output';
import { EXIT, inputError } from '../errors';
import type { Job, JobResult, Task } from '../job';
import { firstNoNumber, jsonText } from '../json';
import type { DeviceRequest } from '../native/choose';
import { spawnTask } from '../spawn';
import type { UnusableDevice } from './device';

export interface JobCommandParts<Request, Document> extends Omit<Command, 'run'> {
  /** @throws MedreproError `usage` */
  request(flags: Flags): Request;
  /** Imports the job when it is asked for: `--help` must not load it. */
  job(): Promise<Job<Request, Document>>;
  /** The device that must be usable before the job starts; absent = any will do. */
  device?(request: Request): DeviceRequest['device'];
  /** Whether a job that is stopped has something to save (the default); otherwise Ctrl-C simply ends the process. */
  readonly saves?: boolean;
  /** Whether the document is an array, which `--json` prints as JSON Lines. */
  readonly jsonLines?: boolean;
}

export interface JobCommand<Request, Document> extends Command {
  /** What `worker.ts` runs. */
  readonly task: Task<Request, JobResult<Document | UnusableDevice>>;
}

/** A command of its parts. `job` is typed by what `request` returns. */
export function jobCommand<Request, Document>(
  parts: JobCommandParts<Request, Document>,
): JobCommand<Request, Document> {
  const { request, job, device, saves = true, jsonLines = false, ...command } = parts;
  const task: JobCommand<Request, Document>['task'] = {
    name: command.name,
    load: async () => {
      const work = await job();
      if (device === undefined) return async (asked, context) => checkNumbers(task.name, await work(asked, context));
      const { checkDevice } = await import('./device');
      return async (asked, context) =>
        checkDevice(device(asked)) ?? checkNumbers(task.name, await work(asked, context));
    },
  };
  const run: Command['run'] = async (flags, globals) => {
    const result = await inWorker(task, request(flags), globals, saves);
    if (!flags.is('json')) {
      if (result.text !== '') print(result.text);
    } else if (jsonLines && Array.isArray(result.document)) for (const row of result.document) print(jsonText(row));
    else printJson(result.document);
    return result.exitCode;
  };
  return { ...command, task, run };
}

// --- internal ---

/** Runs a job in the Worker and shows its progress on stderr. */
async function inWorker<Request, Answer>(
  task: Task<Request, Answer>,
  request: Request,
  { quiet }: Globals,
  saves: boolean,
): Promise<Answer> {
  const { stderrProgress } = await import('../cli/progress');
  const progress = stderrProgress(quiet);
  try {
    return await spawnTask(task, request, { onEvent: progress.onEvent, saves });
  } finally {
    progress.close();
  }
}

/** @throws MedreproError `input` where a job that found nothing amiss gives NaN or an infinity for a number. */
function checkNumbers<Document>(name: string, result: JobResult<Document>): JobResult<Document> {
  const odd = result.exitCode === EXIT.ok ? firstNoNumber(result.document) : null;
  if (odd === null) return result;
  throw inputError(`${name}: in the result, ${odd}`, {
    remedy: 'there is no such number in its inputs as a rule: check them, and use --precision fp32 where there is one',
  });
}

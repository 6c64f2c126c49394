/**
 * The main thread's side of a job: starts the Worker, forwards events, and turns Ctrl-C into a request to stop.
 *
 * Kept beside `main.ts` and `worker.ts`: in the compiled binary `import.meta.url` is that of the entry.
 */

import { EXIT, MedreproError } from './errors';
import type { OnEvent } from './events';
import type { JobResult, StartMessage, WorkerMessage } from './job';

export interface SpawnOptions {
  onEvent: OnEvent;
  /** Whether a signal asks the job to stop first; otherwise it ends the process, as it does by default. */
  saves?: boolean;
  /** The Worker's file; only tests have another one. */
  worker?: URL;
}

/**
 * Runs a job in a Worker.
 *
 * If it saves (the default), the first Ctrl-C, SIGTERM or SIGHUP asks the job to stop: it saves what it has and the promise rejects with
 * `interrupted`. A second one ends the process at once with exit code 130.
 *
 * @throws MedreproError what the job threw; `internal` when the Worker itself died.
 */
export async function spawnJob(kind: string, request: unknown, options: SpawnOptions): Promise<JobResult> {
  const cancel = new Int32Array(new SharedArrayBuffer(4));
  const stopping = (): void => {
    Atomics.store(cancel, 0, 1);
    options.onEvent({ kind: 'warning', message: 'stopping after this step', remedy: 'Ctrl-C again stops at once' });
  };
  const restoreSignals = (options.saves ?? true) ? onStopSignal(stopping, killNow) : () => {};
  try {
    return await runInWorker({ kind, request, cancel }, options.onEvent, { file: options.worker });
  } finally {
    restoreSignals();
  }
}

/**
 * A part of another job, in a Worker of its own: it has no events and ends with the process.
 *
 * @param milliseconds after which it is given up; absent = never
 * @throws WorkerStopped when it was given up or died
 */
export function jobInWorker(kind: string, request: unknown, milliseconds?: number): Promise<JobResult> {
  return runInWorker({ kind, request, cancel: new Int32Array(new SharedArrayBuffer(4)) }, () => {}, { milliseconds });
}

/** A Worker that ended without a result. */
export class WorkerStopped extends MedreproError {
  constructor(
    message: string,
    /** Whether its time was over. */
    readonly late: boolean,
  ) {
    super('internal', message);
  }
}

// --- internal ---

async function runInWorker(
  start: StartMessage,
  onEvent: OnEvent,
  { file, milliseconds }: { file?: URL | undefined; milliseconds?: number | undefined },
): Promise<JobResult> {
  const worker = new Worker((file ?? new URL('./worker.ts', import.meta.url)).href);
  let timer: Timer | undefined;
  try {
    return await new Promise<JobResult>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
        if ('event' in data) onEvent(data.event);
        else if ('result' in data) resolve(data.result);
        else reject(MedreproError.fromPlain(data.error));
      };
      worker.onerror = (event) => reject(new WorkerStopped(`the worker stopped: ${event.message}`, false));
      if (milliseconds !== undefined) {
        timer = setTimeout(() => reject(new WorkerStopped('the worker took too long', true)), milliseconds);
      }
      worker.postMessage(start);
    });
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * A terminal sends Ctrl-C to the whole process group, and a parent such as `bun run` forwards it again: what arrives
 * within this time (milliseconds) is the same key press.
 */
const SAME_PRESS = 500;

function onStopSignal(first: () => void, second: () => void): () => void {
  let since: number | undefined;
  const listener = () => {
    const now = performance.now();
    if (since === undefined) {
      since = now;
      first();
    } else if (now - since > SAME_PRESS) {
      second();
    }
  };
  for (const signal of STOP_SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, listener);
  };
}

function killNow(): never {
  process.exit(EXIT.interrupted);
}

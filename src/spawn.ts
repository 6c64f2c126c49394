/**
 * The main thread's side of a job: starts the Worker, forwards events, and turns Ctrl-C into a request to stop.
 *
 * Kept beside `main.ts` and `worker.ts`: in the compiled binary `import.meta.url` is that of the entry.
 */

import { EXIT, MedreproError } from './errors';
import type { JobEvent, OnEvent } from './events';
import { type JobResult, newSigns, SIGN, type Signs, type StartMessage, type WorkerMessage } from './job';
import { checkRoomForThreads } from './limits';
import { duration } from './units';

export interface SpawnOptions {
  onEvent: OnEvent;
  /** Whether a signal asks the job to stop first; otherwise it ends the process, as it does by default. */
  saves?: boolean;
  /** The Worker's file; only tests have another one. */
  worker?: URL;
  /** Milliseconds without a sign of the job after which that is said; only tests have others. */
  silence?: number;
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
  const signs = newSigns();
  const stopping = (): void => {
    Atomics.store(signs, SIGN.cancel, 1);
    options.onEvent({ kind: 'warning', message: 'stopping after this step', remedy: 'Ctrl-C again stops at once' });
  };
  const restoreSignals = (options.saves ?? true) ? onStopSignal(stopping, killNow) : () => {};
  const watch = new Watch(signs, options.onEvent, options.silence ?? SILENCE);
  try {
    return await runInWorker({ kind, request, signs }, watch.onEvent, options.worker);
  } finally {
    watch.close();
    restoreSignals();
  }
}

/**
 * A part of another job, in a Worker of its own: it has no events and ends with the process.
 *
 * @throws MedreproError what the part threw; `internal` when the Worker itself died
 */
export function jobInWorker(kind: string, request: unknown): Promise<JobResult> {
  return runInWorker({ kind, request, signs: newSigns() }, () => {});
}

// --- internal ---

async function runInWorker(start: StartMessage, onEvent: OnEvent, file?: URL): Promise<JobResult> {
  checkRoomForThreads();
  const worker = new Worker((file ?? new URL('./worker.ts', import.meta.url)).href);
  try {
    return await new Promise<JobResult>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
        if ('ready' in data) worker.postMessage(start);
        else if ('event' in data) onEvent(data.event);
        else if ('result' in data) resolve(data.result);
        else reject(MedreproError.fromPlain(data.error));
      };
      worker.onerror = (event) => reject(new MedreproError('internal', `the worker stopped: ${event.message}`));
    });
  } finally {
    worker.terminate();
  }
}

/** Milliseconds without a sign of a job after which that is said. */
const SILENCE = 60_000;

/** Says when a job has given no sign for a time, what it said last, and whether it uses the processor. */
class Watch {
  private readonly timer: Timer;
  private last = 'it has said nothing yet';
  private beat = 0;
  private since = performance.now();
  private used = process.cpuUsage();

  constructor(
    private readonly signs: Signs,
    private readonly report: OnEvent,
    private readonly silence: number,
  ) {
    this.timer = setInterval(() => this.look(), silence / 6);
    this.timer.unref();
  }

  /** Passes an event on and remembers where the job stands. */
  readonly onEvent: OnEvent = (event) => {
    this.last = placeOf(event) ?? this.last;
    this.heard();
    this.report(event);
  };

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const beat = Atomics.load(this.signs, SIGN.beat);
    const silent = performance.now() - this.since;
    if (beat !== this.beat) this.heard();
    else if (silent >= this.silence) {
      const { user, system } = process.cpuUsage(this.used);
      const message = `no sign of the job for ${duration(silent / 1000)}; it used ${duration((user + system) / 1e6)} of processor time meanwhile; last: ${this.last}`;
      this.report({
        kind: 'warning',
        message,
        remedy: 'Ctrl-C twice ends it; a run goes on after its last checkpoint with --resume',
      });
      this.heard();
    }
    this.beat = beat;
  }

  private heard(): void {
    this.since = performance.now();
    this.used = process.cpuUsage();
  }
}

/** Where a job stands by an event; null where the event does not say. */
function placeOf(event: JobEvent): string | null {
  switch (event.kind) {
    case 'stage':
      return `${event.name}${event.detail === undefined ? '' : ` (${event.detail})`}`;
    case 'step':
      return `step ${event.step} of ${event.total}`;
    case 'progress':
      return `${event.name}, ${event.done} of ${event.total} ${event.unit}`;
    case 'evaluation':
      return `evaluation of the ${event.split} rows after step ${event.step}`;
    case 'checkpoint':
      return `checkpoint of step ${event.step}`;
    default:
      return null;
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

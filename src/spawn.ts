/**
 * The main thread's side of a task: starts the Worker, forwards events, and turns Ctrl-C into a request to stop.
 *
 * In the folder of `main.ts` and `worker.ts`: in the compiled binary `import.meta.url` is that of the entry point.
 */

import { EXIT, MedreproError } from './errors';
import type { JobEvent, OnEvent } from './events';
import { CELL, type Cells, newCells, type StartMessage, type Task, type WorkerMessage } from './job';
import { checkRoomForThreads } from './limits';
import { duration } from './units';

export interface SpawnOptions {
  onEvent: OnEvent;
  /** Whether a signal asks the task to stop first; otherwise it ends the process, as it does by default. */
  saves?: boolean;
  /** The Worker's file; only tests have another one. */
  worker?: URL;
  /** Milliseconds without a sign of life after which a warning is emitted; only tests have others. */
  silence?: number;
}

/**
 * Runs a task in a Worker.
 *
 * If it saves (the default), the first Ctrl-C, SIGTERM or SIGHUP asks the task to stop: it saves what it has and the promise rejects with
 * `interrupted`. A second one ends the process at once with exit code 130.
 *
 * @throws MedreproError what the task threw; `internal` when the Worker itself died.
 */
export async function spawnTask<Request, Answer>(
  task: Task<Request, Answer>,
  request: Request,
  options: SpawnOptions,
): Promise<Answer> {
  const cells = newCells();
  const stopping = (): void => {
    Atomics.store(cells, CELL.cancel, 1);
    options.onEvent({ kind: 'warning', message: 'stopping after this step', remedy: 'Ctrl-C again stops at once' });
  };
  const restoreSignals = (options.saves ?? true) ? onStopSignal(stopping, killNow) : () => {};
  const watch = new Watch(cells, options.onEvent, options.silence ?? SILENCE);
  try {
    return await runInWorker(task, request, { cells, onEvent: watch.onEvent, file: options.worker });
  } finally {
    watch.close();
    restoreSignals();
  }
}

/**
 * Starts a part of another task in a Worker of its own: its events are dropped and it ends with the process. Resolves once the
 * Worker has its request, so that this thread may be busy from then on.
 *
 * @throws MedreproError what the part threw (`answer` as well); `internal` when the Worker itself died
 */
export function startPart<Request, Answer>(task: Task<Request, Answer>, request: Request): Promise<Part<Answer>> {
  return new Promise((resolve, reject) => {
    const started = (): void => resolve({ answer });
    const answer = runInWorker(task, request, { cells: newCells(), onEvent: () => {}, onStarted: started });
    answer.catch(reject);
  });
}

export interface Part<Answer> {
  readonly answer: Promise<Answer>;
}

// --- internal ---

interface WorkerOptions {
  readonly cells: Cells;
  readonly onEvent: OnEvent;
  /** The Worker has its request. */
  readonly onStarted?: () => void;
  readonly file?: URL | undefined;
}

async function runInWorker<Request, Answer>(
  task: Task<Request, Answer>,
  request: Request,
  { cells, onEvent, onStarted, file }: WorkerOptions,
): Promise<Answer> {
  checkRoomForThreads();
  const start: StartMessage<Request> = { task: task.name, request, cells };
  const worker = new Worker((file ?? new URL('./worker.ts', import.meta.url)).href);
  try {
    return await new Promise<Answer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<WorkerMessage<Answer>>) => {
        if ('ready' in data) {
          worker.postMessage(start);
          onStarted?.();
        } else if ('event' in data) onEvent(data.event);
        else if ('answer' in data) resolve(data.answer);
        else reject(MedreproError.fromPlain(data.error));
      };
      worker.onerror = (event) => reject(new MedreproError('internal', `the worker stopped: ${event.message}`));
    });
  } finally {
    worker.terminate();
  }
}

/** Milliseconds without a sign of life after which a warning is emitted. */
const SILENCE = 60_000;

/** Warns when a task has given no sign of life for a time, with its last event and the processor time it took meanwhile. */
class Watch {
  private readonly timer: Timer;
  private last = 'it has said nothing yet';
  private beat = 0;
  private since = performance.now();
  private used = process.cpuUsage();

  constructor(
    private readonly cells: Cells,
    private readonly report: OnEvent,
    private readonly silence: number,
  ) {
    this.timer = setInterval(() => this.look(), silence / 6);
    this.timer.unref();
  }

  /** Passes an event on and remembers it. */
  readonly onEvent: OnEvent = (event) => {
    this.last = placeOf(event) ?? this.last;
    this.heard();
    this.report(event);
  };

  close(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    const beat = Atomics.load(this.cells, CELL.heartbeat);
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

/** The place in the work that an event names; null where it names none. */
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

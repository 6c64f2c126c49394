/**
 * What the two threads say to each other. A task runs in the Worker (`serve.ts`), where native calls may block; the main thread
 * (`spawn.ts`) stays free for the terminal and for Ctrl-C. Requests and answers cross by structured clone.
 */

import type { ExitCode, PlainError } from './errors';
import type { JobEvent, OnEvent } from './events';

/** Work for a Worker. The main thread names it and the Worker loads it, so both must hold the same list of tasks (`worker.ts`). */
export interface Task<Request, Answer> {
  readonly name: string;
  /** Imports the work when it is asked for, so that a task costs nothing until then. */
  readonly load: () => Promise<Work<Request, Answer>>;
}

export type Work<Request, Answer> = (request: Request, context: JobContext) => Promise<Answer>;

/** The work of a command. */
export type Job<Request, Document> = Work<Request, JobResult<Document>>;

/** What work is given besides its request. */
export interface JobContext {
  emit: OnEvent;
  /** True once the user asked to stop: save a checkpoint, then throw `interruptedError`. Cheap: ask at every step. */
  cancelled(): boolean;
}

/** What a command prints and exits with. */
export interface JobResult<Document> {
  exitCode: ExitCode;
  /** For people, on stdout; without a final newline. */
  text: string;
  /** For `--json`: unrounded doubles, stable keys. */
  document: Document;
}

/** Main thread to Worker, once it is ready. */
export interface StartMessage<Request> {
  task: string;
  request: Request;
  cells: Cells;
}

/**
 * Worker to main thread: `ready` once it listens, any number of events, then one answer or one error. A message that is posted
 * to a Worker which does not listen yet may be lost, as the HTML standard has it; so nothing is posted before `ready`.
 */
export type WorkerMessage<Answer> = { ready: true } | { event: JobEvent } | { answer: Answer } | { error: PlainError };

/** What both threads see while the Worker is in native code: int32 over a SharedArrayBuffer, at the indices of {@link CELL}. */
export type Cells = Int32Array;

export const CELL = {
  /** 0 = go on, 1 = stop. */
  cancel: 0,
  /** Incremented (it wraps) whenever the work polls or emits: between blocks of a model, at events. */
  heartbeat: 1,
} as const;

export const newCells = (): Cells => new Int32Array(new SharedArrayBuffer(8));

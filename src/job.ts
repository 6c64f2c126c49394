/**
 * Long work, by name. A job runs in the Worker (`worker.ts`), where native calls may block; the main thread (`spawn.ts`)
 * stays free for the terminal and for Ctrl-C.
 *
 * To add one: give it a line in `JobKinds` (its request and result) and a line in `jobs` (a lazy import).
 */

import { asMedreproError, EXIT, type ExitCode, inputError, MedreproError, type PlainError } from './errors';
import type { JobEvent, OnEvent } from './events';
import { firstNoNumber } from './json';

/** What a job is given besides its request. */
export interface JobContext {
  emit: OnEvent;
  /** True once the user asked to stop: save a checkpoint, then throw `interruptedError`. Cheap: ask at every step. */
  cancelled(): boolean;
}

/** What a command prints and exits with. */
export interface JobResult {
  exitCode: ExitCode;
  /** For people, on stdout; without a final newline. */
  text: string;
  /** For `--json`: unrounded doubles, stable keys. */
  document: unknown;
}

export type Job = (request: unknown, context: JobContext) => Promise<JobResult>;

/** Lazily imported, so that a job costs nothing until it is asked for. */
export type JobRegistry = Readonly<Record<string, () => Promise<Job>>>;

/** The jobs of this build. */
export const jobs: JobRegistry = {
  audit: async () => (await import('./commands/audit/job')).auditJob,
  bench: async () => (await import('./commands/bench/job')).benchJob,
  data: async () => (await import('./commands/data/job')).dataJob,
  doctor: async () => (await import('./commands/doctor/job')).doctorJob,
  encode: async () => (await import('./data/encode')).encodeJob,
  eval: async () => (await import('./commands/eval/job')).evalJob,
  generate: async () => (await import('./commands/generate/job')).generateJob,
  list: async () => (await import('./commands/list/job')).listJob,
  merge: async () => (await import('./commands/merge/job')).mergeJob,
  plan: async () => (await import('./commands/plan/job')).planJob,
  score: async () => (await import('./commands/score/job')).scoreJob,
  run: async () => (await import('./commands/run/job')).runJob,
  verify: async () => (await import('./commands/verify/job')).verifyJob,
  selftest: async () => (await import('./commands/selftest/job')).selftestJob,
};

/**
 * Runs a job on this thread.
 *
 * @throws MedreproError whatever the job throws; `internal` when there is no such job; `input` where a job that found nothing
 *   amiss gives NaN or an infinity for a number.
 */
export async function runJob(
  kind: string,
  request: unknown,
  context: JobContext,
  registry: JobRegistry = jobs,
): Promise<JobResult> {
  const load = Object.hasOwn(registry, kind) ? registry[kind] : undefined;
  if (!load) throw new MedreproError('internal', `this build has no job '${kind}'`);
  const job = await load();
  const result = await job(request, context);
  const odd = result.exitCode === EXIT.ok ? firstNoNumber(result.document) : null;
  if (odd === null) return result;
  throw inputError(`${kind}: in the result, ${odd}`, {
    remedy: 'there is no such number in its inputs as a rule: check them, and use --precision fp32 where there is one',
  });
}

/** Main thread to Worker, once it is ready. */
export interface StartMessage {
  kind: string;
  request: unknown;
  signs: Signs;
}

/** What both threads see while the Worker is in native code: int32 over a SharedArrayBuffer, at the places of {@link SIGN}. */
export type Signs = Int32Array;

export const SIGN = {
  /** 0 = go on, 1 = stop. */
  cancel: 0,
  /** Counts (and wraps) whenever the job looks up: between blocks of a model, at events. */
  beat: 1,
} as const;

export const newSigns = (): Signs => new Int32Array(new SharedArrayBuffer(8));

/**
 * Worker to main thread: `ready` once it listens, any number of events, then one result or one error. A message that is posted
 * to a Worker which does not listen yet may be lost, as the HTML standard has it; so nothing is posted before `ready`.
 */
export type WorkerMessage = { ready: true } | { event: JobEvent } | { result: JobResult } | { error: PlainError };

/** The Worker's side: says that it is ready, waits for one `StartMessage`, runs the job and posts what happens. */
export function serveJobs(registry: JobRegistry, port: WorkerPort): void {
  port.onmessage = async ({ data }) => {
    const beat = (): number => Atomics.add(data.signs, SIGN.beat, 1);
    const context: JobContext = {
      emit: (event) => {
        beat();
        port.postMessage({ event });
      },
      cancelled: () => {
        beat();
        return Atomics.load(data.signs, SIGN.cancel) !== 0;
      },
    };
    try {
      port.postMessage({ result: await runJob(data.kind, data.request, context, registry) });
    } catch (thrown) {
      port.postMessage({ error: asMedreproError(thrown).toPlain() });
    }
  };
  port.postMessage({ ready: true });
}

/** The part of a Worker's global scope that is used here. */
export interface WorkerPort {
  onmessage: ((message: { data: StartMessage }) => void) | null;
  postMessage(message: WorkerMessage): void;
}

/** The Worker's side of a task: waits for a request, does the work and posts what happens. */

import { asMedreproError, MedreproError } from './errors';
import { CELL, type JobContext, type StartMessage, type Task, type Work, type WorkerMessage } from './job';

/** Any task, whatever its request and answer. */
export type AnyTask = Task<never, unknown>;

/** The part of a Worker's global scope that is used here. */
export interface WorkerPort {
  onmessage: ((message: { data: StartMessage<unknown> }) => void) | null;
  postMessage(message: WorkerMessage<unknown>): void;
}

/** Says that the Worker is ready, waits for one `StartMessage`, runs the task it names and posts what happens. */
export function serveTasks(tasks: readonly AnyTask[], port: WorkerPort): void {
  port.onmessage = async ({ data }) => {
    const beat = (): number => Atomics.add(data.cells, CELL.heartbeat, 1);
    const context: JobContext = {
      emit: (event) => {
        beat();
        port.postMessage({ event });
      },
      cancelled: () => {
        beat();
        return Atomics.load(data.cells, CELL.cancel) !== 0;
      },
    };
    try {
      const work = await workOf(tasks, data.task);
      // `spawnTask` typed the request by the task, and both threads are of one build
      port.postMessage({ answer: await work(data.request as never, context) });
    } catch (thrown) {
      port.postMessage({ error: asMedreproError(thrown).toPlain() });
    }
  };
  port.postMessage({ ready: true });
}

// --- internal ---

function workOf(tasks: readonly AnyTask[], name: string): Promise<Work<never, unknown>> {
  const task = tasks.find((one) => one.name === name);
  if (task === undefined) throw new MedreproError('internal', `this build has no task '${name}'`);
  return task.load();
}

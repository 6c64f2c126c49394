/**
 * Whether this machine lets the process start the threads that a job needs. Bun crashes where a thread cannot be
 * created, so the limits are checked first.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { unmeasuredError } from './errors';

/** Threads of a Worker: its own, and those of the compiler and the garbage collector; in addition to one for each core. */
const THREADS_OF_A_WORKER = 8;

/** @throws MedreproError `unmeasured` when a limit on processes and threads leaves less than a job needs */
export function checkRoomForThreads(): void {
  const needed = THREADS_OF_A_WORKER + availableParallelism();
  for (const { what, left, remedy } of [ofTheUser(), ofTheControlGroup()]) {
    if (left < needed) {
      throw unmeasuredError(`${what} leaves ${Math.max(0, left)} threads, and a job needs ${needed}`, remedy);
    }
  }
}

// --- internal ---

interface Room {
  readonly what: string;
  readonly left: number;
  readonly remedy: string;
}

/** RLIMIT_NPROC, which counts the threads of all processes of a user; root is exempt. */
function ofTheUser(): Room {
  const limit = Number(/^Max processes +(\d+)/m.exec(textOf('/proc/self/limits'))?.[1] ?? Number.POSITIVE_INFINITY);
  const uid = process.getuid?.() ?? 0;
  // counting takes milliseconds: only for a limit small enough to be reached
  const counts = uid !== 0 && limit <= 4096;
  return {
    what: `the limit of ${limit} processes of a user`,
    left: counts ? limit - threadsOf(uid) : Number.POSITIVE_INFINITY,
    remedy: 'raise it (ulimit -u) or end other programs of this user',
  };
}

/** pids.max of the control group this process is in, of version 2 or 1. */
function ofTheControlGroup(): Room {
  const groups = textOf('/proc/self/cgroup');
  const v2 = /^0::(.*)$/m.exec(groups)?.[1];
  const v1 = /^\d+:(?:[^:\n]*,)?pids(?:,[^:\n]*)?:(.*)$/m.exec(groups)?.[1];
  const folders = [
    ...(v2 === undefined ? [] : [join('/sys/fs/cgroup', v2)]),
    ...(v1 === undefined ? [] : [join('/sys/fs/cgroup/pids', v1)]),
  ];
  const room = folders.map((folder) => {
    const limit = Number.parseInt(textOf(join(folder, 'pids.max')), 10);
    const used = Number.parseInt(textOf(join(folder, 'pids.current')), 10);
    return Number.isNaN(limit - used) ? Number.POSITIVE_INFINITY : limit - used;
  });
  return {
    what: 'the limit on processes of this container',
    left: Math.min(Number.POSITIVE_INFINITY, ...room),
    remedy: 'raise its pids limit or end other programs in it',
  };
}

function threadsOf(uid: number): number {
  let threads = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (statSync(`/proc/${name}`).uid === uid) threads += readdirSync(`/proc/${name}/task`).length;
    } catch {
      // the process has ended
    }
  }
  return threads;
}

/** A file of /proc or /sys; empty where there is none. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

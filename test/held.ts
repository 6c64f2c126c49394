/** What a process has open: descriptors, mapped files, the memory of devices. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Address space that a device reserves at least. */
const REGION = 2 ** 28;

export interface Held {
  /** Open descriptors of this process. */
  readonly descriptors: number;
  /** Files below the folder that are open or mapped. */
  readonly files: readonly string[];
  /** Regions as large as a device's memory, rounded: the heap grows meanwhile. */
  readonly regions: number;
}

/** What this process has open now, of files those below `folder`. */
export function heldBelow(folder: string): Held {
  const links = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return []; // the descriptor of this folder itself
    }
  });
  const maps = readFileSync('/proc/self/maps', 'utf8').trim().split('\n');
  const mapped = maps.flatMap((line) => line.match(/\/.*$/)?.[0] ?? []);
  const reserved = maps.reduce((sum, line) => {
    const [begin, end] = line
      .split(' ', 1)[0]!
      .split('-')
      .map((address) => Number.parseInt(address, 16));
    const bytes = end! - begin!;
    return bytes >= REGION ? sum + bytes : sum;
  }, 0);
  const files = [...links, ...mapped].filter((path) => path.startsWith(folder));
  return { descriptors: links.length, files, regions: Math.round(reserved / REGION) };
}

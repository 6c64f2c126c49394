/**
 * sha256 of large files, cached: a checkpoint of 50 GB takes half a minute to read, and seldom changes.
 *
 * A cached hash is valid while device, inode, size and both times (modification and change, in nanoseconds) are unchanged; that of a
 * file changed in the last seconds is not cached, because it could change again within one tick of the file system's clock. The cache
 * is one small file in the user's cache folder that nobody else may write to; without such a folder nothing is cached.
 */
import { type BigIntStats, closeSync, lstatSync, mkdirSync, openSync, readSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type } from 'arktype';
import { readText, writeWhole } from '../files';

export interface HashMemory {
  /** Of the cache; null = none. */
  readonly folder: string | null;
  /** Smallest file whose hash is cached, in bytes. */
  readonly least: number;
}

/** sha256 of a file's content in hexadecimal digits. */
export function sha256File(path: string, memory: HashMemory = { folder: cacheFolder(), least: 2 ** 26 }): string {
  const before = statSync(path, { bigint: true });
  const file = memory.folder === null || before.size < memory.least ? null : join(memory.folder, FILE);
  const key = identity(before);
  const known = file === null ? undefined : remembered(file).get(key);
  if (known !== undefined) return known;
  const hash = hashOf(path);
  const settled =
    Date.now() - Number((before.mtimeNs > before.ctimeNs ? before.mtimeNs : before.ctimeNs) / 1_000_000n) > SETTLED;
  if (file !== null && settled && identity(statSync(path, { bigint: true })) === key) remember(file, key, hash);
  return hash;
}

// --- internal ---

const FILE = 'sha256.json';
/** Most cached files; the oldest is dropped first. */
const MOST = 512;
const MAX_BYTES = 2 ** 20;
/** Milliseconds since a file's last change. */
const SETTLED = 3000;
const CHUNK = 2 ** 23;

const Entries = type(['string', /^[0-9a-f]{64}$/]).array();

function cacheFolder(): string | null {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return base.startsWith('/') ? join(base, 'medrepro') : null;
}

const identity = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs].join('-');

/** Empty where the file is missing, damaged or writable by others. */
function remembered(file: string): Map<string, string> {
  try {
    if (!isOwn(join(file, '..')) || !isOwn(file)) return new Map();
    const entries = Entries(JSON.parse(readText(file, { limit: MAX_BYTES })));
    return new Map(entries instanceof type.errors ? [] : (entries as [string, string][]));
  } catch {
    return new Map();
  }
}

/** A cache that cannot be written is rebuilt next time. */
function remember(file: string, key: string, hash: string): void {
  try {
    const folder = join(file, '..');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isOwn(folder)) return;
    const entries = [...remembered(file), [key, hash] as const].slice(-MOST);
    writeWhole(file, `${JSON.stringify(entries)}\n`);
  } catch {
    // a full or read-only disk
  }
}

/** Of this user, no link, and writable by nobody else. */
function isOwn(path: string): boolean {
  const { uid, mode } = lstatSync(path);
  const plain = (mode & 0o170000) !== 0o120000;
  return plain && uid === process.getuid?.() && (mode & 0o022) === 0;
}

function hashOf(path: string): string {
  const hasher = new Bun.CryptoHasher('sha256');
  const buffer = new Uint8Array(CHUNK);
  const file = openSync(path, 'r');
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      hasher.update(buffer.subarray(0, read));
  } finally {
    closeSync(file);
  }
  return hasher.digest('hex');
}

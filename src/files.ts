/**
 * Files from outside, read whole within stated bounds, and files of ours, written whole or not at all.
 *
 * Every file of a user, a hub or another program is read through here: a folder, a device, a pipe without a writer, a
 * link to itself or a file above its limit ends in one line and never blocks or fills the memory.
 */

import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { asMedreproError, inputError, type MedreproError } from './errors';

/** The largest data file: strings and typed arrays have room for it everywhere. */
export const MAX_FILE_BYTES = 2 ** 30;

/** The largest configuration, manifest, spec or other file of settings. */
export const MAX_SETTINGS_BYTES = 2 ** 26;

/** Milliseconds that a pipe may give nothing, or nobody may write to it, before reading fails. */
const PIPE_PATIENCE = 30_000;

/** Bytes asked for at once where the size is not known beforehand. */
const CHUNK = 2 ** 20;

export interface ReadOptions {
  /** More is an error; default {@link MAX_FILE_BYTES} for bytes and {@link MAX_SETTINGS_BYTES} for text. */
  readonly limit?: number;
  /** Whether a pipe (`<(command)`, /dev/stdin) is accepted: for rows and predictions; a folder's files are never pipes. */
  readonly pipes?: boolean;
  /** Milliseconds that a pipe may give nothing; only tests have others. */
  readonly patience?: number;
  /** What to do about a file that cannot be read, in place of the general advice. */
  readonly remedy?: string;
}

/**
 * A regular file's bytes.
 *
 * @throws MedreproError `input` when it is missing, unreadable, above the limit, or no regular file (and no pipe where one
 *   is accepted). Takes memory in proportion to the file and never more than the limit.
 */
export function readBytes(path: string, options: ReadOptions = {}): Uint8Array {
  const { limit = MAX_FILE_BYTES, pipes = false, patience = PIPE_PATIENCE } = options;
  return opened(path, options, (fd, stat) => {
    const isPipe = stat.isFIFO();
    if (stat.isDirectory()) throw inputError(`${path} is a folder, not a file`, { remedy: 'name a file in it' });
    if (isPipe && !pipes) throw notRegular(path, 'a pipe');
    if (!isPipe && !stat.isFile()) throw notRegular(path, stat.isSocket() ? 'a socket' : 'a device');
    if (stat.size > limit) throw aboveLimit(path, limit);
    // files of /proc have size 0 and content; a file may grow while it is read
    return isPipe ? readPipe(path, fd, limit, patience) : readUpTo(path, fd, stat.size, limit);
  });
}

/**
 * A regular file's text, without a byte order mark.
 *
 * @throws MedreproError `input` as {@link readBytes} does, and with the line where it is not UTF-8
 */
export function readText(path: string, options: ReadOptions = {}): string {
  const bytes = readBytes(path, { limit: MAX_SETTINGS_BYTES, ...options });
  return decodeUtf8(bytes, path);
}

/** Bytes as text. @param name of the file, for messages. @throws MedreproError `input` with the line that is not UTF-8 */
export function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const offset = firstBrokenByte(bytes);
    throw inputError(`byte ${offset} is not UTF-8`, {
      where: { file: name, line: lineAt(bytes, offset) },
      remedy: 'save the file as UTF-8; for Arabic text from Windows: iconv -f WINDOWS-1256 -t UTF-8',
    });
  }
}

/**
 * The names in a folder, sorted; none where there is no such folder.
 *
 * @param options `deep`: the paths of everything below it, links not followed
 * @throws MedreproError `input` when it is no folder, may not be read, or is a link that leads back to itself
 */
export function readFolder(path: string, { deep = false }: { readonly deep?: boolean } = {}): string[] {
  try {
    return readdirSync(path, { recursive: deep, encoding: 'utf8' }).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    if (codeOf(error) === 'ENOTDIR') throw inputError(`${path} is not a folder`, { remedy: 'name a folder' });
    throw codeOf(error) === null ? error : notReadable(path, error, undefined);
  }
}

/**
 * Writes a file whole or not at all: into a neighbour of another name, then renamed.
 *
 * @throws MedreproError `input` on a full disk, a folder that is not writable, or too few descriptors; nothing is left then
 */
export function writeWhole(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  let made = false;
  try {
    if (options.folders) mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(temporary, 'wx', 0o644);
    made = true;
    try {
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    if (made) rmSync(temporary, { force: true });
    throw notWritable(path, error, options);
  }
}

/** What to do about a failed write, in place of the general advice. */
export interface WriteAdvice {
  /** The disk is full or the quota used up. */
  readonly full?: string;
  /** The folder cannot be written to. */
  readonly elsewhere?: string;
}

export interface WriteOptions extends WriteAdvice {
  /** Creates missing parent folders; otherwise a missing one is an error, as a misspelt path is. */
  readonly folders?: boolean;
}

/** A system call's failure while `path` was written, as one line; what is no system error is returned as it is. */
export function notWritable(path: string, error: unknown, advice: WriteAdvice = {}): MedreproError {
  const code = codeOf(error);
  if (code === null) return asMedreproError(error);
  const [what, remedy] = WRITE_FAILURES[code] ?? [
    error instanceof Error ? error.message : code,
    'check the folder and its disk',
  ];
  const own = remedy === FREE_SPACE ? advice.full : remedy === ELSEWHERE ? advice.elsewhere : undefined;
  return inputError(`cannot write ${path}: ${what}`, { remedy: own ?? remedy, cause: error });
}

/** The line (from 1) that holds byte `offset`; CR LF, LF and CR each end a line. */
export function lineAt(bytes: Uint8Array, offset: number): number {
  return 1 + countLineEnds(bytes, 0, offset);
}

/** Line ends in [from, to). A CR LF pair counts once, with its LF. */
export function countLineEnds(bytes: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) {
    if (bytes[i] === 0x0a || (bytes[i] === 0x0d && bytes[i + 1] !== 0x0a)) count++;
  }
  return count;
}

/** Offset of the first byte that does not continue valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
export function firstBrokenByte(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length) {
    const lead = bytes[i]!;
    if (lead < 0x80) {
      i++;
      continue;
    }
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4) return i;
    const second = bytes[i + 1] ?? 0;
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return i;
    for (let k = 2; k < length; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return i;
    i += length;
  }
  return bytes.length;
}

// --- internal ---

/** Opens without waiting for the other end of a pipe, and always closes. */
function opened<T>(path: string, options: ReadOptions, read: (fd: number, stat: Stats) => T): T {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw notReadable(path, error, options.remedy);
  }
  try {
    return read(fd, fstatSync(fd));
  } catch (error) {
    throw codeOf(error) === null ? error : notReadable(path, error, options.remedy);
  } finally {
    closeSync(fd);
  }
}

function readUpTo(path: string, fd: number, size: number, limit: number): Uint8Array {
  let buffer = new Uint8Array(size);
  let length = 0;
  while (true) {
    if (length === buffer.length) {
      // one more byte, to detect a longer file
      const more = new Uint8Array(1);
      if (readSync(fd, more) === 0) return buffer;
      if (length + 1 > limit) throw aboveLimit(path, limit);
      const larger = new Uint8Array(Math.min(limit, Math.max(2 * length, CHUNK)));
      larger.set(buffer);
      larger[length++] = more[0]!;
      buffer = larger;
    }
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
  }
}

function readPipe(path: string, fd: number, limit: number, patience: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  let silentSince = performance.now();
  const buffer = new Uint8Array(CHUNK);
  while (true) {
    const count = readIfReady(fd, buffer);
    // until a writer opens it, a pipe reads as ended
    if (count === null || (count === 0 && length === 0)) {
      if (performance.now() - silentSince > patience) {
        throw inputError(`${path} is a pipe that gave nothing for ${patience / 1000} s`, {
          remedy: 'write its content to a file and name that',
        });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      continue;
    }
    if (count === 0) return Buffer.concat(parts);
    silentSince = performance.now();
    length += count;
    if (length > limit) throw aboveLimit(path, limit);
    parts.push(buffer.slice(0, count));
  }
}

/** Bytes read; null where there are none yet. */
function readIfReady(fd: number, buffer: Uint8Array): number | null {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (codeOf(error) === 'EAGAIN') return null;
    throw error;
  }
}

/** The name of a system call's failure (`ENOENT`), or null for any other exception. */
function codeOf(error: unknown): string | null {
  return error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null;
}

type Failure = readonly [what: string, remedy: string];

const READ_FAILURES: Readonly<Record<string, Failure>> = {
  ENOENT: ['does not exist', 'check the path'],
  ENOTDIR: ['does not exist', 'check the path'],
  ENXIO: ['is a socket or a device without a driver, not a file', 'name a file'],
  EACCES: ['may not be read', 'check its permissions'],
  EPERM: ['may not be read', 'check its permissions'],
  ELOOP: ['is a link that leads back to itself', 'make the link again'],
  ENAMETOOLONG: ['is too long a name', 'check the path'],
  EMFILE: [
    'cannot be opened: this process has too many files open',
    'raise the limit (ulimit -n) and run the command again',
  ],
  ENFILE: ['cannot be opened: this machine has too many files open', 'close other programs and run the command again'],
};

const FREE_SPACE = 'free some space and run the command again';
const ELSEWHERE = 'choose a folder that can be written to';

const WRITE_FAILURES: Readonly<Record<string, Failure>> = {
  ENOSPC: ['the disk is full', FREE_SPACE],
  EDQUOT: ['your disk quota is used up', FREE_SPACE],
  EFBIG: ['the file would be larger than this process may write', 'raise the limit (ulimit -f)'],
  EACCES: ['permission denied', ELSEWHERE],
  EPERM: ['permission denied', ELSEWHERE],
  EROFS: ['the file system is read-only', ELSEWHERE],
  ENOENT: ['its folder does not exist', ELSEWHERE],
  ENOTDIR: ['a part of the path is a file', ELSEWHERE],
  EEXIST: ['a part of the path is a file', ELSEWHERE],
  EISDIR: ['it is a folder', 'name a file'],
  ELOOP: ['a link on the way leads back to itself', ELSEWHERE],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
  EMFILE: ['this process has too many files open', 'raise the limit (ulimit -n) and run the command again'],
};

function notReadable(path: string, error: unknown, remedy: string | undefined): MedreproError {
  const code = codeOf(error);
  const [what, advice] = READ_FAILURES[code ?? ''] ?? [
    `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    'copy it to another disk',
  ];
  return inputError(`${path} ${what}`, { remedy: remedy ?? advice, cause: error });
}

function notRegular(path: string, what: string): MedreproError {
  return inputError(`${path} is ${what}, not a file`, { remedy: 'name a file' });
}

function aboveLimit(path: string, limit: number): MedreproError {
  const size = limit >= 2 ** 30 ? `${limit / 2 ** 30} GiB` : `${limit / 2 ** 20} MiB`;
  return inputError(`${path} is above ${size}`, { remedy: 'give only the part of it that is needed' });
}

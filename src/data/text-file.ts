/**
 * A text file as bytes that are known to be UTF-8.
 *
 * Everything that is not is refused with one line that says where and what it looks like: a data file that is decoded
 * with replacement characters trains on other text than the paper did, and nobody sees it.
 */

import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { type ErrorDetails, inputError, MedreproError } from '../errors';

/** The largest file, unpacked: strings and typed arrays have room for it everywhere. */
export const MAX_FILE_BYTES = 2 ** 30;

/** A file as it lies: what is hashed and named in errors. */
export interface RawFile {
  /** Path or asset name, as the user knows it. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whether the bytes came out of gzip. */
  readonly unpacked?: boolean;
}

export interface TextFile {
  readonly name: string;
  /** UTF-8 without byte order mark. */
  readonly bytes: Uint8Array;
}

/**
 * Reads a file from disk.
 *
 * @throws MedreproError `input` when it is missing, no file, unreadable or above 1 GiB.
 */
export function readRawFile(path: string): RawFile {
  let size: number;
  let bytes: Uint8Array;
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw inputError(`${path} is a folder, not a file`, { remedy: 'name a file in it' });
    // a terminal would be waited for, and /dev/zero never ends
    if (stat.isCharacterDevice()) throw inputError(`${path} is a device, not a file`, { remedy: 'name a file' });
    size = stat.size;
    if (size > MAX_FILE_BYTES) throw tooLarge(path);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof MedreproError || !(error instanceof Error) || !('code' in error)) throw error;
    const missing = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    const forbidden = error.code === 'EACCES' || error.code === 'EPERM';
    const what = missing ? 'does not exist' : forbidden ? 'may not be read' : `cannot be read: ${error.message}`;
    throw inputError(`${path} ${what}`, {
      remedy: missing ? 'check the path' : forbidden ? 'check its permissions' : 'copy it to another disk',
      cause: error,
    });
  }
  return { name: path, bytes };
}

/**
 * Strips a byte order mark and checks that the rest is UTF-8.
 *
 * @param file as {@link unpacked} gives it.
 * @throws MedreproError `input`: another encoding, NUL bytes, or a format that is not text.
 */
export function asTextFile(file: RawFile): TextFile {
  let { bytes } = file;
  const within = file.unpacked ? ' of the unpacked file' : '';
  checkKind(file.name, bytes);
  if (!isUtf8(bytes)) {
    const offset = firstBrokenByte(bytes);
    throw inputError(`byte ${offset}${within} is not UTF-8`, {
      where: { file: file.name, line: lineAt(bytes, offset) },
      remedy: 'save the file as UTF-8; for Arabic text from Windows: iconv -f WINDOWS-1256 -t UTF-8',
    });
  }
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    throw inputError(`byte ${nul}${within} is a NUL, which text does not hold`, {
      where: { file: file.name, line: lineAt(bytes, nul) },
      remedy: 'the file is damaged or not text: export it again as UTF-8',
    });
  }
  if (startsWith(bytes, [0xef, 0xbb, 0xbf])) bytes = bytes.subarray(3);
  return { name: file.name, bytes };
}

/**
 * A file without gzip around it (told by the first bytes or by `.gz`).
 *
 * @throws MedreproError `input`: broken gzip, or above 1 GiB.
 */
export function unpacked(file: RawFile): RawFile {
  const packed = startsWith(file.bytes, [0x1f, 0x8b]) || /\.gz$/i.test(file.name);
  const bytes = packed ? unpack(file) : file.bytes;
  if (bytes.length > MAX_FILE_BYTES) throw tooLarge(file.name);
  return { name: file.name, bytes, unpacked: packed };
}

/** sha256 in lower-case hex. */
export function sha256Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher('sha256').update(bytes).digest('hex');
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

// --- internal ---

function unpack(file: RawFile): Uint8Array {
  if (!startsWith(file.bytes, [0x1f, 0x8b])) {
    throw inputError(`${file.name} is named .gz but is not gzip data`, { remedy: 'rename it, or download it again' });
  }
  try {
    return gunzipSync(file.bytes, { maxOutputLength: MAX_FILE_BYTES });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (/larger than|too large|maxOutputLength/i.test(message)) throw tooLarge(file.name);
    const cut = /unexpected end/i.test(message);
    throw inputError(cut ? 'the gzip data is cut short' : 'the gzip data is damaged', {
      where: { file: file.name },
      remedy: 'copy or download the file again',
      cause: error,
    });
  }
}

/** Refuses formats that people hand over instead of text, by their first bytes. */
function checkKind(name: string, bytes: Uint8Array): void {
  const refuse = (what: string, details: ErrorDetails): MedreproError =>
    inputError(`this is ${what}, not UTF-8 text`, { where: { file: name }, ...details });
  const utf16 = { remedy: 'save the file as UTF-8: iconv -f UTF-16 -t UTF-8' };
  if (startsWith(bytes, [0xff, 0xfe])) throw refuse('UTF-16 (little endian)', utf16);
  if (startsWith(bytes, [0xfe, 0xff])) throw refuse('UTF-16 (big endian)', utf16);
  const zeros = [0, 0];
  const head = Math.min(bytes.length, 512);
  for (let i = 0; i < head; i++) if (bytes[i] === 0) zeros[i % 2]!++;
  if (head >= 8 && (zeros[0]! > head / 4 || zeros[1]! > head / 4)) {
    throw refuse('UTF-16 without a byte order mark', { remedy: 'save the file as UTF-8: iconv -f UTF-16LE -t UTF-8' });
  }
  const csv = { remedy: 'export it as CSV with a header row' };
  if (startsWith(bytes, [0x50, 0x4b, 0x03, 0x04])) throw refuse('a zip archive or an Excel workbook', csv);
  if (startsWith(bytes, [0x28, 0xb5, 0x2f, 0xfd])) throw refuse('zstd data', { remedy: 'unpack it first' });
}

/** Offset of the first byte that does not continue valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
function firstBrokenByte(bytes: Uint8Array): number {
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

function startsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  return head.every((byte, i) => bytes[i] === byte);
}

function tooLarge(name: string): MedreproError {
  return inputError(`${name} is above 1 GiB`, { remedy: 'give the rows that are needed only' });
}

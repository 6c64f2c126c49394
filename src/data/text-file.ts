/**
 * A text file as bytes that are known to be UTF-8.
 *
 * Everything that is not is refused with one line that says where and what it looks like: a data file that is decoded
 * with replacement characters trains on other text than the paper did, and nobody sees it.
 */

import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { type ErrorDetails, inputError, type MedreproError } from '../errors';
import { firstBrokenByte, lineAt, MAX_FILE_BYTES, readBytes } from '../files';

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
 * Reads a file of rows from disk, or from a pipe.
 *
 * @throws MedreproError `input` when it is missing, no file, unreadable or above 1 GiB.
 */
export function readRawFile(path: string): RawFile {
  return { name: path, bytes: readBytes(path, { pipes: true }) };
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

function startsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  return head.every((byte, i) => bytes[i] === byte);
}

function tooLarge(name: string): MedreproError {
  return inputError(`${name} is above 1 GiB`, { remedy: 'give the rows that are needed only' });
}

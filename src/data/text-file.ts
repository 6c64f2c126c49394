/**
 * A text file as bytes that are known to be UTF-8.
 *
 * Anything else is rejected with one line that says where and what it looks like: a data file that is decoded
 * with replacement characters trains on other text than the paper did, unnoticed.
 */

import { isUtf8 } from 'node:buffer';
import { type ErrorDetails, inputError, type MedreproError } from '../errors';
import { firstBrokenByte, lineAt, MAX_FILE_BYTES, readBytes } from '../files';
import { containerError } from './containers';
import { GzipFault, gunzip, isGzip } from './gzip';

/** A file as it is stored: what is hashed and named in errors. */
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
 * A file without gzip around it (detected by the first bytes or by `.gz`).
 *
 * @throws MedreproError `input`: broken gzip, above 1 GiB, or another container (`containers.ts`).
 */
export async function unpacked(file: RawFile): Promise<RawFile> {
  const { name } = file;
  const packed = isGzip(file.bytes);
  const bytes = packed ? await unpack(file) : file.bytes;
  const container = containerError(name, bytes);
  if (container !== null) throw container;
  if (!packed && /\.gz$/i.test(name)) {
    throw inputError(`${name} is named .gz but is not gzip data`, { remedy: 'rename it, or download it again' });
  }
  return { name, bytes, unpacked: packed };
}

// --- internal ---

async function unpack({ name, bytes }: RawFile): Promise<Uint8Array> {
  try {
    return await gunzip(bytes, MAX_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof GzipFault)) throw error;
    if (error.kind === 'too-large') {
      throw inputError(`${name} unpacks to more than 1 GiB`, { remedy: 'give only the rows that are needed' });
    }
    throw inputError(error.kind === 'cut' ? 'the gzip data is cut short' : 'the gzip data is damaged', {
      where: { file: name },
      remedy: 'copy or download the file again',
      cause: error,
    });
  }
}

/** Rejects UTF-16. */
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
}

function startsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  return head.every((byte, i) => bytes[i] === byte);
}

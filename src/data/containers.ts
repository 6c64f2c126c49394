/** Files that are not data, detected by their first bytes: each is rejected by its name, with a remedy. */

import { inputError, type MedreproError } from '../errors';

/** @returns the error for a file that is a container, an archive or a stand-in; null for what may be data */
export function containerError(name: string, bytes: Uint8Array): MedreproError | null {
  const head = Buffer.from(bytes.subarray(0, HEAD)).toString('latin1');
  const found = KINDS.find(([start]) => (typeof start === 'string' ? head.startsWith(start) : start.test(head)));
  if (found === undefined) return null;
  const [, what, remedy] = found;
  return inputError(`this is ${what}, not the data itself`, { where: { file: name }, remedy });
}

// --- internal ---

/** The signature of a tar archive is at byte 257. */
const HEAD = 512;

const CSV = 'export it as CSV with a header row';
const TABLE = 'write it as Parquet or CSV';
const UNPACK = 'unpack it first';

const KINDS: readonly (readonly [start: string | RegExp, what: string, remedy: string])[] = [
  ['version https://git-lfs.github.com/spec/', 'a Git LFS pointer', 'fetch the file: git lfs pull'],
  [/^(\.\.\/)*\.git\/annex\/objects\/|^\/annex\/objects\//, 'a git-annex pointer', 'fetch the file: git annex get'],
  [/^BZh[1-9]1AY&SY/, 'bzip2 data', 'unpack it first: bunzip2'],
  ['\xfd7zXZ\0', 'xz data', 'unpack it first: unxz'],
  ['\x28\xb5\x2f\xfd', 'zstd data', 'unpack it first: unzstd'],
  ['\x04\x22\x4d\x18', 'LZ4 data', 'unpack it first: unlz4'],
  ['PK\x03\x04', 'a zip archive or an Excel workbook', CSV],
  ['\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', 'an old Excel workbook or Office document', CSV],
  ["7z\xbc\xaf'\x1c", 'a 7-Zip archive', UNPACK],
  ['Rar!\x1a\x07', 'a RAR archive', UNPACK],
  [/^[\s\S]{257}ustar/, 'a tar archive', 'unpack it first: tar -xf'],
  ['%PDF-', 'a PDF document', CSV],
  ['SQLite format 3\0', 'an SQLite database', CSV],
  ['\x89HDF\r\n\x1a\n', 'an HDF5 file', CSV],
  ['\x93NUMPY', 'a NumPy array', CSV],
  ['Obj\x01', 'an Avro file', TABLE],
  ...['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'].map((start) => [start, 'a Python pickle', TABLE] as const),
  [
    /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)\b/i,
    'a web page',
    'download the file itself, not the page that shows it',
  ],
];

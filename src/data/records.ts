/**
 * The entry point for data files of any format: it is detected from the first bytes, then from the name, then from how the text
 * begins. `.gz` around any of them is unpacked.
 */

import { existsSync, statSync } from 'node:fs';
import { sha256 } from '../sha256';
import { arrow } from './formats/arrow';
import { csv } from './formats/csv';
import type { Format, Parsed, ParseOptions } from './formats/format';
import { json, jsonLines } from './formats/json';
import { medquad, readMedquadFolder } from './formats/medquad';
import { parquet } from './formats/parquet';
import { type RawFile, readRawFile, unpacked } from './text-file';

/** Every format; those detected by their first bytes precede those detected by their name. */
export const FORMATS: readonly Format[] = [parquet, arrow, medquad, jsonLines, json, csv];

/** A file's rows with its identity. */
export interface RecordFile {
  /** Path or asset name, as the user knows it. */
  readonly name: string;
  /** The format's name: `CSV`, `Parquet`, … */
  readonly format: string;
  /** sha256 (hex) of the file as it is stored; of a folder, over the paths and hashes of its files. */
  readonly sha256: string;
  /** Bytes that are kept while rows are read; 0 for a folder, whose rows are kept instead. */
  readonly bytes: number;
  readonly parsed: Parsed;
}

/**
 * Reads a data file, or a folder of MedQuAD's XML documents.
 *
 * @param options the selected columns (no other is decoded), and how a CSV is read
 * @throws MedreproError `input` (exit 2) with what is wrong and where.
 */
export async function readRecords(path: string, options: ParseOptions = {}): Promise<RecordFile> {
  if (existsSync(path) && statSync(path).isDirectory()) {
    return { name: path, format: medquad.name, bytes: 0, ...readMedquadFolder(path) };
  }
  return parseRecords(readRawFile(path), options);
}

/** {@link readRecords} of bytes that are here already. */
export async function parseRecords(raw: RawFile, options: ParseOptions = {}): Promise<RecordFile> {
  const file = await unpacked(raw);
  const format = formatOf(file);
  return {
    name: raw.name,
    format: format.name,
    sha256: sha256(raw.bytes),
    bytes: file.bytes.length,
    parsed: await format.parse(file, options),
  };
}

// --- internal ---

const HEAD = 256;

function formatOf({ name, bytes }: RawFile): Format {
  const head = bytes.subarray(0, HEAD);
  const bare = name.replace(/\.gz$/i, '');
  const own = FORMATS.find((format) => format.matches?.(head)) ?? FORMATS.find((format) => format.fileName.test(bare));
  if (own !== undefined) return own;
  const start = new TextDecoder().decode(head).trimStart();
  return start.startsWith('{') ? jsonLines : start.startsWith('[') ? json : csv;
}

/** What Parquet and Arrow have in common: values of bytes, and the schema that `datasets` writes into both. */

import { isUtf8 } from 'node:buffer';
import { inputError, MedreproError } from '../../errors';
import { damaged, isObject } from './format';
import { decodeJson } from './json-reader';

/** A file that is inconsistent; the message is for its reader. */
export class Damage extends Error {}

/** A type or feature that is well-formed but not supported. */
export class Unsupported extends Error {}

/**
 * Runs a step of a reader; whatever it throws becomes one line.
 *
 * @param what the format's name
 * @throws MedreproError `input`
 */
export function reading<T>(file: string, what: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof MedreproError) throw error;
    if (error instanceof Unsupported) {
      throw inputError(`the ${what} file cannot be read: ${error.message}`, {
        where: { file },
        remedy: 'leave that column out, or write it as text',
        cause: error,
      });
    }
    const isDamage = error instanceof Damage;
    if (!isDamage && !(error instanceof RangeError)) throw error;
    // a DataView's own RangeError means nothing to a reader of the file; python.ts's speak of dates and times
    const { message } = error as Error;
    const why = isDamage || /^a (date|time)/.test(message) ? message : 'it is damaged or cut short';
    throw damaged(file, `the ${what} file cannot be read: ${why}`, undefined, error);
  }
}

/** Runs a library's code on bytes that may be damaged: whatever it throws is attributed to the bytes. @throws Damage */
export function trusting<T>(what: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof Damage ? error : new Damage(what, { cause: error });
  }
}

/** Most bytes of the selected columns, decompressed and with their values. */
export const MAX_READ_BYTES = 2 ** 30;

/** Rows that any file may claim, and rows for each of its bytes: runs of one value take almost no space. */
const FREE_ROWS = 2 ** 20;
const ROWS_PER_BYTE = 64;

/** @throws Damage for more rows (or values of a column) than a file of `bytes` can mean */
export function checkCount(count: number, bytes: number, what: string): void {
  if (!Number.isSafeInteger(count) || count < 0) throw new Damage(`a number of ${what} makes no sense`);
  if (count > FREE_ROWS + ROWS_PER_BYTE * bytes) {
    throw new Damage(`it claims ${count} ${what}, more than ${ROWS_PER_BYTE} for each of its bytes`);
  }
}

/** Bytes counted for a value: its slot in a list. */
export const CELL_BYTES = 16;

/** Counts the memory of reading, over all selected columns: a small file could reference the same bytes many times. */
export class Budget {
  private spent = 0;

  spend(bytes: number): void {
    this.spent += bytes;
    if (this.spent > MAX_READ_BYTES) throw new Damage('the columns that are wanted take more than 1 GiB');
  }
}

/** The bytes of a text. @throws Damage when they are none */
export function utf8(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new Damage('a text is not UTF-8');
  }
}

/** The value of a binary column: text where it is text, as old writers store it, else the bytes themselves (an image). */
export function bytesOrText(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) ? DECODER.decode(bytes) : bytes;
}

/** A signed number in two's complement, most significant byte first. */
export function bigEndian(bytes: Uint8Array): bigint {
  if (bytes.length > 64) throw new Damage('a decimal of more than 64 bytes');
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(8 * bytes.length, value);
}

/** IEEE 754 binary16, little-endian. */
export function halfFloat(bytes: Uint8Array): number {
  const bits = bytes[0]! | (bytes[1]! << 8);
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Key of the schema's metadata under which `datasets` keeps its features. */
export const FEATURES_KEY = 'huggingface';

/** Names of the classes of every `ClassLabel` column. @param metadata JSON under {@link FEATURES_KEY}; invalid JSON names none */
export function classNamesOf(metadata: string | undefined): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  const info = metadata === undefined ? undefined : decodeJson(metadata);
  const features = isObject(info) && isObject(info.info) ? info.info.features : undefined;
  if (!isObject(features)) return names;
  for (const [column, feature] of Object.entries(features)) {
    if (!isObject(feature) || feature._type !== 'ClassLabel' || !Array.isArray(feature.names)) continue;
    if (feature.names.every((name) => typeof name === 'string')) names.set(column, feature.names as string[]);
  }
  return names;
}

// --- internal ---

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

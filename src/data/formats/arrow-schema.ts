/** The fields of an Arrow schema (arrow.apache.org/docs/format/Columnar.html, Schema.fbs). */

import type { TimeDigits } from '../../python';
import { Damage, Unsupported } from './binary';
import type { Table } from './flatbuffer';

export interface Field {
  readonly name: string;
  readonly type: number;
  /** The type's own table: widths, precision. */
  readonly of: Table | null;
  readonly children: readonly Field[];
  /** How the column holds indices into a dictionary, whose values `type` is; null when it holds values. */
  readonly dictionary: { readonly id: number; readonly index: Table | null } | null;
}

/** Type numbers. */
export const TYPE = {
  null: 1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  interval: 11,
  list: 12,
  struct: 13,
  union: 14,
  fixedSizeBinary: 15,
  fixedSizeList: 16,
  map: 17,
  duration: 18,
  largeBinary: 19,
  largeUtf8: 20,
  largeList: 21,
  runEndEncoded: 22,
  binaryView: 23,
  utf8View: 24,
  listView: 25,
  largeListView: 26,
} as const;

export interface Schema {
  readonly fields: readonly Field[];
  /** Text under a key of the schema's metadata. */
  readonly metadata: (key: string) => string | undefined;
}

/** @param header the schema of a message. @throws Damage, Unsupported */
export function schemaOf(header: Table): Schema {
  if (header.int16(0) !== 0) throw new Unsupported('its numbers are big-endian');
  const counter = { fields: 0 };
  const fields = header.tables(1).map((table) => fieldOf(table, 0, counter));
  return {
    fields,
    metadata: (key) =>
      header
        .tables(2)
        .find((pair) => isKey(pair, key))
        ?.string(1, MAX_METADATA_BYTES),
  };
}

/** Digits of a second of a unit of time. */
export function digitsOf(unit: number): TimeDigits {
  const digits = UNITS[unit];
  if (digits === undefined) throw new Damage('a time without its unit');
  return digits;
}

// --- internal ---

const UNITS: readonly TimeDigits[] = [0, 3, 6, 9];

const MAX_DEPTH = 32;

/** Fields in all: those that share their place in the file are many in a few bytes. */
const MAX_FIELDS = 2 ** 14;
const MAX_NAME_BYTES = 2 ** 12;
const MAX_METADATA_BYTES = 2 ** 26;

function fieldOf(table: Table, depth: number, counter: { fields: number }): Field {
  if (depth > MAX_DEPTH) throw new Damage(`fields are nested more than ${MAX_DEPTH} deep`);
  if (++counter.fields > MAX_FIELDS) throw new Damage(`it has more than ${MAX_FIELDS} fields`);
  const coded = table.table(4);
  const name = table.string(0, MAX_NAME_BYTES);
  const children = table.tables(5).map((child) => fieldOf(child, depth + 1, counter));
  const dictionary = coded === null ? null : { id: coded.int64(0), index: coded.table(1) };
  return { name, type: table.uint8(2), of: table.table(3), children, dictionary };
}

function isKey(pair: Table, key: string): boolean {
  try {
    return pair.string(0, key.length) === key;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

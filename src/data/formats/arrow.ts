/**
 * Arrow IPC: the stream that Hugging Face datasets writes to `.arrow` files, and Arrow's own file form of it, which is Feather.
 *
 * Layout (arrow.apache.org/docs/format/Columnar.html): messages of 0xFFFFFFFF, the metadata's length, a FlatBuffers
 * Message, and a body of buffers; first the schema, then dictionaries and record batches. Batches are decoded one by one, and
 * only their selected columns; an unsupported type is rejected by name, and only where it is selected.
 */

import { inputError } from '../../errors';
import type { RawFile } from '../text-file';
import { Batch, type Dictionaries, readColumn, subview, zoneOf } from './arrow-columns';
import { type Field, type Schema, schemaOf, TYPE } from './arrow-schema';
import { Budget, checkCount, classNamesOf, Damage, FEATURES_KEY, reading, Unsupported } from './binary';
import { Table } from './flatbuffer';
import { chosen, type DataRecord, type Format, noRows, type Parsed, type ParseOptions } from './format';
import type { ArrowHint } from './parquet-types';

export const arrow: Format = {
  name: 'Arrow',
  fileName: /\.(arrow|feather)$/i,
  matches: (head) => isFile(head) || isFeather1(head) || (head.length >= 4 && head.subarray(0, 4).every(isSet)),
  parse,
};

/** Types of columns in the Arrow schema of a Parquet file's metadata that Parquet's own schema lacks. @param encoded in base64 */
export function arrowHints(encoded: string | undefined): ReadonlyMap<string, ArrowHint> {
  const hints = new Map<string, ArrowHint>();
  if (encoded === undefined) return hints;
  const bytes = Buffer.from(encoded, 'base64');
  try {
    const [first] = messages(bytes);
    const { fields } = schemaOf(first!.header);
    for (const field of fields) {
      hints.set(field.name, { zone: zoneOf(field), isDuration: field.type === TYPE.duration });
    }
    return hints;
  } catch {
    // only a hint: the file is read without it
    return new Map();
  }
}

// --- internal ---

const MESSAGE = { schema: 1, dictionaryBatch: 2, recordBatch: 3 } as const;

interface Message {
  readonly kind: number;
  readonly header: Table;
  readonly body: DataView;
}

function parse({ name, bytes }: RawFile, { choose }: ParseOptions): Parsed {
  if (isFeather1(bytes)) {
    throw inputError('this is a Feather file of version 1', {
      where: { file: name },
      remedy: 'write it again: to_feather of today writes version 2',
    });
  }
  const { fields, metadata } = reading(name, 'Arrow', () => schemaIn(bytes));
  const columns = fields.map((field) => field.name);
  if (reading(name, 'Arrow', () => rowsIn(bytes)) === 0) throw noRows(name);
  const records = {
    *[Symbol.iterator](): Generator<DataRecord> {
      const wanted = chosen(columns, choose);
      const batches = reading(name, 'Arrow', () => batchesOf(bytes, fields, wanted));
      for (;;) {
        const next = reading(name, 'Arrow', () => batches.next());
        if (next.done) return;
        const { length, values } = next.value;
        for (let row = 0; row < length; row++) yield { values: values.map((column) => column?.[row]), line: null };
      }
    },
  };
  const classNames = classNamesOf(reading(name, 'Arrow', () => metadata(FEATURES_KEY)));
  return { columns, headerLine: null, records, notes: [], classNames };
}

function* messages(bytes: Uint8Array): Generator<Message> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = isFile(bytes) ? 8 : 0; at + 8 <= bytes.length; ) {
    if (view.getUint32(at, true) !== 0xffffffff) throw new Damage('no message where one should be');
    const length = view.getInt32(at + 4, true);
    if (length === 0) return;
    const message = Table.root(subview(view, at + 8, length));
    const bodyAt = at + 8 + length;
    const body = subview(view, bodyAt, message.int64(3));
    const header = message.table(2);
    if (header === null) throw new Damage('a message without a header');
    yield { kind: message.uint8(1), header, body };
    at = bodyAt + body.byteLength;
  }
}

function schemaIn(bytes: Uint8Array): Schema {
  const [first] = messages(bytes);
  if (first?.kind !== MESSAGE.schema) throw new Damage('no schema');
  return schemaOf(first.header);
}

function rowsIn(bytes: Uint8Array): number {
  let rows = 0;
  for (const { kind, header } of messages(bytes)) {
    if (kind === MESSAGE.recordBatch) rows += header.int64(0);
    checkCount(rows, bytes.length, 'rows');
  }
  return rows;
}

interface Columns {
  readonly length: number;
  /** By column; undefined for one that is not selected. */
  readonly values: readonly (readonly unknown[] | undefined)[];
}

/** Batches in order; dictionaries are kept, or grow, or are replaced between them. */
function* batchesOf(bytes: Uint8Array, fields: readonly Field[], wanted: ReadonlySet<number>): Generator<Columns> {
  const budget = new Budget();
  const coded = new Map<number, Field>();
  for (const [i, field] of fields.entries()) if (wanted.has(i)) collectCoded(field, coded);
  const dictionaries = new Map<number, readonly unknown[]>();
  for (const { kind, header, body } of messages(bytes)) {
    if (kind === MESSAGE.dictionaryBatch) readDictionary(header, body, bytes.length, coded, dictionaries, budget);
    else if (kind === MESSAGE.recordBatch) {
      const batch = new Batch(header, body, bytes.length, dictionaries, budget);
      const values = fields.map((field, i) => {
        if (wanted.has(i)) return readColumn(field, batch);
        batch.skip(field);
        return undefined;
      });
      if (values.some((column) => column !== undefined && column.length !== batch.length)) {
        throw new Damage('a column has other rows than its batch');
      }
      yield { length: batch.length, values };
    } else if (kind !== MESSAGE.schema) throw new Unsupported('it has messages that are not read here (tensors)');
  }
}

function collectCoded(field: Field, coded: Map<number, Field>): void {
  if (field.dictionary !== null) coded.set(field.dictionary.id, field);
  for (const child of field.children) collectCoded(child, coded);
}

function readDictionary(
  header: Table,
  body: DataView,
  size: number,
  coded: ReadonlyMap<number, Field>,
  dictionaries: Map<number, readonly unknown[]>,
  budget: Budget,
): void {
  const id = header.int64(0);
  const field = coded.get(id);
  if (field === undefined) return;
  const data = header.table(1);
  if (data === null) throw new Damage('a dictionary without its values');
  const batch = new Batch(data, body, size, dictionaries as Dictionaries, budget);
  const values = readColumn({ ...field, dictionary: null }, batch);
  dictionaries.set(id, header.bool(2) ? [...(dictionaries.get(id) ?? []), ...values] : values);
}

const isSet = (byte: number): boolean => byte === 0xff;
const isFile = (head: Uint8Array): boolean => Buffer.from(head.subarray(0, 6)).toString('latin1') === 'ARROW1';
const isFeather1 = (head: Uint8Array): boolean => Buffer.from(head.subarray(0, 4)).toString('latin1') === 'FEA1';

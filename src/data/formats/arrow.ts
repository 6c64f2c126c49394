/**
 * Arrow IPC: the stream that Hugging Face datasets writes to `.arrow` files, and Arrow's own file form of it.
 *
 * Layout (arrow.apache.org/docs/format/Columnar.html): messages of 0xFFFFFFFF, the metadata's length, a FlatBuffers
 * Message, and a body of buffers; first the schema, then record batches. Read are null, bool, integers, floats, utf8,
 * binary, lists and structs; a dictionary, a compressed body or another type is refused by name.
 */

import { MedreproError } from '../../errors';
import type { RawFile } from '../text-file';
import { Table } from './flatbuffer';
import { damaged, type Format, noRows, type Parsed, rowsOfColumns } from './format';

export const arrow: Format = {
  name: 'Arrow',
  fileName: /\.(arrow|feather)$/i,
  matches: (head) => isFile(head) || (head.length >= 4 && head.subarray(0, 4).every((byte) => byte === 0xff)),
  parse,
};

// --- internal ---

const MAX_DEPTH = 32;

const MESSAGE = { schema: 1, dictionaryBatch: 2, recordBatch: 3 } as const;

interface Field {
  readonly name: string;
  readonly type: number;
  /** The type's own table: widths, precision. */
  readonly of: Table | null;
  readonly children: readonly Field[];
}

function parse({ name, bytes }: RawFile): Parsed {
  try {
    const { fields, columns } = readStream(bytes);
    if ((columns[0]?.length ?? 0) === 0) throw noRows(name);
    const columnNames = fields.map((field) => field.name);
    return { columns: columnNames, headerLine: null, records: rowsOfColumns(columns, columns[0]!.length), notes: [] };
  } catch (error) {
    if (error instanceof MedreproError) throw error;
    const what = error instanceof Unsupported ? error.message : 'it is damaged or cut short';
    throw damaged(name, `the Arrow file cannot be read: ${what}`, undefined, error);
  }
}

/** A type or feature that is well-formed and not read here. */
class Unsupported extends Error {}

function readStream(bytes: Uint8Array): { fields: readonly Field[]; columns: readonly unknown[][] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = isFile(bytes) ? 8 : 0;
  let fields: readonly Field[] | null = null;
  let columns: unknown[][] = [];
  while (at + 8 <= bytes.length) {
    if (view.getUint32(at, true) !== 0xffffffff) throw new RangeError('no message where one should be');
    const length = view.getInt32(at + 4, true);
    if (length === 0) break;
    const message = Table.root(subview(view, at + 8, length));
    const bodyAt = at + 8 + length;
    const bodyLength = message.int64(3);
    const body = subview(view, bodyAt, bodyLength);
    const header = message.table(2);
    if (header === null) throw new RangeError('a message without a header');
    const kind = message.uint8(1);
    if (kind === MESSAGE.schema) {
      if (header.int16(0) !== 0) throw new Unsupported('its numbers are big-endian');
      fields = header.tables(1).map((table) => fieldOf(table, 0));
      columns = fields.map(() => []);
    } else if (kind === MESSAGE.recordBatch && fields !== null) {
      const batch = readBatch(fields, header, body);
      for (const [c, values] of batch.entries()) for (const value of values) columns[c]!.push(value);
    } else throw new Unsupported(kind === MESSAGE.dictionaryBatch ? 'it has dictionary columns' : 'an unknown message');
    at = bodyAt + bodyLength;
  }
  if (fields === null) throw new RangeError('no schema');
  return { fields, columns };
}

function fieldOf(table: Table, depth: number): Field {
  if (depth > MAX_DEPTH) throw new RangeError('nested too deeply');
  const name = table.string(0);
  if (table.table(4) !== null)
    throw new Unsupported(`column ${JSON.stringify(name)} is a dictionary; write its values`);
  const children = table.tables(5).map((child) => fieldOf(child, depth + 1));
  return { name, type: table.uint8(2), of: table.table(3), children };
}

/** The columns of one record batch: nodes and buffers are taken in the order of a walk over the fields. */
function readBatch(fields: readonly Field[], header: Table, body: DataView): unknown[][] {
  if (header.table(3) !== null) throw new Unsupported('its batches are compressed; write them without compression');
  const source = new Batch(header.pairs(1), header.pairs(2), body);
  return fields.map((field) => readColumn(field, source));
}

class Batch {
  private node = 0;
  private buffer = 0;

  constructor(
    private readonly nodes: readonly [number, number][],
    private readonly buffers: readonly [number, number][],
    private readonly body: DataView,
  ) {}

  /** The number of values of the next field. */
  length(): number {
    const node = this.nodes[this.node++];
    // a value takes a bit at least: what claims more would only fill the memory with nulls
    if (node === undefined || node[0] < 0 || node[0] > 8 * this.body.byteLength) {
      throw new RangeError('a column without its length');
    }
    return node[0];
  }

  next(): DataView {
    const buffer = this.buffers[this.buffer++];
    if (buffer === undefined) throw new RangeError('a column without its buffer');
    return subview(this.body, buffer[0], buffer[1]);
  }
}

function readColumn(field: Field, batch: Batch): unknown[] {
  const length = batch.length();
  if (field.type === TYPE.null) return new Array<unknown>(length).fill(null);
  const valid = batch.next();
  const isValid = (i: number): boolean => valid.byteLength === 0 || bit(valid, i);
  const values = (read: (i: number) => unknown): unknown[] =>
    Array.from({ length }, (_, i) => (isValid(i) ? read(i) : null));
  switch (field.type) {
    case TYPE.bool: {
      const data = batch.next();
      return values((i) => bit(data, i));
    }
    case TYPE.int:
      return values(intReader(field, batch.next()));
    case TYPE.float:
      return values(floatReader(field, batch.next()));
    case TYPE.utf8:
    case TYPE.largeUtf8:
    case TYPE.binary:
    case TYPE.largeBinary: {
      const range = ranges(batch.next(), length, field.type === TYPE.largeUtf8 || field.type === TYPE.largeBinary);
      const data = batch.next();
      return values((i) => text(data, ...range(i)));
    }
    case TYPE.list:
    case TYPE.largeList: {
      const range = ranges(batch.next(), length, field.type === TYPE.largeList);
      const inner = readColumn(only(field), batch);
      return values((i) => inner.slice(...checked(range(i), inner.length)));
    }
    case TYPE.fixedSizeList: {
      const size = field.of?.int32(0) ?? 0;
      const inner = readColumn(only(field), batch);
      if (size < 0 || inner.length < size * length) throw new RangeError('a list ends outside its values');
      return values((i) => inner.slice(i * size, (i + 1) * size));
    }
    case TYPE.struct: {
      const inner = field.children.map((child) => readColumn(child, batch));
      if (inner.some((column) => column.length < length)) throw new RangeError('a struct shorter than its column');
      return values((i) => Object.fromEntries(field.children.map((child, c) => [child.name, inner[c]![i]])));
    }
    default:
      throw new Unsupported(`column ${JSON.stringify(field.name)} is of a type that is not read here (${field.type})`);
  }
}

/** Type numbers of Arrow's Schema.fbs. */
const TYPE = {
  null: 1,
  int: 2,
  float: 3,
  binary: 4,
  utf8: 5,
  bool: 6,
  list: 12,
  struct: 13,
  fixedSizeList: 16,
  largeBinary: 19,
  largeUtf8: 20,
  largeList: 21,
} as const;

function intReader({ of, name }: Field, data: DataView): (i: number) => bigint {
  const signed = of?.bool(1) ?? false;
  switch (of?.int32(0)) {
    case 8:
      return (i) => BigInt(signed ? data.getInt8(i) : data.getUint8(i));
    case 16:
      return (i) => BigInt(signed ? data.getInt16(2 * i, true) : data.getUint16(2 * i, true));
    case 32:
      return (i) => BigInt(signed ? data.getInt32(4 * i, true) : data.getUint32(4 * i, true));
    case 64:
      return (i) => (signed ? data.getBigInt64(8 * i, true) : data.getBigUint64(8 * i, true));
    default:
      throw new Unsupported(`column ${JSON.stringify(name)} has integers of an unknown width`);
  }
}

function floatReader({ of, name }: Field, data: DataView): (i: number) => number {
  switch (of?.int16(0)) {
    case 1:
      return (i) => data.getFloat32(4 * i, true);
    case 2:
      return (i) => data.getFloat64(8 * i, true);
    default:
      throw new Unsupported(`column ${JSON.stringify(name)} holds half-precision floats`);
  }
}

/** Value i lies in [offsets[i], offsets[i+1]). */
function ranges(offsets: DataView, length: number, large: boolean): (i: number) => [number, number] {
  if (length === 0) return () => [0, 0];
  const at = (i: number): number => (large ? Number(offsets.getBigInt64(8 * i, true)) : offsets.getInt32(4 * i, true));
  return (i) => [at(i), at(i + 1)];
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(data: DataView, from: number, to: number): string {
  const [start, end] = checked([from, to], data.byteLength);
  return UTF8.decode(new Uint8Array(data.buffer, data.byteOffset + start, end - start));
}

function checked([from, to]: [number, number], size: number): [number, number] {
  if (from < 0 || to < from || to > size) throw new RangeError('a value ends outside its buffer');
  return [from, to];
}

function only({ children }: Field): Field {
  const [child] = children;
  if (child === undefined) throw new RangeError('a list without a type');
  return child;
}

const bit = (view: DataView, i: number): boolean => ((view.getUint8(i >> 3) >> (i & 7)) & 1) === 1;

function subview(view: DataView, at: number, length: number): DataView {
  if (at < 0 || length < 0 || at + length > view.byteLength) throw new RangeError('a part ends outside the file');
  return new DataView(view.buffer, view.byteOffset + at, length);
}

const isFile = (head: Uint8Array): boolean => Buffer.from(head.subarray(0, 6)).toString('latin1') === 'ARROW1';

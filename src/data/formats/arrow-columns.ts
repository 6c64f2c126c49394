/**
 * The columns of an Arrow record batch: nodes and buffers in the order of a walk over the fields. A column that is not selected is
 * passed over without touching its bytes.
 */

import { dateText, decimalText, timestampText, timeText } from '../../python';
import { digitsOf, type Field, TYPE } from './arrow-schema';
import {
  type Budget,
  bigEndian,
  bytesOrText,
  CELL_BYTES,
  checkCount,
  Damage,
  halfFloat,
  Unsupported,
  utf8,
} from './binary';
import { decompressed } from './codecs';
import { safeInt64, type Table } from './flatbuffer';

/** Values of dictionaries by their id. */
export type Dictionaries = ReadonlyMap<number, readonly unknown[]>;

/** A record batch's header and body. */
export class Batch {
  /** Rows. */
  readonly length: number;
  private readonly nodes: readonly [number, number][];
  private readonly buffers: readonly [number, number][];
  private readonly variadic: readonly number[];
  private readonly codec: 'LZ4_FRAME' | 'ZSTD' | null;
  private node = 0;
  private buffer = 0;
  private view = 0;

  /** @param size of the whole file, in bytes: more rows than it can mean are rejected */
  constructor(
    header: Table,
    private readonly body: DataView,
    private readonly size: number,
    readonly dictionaries: Dictionaries,
    readonly budget: Budget,
  ) {
    this.length = header.int64(0);
    checkCount(this.length, size, 'rows');
    this.nodes = header.pairs(1);
    this.buffers = header.pairs(2);
    this.variadic = header.int64s(4);
    const compression = header.table(3);
    this.codec = compression === null ? null : compression.int8(0) === 0 ? 'LZ4_FRAME' : 'ZSTD';
  }

  /** The number of values of the next field. */
  count(): number {
    const node = this.nodes[this.node++];
    if (node === undefined) throw new Damage('a column without its length');
    checkCount(node[0], this.size, 'values');
    return node[0];
  }

  /** The next buffer, decompressed. */
  next(): DataView {
    const [at, length] = this.place();
    const raw = subview(this.body, at, length);
    if (this.codec === null || length === 0) return raw;
    const whole = safeInt64(raw, 0);
    if (whole === -1) return subview(raw, 8, length - 8);
    this.budget.spend(whole);
    const bytes = decompressed(this.codec, new Uint8Array(raw.buffer, raw.byteOffset + 8, length - 8), whole);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The data buffers of the next column of views. */
  views(): DataView[] {
    return Array.from({ length: this.viewCount() }, () => this.next());
  }

  /** Passes over a field. */
  skip(field: Field): void {
    this.node++;
    for (let i = buffersOf(field); i > 0; i--) this.place();
    if (field.dictionary !== null) return;
    if (field.type === TYPE.utf8View || field.type === TYPE.binaryView) {
      for (let i = this.viewCount(); i > 0; i--) this.place();
    }
    for (const child of field.children) this.skip(child);
  }

  private viewCount(): number {
    const count = this.variadic[this.view++];
    if (count === undefined || count < 0 || count > this.buffers.length) {
      throw new Damage('a column without the number of its buffers');
    }
    return count;
  }

  private place(): readonly [number, number] {
    const buffer = this.buffers[this.buffer++];
    if (buffer === undefined) throw new Damage('a column without its buffer');
    return buffer;
  }
}

/** The values of the batch's next field. @throws Damage, Unsupported */
export function readColumn(field: Field, batch: Batch): unknown[] {
  const length = batch.count();
  batch.budget.spend(CELL_BYTES * length);
  if (field.dictionary !== null) return codedColumn(field, field.dictionary, length, batch);
  if (field.type === TYPE.null) return new Array<unknown>(length).fill(null);
  if (buffersOf(field) < 0 || UNREAD[field.type] !== undefined) throw unread(field);
  const valid = batch.next();
  const values = (read: (i: number) => unknown): unknown[] =>
    Array.from({ length }, (_, i) => (valid.byteLength === 0 || bit(valid, i) ? read(i) : null));
  switch (field.type) {
    case TYPE.bool: {
      const data = batch.next();
      return values((i) => bit(data, i));
    }
    case TYPE.int:
      return values(integers(field, field.of, batch.next()));
    case TYPE.float:
      return values(floats(field, batch.next()));
    case TYPE.decimal:
      return values(decimals(field, batch.next()));
    case TYPE.date: {
      const [days, data] = [field.of?.int16(0, 1) === 0, batch.next()];
      return values((i) =>
        dateText(days ? data.getInt32(4 * i, true) : Math.floor(safeInt64(data, 8 * i) / 86_400_000)),
      );
    }
    case TYPE.time: {
      const [digits, wide, data] = [digitsOf(field.of?.int16(0, 1) ?? 1), field.of?.int32(1, 32) === 64, batch.next()];
      return values((i) => timeText(wide ? data.getBigInt64(8 * i, true) : BigInt(data.getInt32(4 * i, true)), digits));
    }
    case TYPE.timestamp: {
      const [digits, zone, data] = [digitsOf(field.of?.int16(0) ?? 0), zoneOf(field), batch.next()];
      return values((i) => timestampText(data.getBigInt64(8 * i, true), digits, zone));
    }
    case TYPE.utf8:
    case TYPE.largeUtf8:
    case TYPE.binary:
    case TYPE.largeBinary: {
      const range = ranges(batch.next(), length, field.type === TYPE.largeUtf8 || field.type === TYPE.largeBinary);
      const data = batch.next();
      return values((i) => text(data, range(i), field, batch.budget));
    }
    case TYPE.fixedSizeBinary: {
      const [width, data] = [field.of?.int32(0) ?? 0, batch.next()];
      return values((i) => text(data, [width * i, width * (i + 1)], field, batch.budget));
    }
    case TYPE.utf8View:
    case TYPE.binaryView: {
      const [views, data] = [batch.next(), batch.views()];
      return values((i) => viewed(views, i, data, field, batch.budget));
    }
    case TYPE.list:
    case TYPE.largeList:
    case TYPE.map: {
      const range = ranges(batch.next(), length, field.type === TYPE.largeList);
      const inner = readColumn(only(field), batch);
      return values((i) => slice(inner, range(i), batch.budget));
    }
    case TYPE.fixedSizeList: {
      const size = field.of?.int32(0) ?? 0;
      const inner = readColumn(only(field), batch);
      if (size < 0 || inner.length < size * length) throw new Damage('a list ends outside its values');
      return values((i) => slice(inner, [i * size, (i + 1) * size], batch.budget));
    }
    case TYPE.struct: {
      const inner = field.children.map((child) => readColumn(child, batch));
      if (inner.some((column) => column.length < length)) throw new Damage('a struct shorter than its column');
      return values((i) => objectOf(field, (c) => inner[c]![i]));
    }
    default:
      throw unread(field);
  }
}

/** The time zone of a timestamp column; null without one. */
export function zoneOf(field: Field): string | null {
  return (field.type === TYPE.timestamp ? field.of?.string(1, 256) : '') || null;
}

export function subview(view: DataView, at: number, length: number): DataView {
  if (at < 0 || length < 0 || at + length > view.byteLength) throw new Damage('a part ends outside the file');
  return new DataView(view.buffer, view.byteOffset + at, length);
}

// --- internal ---

const UNREAD: Readonly<Record<number, string>> = {
  [TYPE.interval]: 'intervals, which are not read here',
  [TYPE.duration]: 'durations, which pandas and datasets print differently',
  [TYPE.union]: 'a union of types, which is not read here',
  [TYPE.runEndEncoded]: 'runs (run-end encoded), which are not read here',
  [TYPE.listView]: 'list views, which are not read here',
  [TYPE.largeListView]: 'list views, which are not read here',
};

function unread({ name, type }: Field): Unsupported {
  const what = UNREAD[type] ?? `a type that is not read here (${type})`;
  return new Unsupported(`column ${JSON.stringify(name)} holds ${what}`);
}

/** Buffers of a field's own, without those of its children. */
function buffersOf({ type, dictionary, of }: Field): number {
  if (dictionary !== null) return 2;
  switch (type) {
    case TYPE.null:
    case TYPE.runEndEncoded:
      return 0;
    case TYPE.struct:
    case TYPE.fixedSizeList:
      return 1;
    case TYPE.union:
      // sparse: ids; dense: ids and offsets
      return of?.int16(0) === 0 ? 1 : 2;
    case TYPE.utf8:
    case TYPE.binary:
    case TYPE.largeUtf8:
    case TYPE.largeBinary:
    case TYPE.listView:
    case TYPE.largeListView:
      return 3;
    default:
      if (type < TYPE.null || type > TYPE.largeListView)
        throw new Unsupported(`it has a column of an unknown type (${type})`);
      return 2;
  }
}

function codedColumn(field: Field, { id, index }: NonNullable<Field['dictionary']>, length: number, batch: Batch) {
  const [valid, data] = [batch.next(), batch.next()];
  const entries = batch.dictionaries.get(id);
  const read = integers(field, index, data);
  return Array.from({ length }, (_, i) => {
    if (valid.byteLength > 0 && !bit(valid, i)) return null;
    const place = Number(read(i));
    if (entries === undefined || place < 0 || place >= entries.length) {
      throw new Damage('a value that its dictionary does not have');
    }
    return entries[place];
  });
}

/** Without a table: signed, 32 bits, as dictionaries' indices are by default. */
function integers({ name }: Field, of: Table | null, data: DataView): (i: number) => bigint {
  const signed = of === null || of.bool(1);
  switch (of === null ? 32 : of.int32(0)) {
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

function floats({ of }: Field, data: DataView): (i: number) => number {
  const precision = of?.int16(0);
  if (precision === 1) return (i) => data.getFloat32(4 * i, true);
  if (precision === 2) return (i) => data.getFloat64(8 * i, true);
  return (i) => halfFloat(bytesOf(data, 2 * i, 2));
}

function decimals({ of }: Field, data: DataView): (i: number) => string {
  const [scale, width] = [of?.int32(1) ?? 0, (of?.int32(2, 128) ?? 128) / 8];
  if (Math.abs(scale) > 1000 || ![4, 8, 16, 32].includes(width)) {
    throw new Damage('a decimal with a scale or width that makes no sense');
  }
  return (i) => decimalText(bigEndian(bytesOf(data, width * i, width).toReversed()), scale);
}

/** Value i is in [offsets[i], offsets[i+1]). */
function ranges(offsets: DataView, length: number, large: boolean): (i: number) => [number, number] {
  if (length === 0) return () => [0, 0];
  const at = (i: number): number => (large ? Number(offsets.getBigInt64(8 * i, true)) : offsets.getInt32(4 * i, true));
  return (i) => [at(i), at(i + 1)];
}

/** Rows may share their bytes, so their decoded size is counted. */
function text(data: DataView, range: [number, number], { type }: Field, budget: Budget): string | Uint8Array {
  const [start, end] = checked(range, data.byteLength);
  budget.spend(end - start);
  const bytes = bytesOf(data, start, end - start);
  const isText = type === TYPE.utf8 || type === TYPE.largeUtf8 || type === TYPE.utf8View;
  return isText ? utf8(bytes) : bytesOrText(bytes);
}

/** A view: a length, then the text itself up to 12 bytes, or its first four bytes, its buffer and its place there. */
function viewed(views: DataView, i: number, data: readonly DataView[], field: Field, budget: Budget) {
  const length = views.getInt32(16 * i, true);
  if (length <= 12) return text(views, [16 * i + 4, 16 * i + 4 + length], field, budget);
  const buffer = data[views.getInt32(16 * i + 8, true)];
  if (buffer === undefined) throw new Damage('a value ends outside its buffer');
  const start = views.getInt32(16 * i + 12, true);
  return text(buffer, [start, start + length], field, budget);
}

function slice(values: readonly unknown[], range: [number, number], budget: Budget): unknown[] {
  const [start, end] = checked(range, values.length);
  budget.spend(CELL_BYTES * (end - start));
  return values.slice(start, end);
}

/** No prototype: a field may be called __proto__. */
function objectOf({ children }: Field, value: (child: number) => unknown): Record<string, unknown> {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [c, child] of children.entries()) object[child.name] = value(c);
  return object;
}

function checked([from, to]: [number, number], size: number): [number, number] {
  if (from < 0 || to < from || to > size) throw new Damage('a value ends outside its buffer');
  return [from, to];
}

function bytesOf(view: DataView, at: number, length: number): Uint8Array {
  const part = subview(view, at, length);
  return new Uint8Array(part.buffer, part.byteOffset, length);
}

function only({ children }: Field): Field {
  const [child] = children;
  if (child === undefined) throw new Damage('a list without a type');
  return child;
}

const bit = (view: DataView, i: number): boolean => ((view.getUint8(i >> 3) >> (i & 7)) & 1) === 1;

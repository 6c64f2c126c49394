/**
 * Reading FlatBuffers tables by field number, as far as Arrow's metadata needs it. Offsets that point outside the buffer
 * throw a RangeError; nothing is trusted.
 */

import { Damage, utf8 } from './binary';

/** A table at a place of a buffer. Fields are numbered as in the schema; an absent field gives the default. */
export class Table {
  constructor(
    private readonly view: DataView,
    private readonly at: number,
  ) {}

  /** The root table of a buffer. */
  static root(view: DataView): Table {
    return new Table(view, view.getUint32(0, true));
  }

  bool(field: number): boolean {
    const at = this.place(field);
    return at !== null && this.view.getUint8(at) !== 0;
  }

  uint8(field: number): number {
    const at = this.place(field);
    return at === null ? 0 : this.view.getUint8(at);
  }

  int8(field: number): number {
    const at = this.place(field);
    return at === null ? 0 : this.view.getInt8(at);
  }

  int16(field: number, otherwise = 0): number {
    const at = this.place(field);
    return at === null ? otherwise : this.view.getInt16(at, true);
  }

  int32(field: number, otherwise = 0): number {
    const at = this.place(field);
    return at === null ? otherwise : this.view.getInt32(at, true);
  }

  int64(field: number): number {
    const at = this.place(field);
    return at === null ? 0 : safeInt64(this.view, at);
  }

  /** @param limit bytes; a longer text is a Damage. Many fields may share one text, so their sum has no other bound. */
  string(field: number, limit: number): string {
    const at = this.place(field);
    if (at === null) return '';
    const start = at + this.view.getUint32(at, true);
    const length = this.view.getUint32(start, true);
    if (start + 4 + length > this.view.byteLength) throw new Damage('a name ends outside the metadata');
    if (length > limit) throw new Damage(`a name is longer than ${limit} bytes`);
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + start + 4, length);
    return utf8(bytes);
  }

  table(field: number): Table | null {
    const at = this.place(field);
    return at === null ? null : new Table(this.view, at + this.view.getUint32(at, true));
  }

  tables(field: number): Table[] {
    return this.elements(field, 4, (at) => new Table(this.view, at + this.view.getUint32(at, true)));
  }

  /** A vector of int64. */
  int64s(field: number): number[] {
    return this.elements(field, 8, (at) => safeInt64(this.view, at));
  }

  /** A vector of structs of two int64. */
  pairs(field: number): [number, number][] {
    return this.elements(field, 16, (at) => [safeInt64(this.view, at), safeInt64(this.view, at + 8)]);
  }

  private elements<T>(field: number, size: number, read: (at: number) => T): T[] {
    const at = this.place(field);
    if (at === null) return [];
    const start = at + this.view.getUint32(at, true);
    const count = this.view.getUint32(start, true);
    if (start + 4 + count * size > this.view.byteLength) throw new Damage('a list ends outside the metadata');
    return Array.from({ length: count }, (_, i) => read(start + 4 + i * size));
  }

  /** Offset of a field's value, or null when the table does not have it. */
  private place(field: number): number | null {
    const vtable = this.at - this.view.getInt32(this.at, true);
    const size = this.view.getUint16(vtable, true);
    const slot = 4 + 2 * field;
    if (slot + 2 > size) return null;
    const offset = this.view.getUint16(vtable + slot, true);
    return offset === 0 ? null : this.at + offset;
  }
}

/** @throws Damage above 2^53. */
export function safeInt64(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true));
  if (!Number.isSafeInteger(value)) throw new Damage('a 64-bit number is out of range');
  return value;
}

/**
 * Thrift's compact protocol, checked before a library reads it: the library trusts every length and continues over numbers without
 * end. What passes here has no number longer than ten bytes, no text or list that ends outside, and a bounded nesting.
 */

import { Damage } from './binary';

/** Structs and lists within each other; Parquet's footer has eight. */
const MAX_DEPTH = 32;

/** Fields and elements of one struct in all. */
const MAX_PARTS = 2 ** 21;

/**
 * Walks over a struct.
 *
 * @returns the offset after it
 * @throws Damage when it is not contained in bytes[at, end)
 */
export function checkedThrift(bytes: Uint8Array, at: number, end = bytes.length): number {
  return new Walker(bytes, at, end).struct(0);
}

/** An unsigned LEB128 number of at most 64 bits. @throws Damage */
export function varint(bytes: Uint8Array, at: number, end: number): { readonly value: bigint; readonly at: number } {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    if (at + i >= end) throw new Damage('a number is cut short');
    const byte = bytes[at + i]!;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, at: at + i + 1 };
  }
  throw new Damage('a number is longer than 64 bits');
}

// --- internal ---

class Walker {
  private parts = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private at: number,
    private readonly end: number,
  ) {}

  struct(depth: number): number {
    if (depth > MAX_DEPTH) throw new Damage('structs are nested too deeply');
    for (;;) {
      const head = this.byte();
      if (head === 0) return this.at;
      if (head >> 4 === 0) this.number();
      this.value(head & 0x0f, depth, false);
    }
  }

  private value(type: number, depth: number, inList: boolean): void {
    if (++this.parts > MAX_PARTS) throw new Damage('it has more than two million parts');
    switch (type) {
      case 1:
      case 2:
        // a field's truth is in its type, an element's is a byte
        if (inList) this.byte();
        return;
      case 3:
        this.byte();
        return;
      case 4:
      case 5:
      case 6:
        this.number();
        return;
      case 7:
        this.pass(8);
        return;
      case 8:
        this.pass(this.number());
        return;
      case 9: {
        const head = this.byte();
        const count = head >> 4 === 15 ? this.number() : head >> 4;
        if (count > this.end - this.at) throw new Damage('a list ends outside');
        for (let i = 0; i < count; i++) this.value(head & 0x0f, depth + 1, true);
        return;
      }
      case 12:
        this.struct(depth + 1);
        return;
      default:
        throw new Damage('a value of an unknown type');
    }
  }

  private byte(): number {
    if (this.at >= this.end) throw new Damage('it is cut short');
    return this.bytes[this.at++]!;
  }

  private number(): number {
    const { value, at } = varint(this.bytes, this.at, this.end);
    this.at = at;
    return Number(value);
  }

  private pass(length: number): void {
    if (length > this.end - this.at) throw new Damage('a text ends outside');
    this.at += length;
  }
}

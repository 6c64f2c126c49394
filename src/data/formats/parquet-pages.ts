/** The pages of a Parquet column: headers through hyparquet, everything they claim checked against the file. */

import { parquetHeader } from 'hyparquet/src/column.js';
import { type Budget, CELL_BYTES, Damage, trusting } from './binary';
import { type Codec, decompressed, isCodec } from './codecs';
import { Bytes, deltaIntegers, deltaLengths, deltaStrings, hybrid, joinedStreams } from './parquet-encodings';
import type { Chunk, SchemaNode } from './parquet-footer';
import { checkedThrift } from './thrift';

/** What one leaf has in one row group. */
export interface Entries {
  /** (entries,) levels; null where the schema allows only 0. */
  readonly repetition: Uint32Array | null;
  readonly definition: Uint32Array | null;
  /** The values that are present, in order; nulls are omitted. */
  readonly values: readonly unknown[];
  readonly count: number;
}

/** A value as it is stored: numbers, booleans, bytes. */
export type Physical = number | bigint | boolean | Uint8Array;

/**
 * Reads a chunk.
 *
 * @param convert from what is stored to what it means; called once for each value of a dictionary
 * @throws Damage, RangeError
 */
export function readChunk(
  file: Uint8Array,
  chunk: Chunk,
  leaf: SchemaNode,
  convert: (value: Physical) => unknown,
  budget: Budget,
): Entries {
  const { codec } = chunk;
  if (!isCodec(codec)) throw new Damage(`it is compressed with ${codec}`);
  const pages: Entries[] = [];
  let dictionary: readonly unknown[] | null = null;
  let count = 0;
  for (let at = chunk.start; count < chunk.values; ) {
    const dataAt = checkedThrift(file, at, chunk.end);
    const header = headerAt(file, at, dataAt);
    if (header.size > chunk.end - dataAt) throw new Damage('a page ends outside its column');
    const bytes = file.subarray(dataAt, dataAt + header.size);
    at = dataAt + header.size;
    budget.spend(header.whole);
    const page = { codec, bytes, header, leaf, dictionary, convert, budget };
    if (header.kind === 'INDEX_PAGE') continue;
    budget.spend(CELL_BYTES * header.values);
    if (header.kind === 'DICTIONARY_PAGE') {
      dictionary = plain(new Bytes(decompressed(codec, bytes, header.whole)), leaf, header.values).map(convert);
      continue;
    }
    if (header.values > chunk.values - count) throw new Damage('a page has more values than its column');
    pages.push(header.kind === 'DATA_PAGE' ? readPage(page) : readPageV2(page));
    count += header.values;
  }
  return joined(pages);
}

// --- internal ---

/** A page's header, each number a whole one from 0. */
interface Header {
  readonly kind: 'DATA_PAGE' | 'DATA_PAGE_V2' | 'DICTIONARY_PAGE' | 'INDEX_PAGE';
  /** Bytes as stored, and decompressed (version 2: with its levels, which are not compressed). */
  readonly size: number;
  readonly whole: number;
  readonly values: number;
  readonly encoding: string;
  /** How the levels are encoded (version 1). */
  readonly levels: { readonly repetition: string; readonly definition: string };
  /** Bytes of the levels (version 2). */
  readonly lengths: { readonly repetition: number; readonly definition: number };
  readonly isCompressed: boolean;
}

interface Page {
  readonly codec: Codec;
  readonly bytes: Uint8Array;
  readonly header: Header;
  readonly leaf: SchemaNode;
  readonly dictionary: readonly unknown[] | null;
  readonly convert: (value: Physical) => unknown;
  readonly budget: Budget;
}

function headerAt(file: Uint8Array, start: number, end: number): Header {
  const view = new DataView(file.buffer, file.byteOffset + start, end - start);
  const raw = trusting('the header of a page makes no sense', () => parquetHeader({ view, offset: 0 }));
  const { type: kind, data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: dictionary } = raw;
  const own = { DATA_PAGE: v1, DATA_PAGE_V2: v2, DICTIONARY_PAGE: dictionary, INDEX_PAGE: null }[kind];
  if (own === undefined) throw new Damage('a page of an unknown kind');
  return {
    kind,
    size: whole(raw.compressed_page_size),
    whole: whole(raw.uncompressed_page_size),
    values: own === null ? 0 : whole(own.num_values),
    encoding: String(own?.encoding),
    levels: { repetition: String(v1?.repetition_level_encoding), definition: String(v1?.definition_level_encoding) },
    lengths: {
      repetition: whole(v2?.repetition_levels_byte_length ?? 0),
      definition: whole(v2?.definition_levels_byte_length ?? 0),
    },
    isCompressed: v2?.is_compressed !== false,
  };
}

function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new Damage('the header of a page makes no sense');
  }
  return value;
}

function joined(pages: readonly Entries[]): Entries {
  const [first] = pages;
  if (first === undefined) return { repetition: null, definition: null, values: [], count: 0 };
  if (pages.length === 1) return first;
  const levels = (of: (page: Entries) => Uint32Array | null): Uint32Array | null => {
    if (of(first) === null) return null;
    const all = new Uint32Array(pages.reduce((sum, page) => sum + page.count, 0));
    let at = 0;
    for (const page of pages) {
      all.set(of(page)!, at);
      at += page.count;
    }
    return all;
  };
  return {
    repetition: levels((page) => page.repetition),
    definition: levels((page) => page.definition),
    values: pages.flatMap((page) => page.values),
    count: pages.reduce((sum, page) => sum + page.count, 0),
  };
}

const bitWidth = (value: number): number => 32 - Math.clz32(value);

/** Levels, then values, all compressed together; levels are preceded by their length. */
function readPage(page: Page): Entries {
  const { codec, bytes, header, leaf } = page;
  const source = new Bytes(decompressed(codec, bytes, header.whole));
  const levels = (most: number, how: string): Uint32Array | null => {
    if (most === 0) return null;
    if (how !== 'RLE') throw new Damage(`its levels are encoded as ${how}`);
    return hybrid(new Bytes(source.take(source.int32())), bitWidth(most), header.values);
  };
  const repetition = levels(leaf.repetition, header.levels.repetition);
  const definition = levels(leaf.definition, header.levels.definition);
  return entries(page, repetition, definition, source);
}

/** Levels uncompressed, with their lengths in the header. */
function readPageV2(page: Page): Entries {
  const { codec, bytes, header, leaf } = page;
  const source = new Bytes(bytes);
  const levels = (most: number, length: number): Uint32Array | null => {
    const own = new Bytes(source.take(length));
    return most === 0 ? null : hybrid(own, bitWidth(most), header.values);
  };
  const repetition = levels(leaf.repetition, header.lengths.repetition);
  const definition = levels(leaf.definition, header.lengths.definition);
  const rest = bytes.subarray(source.at);
  const data = header.isCompressed ? decompressed(codec, rest, header.whole - source.at) : rest;
  return entries(page, repetition, definition, new Bytes(data));
}

function entries(page: Page, repetition: Uint32Array | null, definition: Uint32Array | null, source: Bytes): Entries {
  const { leaf } = page;
  const count = page.header.values;
  let there = count;
  if (definition !== null) {
    there = 0;
    for (const level of definition) {
      if (level > leaf.definition) throw new Damage('a level above what the schema has');
      if (level === leaf.definition) there++;
    }
  }
  // a page without a single value may hold nothing at all, not even the width of its indices
  const values = there === 0 ? [] : decode(page, source, there);
  return { repetition, definition, values, count };
}

function decode(page: Page, source: Bytes, count: number): readonly unknown[] {
  const { leaf, dictionary, convert, budget } = page;
  const { encoding } = page.header;
  const { type } = leaf.element;
  switch (encoding) {
    case 'PLAIN':
      return plain(source, leaf, count).map(convert);
    case 'PLAIN_DICTIONARY':
    case 'RLE_DICTIONARY': {
      if (dictionary === null) throw new Damage('a page without its dictionary');
      const indices = hybrid(source, source.byte(), count);
      return Array.from(indices, (index) => {
        if (index >= dictionary.length) throw new Damage('a value that its dictionary does not have');
        return dictionary[index];
      });
    }
    case 'RLE': {
      if (type !== 'BOOLEAN') break;
      return Array.from(hybrid(new Bytes(source.take(source.int32())), 1, count), (bit) => convert(bit === 1));
    }
    case 'DELTA_BINARY_PACKED':
      if (type === 'INT32') return deltaIntegers(source, count, 32).map((value) => convert(Number(value)));
      if (type === 'INT64') return deltaIntegers(source, count, 64).map(convert);
      break;
    case 'DELTA_LENGTH_BYTE_ARRAY':
      return deltaLengths(source, count).map(convert);
    case 'DELTA_BYTE_ARRAY':
      return deltaStrings(source, count, (bytes) => budget.spend(bytes)).map(convert);
    case 'BYTE_STREAM_SPLIT': {
      const bytes = joinedStreams(source, count, widthOf(leaf));
      return plain(new Bytes(bytes), leaf, count).map(convert);
    }
    default:
  }
  throw new Damage(`its values are encoded as ${encoding}`);
}

const WIDTHS: Readonly<Record<string, number>> = { INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8 };

function widthOf({ element: { type, type_length: length } }: SchemaNode): number {
  const width = type === 'FIXED_LEN_BYTE_ARRAY' ? length : WIDTHS[type!];
  if (width === undefined || width < 0) throw new Damage('a column without the width of its values');
  return width;
}

function plain(source: Bytes, leaf: SchemaNode, count: number): Physical[] {
  const { type } = leaf.element;
  if (type === 'BOOLEAN') {
    const bits = source.take(Math.ceil(count / 8));
    return Array.from({ length: count }, (_, i) => ((bits[i >> 3]! >> (i & 7)) & 1) === 1);
  }
  if (type === 'BYTE_ARRAY') {
    // a value takes four bytes at least: what claims more fails before anything is made for it
    if (4 * count > source.bytes.length) throw new Damage('a page is cut short');
    return Array.from({ length: count }, () => source.take(source.int32()));
  }
  const width = widthOf(leaf);
  const { view } = new Bytes(source.take(count * width));
  const at = view.byteOffset;
  switch (type) {
    case 'INT32':
      return Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true));
    case 'INT64':
      return Array.from({ length: count }, (_, i) => view.getBigInt64(8 * i, true));
    case 'FLOAT':
      return Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true));
    case 'DOUBLE':
      return Array.from({ length: count }, (_, i) => view.getFloat64(8 * i, true));
    default:
      return Array.from({ length: count }, (_, i) => new Uint8Array(view.buffer, at + i * width, width));
  }
}

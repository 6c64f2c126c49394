/**
 * A Parquet file's footer, read by hyparquet once its claims were checked: lengths, places, the tree of columns, row counts.
 */

import { parquetMetadata } from 'hyparquet';
import type { ColumnMetaData, SchemaElement } from 'hyparquet/src/types.js';
import { checkCount, Damage, trusting } from './binary';
import { checkedThrift } from './thrift';

/** A node of the schema. */
export interface SchemaNode {
  readonly element: SchemaElement;
  readonly children: readonly SchemaNode[];
  /** Definition level of a value that is present at this node, and repetition level of a further one. */
  readonly definition: number;
  readonly repetition: number;
  /** Place among the leaves, which are the columns as they are stored; -1 for a group. */
  readonly leaf: number;
}

export interface RowGroup {
  readonly rows: number;
  /** By the place of the leaf. */
  readonly chunks: readonly Chunk[];
}

/** The pages of one leaf in one row group. */
export interface Chunk {
  readonly codec: string;
  /** Values, nulls among them. */
  readonly values: number;
  /** [start, end) in the file. */
  readonly start: number;
  readonly end: number;
}

export interface Footer {
  readonly columns: readonly SchemaNode[];
  readonly leaves: readonly SchemaNode[];
  readonly rows: number;
  readonly groups: readonly RowGroup[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** Bytes of a footer: a thousand row groups of fifty columns take 8 MB. */
const MAX_FOOTER_BYTES = 2 ** 24;
const MAX_COLUMNS = 2 ** 14;
const MAX_DEPTH = 32;

/** @throws Damage with what is inconsistent */
export function readFooter(bytes: Uint8Array): Footer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(bytes.length - 8, true);
  if (length > bytes.length - 12) throw new Damage('its footer is longer than the file');
  if (length > MAX_FOOTER_BYTES) throw new Damage('its footer is above 16 MiB');
  const start = bytes.length - 8 - length;
  checkedThrift(bytes, start, bytes.length - 8);
  const { schema, num_rows, row_groups, key_value_metadata } = trusting('its footer makes no sense', () =>
    parquetMetadata(bytes.subarray(start), { geoparquet: false }),
  );
  const { columns, leaves } = treeOf(schema);
  const groups = row_groups.map(({ num_rows: count, columns: chunks }): RowGroup => {
    if (chunks.length !== leaves.length) throw new Damage('a row group lacks columns');
    return {
      rows: whole(count, bytes.length, 'rows'),
      chunks: chunks.map(({ meta_data: chunk, file_path: path }) => {
        if (path) throw new Damage('its columns are in other files');
        if (chunk === undefined) throw new Damage('its columns are encrypted');
        return chunkOf(chunk, bytes.length);
      }),
    };
  });
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  if (rows !== whole(num_rows, bytes.length, 'rows')) throw new Damage('its row groups have other rows than the file');
  const metadata = new Map(key_value_metadata?.map(({ key, value }) => [key, value ?? '']));
  return { columns, leaves, rows, groups, metadata };
}

// --- internal ---

function whole(value: unknown, size: number, what: string): number {
  const count = typeof value === 'bigint' ? Number(value) : Number.NaN;
  checkCount(count, size, what);
  return count;
}

function chunkOf(chunk: ColumnMetaData, size: number): Chunk {
  const offset = (value: unknown): number => whole(value, size, 'bytes');
  const [data, length] = [offset(chunk.data_page_offset), offset(chunk.total_compressed_size)];
  const dictionary = chunk.dictionary_page_offset === undefined ? 0 : offset(chunk.dictionary_page_offset);
  const start = dictionary > 0 && dictionary < data ? dictionary : data;
  if (start + length > size) throw new Damage('a column ends outside the file');
  return { codec: String(chunk.codec), values: whole(chunk.num_values, size, 'values'), start, end: start + length };
}

/** A number of a schema element that is stored as another type would be trusted by all later steps. */
function checkNumbers({ name, type_length, num_children, scale, logical_type }: SchemaElement): void {
  const own = logical_type?.type === 'DECIMAL' ? logical_type.scale : undefined;
  for (const value of [type_length, num_children, scale, own]) {
    if (value !== undefined && typeof value !== 'number') throw new Damage('its columns make no sense');
  }
  if (typeof name !== 'string') throw new Damage('a column has no name');
}

function treeOf(schema: readonly SchemaElement[]): Pick<Footer, 'columns' | 'leaves'> {
  if (schema.length > MAX_COLUMNS) throw new Damage(`it has more than ${MAX_COLUMNS} columns`);
  const leaves: SchemaNode[] = [];
  let next = 0;
  const node = (parent: { definition: number; repetition: number }, depth: number): SchemaNode => {
    const element = schema[next++];
    if (element === undefined || depth > MAX_DEPTH) throw new Damage('its columns make no tree');
    checkNumbers(element);
    const repeated = element.repetition_type === 'REPEATED';
    const optional = element.repetition_type === 'OPTIONAL';
    const definition = parent.definition + (repeated || optional ? 1 : 0);
    const repetition = parent.repetition + (repeated ? 1 : 0);
    const count = element.num_children ?? 0;
    if (count < 0 || count > schema.length) throw new Damage('its columns make no tree');
    const children = Array.from({ length: count }, () => node({ definition, repetition }, depth + 1));
    const leaf = element.type === undefined ? -1 : leaves.length;
    if (leaf < 0 === (count === 0)) throw new Damage('a column has no type');
    const self = { element, children, definition, repetition, leaf };
    if (leaf >= 0) leaves.push(self);
    return self;
  };
  const root = schema[next++];
  if (root !== undefined) checkNumbers(root);
  if (root?.num_children === undefined || root.num_children < 0) throw new Damage('its columns make no tree');
  if (root.num_children > schema.length) throw new Damage('its columns make no tree');
  const columns = Array.from({ length: root.num_children }, () => node({ definition: 0, repetition: 0 }, 1));
  if (next !== schema.length) throw new Damage('its columns make no tree');
  return { columns, leaves };
}

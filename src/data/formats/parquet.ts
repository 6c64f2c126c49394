/**
 * Parquet: footer and page headers through hyparquet, pages here, since that library trusts every length they claim (a damaged
 * one makes it loop without end, or exhausts memory). What is read is bounded by the file's size and by one stated limit; only
 * the pages of chosen columns are decoded, one row group at a time.
 */

import { inputError } from '../../errors';
import type { RawFile } from '../text-file';
import { arrowHints } from './arrow';
import { Budget, classNamesOf, FEATURES_KEY, reading } from './binary';
import { chosen, type DataRecord, damaged, type Format, noRows, type Parsed, type ParseOptions } from './format';
import { type Footer, type RowGroup, readFooter, type SchemaNode } from './parquet-footer';
import { type Entries, readChunk } from './parquet-pages';
import { assembled } from './parquet-rows';
import { type ArrowHint, converterOf } from './parquet-types';

export const parquet: Format = {
  name: 'Parquet',
  fileName: /\.parquet$/i,
  matches: (head) => isMagic(head.subarray(0, 4)) || isEncrypted(head.subarray(0, 4)),
  parse,
};

// --- internal ---

function parse({ name, bytes }: RawFile, { choose }: ParseOptions): Parsed {
  if (isEncrypted(bytes.subarray(0, 4))) {
    throw inputError('this is an encrypted Parquet file', {
      where: { file: name },
      remedy: 'write it without encryption',
    });
  }
  if (bytes.length < 12 || !isMagic(bytes.subarray(-4))) {
    throw damaged(name, 'the Parquet file is cut short: its last bytes are not PAR1');
  }
  const footer = reading(name, 'Parquet', () => readFooter(bytes));
  if (footer.rows === 0) throw noRows(name);
  const columns = footer.columns.map(({ element }) => element.name);
  const hints = arrowHints(footer.metadata.get('ARROW:schema'));
  const records = {
    *[Symbol.iterator](): Generator<DataRecord> {
      const wanted = chosen(columns, choose);
      const budget = new Budget();
      for (const group of footer.groups) {
        const values = reading(name, 'Parquet', () =>
          footer.columns.map((column, c) =>
            wanted.has(c) ? columnOf(bytes, footer, group, column, hints.get(columns[c]!) ?? null, budget) : undefined,
          ),
        );
        for (let row = 0; row < group.rows; row++) yield { values: values.map((column) => column?.[row]), line: null };
      }
    },
  };
  const classNames = classNamesOf(footer.metadata.get(FEATURES_KEY));
  return { columns, headerLine: null, records, notes: [], classNames };
}

function columnOf(
  bytes: Uint8Array,
  footer: Footer,
  group: RowGroup,
  column: SchemaNode,
  hint: ArrowHint | null,
  budget: Budget,
): unknown[] {
  const entries = new Map<number, Entries>();
  for (const leaf of leavesOf(column)) {
    const own = column.leaf < 0 ? null : hint;
    const convert = converterOf(column.element.name, leaf.element, own);
    entries.set(leaf.leaf, readChunk(bytes, group.chunks[leaf.leaf]!, footer.leaves[leaf.leaf]!, convert, budget));
  }
  return assembled(column, entries, group.rows);
}

const leavesOf = (node: SchemaNode): readonly SchemaNode[] =>
  node.leaf >= 0 ? [node] : node.children.flatMap((child) => leavesOf(child));

const isMagic = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes) === 'PAR1';
const isEncrypted = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes) === 'PARE';

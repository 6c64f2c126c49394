/** Rows of a Parquet column from the levels of its leaves (Dremel's encoding of nested values). */

import { Damage } from './binary';
import type { SchemaNode } from './parquet-footer';
import type { Entries } from './parquet-pages';

/**
 * The values of a column in one row group: lists, objects, single values; null where there is none. A map is a list of
 * `{key, value}`.
 *
 * @param entries of every leaf under the column, by the leaf's place
 * @throws Damage when they do not hold exactly `rows` rows
 */
export function assembled(column: SchemaNode, entries: ReadonlyMap<number, Entries>, rows: number): unknown[] {
  const flat = column.leaf >= 0 && column.repetition === 0 ? entries.get(column.leaf)! : null;
  if (flat !== null) return flatColumn(flat, column, rows);
  const leaves = new Map([...entries].map(([leaf, own]) => [leaf, new Cursor(own)]));
  const values = Array.from({ length: rows }, () => nodeValue(column, leaves));
  for (const cursor of leaves.values()) if (!cursor.ended) throw new Damage('a column has more values than rows');
  return values;
}

// --- internal ---

function flatColumn({ definition, values, count }: Entries, { definition: most }: SchemaNode, rows: number): unknown[] {
  if (count !== rows) throw new Damage('a column has other rows than its row group');
  if (definition === null) return values as unknown[];
  let next = 0;
  return Array.from(definition, (level) => (level === most ? values[next++] : null));
}

class Cursor {
  private at = 0;
  private taken = 0;

  constructor(private readonly entries: Entries) {}

  get ended(): boolean {
    return this.at >= this.entries.count;
  }

  /** Definition level of the next entry. */
  get definition(): number {
    if (this.ended) throw new Damage('a column has fewer values than rows');
    return this.entries.definition?.[this.at] ?? 0;
  }

  /** Repetition level of the next entry: 0 starts a row; -1 at the end. */
  get repetition(): number {
    return this.ended ? -1 : (this.entries.repetition?.[this.at] ?? 0);
  }

  pass(): void {
    this.at++;
  }

  take(): unknown {
    this.at++;
    return this.entries.values[this.taken++];
  }
}

type Leaves = ReadonlyMap<number, Cursor>;

/** The value of a node, of which repeated ones are lists. */
function nodeValue(node: SchemaNode, leaves: Leaves): unknown {
  if (node.element.repetition_type === 'REPEATED') return listOf(node, node, leaves);
  if (isMissing(node, leaves)) return null;
  return present(node, leaves);
}

function isMissing(node: SchemaNode, leaves: Leaves): boolean {
  if (node.element.repetition_type !== 'OPTIONAL') return false;
  if (firstLeaf(node, leaves).definition >= node.definition) return false;
  passAll(node, leaves);
  return true;
}

function present(node: SchemaNode, leaves: Leaves): unknown {
  if (node.leaf >= 0) {
    const cursor = leaves.get(node.leaf)!;
    if (cursor.definition === node.definition) return cursor.take();
    cursor.pass();
    return null;
  }
  const { converted_type: converted, logical_type: logical } = node.element;
  const [inner] = node.children as [SchemaNode];
  const isList =
    logical?.type === 'LIST' || logical?.type === 'MAP' || /^(LIST|MAP|MAP_KEY_VALUE)$/.test(`${converted}`);
  if (isList && node.children.length === 1 && inner.element.repetition_type === 'REPEATED') {
    return listOf(inner, elementOf(inner, node), leaves);
  }
  // no prototype: a field may be called __proto__
  const object = Object.create(null) as Record<string, unknown>;
  for (const child of node.children) object[child.element.name] = nodeValue(child, leaves);
  return object;
}

/** The element of a LIST: the only child of the repeated group, but for the names that old writers gave to elements themselves. */
function elementOf(repeated: SchemaNode, list: SchemaNode): SchemaNode {
  const { name } = repeated.element;
  const isElement =
    repeated.leaf >= 0 || repeated.children.length !== 1 || name === 'array' || name === `${list.element.name}_tuple`;
  return isElement ? repeated : repeated.children[0]!;
}

function listOf(repeated: SchemaNode, element: SchemaNode, leaves: Leaves): unknown[] {
  const first = firstLeaf(repeated, leaves);
  if (first.definition < repeated.definition) {
    passAll(repeated, leaves);
    return [];
  }
  const list: unknown[] = [];
  do list.push(element === repeated ? present(element, leaves) : nodeValue(element, leaves));
  while (first.repetition === repeated.repetition);
  return list;
}

function firstLeaf(node: SchemaNode, leaves: Leaves): Cursor {
  let first = node;
  while (first.leaf < 0) first = first.children[0]!;
  return leaves.get(first.leaf)!;
}

function passAll(node: SchemaNode, leaves: Leaves): void {
  if (node.leaf >= 0) leaves.get(node.leaf)!.pass();
  for (const child of node.children) passAll(child, leaves);
}

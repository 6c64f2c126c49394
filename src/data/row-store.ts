/**
 * The rows of a file in little memory: texts as UTF-8 in blocks of bytes, their places in arrays of integers.
 *
 * A row of JavaScript objects and strings takes several times its bytes in the file: a header for each, and two bytes for
 * every character of a text with a single one outside Latin-1. Here a cell takes its UTF-8 and 8 bytes.
 */

import { inputError } from '../errors';
import { MAX_FILE_BYTES } from '../files';
import { Garbage } from './garbage';

/** A row of a table, decoded. */
export interface TableRow {
  /** Text by the spec's name of the column; numbers, booleans and times as Python prints them. */
  readonly cells: Readonly<Record<string, string>>;
  /** Line of the file on which the row starts, from 1; null in formats without lines. */
  readonly line: number | null;
  /** Columns without a value, where there are any: their text is empty. Absent: every column has one. */
  readonly missing?: readonly string[];
}

/** Rows in the order in which they were added. Reading one decodes its texts, each time anew. */
export class RowStore {
  private rows = 0;
  private readonly texts: TextBlocks;
  /** Of each cell, row by row: where its text starts, {@link MISSING} without a value, and its length in bytes. */
  private readonly cellsAt = new Integers();
  private readonly lines = new Integers();
  private readonly garbage = new Garbage();
  private readonly blanks = new Set<string>();
  private readonly places: ReadonlyMap<string, number>;

  /**
   * @param columns the spec's names
   * @param file as the user knows it, for errors
   * @param limit bytes that all texts may take
   */
  constructor(
    private readonly columns: readonly string[],
    file: string,
    limit = MAX_FILE_BYTES,
  ) {
    this.texts = new TextBlocks(file, limit);
    this.places = new Map(columns.map((column, i) => [column, i]));
  }

  get length(): number {
    return this.rows;
  }

  /**
   * Adds a row.
   *
   * @param cells (columns,) text of each column; null = no value
   * @throws MedreproError `input` when the texts of all rows are above the limit
   */
  add(cells: readonly (string | null)[], line: number | null): void {
    let units = 0;
    for (const [i, text] of cells.entries()) {
      if (text === null || text.trim() === '') this.blanks.add(this.columns[i]!);
      units += text?.length ?? 0;
      const { start, length } = text === null ? NOTHING : this.texts.add(text);
      this.cellsAt.add(start);
      this.cellsAt.add(length);
    }
    this.lines.add(line ?? NO_LINE);
    this.rows++;
    this.garbage.made(2 * units + ROW_BYTES * (1 + cells.length));
  }

  /** Columns in which some cell has no value, or nothing but white space. */
  get withBlanks(): ReadonlySet<string> {
    return this.blanks;
  }

  at(row: number): TableRow {
    const cells = Object.fromEntries(this.columns.map((column) => [column, this.decoded(row, column)]));
    const missing = this.columns.filter((column) => this.isMissing(row, column));
    return { cells, line: this.line(row), ...(missing.length === 0 ? {} : { missing }) };
  }

  /** The text of one cell, for a look at it; empty where it has no value. */
  text(row: number, column: string): string {
    const text = this.decoded(row, column);
    this.garbage.made(2 * text.length + ROW_BYTES);
    return text;
  }

  isMissing(row: number, column: string): boolean {
    return this.cellsAt.at(this.place(row, column)) === MISSING;
  }

  line(row: number): number | null {
    const line = this.lines.at(row);
    return line === NO_LINE ? null : line;
  }

  map<T>(of: (row: TableRow, index: number) => T): T[] {
    return Array.from({ length: this.rows }, (_, row) => of(this.at(row), row));
  }

  private decoded(row: number, column: string): string {
    const at = this.place(row, column);
    const start = this.cellsAt.at(at);
    return start === MISSING ? '' : this.texts.at(start, this.cellsAt.at(at + 1));
  }

  private place(row: number, column: string): number {
    return 2 * (row * this.columns.length + this.places.get(column)!);
  }
}

// --- internal ---

const MISSING = 0xffffffff;
const NOTHING: Span = { start: MISSING, length: 0 };
/** Lines are counted from 1. */
const NO_LINE = 0;
/** What a row and each of its cells take as JavaScript objects besides their texts, about. */
const ROW_BYTES = 64;

interface Span {
  readonly start: number;
  /** Bytes. */
  readonly length: number;
}

/** Integers below 2^32, in blocks: growing copies nothing. */
class Integers {
  private readonly blocks: Uint32Array[] = [];
  private length = 0;

  add(value: number): void {
    const within = this.length++ % INTEGERS_PER_BLOCK;
    if (within === 0) this.blocks.push(new Uint32Array(INTEGERS_PER_BLOCK));
    this.blocks.at(-1)![within] = value;
  }

  at(index: number): number {
    return this.blocks[Math.floor(index / INTEGERS_PER_BLOCK)]![index % INTEGERS_PER_BLOCK]!;
  }
}

const INTEGERS_PER_BLOCK = 2 ** 18;

/** Texts as UTF-8. Many of those that occur again are stored once: labels, and what the rows of a list have in common. */
class TextBlocks {
  private readonly blocks: Buffer[] = [];
  /** Bytes used of the last block, and of all of them. */
  private used = 0;
  private total = 0;
  /** The last text of each hash, and their UTF-16 units together. */
  private known: (Known | undefined)[] = [];
  private knownUnits = 0;

  constructor(
    private readonly file: string,
    private readonly limit: number,
  ) {}

  add(text: string): Span {
    const slot = slotOf(text);
    const known = this.known[slot];
    if (known?.text === text) return known.span;
    const span = this.store(text);
    this.knownUnits += text.length - (known?.text.length ?? 0);
    if (this.knownUnits > MAX_KNOWN_UNITS) [this.known, this.knownUnits] = [[], text.length];
    this.known[slot] = { text, span };
    return span;
  }

  at(start: number, length: number): string {
    // an empty text may start where the next block would
    if (length === 0) return '';
    const block = this.blocks[Math.floor(start / BLOCK_BYTES)]!;
    const from = start % BLOCK_BYTES;
    return block.toString('utf8', from, from + length);
  }

  private store(text: string): Span {
    const length = Buffer.byteLength(text);
    this.total += length;
    if (this.total > this.limit) {
      throw inputError(`the texts of the wanted columns take more than ${this.limit / 2 ** 20} MiB`, {
        where: { file: this.file },
        remedy: 'give only the rows that are needed',
      });
    }
    if (this.blocks.length === 0 || this.used + length > BLOCK_BYTES) {
      // a text longer than a block has one to itself
      this.blocks.push(Buffer.alloc(Math.max(BLOCK_BYTES, length)));
      this.used = 0;
    }
    this.blocks.at(-1)!.write(text, this.used);
    const start = (this.blocks.length - 1) * BLOCK_BYTES + this.used;
    this.used += length;
    return { start, length };
  }
}

/** Two blocks in a row hold more than one has room for: 1 GiB takes at most 512 blocks, and every start is below 2^31. */
const BLOCK_BYTES = 2 ** 22;

interface Known {
  readonly text: string;
  readonly span: Span;
}

const KNOWN_TEXTS = 2 ** 12;
const MAX_KNOWN_UNITS = 2 ** 22;

/** A hash of a text's length and four of its characters. */
function slotOf(text: string): number {
  const { length } = text;
  let hash = length;
  for (let i = 0; i < 4 && i < length; i++)
    hash = (hash * 31 + text.charCodeAt(Math.floor(((length - 1) * i) / 3))) | 0;
  return hash & (KNOWN_TEXTS - 1);
}

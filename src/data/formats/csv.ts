/**
 * CSV, and the same with tabs, semicolons or bars.
 *
 * Fields are separated as by pandas' C parser (RFC 4180, and its own rules for files that violate it): a quote inside an unquoted
 * field is a character, text after a closing quote belongs to the field, a short row lacks its last cells. LF, CR LF and CR end
 * rows, also mixed in one file; blank lines are skipped. Whatever is wrong is one error with the file, the row (from 1, without the
 * header) and the line. Rows are read one by one, and only the cells of chosen columns become text.
 */

import { inputError } from '../../errors';
import { asTextFile, type RawFile, type TextFile } from '../text-file';
import { chosen, type DataRecord, type Format, type Parsed, type ParseOptions } from './format';

/** The most bytes a row may have; longer ones are nearly always a quote that is never closed. */
export const MAX_ROW_BYTES = 2 ** 20;

export const csv: Format = { name: 'CSV', fileName: /\.(csv|tsv|tab)$/i, parse: parseCsv };

/** @throws MedreproError `input` with the line of what is wrong; rows are checked as they are iterated */
export function parseCsv(raw: RawFile, { choose, csv: options }: ParseOptions = {}): Parsed {
  const file = asTextFile(raw);
  const { separator, missingTexts } = options ?? { separator: null, missingTexts: 'missing' };
  const delimiter = separator === null ? delimiterOf(file) : separator === 'tab' ? TAB : separator.charCodeAt(0);
  const reader = new Rows(file, delimiter);
  const header = reader.next(null);
  if (header === null) {
    throw inputError('the file is empty', { where: { file: file.name }, remedy: 'give a CSV file with a header row' });
  }
  // pandas names a column without a name by its place
  const columns = header.values.map((cell, i) => cell!.trim() || `Unnamed: ${i}`);
  const notes: string[] = [];
  const isSaid = separator === null && delimiter !== COMMA;
  if (isSaid) notes.push(`the columns are separated by ${nameOf(delimiter)}`);
  const records = {
    *[Symbol.iterator](): Generator<DataRecord> {
      const wanted = chosen(columns, choose);
      const odd = new OddRows();
      const rows = new Rows(file, delimiter);
      rows.next(NONE);
      for (let number = 1; ; number++) {
        const row = rows.next(wanted);
        if (row === null) break;
        if (rows.width > columns.length) throw tooWide(file.name, number, row.line, rows.width, columns.length);
        odd.see(rows, row.line, columns.length);
        for (let i = rows.width; i < columns.length; i++) row.values.push(undefined);
        yield row;
      }
      notes.splice(isSaid ? 1 : 0, notes.length, ...odd.notes());
    },
  };
  return { columns, headerLine: header.line, records, notes, untyped: { missingTexts } };
}

// --- internal ---

const COMMA = 0x2c;
const TAB = 0x09;
const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

/** What separates columns, by its byte, and its name. */
const DELIMITERS: readonly (readonly [byte: number, name: string])[] = [
  [COMMA, 'commas'],
  [TAB, 'tabs'],
  [0x3b, 'semicolons'],
  [0x7c, 'bars'],
];

/** Commas, unless the file name says tabs, or the header has no comma but one of the others. */
function delimiterOf({ name, bytes }: TextFile): number {
  const found = new Set<number>();
  let quoted = false;
  for (let i = 0; i < Math.min(bytes.length, MAX_ROW_BYTES); i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted && (byte === LF || byte === CR)) {
      if (found.size > 0 || i > 0) break;
    } else if (!quoted) found.add(byte);
  }
  const byName = /\.(tsv|tab)(\.gz)?$/i.test(name) ? TAB : COMMA;
  if (found.has(byName)) return byName;
  return DELIMITERS.find(([byte]) => found.has(byte))?.[0] ?? byName;
}

const nameOf = (delimiter: number): string => DELIMITERS.find(([byte]) => byte === delimiter)![1];

interface Row {
  /** Text of the selected cells. */
  readonly values: (string | undefined)[];
  readonly line: number;
}

const NONE: ReadonlySet<number> = new Set();

/** Counts rows that are read by pandas' rules, not by the standard. */
class OddRows {
  private short = 0;
  private shortLine = 0;
  private quotes = 0;
  private quotesLine = 0;

  see({ width, oddQuote }: Rows, line: number, columns: number): void {
    if (width < columns && this.short++ === 0) this.shortLine = line;
    if (oddQuote && this.quotes++ === 0) this.quotesLine = line;
  }

  notes(): string[] {
    const rows = (count: number, has: string, have: string): string =>
      `${count} ${count === 1 ? `row ${has}` : `rows ${have}`}`;
    const notes: string[] = [];
    if (this.short > 0) {
      const what = rows(this.short, 'has', 'have');
      notes.push(`${what} fewer cells than the header (the first in line ${this.shortLine}): the rest is missing`);
    }
    if (this.quotes > 0) {
      const what = rows(this.quotes, 'has', 'have');
      notes.push(
        `${what} a quote that RFC 4180 does not allow (the first in line ${this.quotesLine}): read as pandas does`,
      );
    }
    return notes;
  }
}

/** A cursor over the rows of a file. It allocates nothing but the rows: a file of 1 GB has hundreds of millions of fields. */
class Rows {
  /** Cells of the last row, and whether a field of it breaks the rules of quoting. */
  width = 0;
  oddQuote = false;
  private at = 0;
  private line = 1;
  private row = -1;
  private readonly text: Buffer;
  /** The last field: its start, its closing quote (-1: not quoted), and whether quotes in it are doubled. */
  private start = 0;
  private close = -1;
  private doubled = false;

  constructor(
    private readonly file: TextFile,
    private readonly delimiter: number,
  ) {
    const { bytes } = file;
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @param wanted indices of the cells that become text; null = all */
  next(wanted: ReadonlySet<number> | null): Row | null {
    this.skipBlankLines();
    const { bytes } = this.file;
    if (this.at >= bytes.length) return null;
    this.row++;
    const start = this.at;
    const line = this.line;
    const values: (string | undefined)[] = [];
    this.oddQuote = false;
    for (this.width = 1; ; this.width++) {
      this.field(start, line);
      values.push(wanted === null || wanted.has(this.width - 1) ? this.fieldText() : undefined);
      if (bytes[this.at] !== this.delimiter) break;
      this.at++;
    }
    this.endLine();
    return { values, line };
  }

  /** Moves to the delimiter or line end after a field. */
  private field(rowStart: number, rowLine: number): void {
    const { bytes } = this.file;
    const { delimiter } = this;
    const end = Math.min(bytes.length, rowStart + MAX_ROW_BYTES + 1);
    let i = this.at;
    this.start = i;
    this.close = -1;
    this.doubled = false;
    if (bytes[i] === QUOTE) {
      // within quotes, then after them, where another quote is a character
      for (i++; ; i++) {
        if (i >= end) throw this.unclosed(i, rowLine);
        const byte = bytes[i]!;
        if (byte === LF || (byte === CR && bytes[i + 1] !== LF)) this.line++;
        if (byte !== QUOTE) continue;
        if (bytes[i + 1] !== QUOTE) break;
        this.doubled = true;
        i++;
      }
      this.close = i++;
      if (i < end && bytes[i] !== delimiter && bytes[i] !== LF && bytes[i] !== CR) this.oddQuote = true;
    }
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === delimiter || byte === LF || byte === CR) break;
      if (byte === QUOTE) this.oddQuote = true;
    }
    if (i >= end && i < bytes.length) throw this.tooLong(rowLine);
    this.at = i;
  }

  private fieldText(): string {
    const { text, start, close, at } = this;
    if (close < 0) return text.toString('utf8', start, at);
    const quoted = text.toString('utf8', start + 1, close);
    const inner = this.doubled ? quoted.replaceAll('""', '"') : quoted;
    return at > close + 1 ? inner + text.toString('utf8', close + 1, at) : inner;
  }

  private endLine(): void {
    const { bytes } = this.file;
    if (this.at >= bytes.length) return;
    this.at += bytes[this.at] === CR && bytes[this.at + 1] === LF ? 2 : 1;
    this.line++;
  }

  /** Lines without anything, or with nothing but spaces (and tabs, where they separate nothing). */
  private skipBlankLines(): void {
    const { bytes } = this.file;
    for (;;) {
      let i = this.at;
      while (bytes[i] === SPACE || (bytes[i] === TAB && this.delimiter !== TAB)) i++;
      if (i < bytes.length && bytes[i] !== LF && bytes[i] !== CR) return;
      this.at = i;
      if (i >= bytes.length) return;
      this.endLine();
    }
  }

  private unclosed(i: number, line: number) {
    if (i < this.file.bytes.length) return this.tooLong(line);
    return inputError(`${this.name()} opens a quote that is never closed`, {
      where: { file: this.file.name, line },
      remedy: 'close it; a quote inside a quoted field is doubled',
    });
  }

  private tooLong(line: number) {
    return inputError(`${this.name()} is longer than 1 MiB`, {
      where: { file: this.file.name, line },
      remedy: 'look for a quote that is never closed; a text that really is that long must be shortened',
    });
  }

  private name(): string {
    return this.row === 0 ? 'the header' : `row ${this.row}`;
  }
}

function tooWide(file: string, number: number, line: number, width: number, columns: number) {
  return inputError(`row ${number} has ${width} columns, the header ${columns}`, {
    where: { file, line },
    remedy: 'quote fields that hold commas or line ends',
  });
}

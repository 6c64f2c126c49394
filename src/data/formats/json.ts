/**
 * JSON and JSON Lines (one object a line).
 *
 * JSON is an array of objects, an object of columns (one list each), or an object that holds its rows under a key, as
 * `{"version": …, "data": […]}`; paths with `[]` reach rows that are nested deeper. Lines end with LF, CR LF or CR, also mixed;
 * blank lines are skipped. A key that a row lacks is missing. Only the values of chosen columns are decoded, row by row.
 */

import { inputError, type MedreproError } from '../../errors';
import { lineAt } from '../../files';
import { Garbage } from '../garbage';
import { asTextFile, type RawFile, type TextFile } from '../text-file';
import {
  type Choose,
  chosen,
  type DataRecord,
  damaged,
  EACH,
  type Format,
  noRows,
  type Parsed,
  type ParseOptions,
} from './format';
import { JsonFault, JsonReader } from './json-reader';

export const jsonLines: Format = { name: 'JSON Lines', fileName: /\.(jsonl|ndjson)$/i, parse: parseLines };
export const json: Format = { name: 'JSON', fileName: /\.json$/i, parse: parseJson };

// --- internal ---

function parseLines(raw: RawFile, { choose }: ParseOptions): Parsed {
  const file = asTextFile(raw);
  return rowsOf(file, () => objectLines(file), choose);
}

function parseJson(raw: RawFile, options: ParseOptions): Parsed {
  const { choose } = options;
  const file = asTextFile(raw);
  const { name, bytes } = file;
  const reader = new JsonReader(bytes);
  const first = reader.peek();
  if (first < 0) throw noRows(name);
  if (first === 0x5b) {
    return rowsOf(file, () => objectsOf(file, reader.offset), choose);
  }
  if (first !== 0x7b) throw damaged(name, `the file holds ${kindOf(first)}, not rows`);
  // JSON Lines in a file named .json is common
  const root = reading(file, 'this is not JSON', () => rootOf(reader));
  return root === null ? parseLines(raw, options) : parseRoot(file, root, choose);
}

/** An object in the file: where it starts, and its line where lines are rows. */
interface Located {
  readonly offset: number;
  readonly end: number;
  readonly line: number | null;
}

/** Rows of objects: the columns are all keys, in order of first appearance. Two passes, so that nothing is kept in memory. */
function rowsOf(file: TextFile, objects: () => Iterable<Located>, choose?: Choose): Parsed {
  const places = new Map<string, number>();
  let count = 0;
  const reader = new JsonReader(file.bytes);
  const garbage = new Garbage();
  const see = (key: string): void => {
    if (!places.has(key)) places.set(key, places.size);
    reader.skip(1);
  };
  for (const { offset, end, line } of objects()) {
    reader.moveTo(offset, end);
    const prefix = line === null ? 'this is not JSON' : 'the line is not JSON';
    reading(file, prefix, () => {
      reader.members(see);
      if (line !== null) reader.finish();
    });
    garbage.made(end - offset);
    count++;
  }
  if (count === 0) throw noRows(file.name);
  const columns = [...places.keys()];
  const records: Iterable<DataRecord> = {
    *[Symbol.iterator]() {
      const wanted = chosen(columns, choose);
      const row = new JsonReader(file.bytes);
      for (const { offset, end, line } of objects()) {
        const values = new Array<unknown>(columns.length).fill(undefined);
        row.moveTo(offset, end);
        reading(file, 'the line is not JSON', () =>
          row.members((key) => {
            const place = places.get(key)!;
            if (wanted.has(place)) values[place] = row.value(1);
            else row.skip(1);
          }),
        );
        yield { values, line };
      }
    },
  };
  return { columns, headerLine: null, records, notes: [] };
}

function* objectLines({ name, bytes }: TextFile): Generator<Located> {
  const reader = new JsonReader(bytes);
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    let end = start;
    while (end < bytes.length && bytes[end] !== 0x0a && bytes[end] !== 0x0d) end++;
    const first = reader.moveTo(start, end).peek();
    if (first >= 0) {
      if (first !== 0x7b) throw damaged(name, `the line holds ${kindOf(first)}, not an object`, line);
      yield { offset: start, end, line };
    }
    start = end + (bytes[end] === 0x0d && bytes[end + 1] === 0x0a ? 2 : 1);
  }
}

/** The objects of the list that starts at `start`. */
function* objectsOf(file: TextFile, start: number, under?: string): Generator<Located> {
  const { bytes, name } = file;
  const reader = new JsonReader(bytes, start);
  const next = <T>(step: () => T): T => reading(file, 'this is not JSON', step);
  next(() => reader.takes(0x5b));
  if (next(() => reader.takes(0x5d))) return;
  for (let row = 1; ; row++) {
    const first = reader.peek();
    if (first !== 0x7b && first >= 0) {
      const where = under === undefined ? `row ${row}` : `element ${row} of ${JSON.stringify(under)}`;
      if (first !== 0x5d && first !== 0x2c) throw damaged(name, `${where} is ${kindOf(first)}, not an object`);
    }
    const offset = reader.offset;
    next(() => reader.skip());
    yield { offset, end: reader.offset, line: null };
    if (next(() => reader.takes(0x2c))) continue;
    next(() => {
      if (!reader.takes(0x5d)) throw new JsonFault('a comma or ] is missing in a list', reader.offset);
      if (under === undefined) reader.finish();
    });
    return;
  }
}

/** One key of the root object. */
interface RootKey {
  readonly key: string;
  readonly offset: number;
  /** First byte of the value, and for a list its elements and how many are objects. */
  readonly first: number;
  readonly length: number;
  readonly objects: number;
}

/** The keys of the root object, values not decoded; null when more objects follow on lines of their own. */
function rootOf(reader: JsonReader): RootKey[] | null {
  const keys = new Map<string, RootKey>();
  const garbage = new Garbage();
  reader.members((key) => {
    const first = reader.peek();
    const offset = reader.offset;
    let [length, objects] = [0, 0];
    if (first === 0x5b) {
      reader.elements(() => {
        if (reader.peek() === 0x7b) objects++;
        length++;
        const start = reader.offset;
        reader.skip(2);
        garbage.made(reader.offset - start);
      }, 1);
    } else reader.skip(1);
    keys.set(key, { key, offset, first, length, objects });
  });
  if (reader.peek() === 0x7b) return null;
  reader.finish();
  return [...keys.values()];
}

function parseRoot(file: TextFile, root: readonly RootKey[], choose?: Choose): Parsed {
  const columns = root.map(({ key }) => key);
  const holders = root.filter(({ first, length, objects }) => first === 0x5b && length > 0 && objects === length);
  const isTable = root.every(({ first, length }) => first === 0x5b && length === root[0]!.length);
  const [holder] = holders;
  const orient = pandasOrient(file, root);
  if (orient !== null) {
    throw inputError(`the rows are written as pandas' to_json does with orient=${JSON.stringify(orient)}`, {
      where: { file: file.name },
      remedy: 'write them with to_json(orient="records")',
    });
  }
  if (isTable && !(root.length === 1 && holder !== undefined)) return columnsOf(file, root, choose);
  const places = choose?.(columns) ?? [];
  const through = new Set(places.filter(({ steps }) => steps[0] === EACH).map(({ column }) => column));
  if (through.size === 1) {
    const [column] = through as Set<number> & { [Symbol.iterator](): IterableIterator<number> };
    return { columns, headerLine: null, records: elementRows(file, root, column!, choose), notes: [] };
  }
  if (holder !== undefined && holders.length === 1) {
    const parsed = rowsOf(file, () => objectsOf(file, holder.offset, holder.key), choose);
    const others = columns.filter((key) => key !== holder.key);
    const beside = others.length === 0 ? '' : `; beside them the file holds ${others.slice(0, 12).join(', ')}`;
    return { ...parsed, notes: [`the rows are the objects under ${JSON.stringify(holder.key)}${beside}`] };
  }
  if (holders.length > 1) throw severalLists(file.name, holders);
  return columnsOf(file, root, choose);
}

/** Which of pandas' layouts that are not read here the file has; null for any other file. */
function pandasOrient({ bytes }: TextFile, root: readonly RootKey[]): 'columns' | 'index' | 'split' | null {
  if (root.length > 0 && root.every(({ first }) => first === 0x7b)) {
    const reader = new JsonReader(bytes, root[0]!.offset);
    let [keys, numbers] = [0, 0];
    reader.members((key) => {
      keys++;
      if (NUMBER.test(key)) numbers++;
      reader.skip(1);
    });
    if (keys > 0 && numbers === keys) return 'columns';
    return root.every(({ key }) => NUMBER.test(key)) ? 'index' : null;
  }
  const of = (name: string): RootKey | undefined => root.find(({ key }) => key === name);
  const [columns, data] = [of('columns'), of('data')];
  if (columns?.first !== 0x5b || data?.first !== 0x5b || data.length === 0) return null;
  if (root.some(({ key }) => !['columns', 'index', 'data'].includes(key))) return null;
  // the first row is a list with a value for each column
  const reader = new JsonReader(bytes, data.offset);
  reader.takes(0x5b);
  if (reader.peek() !== 0x5b) return null;
  let values = 0;
  reader.elements(() => {
    values++;
    reader.skip(1);
  });
  return values === columns.length ? 'split' : null;
}

/** A label of pandas' default index. */
const NUMBER = /^\d+$/;

/** A row for each element of one list of the root, as a list of its own, so that `key[]` means the element. */
function elementRows(file: TextFile, root: readonly RootKey[], column: number, choose?: Choose) {
  const { key, offset, first } = root[column]!;
  if (first !== 0x5b) throw damaged(file.name, `${JSON.stringify(key)} holds ${kindOf(first)}, not a list`);
  const columns = root.map(({ key: name }) => name);
  return {
    *[Symbol.iterator](): Generator<DataRecord> {
      const wanted = chosen(columns, choose);
      const others = root.map((other, i) => (i !== column && wanted.has(i) ? valueAt(file, other.offset) : undefined));
      for (const element of objectsOf(file, offset, key)) {
        const value = valueAt(file, element.offset);
        yield { values: others.map((other, i) => (i === column ? [value] : other)), line: null };
      }
    },
  };
}

function columnsOf(file: TextFile, root: readonly RootKey[], choose?: Choose): Parsed {
  const { name } = file;
  const odd = root.find(({ first }) => first !== 0x5b);
  if (odd !== undefined) {
    throw inputError(`${JSON.stringify(odd.key)} holds ${kindOf(odd.first)}, not a list`, {
      where: { file: name },
      remedy:
        'write an array of objects, or an object that holds one list per column; --map reaches nested rows (data[].text)',
    });
  }
  const [first] = root;
  if (first === undefined || first.length === 0) throw noRows(name);
  const other = root.find(({ length }) => length !== first.length);
  if (other !== undefined) {
    throw damaged(
      name,
      `column ${JSON.stringify(other.key)} has ${other.length} rows, ${JSON.stringify(first.key)} ${first.length}`,
    );
  }
  const columns = root.map(({ key }) => key);
  const records = {
    *[Symbol.iterator](): Generator<DataRecord> {
      const wanted = chosen(columns, choose);
      const cursors = root.map(({ offset }, i) => (wanted.has(i) ? elementsAt(file, offset) : null));
      for (let row = 0; row < first.length; row++) {
        yield { values: cursors.map((cursor) => cursor?.next().value), line: null };
      }
    },
  };
  return { columns, headerLine: null, records, notes: [] };
}

/** The elements of a list, each decoded when it is asked for. */
function* elementsAt(file: TextFile, offset: number): Generator<unknown, undefined> {
  const reader = new JsonReader(file.bytes, offset);
  reader.takes(0x5b);
  do yield reading(file, 'this is not JSON', () => reader.value(1));
  while (reader.takes(0x2c));
}

function valueAt(file: TextFile, offset: number): unknown {
  return reading(file, 'this is not JSON', () => new JsonReader(file.bytes, offset).value());
}

function severalLists(file: string, holders: readonly RootKey[]): MedreproError {
  const [first, second] = holders as [RootKey, RootKey];
  const names = `${JSON.stringify(first.key)} and ${JSON.stringify(second.key)}`;
  return inputError(`the file holds lists of rows under ${names}`, {
    where: { file },
    remedy: `say which are meant: --map text=${first.key}[].COLUMN`,
  });
}

/** Turns a syntax error into an error with its line. */
function reading<T>({ name, bytes }: TextFile, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw damaged(name, `${what}: ${error.what}`, lineAt(bytes, error.offset), error);
  }
}

/** The kind of a value, from its first byte. */
function kindOf(first: number): string {
  if (first === 0x5b) return 'a list';
  if (first === 0x7b) return 'an object';
  if (first === 0x22) return 'a string';
  if (first === 0x6e) return 'null';
  return first === 0x74 || first === 0x66 ? 'a boolean' : 'a number';
}

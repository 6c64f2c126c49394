/**
 * JSON (an array of objects, or one object of columns) and JSON Lines (one object a line).
 *
 * Lines end with LF, CR LF or CR, also mixed; blank lines are skipped. A key that a row lacks is an empty cell.
 */

import { inputError } from '../../errors';
import { asTextFile, type RawFile } from '../text-file';
import { damaged, type Format, isObject, noRows, type Parsed, rowsOfColumns, rowsOfObjects } from './format';

export const jsonLines: Format = { name: 'JSON Lines', fileName: /\.(jsonl|ndjson)$/i, parse: parseLines };
export const json: Format = { name: 'JSON', fileName: /\.json$/i, parse: parseJson };

// --- internal ---

function parseLines(raw: RawFile): Parsed {
  const { name, bytes } = asTextFile(raw);
  const objects = new TextDecoder()
    .decode(bytes)
    .split(/\r\n|\n|\r/)
    .flatMap((text, index) => {
      if (text.trim() === '') return [];
      const line = index + 1;
      const value = parseText(text, name, line);
      if (!isObject(value)) throw damaged(name, `the line holds ${kindOf(value)}, not an object`, line);
      return [{ value, line }];
    });
  if (objects.length === 0) throw noRows(name);
  return { ...rowsOfObjects(objects), headerLine: null, notes: [] };
}

function parseJson(raw: RawFile): Parsed {
  const { name, bytes } = asTextFile(raw);
  const text = new TextDecoder().decode(bytes);
  if (text.trim() === '') throw noRows(name);
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    // JSON Lines under the name of JSON is common, and a reader that says so saves a search
    if (/^\s*\{[^\n]*\}\s*\n\s*\{/.test(text)) return parseLines(raw);
    throw damaged(name, `this is not JSON: ${reason(error)}`, undefined, error);
  }
  if (Array.isArray(root)) {
    const objects = root.map((value: unknown, index) => {
      if (!isObject(value)) throw damaged(name, `row ${index + 1} is ${kindOf(value)}, not an object`);
      return { value, line: null };
    });
    if (objects.length === 0) throw noRows(name);
    return { ...rowsOfObjects(objects), headerLine: null, notes: [] };
  }
  if (!isObject(root)) throw damaged(name, `the file holds ${kindOf(root)}, not rows`);
  return { ...columnsOf(root, name), headerLine: null, notes: [] };
}

function columnsOf(root: Readonly<Record<string, unknown>>, name: string): Pick<Parsed, 'columns' | 'records'> {
  const columns = Object.entries(root).map(([key, value]) => {
    if (!Array.isArray(value)) {
      throw inputError(`${JSON.stringify(key)} holds ${kindOf(value)}, not a list`, {
        where: { file: name },
        remedy: 'write an array of objects, or an object that holds one list per column',
      });
    }
    return [key, value as unknown[]] as const;
  });
  const [first] = columns;
  if (first === undefined || first[1].length === 0) throw noRows(name);
  const odd = columns.find(([, values]) => values.length !== first[1].length);
  if (odd !== undefined) {
    throw damaged(
      name,
      `column ${JSON.stringify(odd[0])} has ${odd[1].length} rows, ${JSON.stringify(first[0])} ${first[1].length}`,
    );
  }
  return { columns: columns.map(([key]) => key), records: rowsOfColumns(columns.map(([, values]) => values)) };
}

function parseText(text: string, file: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(file, `the line is not JSON: ${reason(error)}`, line, error);
  }
}

/** The parser's own words without its prefix, on one line. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message
    .replace(/^JSON Parse error:\s*/i, '')
    .split('\n')[0]!
    .slice(0, 120);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * The columns of a data file that an experiment uses, as text: whatever format the file has, one rule for what a cell may
 * hold and one message for what is wrong.
 */

import { inputError, type MedreproError } from '../errors';
import { type ColumnKind, ColumnKinds } from './column-kinds';
import { type Choose, type DataRecord, type Parsed, type Place, textOf } from './formats/format';
import { columnOfPath, follow, type Inner, indexOfName, levels, NoElement, opened, placeOf } from './paths';
import type { RecordFile } from './records';
import { RowStore } from './row-store';

/** The spec's name of a column -> its name in the file, or a path into it (`paths.ts`): `choices[0]`, `data[].question`. */
export type Columns = Readonly<Record<string, string>>;

export interface Table {
  readonly file: string;
  /** sha256 (hex) of the file as it is stored. */
  readonly sha256: string;
  readonly rows: RowStore;
  /** By the spec's name of the column: what its cells are in the file. */
  readonly kinds: Readonly<Record<string, ColumnKind>>;
  /** What was omitted or read in one of several ways, one line each. */
  readonly notes: readonly string[];
}

export interface TableOptions {
  /** Columns (the spec's names) that may be empty or absent: their cells are then an empty text. */
  readonly optional?: ReadonlySet<string>;
}

/** The role of a column whose values must all differ. */
const ID = 'id';

/** Selects the named columns, so that a reader decodes no others. */
export function chooser(columns: Columns): Choose {
  return (names) =>
    Object.values(columns).flatMap((wanted) => {
      const place = placeOf(names, wanted);
      return place === null ? [] : [place];
    });
}

/**
 * The named columns of a file, in file order.
 *
 * A name that the file does not have finds the only column that differs from it in case alone. Numbers, booleans, times and
 * decimals become text as Python prints them (45.0, True); the text of a CSV stays as it is written. A path with `[]` gives a row
 * for every element of that list.
 *
 * @throws MedreproError `input` (exit 2): missing columns, no rows, empty cells, cells that hold lists or objects, an `id`
 *   that two rows share.
 */
export function tableOf(file: RecordFile, columns: Columns, options: TableOptions = {}): Table {
  const { name, sha256, parsed } = file;
  const optional = options.optional ?? new Set();
  const absent = Object.keys(columns).filter((role) => optional.has(role) && isAbsent(parsed, columns[role]!));
  const places = Object.keys(columns).map((role): Wanted => {
    if (absent.includes(role)) return { role, place: null, levels: [[]] };
    const place = columnPlace(name, parsed, columns, role);
    return { role, place, levels: levels(place.steps) };
  });
  const nesting = nestingOf(name, places, columns);
  const kinds = new ColumnKinds(Object.keys(columns), parsed.untyped ?? null);
  const rows = new RowStore(Object.keys(columns), name);
  const idAt = places.findIndex(({ role }) => role === ID);
  const ids = new Map<string, number>();
  const childless = new Counted();
  const row = new Row(name);
  const add = (record: DataRecord, values: readonly unknown[]): void => {
    row.next(record);
    const cells: (string | null)[] = [];
    for (let i = 0; i < places.length; i++) {
      const { role } = places[i]!;
      const value = values[i] instanceof NoElement && optional.has(role) ? undefined : values[i];
      const text = row.textOf(value, columns[role]!);
      const missing = kinds.see(role, value, text);
      const isWhole = !missing && text.trim() !== '';
      if (!isWhole && !optional.has(role)) throw row.nothing(columns[role]!, text, missing);
      cells.push(missing ? null : text);
    }
    if (idAt >= 0) {
      const id = cells[idAt] ?? '';
      const first = ids.get(id);
      if (first !== undefined) throw row.again(columns[ID]!, id, first);
      ids.set(id, row.number);
    }
    rows.add(cells, record.line);
  };
  const values: unknown[] = [];
  for (const record of parsed.records) {
    if (nesting === null) {
      add(record, flat(record, places, values));
      continue;
    }
    const found = expanded(record, places, nesting);
    if (found.length === 0) childless.add(record);
    for (const one of found) add(record, one);
  }
  if (rows.length === 0) throw noneLeft(name, parsed);
  const notes = [
    ...parsed.notes,
    ...absent.map((role) => `there is no column ${JSON.stringify(columns[role])}: ${role} is empty in every row`),
    ...childless.note((n) => `${n} with an empty list where rows are wanted left out`),
    ...kinds.notes(columns),
  ];
  return { file: name, sha256, rows, kinds: kinds.kinds(namesOf(parsed, places)), notes };
}

// --- internal ---

interface Wanted {
  readonly role: string;
  /** null: an optional column that the file does not have. */
  readonly place: Place | null;
  /** The parts of the path around its `[]`. */
  readonly levels: readonly (readonly Inner[])[];
}

/** The position of the current row, and errors about it. */
class Row {
  /** From 1. */
  number = 0;
  private line: number | null = null;

  constructor(private readonly file: string) {}

  next({ line }: DataRecord): void {
    this.number++;
    this.line = line;
  }

  /**
   * A cell as text.
   *
   * @throws MedreproError `input` for a value that does not exist or is not a single one
   */
  textOf(value: unknown, column: string): string {
    if (value instanceof NoElement) {
      throw this.wrong(`has ${value.what} where ${JSON.stringify(column)} is wanted`, OTHER_COLUMN);
    }
    if (value instanceof Uint8Array) {
      throw this.wrong(`has bytes that are no text in column ${JSON.stringify(column)}`, OTHER_COLUMN);
    }
    const text = textOf(value);
    if (text === null) throw this.wrong(`has no text in column ${JSON.stringify(column)}`, OTHER_COLUMN);
    return text;
  }

  nothing(name: string, text: string, missing: boolean): MedreproError {
    const column = JSON.stringify(name);
    if (!missing || text === '') return this.wrong(`has nothing in column ${column}`, FILL);
    const why = text === 'nan' ? 'which is no value' : 'which pandas and datasets read as missing';
    const remedy = text === 'nan' ? FILL : `${FILL}; data.missingTexts: text keeps it as a text`;
    return this.wrong(`has ${text} in column ${column}, ${why}`, remedy);
  }

  again(column: string, id: string, first: number): MedreproError {
    return this.wrong(`has the ${column} of row ${first} again: ${brief(id)}`, 'drop one of the two');
  }

  private wrong(what: string, remedy: string): MedreproError {
    const { file, line } = this;
    const where = line === null ? { file } : { file, line };
    return inputError(`row ${this.number} ${what}`, { where, remedy });
  }
}

const FILL =
  'fill it, or say in the spec that it may be empty (data.optional) or that such rows are dropped (data.rows)';
const OTHER_COLUMN = 'name another column with --map';

/** Rows of a kind, counted, with the line of the first. */
class Counted {
  count = 0;
  private line: number | null = null;

  add(record: DataRecord): void {
    if (this.count++ === 0) this.line = record.line;
  }

  note(text: (rows: string) => string): string[] {
    if (this.count === 0) return [];
    const rows = this.count === 1 ? '1 row' : `${this.count} rows`;
    return [text(rows) + (this.line === null ? '' : ` (the first in line ${this.line})`)];
  }
}

/**
 * The place with the most `[]`: rows are the elements of its innermost list. Every other path must go through the same lists, or
 * through fewer of them: two lists side by side have no rows in common.
 */
function nestingOf(file: string, places: readonly Wanted[], columns: Columns): Wanted | null {
  const deepest = places.reduce<Wanted | null>(
    (most, one) => (one.levels.length > (most?.levels.length ?? 1) ? one : most),
    null,
  );
  for (const one of places) {
    if (deepest === null || one.levels.length === 1) continue;
    const shared = one.levels.slice(0, -1).every((part, i) => part.join() === deepest.levels[i]!.join());
    if (one.place!.column !== deepest.place!.column || !shared) {
      const names = [columns[one.role], columns[deepest.role]].map((path) => JSON.stringify(path)).join(' and ');
      throw inputError(`${names} go through different lists: their rows do not belong together`, {
        where: { file },
        remedy: 'name elements of the other list by their number, such as [0]',
      });
    }
  }
  return deepest;
}

/** The selected values of a record that is one row, in `values`, which is reused for the next one. */
function flat(record: DataRecord, places: readonly Wanted[], values: unknown[]): unknown[] {
  for (let i = 0; i < places.length; i++) {
    const { place, levels: parts } = places[i]!;
    const value = place === null ? undefined : record.values[place.column];
    const steps = parts[0]!;
    values[i] = steps.length === 0 ? value : follow(value, steps);
  }
  return values;
}

/** The selected values of a record: a row for each element of the lists that the paths go through. */
function expanded(record: DataRecord, places: readonly Wanted[], nesting: Wanted): unknown[][] {
  const start = (wanted: Wanted): unknown => (wanted.place === null ? undefined : record.values[wanted.place.column]);
  let rows: { readonly elements: readonly unknown[] }[] = [{ elements: [start(nesting)] }];
  for (const part of nesting.levels.slice(0, -1)) {
    rows = rows.flatMap(({ elements }) => {
      const list = opened(follow(elements.at(-1), part));
      return Array.isArray(list) ? list.map((element: unknown) => ({ elements: [...elements, element] })) : [];
    });
  }
  return rows.map(({ elements }) =>
    places.map((wanted) => {
      const depth = wanted.levels.length - 1;
      const from = depth === 0 ? start(wanted) : elements[depth];
      return follow(from, wanted.levels[depth]!);
    }),
  );
}

function namesOf(parsed: Parsed, places: readonly Wanted[]): ReadonlyMap<string, readonly string[]> {
  return new Map(
    places.flatMap(({ role, place }) => {
      if (place === null || place.steps.length > 0) return [];
      const names = parsed.classNames?.get(parsed.columns[place.column]!);
      return names === undefined ? [] : [[role, names] as const];
    }),
  );
}

function noneLeft(file: string, { headerLine }: Parsed): MedreproError {
  const where = headerLine === null ? { file } : { file, line: headerLine };
  return inputError('the file has a header but no rows', { where, remedy: 'export it again, with its rows' });
}

function isAbsent(parsed: Parsed, wanted: string): boolean {
  return placeOf(parsed.columns, wanted) === null;
}

const brief = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);

function columnPlace(file: string, parsed: Parsed, columns: Columns, role: string): Place {
  const { columns: names, headerLine } = parsed;
  const found = placeOf(names, columns[role]!);
  if (found !== null && names.indexOf(names[found.column]!, found.column + 1) < 0) return found;
  const wanted = found === null ? columnOfPath(columns[role]!) : names[found.column]!;
  const where = headerLine === null ? { file } : { file, line: headerLine };
  if (found !== null) {
    throw inputError(`two columns are named ${JSON.stringify(wanted)}`, { where, remedy: 'rename one in the header' });
  }
  const suggested = Object.entries(columns).map(
    ([own, column]) => `${own}=${indexOfName(names, column) >= 0 ? column : 'COLUMN'}`,
  );
  throw inputError(`there is no column ${JSON.stringify(wanted)}; the columns are ${listNames(names)}`, {
    where,
    remedy: `name them with --map ${suggested.join(',')}`,
  });
}

/** At most twelve names, each cut to a readable length, quoted where spaces or commas would confuse. */
function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => {
    const short = name.length > 40 ? `${name.slice(0, 40)}…` : name;
    return /^[^\s,"]+$/.test(short) ? short : JSON.stringify(short);
  });
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
}

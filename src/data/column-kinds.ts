/**
 * What the cells of a column are in the file: integers, floats, booleans or text. Class ids are ordered by it, and what pandas
 * or datasets would print otherwise is said.
 */

import { floatText } from '../python';

export interface ColumnKind {
  /** `float` where integers and floats are mixed; in a file without types (CSV), what pandas would take the column for. */
  readonly type: 'integer' | 'float' | 'boolean' | 'text';
  /** Names of datasets' `ClassLabel`, by the id that a cell holds; null for any other column. */
  readonly classNames: readonly string[] | null;
}

/** Texts that pandas (and datasets, which reads CSV with it) takes for a missing value: `STR_NA_VALUES` of pandas 3. */
export const MISSING_TEXTS: ReadonlySet<string> = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
]);

/** Collects what the cells of some columns are. */
export class ColumnKinds {
  private readonly seen: ReadonlyMap<string, Seen>;

  /** @param untyped whether the type of a cell follows from its text, and what NA and the like mean then */
  constructor(
    roles: readonly string[],
    private readonly untyped: { readonly missingTexts: 'missing' | 'text' } | null,
  ) {
    this.seen = new Map(roles.map((role) => [role, new Seen()]));
  }

  /** Records a cell. @returns whether it is a missing value: none at all, NaN, or in an untyped file a text that means it */
  see(role: string, value: unknown, text: string): boolean {
    const seen = this.seen.get(role)!;
    if (value === undefined || value === null || Number.isNaN(value)) {
      seen.missing++;
      seen.beyond.missing();
      return true;
    }
    if (this.untyped !== null && MISSING_TEXTS.has(text)) {
      if (text !== '') seen.missingTexts.set(text, (seen.missingTexts.get(text) ?? 0) + 1);
      if (text === '' || this.untyped.missingTexts === 'missing') {
        seen.missing++;
        seen.beyond.missing();
        return true;
      }
    }
    seen.cells++;
    if (this.untyped !== null) seen.look(text);
    else if (typeof value === 'bigint') seen.integers++;
    else if (typeof value === 'number') seen.floats++;
    else if (typeof value === 'boolean') seen.booleans++;
    return false;
  }

  kinds(classNames: ReadonlyMap<string, readonly string[]>): Record<string, ColumnKind> {
    return Object.fromEntries(
      [...this.seen].map(([role, seen]) => [role, { type: seen.type(), classNames: classNames.get(role) ?? null }]),
    );
  }

  /** What pandas or datasets would print otherwise, by the file's name of the column. */
  notes(columns: Readonly<Record<string, string>>): string[] {
    return [...this.seen].flatMap(([role, seen]) => seen.notes(JSON.stringify(columns[role]), this.untyped));
  }
}

// --- internal ---

const INTEGER = /^\s*[+-]?\d+\s*$/;
const FLOAT = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$|^\s*[+-]?(?:inf|infinity)\s*$/i;
const BOOLEAN = /^(?:true|false|TRUE|FALSE|True|False)$/;

/** Texts that are shown in a note. */
const SHOWN = 6;

/** The integers that pandas has types for. */
const [MIN_INT64, MAX_INT64, MAX_UINT64] = [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 64n - 1n];

/**
 * What pandas makes of a column without types that holds an integer beyond int64. It tries int64, then uint64, and the first text
 * that does not fit decides what it tries next: equal to pandas 3 in test/fixtures/labels.
 */
class BeyondInt64 {
  /** What pandas tries after the first text that fits neither type: Python's integers, or floats for a text that is no integer. */
  private next: 'integers' | 'floats' | null = null;
  private overflows = false;
  /** Among the texts before that: an integer above int64, a minus, a missing value. */
  private unsigned = false;
  private minus = false;
  private gap = false;

  /** @param value null for a text that is no integer */
  see(text: string, value: bigint | null): void {
    if (this.next !== null) return;
    const isNegative = /^\s*-/.test(text);
    if (isNegative) this.minus = true;
    if (value === null) {
      // once it tries uint64, pandas looks no further than a minus
      if (!this.overflows || !isNegative) this.next = 'floats';
      return;
    }
    if (value < MIN_INT64 || value > MAX_INT64) this.overflows = true;
    if (value > MAX_UINT64) this.next = 'integers';
    else if (value > MAX_INT64) this.unsigned = true;
  }

  missing(): void {
    this.gap = true;
  }

  /** `integers`: Python's, or uint64; `text` where neither fits; null where there is none, or floats are tried. */
  get type(): 'integers' | 'text' | null {
    if (!this.overflows || this.next === 'floats') return null;
    if (this.next === 'integers' || !this.unsigned) return 'integers';
    return this.minus || this.gap ? 'text' : 'integers';
  }
}

class Seen {
  readonly beyond = new BeyondInt64();
  cells = 0;
  missing = 0;
  integers = 0;
  floats = 0;
  booleans = 0;
  readonly missingTexts = new Map<string, number>();
  /** Texts of numbers and booleans that Python would print otherwise: the first, and how many. */
  private changed = 0;
  private example = '';

  /** A cell of a file without types. */
  look(text: string): void {
    let printed = text;
    if (INTEGER.test(text)) {
      this.integers++;
      const value = BigInt(text.trim().replace(/^\+/, ''));
      this.beyond.see(text, value);
      printed = String(value);
    } else {
      this.beyond.see(text, null);
      printed = this.lookElse(text);
    }
    if (printed !== text && this.changed++ === 0) this.example = `${printed} where it writes ${text}`;
  }

  private lookElse(text: string): string {
    if (FLOAT.test(text)) {
      this.floats++;
      return floatText(Number(text.trim().replace(/^([+-]?)inf.*$/i, '$1Infinity')));
    }
    if (!BOOLEAN.test(text)) return text;
    this.booleans++;
    return text[0]!.toUpperCase() + text.slice(1).toLowerCase();
  }

  type(): ColumnKind['type'] {
    if (this.cells === 0) return 'text';
    const { type: beyond } = this.beyond;
    if (beyond === 'text') return 'text';
    if (this.integers === this.cells) return 'integer';
    if (beyond === 'integers') return 'text';
    if (this.integers + this.floats === this.cells) return 'float';
    return this.booleans === this.cells ? 'boolean' : 'text';
  }

  notes(column: string, untyped: { readonly missingTexts: 'missing' | 'text' } | null): string[] {
    const notes: string[] = [];
    if (this.missingTexts.size > 0) {
      const texts = [...this.missingTexts].slice(0, SHOWN).map(([text, count]) => `${text} (${count})`);
      const how =
        untyped?.missingTexts === 'text'
          ? 'kept as text, which pandas and datasets read as missing'
          : 'taken as missing, as pandas and datasets do';
      notes.push(`column ${column}: ${texts.join(', ')} ${how}`);
    }
    const type = this.type();
    if (type === 'text' && this.cells > 0 && this.integers + this.floats === this.cells) {
      const what =
        this.floats > 0 ? 'floats and integers beyond uint64' : 'integers beyond int64 and negative or missing ones';
      notes.push(`column ${column} holds ${what}: it is text, as pandas reads it`);
    }
    const mixed = type === 'float' && this.integers > 0;
    if (untyped !== null && type !== 'text' && this.changed > 0 && !mixed) {
      notes.push(`column ${column} is kept as the file writes it; pandas would print ${this.example}`);
    } else if (mixed) {
      notes.push(
        `column ${column} holds integers and floats, kept as written; pandas and datasets print 1 as 1.0 there`,
      );
    } else if (type === 'integer' && this.missing > 0) {
      notes.push(`column ${column} holds integers and missing values; pandas prints 1 as 1.0 there, datasets as 1`);
    }
    return notes;
  }
}

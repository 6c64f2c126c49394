/**
 * Reading JSON from its bytes: only selected values are decoded, everything else is validated and skipped.
 *
 * The grammar is RFC 8259's with the numbers that Python's json adds (NaN, Infinity, -Infinity). Unlike JSON.parse, integers
 * stay exact (bigint), floats stay floats (45.0 is a number, 45 a bigint), and a lone surrogate is rejected: it is no text, and a
 * decoder would replace it by U+FFFD. The last of two equal keys counts, as in Python.
 */

/** A syntax error, and where it is. */
export class JsonFault extends Error {
  constructor(
    readonly what: string,
    /** Byte of the file at which it is detected. */
    readonly offset: number,
  ) {
    super(what);
  }
}

/** Lists and objects within each other: Python's own reader stops at about a thousand. */
const MAX_DEPTH = 500;

/** Most keys that are cached. */
const MAX_KEYS = 256;

/** Digits of an integer: Python rejects to print longer ones. */
const MAX_DIGITS = 4300;

/** A cursor over the bytes of one or more JSON values. Every method throws {@link JsonFault}. */
export class JsonReader {
  private at = 0;
  private end = 0;
  private readonly text: Buffer;
  /** Keys seen so far: rows have the same ones in the same order, and a file has hundreds of millions. */
  private readonly keys: string[] = [];
  private nextKey = 0;

  /** @param bytes valid UTF-8 without a byte order mark; the values are in [start, end) */
  constructor(
    private readonly bytes: Uint8Array,
    start = 0,
    end = bytes.length,
  ) {
    this.moveTo(start, end);
    this.text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Continues at another position, in [start, end). */
  moveTo(start: number, end: number): this {
    this.at = start;
    this.end = end;
    this.nextKey = 0;
    return this;
  }

  /** Byte of the file that is read next. */
  get offset(): number {
    return this.at;
  }

  /** The first byte of the next value, without consuming it; -1 at the end. */
  peek(): number {
    while (this.at < this.end) {
      const byte = this.bytes[this.at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.at++;
    }
    return -1;
  }

  /** The next value. */
  value(depth = 0): unknown {
    switch (this.peek()) {
      case OPEN_BRACE: {
        // no prototype: a key may be __proto__
        const object = Object.create(null) as Record<string, unknown>;
        this.members((key) => {
          object[key] = this.value(depth + 1);
        }, depth);
        return object;
      }
      case OPEN_BRACKET: {
        const list: unknown[] = [];
        this.elements(() => list.push(this.value(depth + 1)), depth);
        return list;
      }
      case QUOTE:
        return this.string();
      default:
        return this.atom(true);
    }
  }

  /** Skips the next value. */
  skip(depth = 0): void {
    switch (this.peek()) {
      case OPEN_BRACE:
        this.members(() => this.skip(depth + 1), depth, false);
        return;
      case OPEN_BRACKET:
        this.elements(() => this.skip(depth + 1), depth);
        return;
      case QUOTE:
        this.passString();
        return;
      default:
        this.atom(false);
    }
  }

  /** An object: `member` is called after each key and reads or skips the value. `keys` false leaves keys undecoded. */
  members(member: (key: string) => void, depth = 0, keys = true): void {
    this.open(OPEN_BRACE, depth);
    if (this.takes(CLOSE_BRACE)) return;
    do {
      if (this.peek() !== QUOTE) throw this.fault('a key in quotes is missing');
      let key = '';
      if (keys) key = this.key();
      else this.passString();
      if (!this.takes(COLON)) throw this.fault('a colon is missing behind a key');
      member(key);
    } while (this.takes(COMMA));
    if (!this.takes(CLOSE_BRACE)) throw this.fault('a comma or } is missing in an object');
  }

  /** A list: `element` reads or skips each one. */
  elements(element: (index: number) => void, depth = 0): void {
    this.open(OPEN_BRACKET, depth);
    if (this.takes(CLOSE_BRACKET)) return;
    let index = 0;
    do element(index++);
    while (this.takes(COMMA));
    if (!this.takes(CLOSE_BRACKET)) throw this.fault('a comma or ] is missing in a list');
  }

  /** Consumes a byte (after white space) if it is next. */
  takes(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.at++;
    return true;
  }

  /** @throws JsonFault when something other than white space is left */
  finish(): void {
    if (this.peek() >= 0) throw this.fault('there is more behind the value');
  }

  private open(bracket: number, depth: number): void {
    if (depth >= MAX_DEPTH) throw this.fault(`lists and objects are nested more than ${MAX_DEPTH} deep`);
    if (!this.takes(bracket)) throw this.fault(bracket === OPEN_BRACE ? 'an object is missing' : 'a list is missing');
  }

  /** A string that is probably the key after the one before. */
  private key(): string {
    for (let tried = 0; tried < Math.min(this.keys.length, 2); tried++) {
      const known = this.keys[this.nextKey % this.keys.length]!;
      this.nextKey++;
      if (this.holds(known)) return known;
    }
    const key = this.string();
    if (this.keys.length < MAX_KEYS && /^[\w -]+$/.test(key) && !this.keys.includes(key)) this.keys.push(key);
    this.nextKey = this.keys.indexOf(key) + 1;
    return key;
  }

  /** Consumes a string of plain characters if it is next. */
  private holds(known: string): boolean {
    const { bytes } = this;
    const start = this.at + 1;
    const close = start + known.length;
    if (close >= this.end || bytes[close] !== QUOTE) return false;
    for (let i = 0; i < known.length; i++) if (bytes[start + i] !== known.charCodeAt(i)) return false;
    this.at = close + 1;
    return true;
  }

  private string(): string {
    const start = this.at + 1;
    const escaped = this.passString();
    const raw = this.text.toString('utf8', start, this.at - 1);
    return escaped ? this.unescape(raw, start) : raw;
  }

  /** Moves past a string's closing quote. @returns whether it has escapes */
  private passString(): boolean {
    const start = this.at;
    let escaped = false;
    for (let i = start + 1; i < this.end; i++) {
      const byte = this.bytes[i]!;
      if (byte === QUOTE) {
        this.at = i + 1;
        return escaped;
      }
      if (byte === BACKSLASH) {
        escaped = true;
        i++;
      } else if (byte < 0x20) {
        this.at = i;
        throw this.fault('a string holds a raw line end or control character');
      }
    }
    throw this.fault('a string is never closed');
  }

  private unescape(raw: string, offset: number): string {
    const text = raw.replace(ESCAPE, (whole, code: string) => {
      if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
      const plain = ESCAPES[code];
      if (plain === undefined) throw new JsonFault(`${JSON.stringify(whole)} is no escape of JSON`, offset);
      return plain;
    });
    const lone = LONE_SURROGATE.exec(text);
    if (lone !== null) {
      const code = lone[0].charCodeAt(0).toString(16);
      throw new JsonFault(`\\u${code} is half a character (a lone surrogate), which no text holds`, offset);
    }
    return text;
  }

  /** A number, true, false, null, or one of Python's numbers. */
  private atom(keep: boolean): unknown {
    const start = this.at;
    let i = start;
    while (i < this.end && IS_ATOM[this.bytes[i]!] === 1) i++;
    const source = this.text.toString('latin1', start, Math.min(i, start + MAX_DIGITS + 32));
    if (Object.hasOwn(WORDS, source)) {
      this.at = i;
      return WORDS[source];
    }
    if (!NUMBER.test(source)) {
      if (source === '') throw this.fault(start >= this.end ? 'it ends too early' : 'a value is missing');
      throw this.fault(`${JSON.stringify(source.slice(0, 40))} is no value of JSON`);
    }
    if (i - start > MAX_DIGITS) throw this.fault(`a number has more than ${MAX_DIGITS} digits`);
    this.at = i;
    if (!keep) return undefined;
    return /[.eE]/.test(source) ? Number(source) : BigInt(source);
  }

  private fault(what: string): JsonFault {
    return new JsonFault(what, this.at);
  }
}

/** The JSON value in a cell of text; undefined where there is none. */
export function decodeJson(text: string): unknown {
  try {
    const reader = new JsonReader(new TextEncoder().encode(text));
    const value = reader.value();
    reader.finish();
    return value;
  } catch (error) {
    if (error instanceof JsonFault) return undefined;
    throw error;
  }
}

// --- internal ---

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

const ESCAPE = /\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const WORDS: Readonly<Record<string, unknown>> = {
  null: null,
  true: true,
  false: false,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** Bytes that numbers and words consist of. */
const IS_ATOM = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[A-Za-z0-9+\-.]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

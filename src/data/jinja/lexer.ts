/**
 * A template cut into text and tokens as jinja2's lexer does with `trim_blocks` and `lstrip_blocks` (jinja2 3.1,
 * lexer.py): the line end after a block goes, and so does white space before a block that begins a line.
 */
import { TemplateError } from './errors';

export type Token =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | { readonly kind: 'begin' | 'end'; readonly text: 'block' | 'variable'; readonly line: number }
  | { readonly kind: 'name' | 'operator' | 'string'; readonly text: string; readonly line: number }
  | { readonly kind: 'integer'; readonly text: string; readonly value: bigint; readonly line: number }
  | { readonly kind: 'float'; readonly text: string; readonly value: number; readonly line: number }
  | { readonly kind: 'eof'; readonly text: ''; readonly line: number };

export interface LexerOptions {
  /** Whether a line end that ends the template is text; jinja2 drops it. */
  readonly keepTrailingNewline: boolean;
}

/** @throws TemplateError for what is no token, with its line */
export function tokenise(source: string, { keepTrailingNewline }: LexerOptions): Token[] {
  let text = source.replace(/\r\n|\r/g, '\n');
  if (!keepTrailingNewline && text.endsWith('\n')) text = text.slice(0, -1);
  return new Lexer(text).all();
}

// --- internal ---

const SPACES = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const sticky = (source: string): RegExp => new RegExp(source, 'uy');

const RAW_BEGIN = sticky(`\\{%([-+]?)${SPACES}*raw${SPACES}*(?:-%\\}${SPACES}*|%\\})`);
const RAW_END = new RegExp(`\\{%([-+]?)${SPACES}*endraw${SPACES}*(?:\\+%\\}|-%\\}${SPACES}*|%\\}\\n?)`, 'ug');
const COMMENT_END = new RegExp(`(?:\\+#\\}|-#\\}${SPACES}*|#\\}\\n?)`, 'ug');
const BLOCK_END = sticky(`(?:\\+%\\}|-%\\}${SPACES}*|%\\}\\n?)`);
const VARIABLE_END = sticky(`(?:-\\}\\}${SPACES}*|\\}\\})`);
const SPACE = sticky(`${SPACES}+`);
const FLOAT = sticky('(?<!\\.)(?:\\d+_)*\\d+(?:(?:\\.(?:\\d+_)*\\d+)?[eE][+-]?(?:\\d+_)*\\d+|\\.(?:\\d+_)*\\d+)');
const INTEGER = sticky('(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\\da-fA-F])+|[1-9](?:_?\\d)*|0(?:_?0)*)');
const NAME = sticky('[\\p{L}\\p{Nl}_][\\p{L}\\p{N}\\p{M}\\p{Pc}]*');
const STRING = sticky(`'[^'\\\\]*(?:\\\\[\\s\\S][^'\\\\]*)*'|"[^"\\\\]*(?:\\\\[\\s\\S][^"\\\\]*)*"`);
const OPERATOR = sticky('\\*\\*|//|==|!=|>=|<=|[-+*/%~\\[\\](){}<>=.:|,;]');
const CLOSING: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' };

class Lexer {
  private position = 0;
  private line = 1;
  private readonly tokens: Token[] = [];

  constructor(private readonly source: string) {}

  all(): Token[] {
    let lineStarts = true;
    while (this.position < this.source.length) {
      const tag = this.nextTag();
      const data = this.source.slice(this.position, tag ?? this.source.length);
      if (tag === null) {
        this.text(data);
        break;
      }
      const kind = this.source[tag + 1]!;
      const sign = this.source[tag + 2]!;
      this.text(this.trimmed(data, kind, sign, lineStarts));
      this.advance(tag);
      this.tag(kind, sign);
      lineStarts = this.source[this.position - 1] === '\n';
    }
    this.tokens.push({ kind: 'eof', text: '', line: this.line });
    return this.tokens;
  }

  // --- internal ---

  private nextTag(): number | null {
    for (let at = this.position; ; at++) {
      at = this.source.indexOf('{', at);
      if (at < 0) return null;
      const next = this.source[at + 1];
      if (next === '{' || next === '%' || next === '#') return at;
    }
  }

  /** The text before a tag: `-` takes all white space, a block at the start of a line takes what indents it. */
  private trimmed(data: string, kind: string, sign: string, lineStarts: boolean): string {
    if (sign === '-') return trimEnd(data);
    if (sign === '+' || kind === '{') return data;
    const lineStart = data.lastIndexOf('\n') + 1;
    const indents = (lineStart > 0 || lineStarts) && trimEnd(data.slice(lineStart)) === '';
    return indents ? data.slice(0, lineStart) : data;
  }

  private tag(kind: string, sign: string): void {
    const start = this.line;
    if (kind === '#') {
      this.advance(this.position + 2);
      this.skipTo(COMMENT_END, () => new TemplateError('a comment is not closed', start));
      return;
    }
    const raw = kind === '%' ? this.match(RAW_BEGIN) : null;
    if (raw !== null) {
      const from = this.position;
      const end = this.skipTo(RAW_END, () => new TemplateError('a raw block is not closed', start));
      const inside = this.source.slice(from, end.index);
      this.push({
        kind: 'text',
        text: end[1] === '-' ? trimEnd(inside) : this.rawTrimmed(inside, end[1]!),
        line: start,
      });
      return;
    }
    this.advance(this.position + (sign === '-' || (sign === '+' && kind === '%') ? 3 : 2));
    this.push({ kind: 'begin', text: kind === '%' ? 'block' : 'variable', line: this.line });
    this.inside(kind === '%' ? BLOCK_END : VARIABLE_END, kind === '%' ? 'block' : 'variable');
  }

  private rawTrimmed(text: string, sign: string): string {
    const lineStart = text.lastIndexOf('\n') + 1;
    return sign !== '+' && lineStart > 0 && trimEnd(text.slice(lineStart)) === '' ? text.slice(0, lineStart) : text;
  }

  private inside(end: RegExp, what: 'block' | 'variable'): void {
    const open: string[] = [];
    const start = this.line;
    for (;;) {
      if (this.position >= this.source.length) throw new TemplateError(`a ${what} is not closed`, start);
      const { line } = this;
      if (open.length === 0 && this.match(end) !== null) {
        this.push({ kind: 'end', text: what, line });
        return;
      }
      if (this.match(SPACE) !== null) continue;
      this.token(open, line);
    }
  }

  private token(open: string[], line: number): void {
    const float = this.match(FLOAT)?.[0];
    if (float !== undefined) {
      this.push({ kind: 'float', text: float, value: Number(float.replaceAll('_', '')), line });
      return;
    }
    const integer = this.match(INTEGER)?.[0];
    if (integer !== undefined) {
      this.push({ kind: 'integer', text: integer, value: BigInt(integer.replaceAll('_', '')), line });
      return;
    }
    const name = this.match(NAME)?.[0];
    if (name !== undefined) {
      this.push({ kind: 'name', text: name, line });
      return;
    }
    const string = this.match(STRING)?.[0];
    if (string !== undefined) {
      this.push({ kind: 'string', text: unescaped(string.slice(1, -1), line), line });
      return;
    }
    const operator = this.match(OPERATOR)?.[0];
    if (operator === undefined) {
      const character = String.fromCodePoint(this.source.codePointAt(this.position)!);
      throw new TemplateError(`unexpected ${JSON.stringify(character)}`, line);
    }
    if (CLOSING[operator] !== undefined) open.push(CLOSING[operator]);
    else if (/[)\]}]/.test(operator) && open.pop() !== operator)
      throw new TemplateError(`unexpected "${operator}"`, line);
    this.push({ kind: 'operator', text: operator, line });
  }

  private text(text: string): void {
    if (text !== '') this.push({ kind: 'text', text, line: this.line });
  }

  private push(token: Token): void {
    this.tokens.push(token);
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.source);
    if (found !== null) this.advance(pattern.lastIndex);
    return found;
  }

  private skipTo(pattern: RegExp, missing: () => TemplateError): RegExpExecArray {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.source);
    if (found === null) throw missing();
    this.advance(pattern.lastIndex);
    return found;
  }

  private advance(to: number): void {
    for (
      let at = this.source.indexOf('\n', this.position);
      at >= 0 && at < to;
      at = this.source.indexOf('\n', at + 1)
    ) {
      this.line++;
    }
    this.position = to;
  }
}

const SPACE_END = new RegExp(SPACES, 'u');

/** Python's `str.rstrip()`. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE_END.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** A string's text: the escapes of Python. */
function unescaped(text: string, line: number): string {
  return text.replace(
    /\\(\n|[0-7]{1,3}|x([0-9a-fA-F]{2})?|u([0-9a-fA-F]{4})?|U([0-9a-fA-F]{8})?|[\s\S])/g,
    (whole, letter: string, ...hex: (string | undefined)[]) => {
      if (letter === '\n') return '';
      const simple = SIMPLE[letter];
      if (simple !== undefined) return simple;
      if (/^[0-7]/.test(letter)) return String.fromCodePoint(Number.parseInt(letter, 8));
      const digits = hex.slice(0, 3).find((one) => one !== undefined);
      const value = Number.parseInt(digits ?? '', 16);
      if (digits !== undefined && value <= 0x10ffff) return String.fromCodePoint(value);
      if (/^[xuUN]/.test(letter)) throw new TemplateError(`a string with ${JSON.stringify(whole)}`, line);
      return whole;
    },
  );
}

const SIMPLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

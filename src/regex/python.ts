/**
 * Expressions of Python's `re` (3.11) for text: `re.compile(source)`. Back references, conditions and `\N{…}` are rejected.
 */
import { type Node, width } from './ast';
import { type Flags, NO_FLAGS, Parser, type Quantifier } from './parser';
import { type CaseRule, type CharSet, complement, one, property, range, union } from './sets';

export class PythonParser extends Parser {
  protected readonly repeatsOnce = true;

  protected override initialFlags(): Flags {
    let flags = NO_FLAGS;
    for (;;) {
      const start = this.position;
      if (flags.verbose) this.match(/(?:[ \t\n\r\f\v]|#[^\n]*)+/y);
      const found = this.match(/\(\?([aiLmsux]+)\)/y);
      if (found === null) {
        this.position = start;
        return flags;
      }
      flags = this.switched(flags, found[1]!, true, start);
    }
  }

  protected anchor(character: '^' | '$', flags: Flags): Node {
    if (character === '^') return { kind: 'anchor', at: flags.lines ? 'line-start' : 'text-start' };
    return { kind: 'anchor', at: flags.lines ? 'line-end' : 'text-end-or-last-line' };
  }

  protected override repeatable(node: Node): boolean {
    return !(node.kind === 'sequence' && node.items[0] === NOT_EMPTY) && super.repeatable(node);
  }

  protected caseRule(flags: Flags): CaseRule {
    return { turkish: true, ascii: flags.ascii };
  }

  protected braces(): Quantifier | null {
    const found = this.match(/\{(?!\})(?:(\d+)|(\d*),(\d*))\}([?+]?)/y);
    if (found === null) return null;
    const [, exactly, atLeast, atMost, suffix] = found;
    const min = this.count(exactly ?? (atLeast || '0'));
    const max = exactly !== undefined ? min : atMost === '' ? Number.POSITIVE_INFINITY : this.count(atMost!);
    return { min, max, mode: suffix === '?' ? 'lazy' : suffix === '+' ? 'possessive' : 'greedy' };
  }

  protected extension(flags: Flags, start: number): Node | null {
    if (this.match(/#[^)]*/y) !== null) {
      if (!this.take(')')) this.refuse('has a comment without its ")"', start);
      return null;
    }
    if (this.take(':')) return this.wrapped(this.group(flags, start));
    if (this.take('>')) return { kind: 'atomic', body: this.group(flags, start) };
    const look = this.match(/<?[=!]/y)?.[0];
    if (look !== undefined) {
      const body = this.group(flags, start);
      const ahead = look.length === 1;
      const { min, max } = width(body);
      if (!ahead && min !== max) this.refuse('looks behind for a text whose length is not fixed', start);
      return { kind: 'look', ahead, negative: look.endsWith('!'), body };
    }
    if (this.take('P<')) {
      const name = this.match(/[\p{L}\p{Nl}_][\p{L}\p{N}\p{M}_]*(?=>)/uy)?.[0];
      if (name === undefined) this.refuse('has a group whose name is no name', start);
      if (this.names.has(name)) this.refuse(`has two groups named ${name}`, start);
      this.names.add(name);
      this.position++;
      return this.capture(flags, start);
    }
    const scoped = this.match(/([aiLmsux]*)(?:-([imsx]+))?:/y);
    if (scoped !== null) {
      const [, on = '', off = ''] = scoped;
      const inner = this.switched(this.switched(flags, on, true, start), off, false, start);
      return this.wrapped(this.group(inner, start));
    }
    if (this.match(/[aiLmsux]+\)/y) !== null) {
      this.refuse(`has ${this.since(start)} elsewhere than at its start`, start);
    }
    this.position += 2;
    return this.refuse(`has ${this.since(start)}, which is not supported`, start);
  }

  protected escape(flags: Flags): Node {
    const start = this.position++;
    const letter = this.source[this.position];
    switch (letter) {
      case 'A':
        this.position++;
        return { kind: 'anchor', at: 'text-start' };
      case 'Z':
        this.position++;
        return { kind: 'anchor', at: 'text-end' };
      case 'b':
      case 'B':
        this.position++;
        return this.boundary(flags.ascii ? ASCII_WORD : WORD, letter === 'B');
    }
    const set = this.category(flags);
    if (set !== null) return { kind: 'set', set };
    const octal = this.match(/0[0-7]{0,2}|[0-3][0-7]{2}/y);
    if (octal !== null) return this.literal(this.codePoint(octal[0], 8, start), flags);
    const number = this.match(/\d\d?/y);
    if (number !== null) this.refuse(`has ${this.since(start)}: references to groups are not supported`, start);
    return this.literal(this.character(start, false), flags);
  }

  protected characterClass(flags: Flags): CharSet {
    const start = this.position++;
    const negated = this.take('^');
    const parts: CharSet[] = [];
    const first = this.position;
    while (this.position === first || !this.peek(']')) {
      if (this.position >= this.source.length) this.refuse('has a "[" without "]"', start);
      const at = this.position;
      const from = this.member(flags);
      if (!this.peek('-') || this.peek('-]')) {
        parts.push(typeof from === 'number' ? this.cased(one(from), flags) : from);
        continue;
      }
      this.position++;
      if (this.position >= this.source.length) this.refuse('has a "[" without "]"', start);
      const to = this.member(flags);
      if (typeof from !== 'number' || typeof to !== 'number' || from > to) {
        this.refuse(`has ${this.since(at)}, which is no range of characters`, at);
      }
      parts.push(this.cased(range(from, to), flags));
    }
    this.position++;
    const set = union(...parts);
    return negated ? complement(set) : set;
  }

  // --- internal ---

  /** Before Python 3.14, `\B` fits nowhere in an empty text. */
  private boundary(set: CharSet, negative: boolean): Node {
    const place: Node = { kind: 'boundary', set, negative };
    return negative ? { kind: 'sequence', items: [NOT_EMPTY, place] } : place;
  }

  private readonly names = new Set<string>();

  /** `(?:^)*` may be repeated although `^*` may not. */
  private wrapped(node: Node): Node {
    return { kind: 'sequence', items: [node] };
  }

  private switched(flags: Flags, letters: string, on: boolean, start: number): Flags {
    let switched = flags;
    for (const letter of letters) {
      if (letter === 'i') switched = { ...switched, ignoreCase: on };
      else if (letter === 'm') switched = { ...switched, lines: on };
      else if (letter === 's') switched = { ...switched, dotAll: on };
      else if (letter === 'x') switched = { ...switched, verbose: on };
      else if (letter === 'a' || letter === 'u') switched = { ...switched, ascii: letter === 'a' };
      else this.refuse('has the flag L, which is for bytes', start);
    }
    return switched;
  }

  /** One member of a class: a code point, or the set of a category. */
  private member(flags: Flags): number | CharSet {
    const start = this.position;
    if (!this.take('\\')) return this.next();
    const set = this.category(flags);
    if (set !== null) return set;
    const octal = this.match(/[0-7]{1,3}/y);
    if (octal !== null) {
      const value = this.codePoint(octal[0], 8, start);
      if (value > 0o377) this.refuse(`has ${this.since(start)}, which is above \\377`, start);
      return value;
    }
    return this.character(start, true);
  }

  private category(flags: Flags): CharSet | null {
    const letter = this.source[this.position];
    const sets = flags.ascii ? ASCII_CATEGORIES : CATEGORIES;
    const set = letter === undefined ? undefined : sets.get(letter.toLowerCase());
    if (set === undefined) return null;
    this.position++;
    return letter === letter!.toLowerCase() ? set : complement(set);
  }

  /** The character of an escape whose backslash was read. */
  private character(start: number, inClass: boolean): number {
    const hex = this.match(/x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})/y);
    if (hex !== null) return this.codePoint(hex[1] ?? hex[2] ?? hex[3]!, 16, start);
    const codePoint = this.next();
    const character = String.fromCodePoint(codePoint);
    const known = inClass && character === 'b' ? 8 : ESCAPES.get(character);
    if (known !== undefined) return known;
    if (/[0-9A-Za-z]/.test(character)) {
      this.refuse(`has ${this.since(start)}, which means nothing or is not supported`, start);
    }
    return codePoint;
  }
}

const NOT_EMPTY: Node = {
  kind: 'look',
  ahead: true,
  negative: true,
  body: {
    kind: 'sequence',
    items: [
      { kind: 'anchor', at: 'text-start' },
      { kind: 'anchor', at: 'text-end' },
    ],
  },
};

const ESCAPES = new Map([
  ['a', 7],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
]);

/** `str.isdecimal`, `str.isspace`, `str.isalnum` and the underscore. */
const WORD = union(property('L'), property('N'), one(0x5f));
const SPACE = union(range(0x09, 0x0d), range(0x1c, 0x20), one(0x85), property('Zs'), range(0x2028, 0x2029));
const CATEGORIES = new Map([
  ['d', property('Nd')],
  ['s', SPACE],
  ['w', WORD],
]);

const ASCII_WORD = union(range(0x30, 0x39), range(0x41, 0x5a), range(0x61, 0x7a), one(0x5f));
const ASCII_CATEGORIES = new Map([
  ['d', range(0x30, 0x39)],
  ['s', union(range(0x09, 0x0d), one(0x20))],
  ['w', ASCII_WORD],
]);

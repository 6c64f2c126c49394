/**
 * Expressions of Oniguruma 6.9 as the Rust tokenizers library (0.23) compiles those of a tokenizer.json: its own syntax,
 * Unicode classes, `^` and `$` at every line. References to groups, conditions, calls, `\K`, `\X` and absent operators are
 * rejected.
 */
import { type Node, width } from './ast';
import { type Flags, Parser, type Quantifier } from './parser';
import { propertyNamed } from './properties';
import {
  ANYTHING,
  type CaseRule,
  type CharSet,
  complement,
  endsInFold,
  foldsToSeveral,
  holdsFoldToSeveral,
  intersection,
  NOT_LINE_FEED,
  NOTHING,
  one,
  property,
  range,
  union,
} from './sets';

export class OnigurumaParser extends Parser {
  protected readonly repeatsOnce = false;

  protected anchor(character: '^' | '$'): Node {
    return { kind: 'anchor', at: character === '^' ? 'line-start-not-last' : 'line-end' };
  }

  protected caseRule(): CaseRule {
    return { turkish: false, ascii: false };
  }

  protected override repeatable(node: Node): boolean {
    return node.kind !== 'look' && super.repeatable(node);
  }

  protected braces(): Quantifier | null {
    const start = this.position;
    const found = this.match(/\{(?:(\d+)|(\d+),(\d*)|,(\d+))\}(\?)?/y);
    if (found === null) return null;
    const [, exactly, atLeast = '0', most, upTo, lazy] = found;
    if (exactly !== undefined) {
      // `a{2}?` is an optional `a{2}`, not a lazy one
      if (lazy !== undefined) this.position--;
      return { min: this.count(exactly), max: this.count(exactly), mode: 'greedy' };
    }
    const limit = upTo ?? most!;
    const max = limit === '' ? Number.POSITIVE_INFINITY : this.count(limit);
    const min = this.count(atLeast);
    if (min > max) this.refuse(`has ${this.since(start)}: more than at most`, start);
    return { min, max, mode: lazy === undefined ? 'greedy' : 'lazy' };
  }

  protected extension(flags: Flags, start: number): Node | null {
    if (this.match(/#(?:[^\\)]|\\[\s\S])*/y) !== null) {
      if (!this.take(')')) this.refuse('has a comment without its ")"', start);
      return null;
    }
    if (this.take(':')) return this.wrapped(this.group(flags, start));
    if (this.take('>')) return { kind: 'atomic', body: this.group(flags, start) };
    const look = this.match(/<?[=!]/y)?.[0];
    if (look !== undefined) {
      const ahead = look.length === 1;
      const body = this.group(flags, start);
      if (!ahead && width(body).max > FURTHEST_BEHIND) this.refuse('looks behind without a limit', start);
      return { kind: 'look', ahead, negative: look.endsWith('!'), body };
    }
    if (this.match(/<[\p{L}_][\p{L}\p{N}\p{M}_]*>|'[\p{L}_][\p{L}\p{N}\p{M}_]*'/uy) !== null) {
      return this.capture(flags, start);
    }
    const switches = this.match(/([imx]*)(?:-([imx]*))?([:)])/y);
    if (switches !== null && switches[0] !== ')') {
      const [, on = '', off = '', end] = switches;
      const inner = {
        ...flags,
        ignoreCase: (flags.ignoreCase || on.includes('i')) && !off.includes('i'),
        dotAll: (flags.dotAll || on.includes('m')) && !off.includes('m'),
        verbose: (flags.verbose || on.includes('x')) && !off.includes('x'),
      };
      // without a colon it holds to the end of the group around it, branches included
      return end === ':' ? this.wrapped(this.group(inner, start)) : this.choice(inner);
    }
    this.position += this.position < this.source.length ? 1 : 0;
    return this.refuse(`has ${this.since(start)}, which is not supported`, start);
  }

  protected escape(flags: Flags): Node {
    const start = this.position++;
    const letter = this.source[this.position] ?? '';
    const place = PLACES.get(letter);
    if (place !== undefined) {
      this.position++;
      return place;
    }
    if (letter === 'R') {
      this.position++;
      return LINE_BREAK;
    }
    const set = this.category(start, false);
    if (set !== null) return { kind: 'set', set };
    const number = Number(/[1-9]\d*/y.exec(this.source.slice(this.position, this.position + 4))?.[0] ?? 0);
    // above 9 and above the groups there are, it is a character in octal digits
    if (number > 0 && (number <= Math.max(9, this.captures) || /[89]/.test(letter))) {
      this.position++;
      this.refuse(`has ${this.since(start)}: references to groups are not supported`, start);
    }
    return this.literal(this.character(start, false), flags);
  }

  protected override literal(codePoint: number, flags: Flags): Node {
    if (flags.ignoreCase) this.refuseFolds(codePoint);
    else this.run = '';
    return super.literal(codePoint, flags);
  }

  /**
   * Other cases belong to the whole class, before it is negated: what is negated inside it stays as it is written. The
   * sharp s in a class would also take `ss`.
   */
  protected characterClass(flags: Flags): CharSet {
    const start = this.position;
    const negated = this.source[start + 1] === '^';
    const set = this.bracket(0);
    if (!flags.ignoreCase) return negated ? complement(set) : set;
    if (!negated && holdsFoldToSeveral(set)) {
      this.refuse('ignores case in a class with letters that equal several, which is not supported', start);
    }
    return negated ? complement(this.cased(set, flags)) : this.cased(set, flags);
  }

  // --- internal ---

  /** The letters read last in lower case, where case is ignored. */
  private run = '';
  private runEnds = -1;

  /** `(?:^)*` may be repeated although `^*` may not. */
  private wrapped(node: Node): Node {
    return { kind: 'sequence', items: [node] };
  }

  /** The sharp s equals `ss` in Oniguruma when case is ignored; such pairs are rejected in either direction. */
  private refuseFolds(codePoint: number): void {
    const character = String.fromCodePoint(codePoint);
    const before = this.runEnds === this.position - character.length ? this.run : '';
    this.run = (before + character.toLowerCase()).slice(-3);
    this.runEnds = this.position;
    if (foldsToSeveral(codePoint) || endsInFold(this.run)) {
      this.refuse(
        `ignores case in ${JSON.stringify(this.run)}, which equals a text of another length; this is not supported`,
        this.position,
      );
    }
  }

  /** What is between the brackets, whose negation (if any) is left to the caller. */
  private bracket(depth: number): CharSet {
    const start = this.position++;
    if (depth > 50) this.refuse('nests classes more than 50 deep', start);
    this.take('^');
    let left: CharSet | null = null;
    let parts: CharSet[] = [];
    const first = this.position;
    if (this.peek(']') && !this.source.includes(']', this.position + 1)) this.refuse('has an empty class', start);
    const united = (): CharSet => {
      const right = parts.length === 0 ? NOTHING : union(...parts);
      return left === null ? right : intersection(left, right);
    };
    while (this.position === first || !this.peek(']')) {
      if (this.position >= this.source.length) this.refuse('has a "[" without "]"', start);
      if (this.take('&&')) {
        left = united();
        parts = [];
        continue;
      }
      parts.push(this.part(depth, this.position === first));
    }
    this.position++;
    return united();
  }

  /** A member of a class or a range. */
  private part(depth: number, isFirst: boolean): CharSet {
    const at = this.position;
    const from = this.member(depth);
    const dash = this.peek('-') && !this.peek('-]') && !this.peek('-&&');
    if (typeof from !== 'number') {
      if (dash && !this.peek('--')) this.refuse(`has a range that starts with ${this.since(at)}`, at);
      return from;
    }
    if (!dash || (from === 0x2d && !isFirst)) return one(from);
    this.position++;
    const to = this.member(depth);
    if (typeof to !== 'number' || from > to) this.refuse(`has ${this.since(at)}, which is no range of characters`, at);
    if (this.peek('-') && !this.peek('-]')) this.refuse(`has a "-" after the range ${this.since(at)}`, at);
    return range(from, to);
  }

  private member(depth: number): number | CharSet {
    const start = this.position;
    const posix = this.match(/\[:(\^?)([A-Za-z]+):\]/y);
    if (posix !== null) {
      const set = POSIX.get(posix[2]!.toLowerCase());
      if (set === undefined) return this.refuse(`has ${posix[0]}, which is no class`, start);
      return posix[1] === '^' ? complement(set) : set;
    }
    if (this.peek('[')) {
      const negated = this.source[start + 1] === '^';
      const set = this.bracket(depth + 1);
      return negated ? complement(set) : set;
    }
    if (!this.take('\\')) return this.next();
    return this.category(start, true) ?? this.character(start, true);
  }

  /** A set named by an escape whose backslash has been read. */
  private category(start: number, inClass: boolean): CharSet | null {
    const letter = this.source[this.position] ?? '';
    if (letter === 'p' || letter === 'P') {
      this.position++;
      const found = this.match(/\{(\^?)([^}]*)\}/y);
      if (found === null) return this.refuse(`has ${this.since(start)} without "{"`, start);
      const name = found[2]!.toLowerCase();
      const set = NAMED.get(name) ?? POSIX.get(name) ?? propertyNamed(name);
      if (set === null) return this.refuse(`has ${this.since(start)}, which is not supported`, start);
      return (letter === 'P') !== (found[1] === '^') ? complement(set) : set;
    }
    if (!inClass && (letter === 'N' || letter === 'O')) {
      this.position++;
      return letter === 'N' ? NOT_LINE_FEED : ANYTHING;
    }
    const set = (inClass ? IN_CLASS : CATEGORIES).get(letter.toLowerCase());
    if (set === undefined) return null;
    this.position++;
    return letter === letter.toLowerCase() ? set : complement(set);
  }

  /** The character of an escape whose backslash was read. */
  private character(start: number, inClass: boolean): number {
    const braced = this.match(/x\{([0-9a-fA-F]{1,8})\}/y) ?? this.match(/u([0-9a-fA-F]{4})/y);
    if (braced !== null) return this.codePoint(braced[1]!, 16, start);
    const short = this.match(/x([0-9a-fA-F]{1,2})/y)?.[1];
    const value = short !== undefined ? this.codePoint(short, 16, start) : this.octal(start);
    if (value !== null) {
      // it would be a byte of UTF-8 there
      if (value > 0x7f) this.refuse(`has ${this.since(start)}, a byte that is no character`, start);
      return value;
    }
    const codePoint = this.next();
    const character = String.fromCodePoint(codePoint);
    const known = inClass && character === 'b' ? 8 : ESCAPES.get(character);
    if (known !== undefined) return known;
    if (REFUSED.test(character)) this.refuse(`has ${this.since(start)}, which is not supported`, start);
    return codePoint;
  }

  private octal(start: number): number | null {
    const digits = this.match(/[0-7]{1,3}/y)?.[0] ?? this.match(/o\{([0-7]{1,8})\}/y)?.[1];
    return digits === undefined ? null : this.codePoint(digits, 8, start);
  }
}

/** As far as any real expression looks back. */
const FURTHEST_BEHIND = 255;

const ESCAPES = new Map([
  ['a', 7],
  ['e', 27],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
]);

/** Letters and digits that mean something else after a backslash, or may one day. */
const REFUSED = /[A-Za-z0-9]/;

/** Latin-1's superscripts and fractions are word characters by `\w`, but not by `[\w]`. */
const ENCODED_WORD = union(one(0xb2), one(0xb3), one(0xb9), range(0xbc, 0xbe));
const WORD = union(property('Alphabetic'), property('M'), property('Nd'), property('Pc'));
const ESCAPED_WORD = union(WORD, ENCODED_WORD);
const SPACE = property('White_Space');
const HEX = union(range(0x30, 0x39), range(0x41, 0x46), range(0x61, 0x66));
const UNSEEN = union(SPACE, property('Cc'), property('Cn'), property('Cs'));
const GRAPH = complement(UNSEEN);

const CATEGORIES = new Map([
  ['w', ESCAPED_WORD],
  ['d', property('Nd')],
  ['s', SPACE],
  ['h', HEX],
]);

const IN_CLASS = new Map([...CATEGORIES, ['w', WORD]]);

/** Names that mean something else in `\p{…}` than in `[:…:]`. */
const NAMED = new Map([
  ['punct', property('P')],
  ['word', ESCAPED_WORD],
]);

const POSIX = new Map([
  ['alnum', union(property('Alphabetic'), property('Nd'))],
  ['alpha', property('Alphabetic')],
  ['ascii', range(0, 0x7f)],
  ['blank', union(property('Zs'), one(9))],
  ['cntrl', property('Cc')],
  ['digit', property('Nd')],
  ['graph', GRAPH],
  ['lower', property('Lowercase')],
  ['print', union(GRAPH, property('Zs'))],
  ['punct', union(property('P'), property('S'))],
  ['space', SPACE],
  ['upper', property('Uppercase')],
  ['word', WORD],
  ['xdigit', HEX],
]);

const PLACES = new Map<string, Node>([
  ['A', { kind: 'anchor', at: 'text-start' }],
  ['Z', { kind: 'anchor', at: 'text-end-or-last-line' }],
  ['z', { kind: 'anchor', at: 'text-end' }],
  ['G', { kind: 'anchor', at: 'search-start' }],
  ['b', { kind: 'boundary', set: ESCAPED_WORD, negative: false }],
  ['B', { kind: 'boundary', set: ESCAPED_WORD, negative: true }],
]);

const set = (...sets: CharSet[]): Node => ({ kind: 'set', set: union(...sets) });

/** Atomic: a carriage return with its line feed is not taken apart. */
const LINE_BREAK: Node = {
  kind: 'atomic',
  body: {
    kind: 'choice',
    options: [
      { kind: 'sequence', items: [set(one(0x0d)), set(one(0x0a))] },
      set(range(0x0a, 0x0d), one(0x85), range(0x2028, 0x2029)),
    ],
  },
};

/**
 * The syntax that the dialects share: branches, groups, quantifiers, flags. A dialect adds its escapes, classes and groups.
 */
import type { Node, Parsed } from './ast';
import { ANYTHING, type CaseRule, type CharSet, ignoringCase, NOT_LINE_FEED, one } from './sets';

export interface Flags {
  /** Case does not matter. */
  readonly ignoreCase: boolean;
  /** `.` takes line feeds too. */
  readonly dotAll: boolean;
  /** `^` and `$` are at lines; Python only. */
  readonly lines: boolean;
  /** White space and comments in the expression mean nothing. */
  readonly verbose: boolean;
  /** `\w`, `\d`, `\s`, `\b` and case are ASCII's; Python only. */
  readonly ascii: boolean;
}

export const NO_FLAGS: Flags = { ignoreCase: false, dotAll: false, lines: false, verbose: false, ascii: false };

export interface Quantifier {
  readonly min: number;
  readonly max: number;
  readonly mode: 'greedy' | 'lazy' | 'possessive';
}

/** Throws: what is wrong with the expression, at which UTF-16 index. */
export type Refuse = (what: string, position: number) => never;

/** Nested deeper than anybody writes; each level is a level of recursion here. */
const DEEPEST = 100;
const LARGEST_COUNT = 100_000;

export abstract class Parser {
  protected position = 0;
  protected captures = 0;
  private depth = 0;

  constructor(
    protected readonly source: string,
    protected readonly refuse: Refuse,
  ) {}

  parse(): Parsed {
    const root = this.choice(this.initialFlags());
    if (this.position < this.source.length) this.refuse('has a ")" without "("', this.position);
    return { root, captures: this.captures };
  }

  /** Flags that are written at the start and hold for all. */
  protected initialFlags(): Flags {
    return NO_FLAGS;
  }

  /** An escape outside a class, the backslash not yet read. */
  protected abstract escape(flags: Flags): Node;
  /** A class in brackets, `[` not yet read. */
  protected abstract characterClass(flags: Flags): CharSet;
  /** What follows `(?`, not yet read; null where it matches nothing itself (a comment). */
  protected abstract extension(flags: Flags, start: number): Node | null;
  /** A quantifier in braces, `{` not yet read; null (and nothing read) where it is text. */
  protected abstract braces(): Quantifier | null;
  protected abstract anchor(character: '^' | '$', flags: Flags): Node;
  protected abstract caseRule(flags: Flags): CaseRule;
  /** Whether `a*{2}` is an error, as in Python, or repeats what is repeated. */
  protected abstract readonly repeatsOnce: boolean;

  /** Branches up to the closing bracket or the end. */
  protected choice(flags: Flags): Node {
    if (++this.depth > DEEPEST) this.refuse(`is nested more than ${DEEPEST} deep`, this.position);
    const options = [this.branch(flags)];
    while (this.take('|')) options.push(this.branch(flags));
    this.depth--;
    return options.length === 1 ? options[0]! : { kind: 'choice', options };
  }

  /** What stands between the brackets of a group whose start has been read. */
  protected group(flags: Flags, start: number): Node {
    const body = this.choice(flags);
    if (!this.take(')')) this.refuse('has a "(" without ")"', start);
    return body;
  }

  protected capture(flags: Flags, start: number): Node {
    const index = ++this.captures;
    return { kind: 'capture', index, body: this.group(flags, start) };
  }

  /** One character as it stands, with its other cases where they do not matter. */
  protected literal(codePoint: number, flags: Flags): Node {
    return { kind: 'set', set: this.cased(one(codePoint), flags) };
  }

  protected cased(set: CharSet, flags: Flags): CharSet {
    return flags.ignoreCase ? ignoringCase(set, this.caseRule(flags)) : set;
  }

  // --- the cursor ---

  protected peek(text: string): boolean {
    return this.source.startsWith(text, this.position);
  }

  protected take(text: string): boolean {
    const found = this.peek(text);
    if (found) this.position += text.length;
    return found;
  }

  /** What `pattern` (sticky) finds here; read when it does. */
  protected match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.position;
    const found = pattern.exec(this.source);
    if (found !== null) this.position += found[0].length;
    return found;
  }

  /** The next code point. */
  protected next(): number {
    const codePoint = this.source.codePointAt(this.position);
    if (codePoint === undefined) return this.refuse('ends too early', this.position);
    this.position += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  /** The character read last, for messages. */
  protected since(start: number): string {
    return JSON.stringify(this.source.slice(start, this.position));
  }

  /** A number of times, from digits. */
  protected count(digits: string): number {
    const count = Number(digits);
    if (count > LARGEST_COUNT) this.refuse(`repeats more than ${LARGEST_COUNT} times`, this.position);
    return count;
  }

  /** A code point from digits of `base`. */
  protected codePoint(digits: string, base: number, start: number): number {
    const value = Number.parseInt(digits, base);
    if (!(value <= 0x10ffff)) this.refuse(`has ${this.since(start)}, which is no character`, start);
    return value;
  }

  // --- internal ---

  private branch(flags: Flags): Node {
    const items: Node[] = [];
    for (;;) {
      if (flags.verbose) this.match(/(?:[ \t\n\r\f\v]|#[^\n]*)+/y);
      if (this.position >= this.source.length || this.peek('|') || this.peek(')')) break;
      const start = this.position;
      const atom = this.atom(flags);
      if (atom === null) continue;
      items.push(this.quantified(atom, start, flags));
    }
    return items.length === 1 ? items[0]! : { kind: 'sequence', items };
  }

  private atom(flags: Flags): Node | null {
    const start = this.position;
    const character = this.source[start]!;
    switch (character) {
      case '\\':
        return this.escape(flags);
      case '[':
        return { kind: 'set', set: this.characterClass(flags) };
      case '^':
      case '$':
        this.position++;
        return this.anchor(character, flags);
      case '.':
        this.position++;
        return { kind: 'set', set: flags.dotAll ? ANYTHING : NOT_LINE_FEED };
      case '(':
        this.position++;
        if (this.peek('*')) this.refuse('has "(*", which is not supported', start);
        if (this.take('?')) return this.extension(flags, start);
        return this.capture(flags, start);
      case '*':
      case '+':
      case '?':
        return this.refuse(`has ${JSON.stringify(character)} with nothing before it to repeat`, start);
      default:
        if (character === '{' && this.braces() !== null) this.refuse('has "{" with nothing before it to repeat', start);
        return this.literal(this.next(), flags);
    }
  }

  private quantified(atom: Node, start: number, flags: Flags): Node {
    let node = atom;
    for (let times = 0; ; times++) {
      if (flags.verbose) this.match(/(?:[ \t\n\r\f\v]|#[^\n]*)+/y);
      const at = this.position;
      const quantifier = this.quantifier();
      if (quantifier === null) return node;
      if (times > 0 && this.repeatsOnce) this.refuse(`repeats ${this.since(start)} twice over`, at);
      if (times > DEEPEST) this.refuse(`is nested more than ${DEEPEST} deep`, at);
      if (!this.repeatable(node)) this.refuse(`repeats ${JSON.stringify(this.source.slice(start, at))}`, at);
      const { min, max, mode } = quantifier;
      if (min > max) this.refuse(`has ${JSON.stringify(this.source.slice(at, this.position))}: more than at most`, at);
      const repeat: Node = { kind: 'repeat', body: node, min, max, lazy: mode === 'lazy' };
      node = mode === 'possessive' ? { kind: 'atomic', body: repeat } : repeat;
    }
  }

  /** What must not be repeated is rejected as the dialect does: places. */
  protected repeatable(node: Node): boolean {
    return node.kind !== 'anchor' && node.kind !== 'boundary';
  }

  private quantifier(): Quantifier | null {
    if (this.peek('{')) return this.braces();
    const found = this.match(/([*+?])([?+]?)/y);
    if (found === null) return null;
    const mode = found[2] === '?' ? 'lazy' : found[2] === '+' ? 'possessive' : 'greedy';
    return { min: found[1] === '+' ? 1 : 0, max: found[1] === '?' ? 1 : Number.POSITIVE_INFINITY, mode };
  }
}

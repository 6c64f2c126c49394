/**
 * Regular expressions that come with models and specs, in the dialect they were written for. They mean there what they
 * mean here or are rejected by name, and each terminates: what is provably linear runs in JavaScript's engine, the
 * rest step by step with a limit.
 */
import { inputError, type MedreproError, specError, type Where } from '../errors';
import type { Parsed } from './ast';
import { Matcher, stepLimit, TooManySteps } from './matcher';
import { nativeSource } from './native';
import { OnigurumaParser } from './oniguruma';
import { compileProgram, type Program } from './program';
import { PythonParser } from './python';
import { nodeCount, whyStepped } from './safety';

/** `python`: the module `re` on text. `oniguruma`: as the Rust tokenizers library compiles those of a tokenizer.json. */
export type Dialect = 'python' | 'oniguruma';

export interface RegexOptions {
  /** What the expression is used for, for messages: `the pattern of target_modules`. */
  readonly name?: string;
  /** Where it stands. */
  readonly where?: Where;
  /** Whether it comes from a spec or from another file; `input` by default. */
  readonly code?: 'spec' | 'input';
}

/** Positions are UTF-16 indices of the text; the text is read by code points. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  /** The text of each group, from group 1; null for one that took no part. */
  readonly groups: readonly (string | null)[];
}

export interface Regex {
  readonly source: string;
  readonly dialect: Dialect;
  readonly engine: 'native' | 'stepped';
  /** Why this engine. */
  readonly reason: string;
  /** The first match at or after `from` (Python's `search`). @throws MedreproError past the limit of steps */
  exec(text: string, from?: number): RegexMatch | null;
  /** The match that starts at `at` (Python's `match`). @throws MedreproError past the limit of steps */
  matchAt(text: string, at: number): RegexMatch | null;
  /** The match that is the whole text (Python's `fullmatch`). @throws MedreproError past the limit of steps */
  fullMatch(text: string): RegexMatch | null;
  /**
   * All matches from left to right, as the Rust crate onig finds them: an empty match is not taken where another one
   * ended. Takes time in proportion to the text. @throws MedreproError past the limit of steps
   */
  all(text: string): Generator<RegexMatch>;
}

/** @throws MedreproError (`options.code`): no expression of the dialect, or one that uses what is not supported */
export function compileRegex(source: string, dialect: Dialect, options: RegexOptions = {}): Regex {
  return new CompiledRegex(source, dialect, options);
}

// --- internal ---

const LONGEST_SOURCE = 100_000;
const LONGEST_SHOWN = 200;
/** Below so many characters times nodes JavaScript's engine never gives up. */
const SURE = 500_000;

class CompiledRegex implements Regex {
  readonly engine: 'native' | 'stepped';
  readonly reason: string;
  private readonly parsed: Parsed;
  /** What JavaScript's engine is given. */
  private readonly native: { readonly global: RegExp; readonly steps: number } | null;
  private sticky: RegExp | undefined;
  private readonly programs = new Map<'part' | 'whole', Program>();

  constructor(
    readonly source: string,
    readonly dialect: Dialect,
    private readonly options: RegexOptions,
  ) {
    if (source.length > LONGEST_SOURCE) throw this.error(`has more than ${LONGEST_SOURCE} characters`);
    const refuse = (what: string, position: number): never => {
      throw this.error(`${what} (at character ${position + 1})`);
    };
    this.parsed = new { python: PythonParser, oniguruma: OnigurumaParser }[dialect](source, refuse).parse();
    const why = whyStepped(this.parsed.root);
    this.engine = why === null ? 'native' : 'stepped';
    this.reason = why ?? 'takes time in proportion to the text';
    if (why === null) {
      const { root } = this.parsed;
      const own = root.kind === 'choice' ? root.options.map(nativeSource).join('|') : nativeSource(root);
      const steps = nodeCount(root);
      this.native = { global: new RegExp(own, 'vg'), steps };
    } else {
      this.native = null;
      this.program('part');
    }
  }

  exec(text: string, from = 0): RegexMatch | null {
    return this.native !== null
      ? this.natively(text, from, false)
      : this.stepped(new Matcher(this.program('part'), text), text, from, false);
  }

  matchAt(text: string, at: number): RegexMatch | null {
    return this.native !== null
      ? this.natively(text, at, true)
      : this.stepped(new Matcher(this.program('part'), text), text, at, true);
  }

  fullMatch(text: string): RegexMatch | null {
    return this.stepped(new Matcher(this.program('whole'), text), text, 0, true);
  }

  *all(text: string): Generator<RegexMatch> {
    const matcher = this.native === null ? new Matcher(this.program('part'), text) : null;
    let from = 0;
    let lastEnd = -1;
    while (from <= text.length) {
      const found = matcher === null ? this.natively(text, from, false) : this.stepped(matcher, text, from, false);
      if (found === null) return;
      if (found.start === found.end && found.end === lastEnd) {
        from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
        continue;
      }
      from = found.end;
      lastEnd = found.end;
      yield found;
    }
  }

  private natively(text: string, from: number, sticky: boolean): RegexMatch | null {
    const { global, steps } = this.native!;
    if (sticky) this.sticky ??= new RegExp(global.source, 'vy');
    const expression = sticky ? this.sticky! : global;
    expression.lastIndex = from;
    const found = expression.exec(text);
    if (found === null) {
      // the engine gives up after a million partial matches, and reports no match
      if ((text.length - from) * steps < SURE) return null;
      return this.stepped(new Matcher(this.program('part'), text), text, from, sticky);
    }
    const groups = found.length === 1 ? NO_GROUPS : found.slice(1).map((group) => group ?? null);
    return { start: found.index, end: found.index + found[0].length, groups };
  }

  private stepped(matcher: Matcher, text: string, from: number, sticky: boolean): RegexMatch | null {
    let slots: Int32Array | null;
    try {
      slots = matcher.search(from, sticky);
    } catch (error) {
      if (!(error instanceof TooManySteps)) throw error;
      throw this.error(
        `took more than ${stepLimit(text.length)} steps on ${text.length} characters`,
        'write it without repeats inside repeats',
      );
    }
    if (slots === null) return null;
    const groups: (string | null)[] = [];
    for (let group = 1; group <= this.parsed.captures; group++) {
      const [start, end] = [slots[2 * group]!, slots[2 * group + 1]!];
      groups.push(start < 0 || end < 0 ? null : text.slice(start, end));
    }
    return { start: slots[0]!, end: slots[1]!, groups };
  }

  /** Made when first needed: the expression itself, or with the end of the text after it. */
  private program(which: 'part' | 'whole'): Program {
    const known = this.programs.get(which);
    if (known !== undefined) return known;
    const { root, captures } = this.parsed;
    const end = { kind: 'anchor', at: 'text-end' } as const;
    const program = compileProgram(which === 'part' ? root : { kind: 'sequence', items: [root, end] }, captures);
    if (program === null) throw this.error('repeats too much to be written out');
    this.programs.set(which, program);
    return program;
  }

  private error(what: string, remedy?: string): MedreproError {
    const { name = 'the expression', code = 'input', where } = this.options;
    const shown = this.source.length > LONGEST_SHOWN ? `${this.source.slice(0, LONGEST_SHOWN)}…` : this.source;
    const make = code === 'spec' ? specError : inputError;
    return make(`${name} ${JSON.stringify(shown)} ${what}`, {
      remedy: remedy ?? 'write it with plain groups, classes and quantifiers',
      ...(where === undefined ? {} : { where }),
    });
  }
}

const NO_GROUPS: readonly (string | null)[] = [];

/**
 * Tries an expression step by step, first way first, as the peers do. A place (instruction and position) from which
 * everything has failed is remembered for the rest of the text, so most expressions take time in proportion to the text
 * whatever they are; the rest end at a limit of steps.
 */
import type { Anchor } from './ast';
import type { Instruction, Program } from './program';

/** Steps a search of a text of `length` UTF-16 units may take. */
export const stepLimit = (length: number): number => 1_000_000 + 100 * length;

/** Thrown when the limit is reached; `compile.ts` makes a message of it. */
export class TooManySteps extends Error {
  constructor(readonly steps: number) {
    super();
  }
}

/** One expression on one text. Searches of the same text share what has failed and the steps they may take. */
export class Matcher {
  private readonly instructions: readonly Instruction[];
  private readonly failed: Failures;
  /** Captures, then the starts of passes through loops; -1 for none. */
  private readonly slots: Int32Array;
  /** Three numbers a way to come back to: what, where, and one more. */
  private stack = new Int32Array(3 * 64);
  private top = 0;
  private steps = 0;
  private searchStart = 0;
  private readonly limit: number;

  constructor(
    private readonly program: Program,
    private readonly text: string,
  ) {
    this.instructions = program.instructions;
    this.failed = new Failures(text.length);
    this.slots = new Int32Array(program.slots).fill(-1);
    this.limit = stepLimit(text.length);
  }

  /**
   * The first place at or after `from` where the expression fits; with `sticky` only `from` itself.
   *
   * @returns start and end of the whole and of each group, -1 for a group that took no part; null where nothing fits
   * @throws TooManySteps
   */
  search(from: number, sticky: boolean): Int32Array | null {
    this.searchStart = from;
    if (this.program.fromSearch) this.failed.forget();
    for (let at = from; at <= this.text.length; at += this.size(at)) {
      this.slots.fill(-1);
      this.top = 0;
      const end = this.run(0, at, -1);
      if (end >= 0) {
        this.slots[0] = at;
        this.slots[1] = end;
        return this.slots;
      }
      if (sticky) break;
    }
    return null;
  }

  // --- internal ---

  /** UTF-16 units of the code point at `at`; 1 at the end. */
  private size(at: number): number {
    const unit = this.text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdbff) return 1;
    const next = this.text.charCodeAt(at + 1);
    return next >= 0xdc00 && next <= 0xdfff ? 2 : 1;
  }

  /** The start of the code point that ends at `at`. */
  private before(at: number): number {
    const unit = this.text.charCodeAt(at - 1);
    if (unit < 0xdc00 || unit > 0xdfff || at < 2) return at - 1;
    const high = this.text.charCodeAt(at - 2);
    return high >= 0xd800 && high <= 0xdbff ? at - 2 : at - 1;
  }

  private push(what: number, where: number, more: number): void {
    if (this.top + 3 > this.stack.length) {
      if (this.stack.length > LARGEST_STACK) throw new TooManySteps(this.steps);
      const larger = new Int32Array(2 * this.stack.length);
      larger.set(this.stack);
      this.stack = larger;
    }
    this.stack[this.top] = what;
    this.stack[this.top + 1] = where;
    this.stack[this.top + 2] = more;
    this.top += 3;
  }

  /**
   * From an instruction and a position to `done`.
   *
   * @param mustEnd the position where it has to end, or -1
   * @returns where it ended, or -1
   */
  private run(first: number, from: number, mustEnd: number): number {
    const bottom = this.top;
    const { instructions, text, slots, failed } = this;
    let pc = first;
    let at = from;
    for (;;) {
      if (++this.steps > this.limit) throw new TooManySteps(this.steps);
      const instruction = instructions[pc]!;
      let fits = true;
      switch (instruction.op) {
        case 'set':
          fits = at < text.length && instruction.has(text.codePointAt(at)!);
          if (fits) at += this.size(at);
          pc++;
          break;
        case 'run': {
          const { memo, has } = instruction;
          const start = at;
          fits = !failed.has(memo, at);
          if (!fits) break;
          while (at < text.length && has(text.codePointAt(at)!)) {
            const next = at + this.size(at);
            this.steps++;
            // from there on everything is known to fail, so this is the longest that is left to try
            if (failed.has(memo, next)) break;
            at = next;
          }
          this.push(pc, start, at);
          pc++;
          break;
        }
        case 'split':
          this.push(instruction.otherwise, at, BRANCH);
          pc = instruction.prefer;
          break;
        case 'jump':
          pc = instruction.to;
          break;
        case 'memo':
          fits = !failed.has(instruction.memo, at);
          if (fits) this.push(instruction.memo, at, FAILED);
          pc++;
          break;
        case 'save':
        case 'enter':
          this.push(instruction.slot, slots[instruction.slot]!, RESTORE);
          slots[instruction.slot] = at;
          pc++;
          break;
        case 'leave-if-empty':
          pc = slots[instruction.slot] === at ? instruction.to : pc + 1;
          break;
        case 'anchor':
          fits = this.isAt(instruction.at, at);
          pc++;
          break;
        case 'boundary': {
          const left = at > 0 && instruction.has(text.codePointAt(this.before(at))!);
          const right = at < text.length && instruction.has(text.codePointAt(at)!);
          fits = (left !== right) !== instruction.negative;
          pc++;
          break;
        }
        case 'atomic': {
          const end = this.inside(instruction.body, at, -1, false);
          fits = end >= 0;
          if (fits) at = end;
          pc = instruction.next;
          break;
        }
        case 'look': {
          const found = instruction.ahead
            ? this.inside(instruction.body, at, -1, instruction.negative) >= 0
            : this.behind(instruction, at);
          fits = found !== instruction.negative;
          pc = instruction.next;
          break;
        }
        case 'done':
          if (mustEnd < 0 || at === mustEnd) return at;
          fits = false;
          break;
      }
      if (fits) continue;
      // back to the last way that is left
      for (;;) {
        if (this.top === bottom) return -1;
        if (++this.steps > this.limit) throw new TooManySteps(this.steps);
        this.top -= 3;
        const what = this.stack[this.top]!;
        const where = this.stack[this.top + 1]!;
        const more = this.stack[this.top + 2]!;
        if (more === RESTORE) slots[what] = where;
        else if (more === FAILED) failed.add(what, where);
        else if (more === BRANCH) {
          pc = what;
          at = where;
          break;
        } else {
          // a run from `where` whose longest way, to `more`, has failed
          const { memo } = instructions[what] as { readonly memo: number };
          failed.add(memo, more);
          if (more === where) continue;
          at = this.before(more);
          pc = what + 1;
          this.push(what, where, at);
          break;
        }
      }
    }
  }

  /** A part that is done once it fits: what it might have tried otherwise is dropped, what it captured is kept. */
  private inside(body: number, at: number, mustEnd: number, negative: boolean): number {
    const before = this.top;
    const kept = this.slots.slice();
    const end = this.run(body, at, mustEnd);
    if (end < 0) return end;
    this.top = before;
    if (negative) this.slots.set(kept);
    else {
      for (const [slot, value] of kept.entries()) {
        if (value !== this.slots[slot]) this.push(slot, value, RESTORE);
      }
    }
    return end;
  }

  private behind(look: Instruction & { op: 'look' }, at: number): boolean {
    let start = at;
    for (let taken = 0; taken <= look.most; taken++) {
      if (taken >= look.fewest && this.inside(look.body, start, at, look.negative) >= 0) return true;
      if (start === 0) return false;
      start = this.before(start);
    }
    return false;
  }

  private isAt(place: Anchor, at: number): boolean {
    const { text } = this;
    switch (place) {
      case 'text-start':
        return at === 0;
      case 'text-end':
        return at === text.length;
      case 'text-end-or-last-line':
        return at === text.length || (at === text.length - 1 && text[at] === '\n');
      case 'line-start':
        return at === 0 || text[at - 1] === '\n';
      case 'line-start-not-last':
        return at === 0 || (text[at - 1] === '\n' && at < text.length);
      case 'line-end':
        return at === text.length || text[at] === '\n';
      case 'search-start':
        return at === this.searchStart;
    }
  }
}

/** Kinds of entries of the stack; positions, for those of runs, are never negative. */
const BRANCH = -1;
const RESTORE = -2;
const FAILED = -3;

/** 32 million numbers, 128 MB. */
const LARGEST_STACK = 1 << 25;

/** Which places have failed: one bit each, in pages made when they are first needed. */
class Failures {
  private readonly pages: (Uint32Array | undefined)[] = [];
  private readonly perMemo: number;
  private made = 0;

  constructor(length: number) {
    this.perMemo = (length >> PAGE_BITS) + 1;
  }

  has(memo: number, at: number): boolean {
    const page = this.pages[memo * this.perMemo + (at >> PAGE_BITS)];
    return page !== undefined && (page[(at & PAGE_MASK) >> 5]! & (1 << (at & 31))) !== 0;
  }

  add(memo: number, at: number): void {
    const index = memo * this.perMemo + (at >> PAGE_BITS);
    let page = this.pages[index];
    if (page === undefined) {
      // 128 MB: without them, the steps are the limit
      if (++this.made > MOST_PAGES) return;
      page = new Uint32Array(1 << (PAGE_BITS - 5));
      this.pages[index] = page;
    }
    page[(at & PAGE_MASK) >> 5]! |= 1 << (at & 31);
  }

  forget(): void {
    this.pages.length = 0;
    this.made = 0;
  }
}

const PAGE_BITS = 12;
const PAGE_MASK = (1 << PAGE_BITS) - 1;
const MOST_PAGES = 1 << 18;

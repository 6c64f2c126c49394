/**
 * An expression as instructions for the stepped matcher: branches, sets, runs of a set, places. Counted repeats are
 * written out, so that what is still to come depends on the instruction and the position alone and a place that once
 * failed has failed for good.
 */
import { type Anchor, type Node, width } from './ast';
import { tester } from './sets';

export type Instruction =
  /** One code point for which `has` holds. */
  | { readonly op: 'set'; readonly has: (codePoint: number) => boolean }
  /** As many as there are, given back one at a time. */
  | { readonly op: 'run'; readonly has: (codePoint: number) => boolean; readonly memo: number }
  /** First `prefer`, then `otherwise`. */
  | { op: 'split'; prefer: number; otherwise: number }
  | { op: 'jump'; to: number }
  /** Fails where it failed before. */
  | { readonly op: 'memo'; readonly memo: number }
  /** Keeps the position in a slot of the captures. */
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'anchor'; readonly at: Anchor }
  | { readonly op: 'boundary'; readonly has: (codePoint: number) => boolean; readonly negative: boolean }
  /** The instructions from `body` to a `done`, once; then on at `next`. */
  | { readonly op: 'atomic'; readonly body: number; next: number }
  | {
      readonly op: 'look';
      readonly ahead: boolean;
      readonly negative: boolean;
      readonly body: number;
      next: number;
      /** Code points to go back, for a lookbehind. */
      readonly fewest: number;
      readonly most: number;
    }
  /** Remembers where a pass through a loop begins whose body may be empty. */
  | { readonly op: 'enter'; readonly slot: number }
  /** Leaves such a loop after an empty pass. */
  | { readonly op: 'leave-if-empty'; readonly slot: number; to: number }
  | { readonly op: 'done' };

export interface Program {
  readonly instructions: readonly Instruction[];
  /** Slots: two for each capture and for the whole, then those of loops. */
  readonly slots: number;
  /** Whether `\G` occurs: failures then belong to one search. */
  readonly fromSearch: boolean;
}

const LARGEST = 20_000;

/** @returns null when the expression, repeats written out, has more than 20,000 instructions */
export function compileProgram(root: Node, captures: number): Program | null {
  const writer = new Writer(2 * (captures + 1));
  try {
    writer.write(root, true);
    writer.add({ op: 'done' });
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
  const { instructions, slots } = writer;
  const fromSearch = instructions.some((one) => one.op === 'anchor' && one.at === 'search-start');
  return { instructions, slots, fromSearch };
}

// --- internal ---

class TooLarge extends Error {}

class Writer {
  readonly instructions: Instruction[] = [];
  private memos = 0;
  private written = 0;

  constructor(public slots: number) {}

  add<T extends Instruction>(instruction: T): T {
    if (this.instructions.length >= LARGEST) throw new TooLarge();
    this.instructions.push(instruction);
    return instruction;
  }

  /** @param pure whether failing depends on instruction and position alone */
  write(node: Node, pure: boolean): void {
    // what is empty adds nothing, however often it is repeated
    if (++this.written > 5 * LARGEST) throw new TooLarge();
    switch (node.kind) {
      case 'set':
        this.add({ op: 'set', has: tester(node.set) });
        return;
      case 'sequence':
        for (const item of node.items) this.write(item, pure);
        return;
      case 'choice':
        this.choice(node.options, pure);
        return;
      case 'repeat':
        this.repeat(node, pure);
        return;
      case 'capture':
        this.add({ op: 'save', slot: 2 * node.index });
        this.write(node.body, pure);
        this.add({ op: 'save', slot: 2 * node.index + 1 });
        return;
      case 'atomic': {
        const atomic = this.add({ op: 'atomic', body: this.here + 1, next: 0 });
        this.write(node.body, pure);
        this.add({ op: 'done' });
        atomic.next = this.here;
        return;
      }
      case 'look': {
        const { ahead, negative } = node;
        const { min: fewest, max: most } = ahead ? { min: 0, max: 0 } : width(node.body);
        const look = this.add({ op: 'look', ahead, negative, body: this.here + 1, next: 0, fewest, most });
        // a lookbehind must end where it began: whether it fails depends on that as well
        this.write(node.body, ahead && pure);
        this.add({ op: 'done' });
        look.next = this.here;
        return;
      }
      case 'anchor':
        this.add({ op: 'anchor', at: node.at });
        return;
      case 'boundary':
        this.add({ op: 'boundary', has: tester(node.set), negative: node.negative });
        return;
    }
  }

  private get here(): number {
    return this.instructions.length;
  }

  private memo(pure: boolean): void {
    if (pure) this.add({ op: 'memo', memo: this.memos++ });
  }

  private choice(options: readonly Node[], pure: boolean): void {
    const ends: { to: number }[] = [];
    this.memo(pure);
    options.forEach((option, i) => {
      if (i === options.length - 1) {
        this.write(option, pure);
        return;
      }
      const split = this.add({ op: 'split', prefer: this.here + 1, otherwise: 0 });
      this.write(option, pure);
      ends.push(this.add({ op: 'jump', to: 0 }));
      split.otherwise = this.here;
    });
    for (const end of ends) end.to = this.here;
    this.memo(pure);
  }

  private repeat({ body, min, max, lazy }: Node & { kind: 'repeat' }, pure: boolean): void {
    for (let i = 0; i < min; i++) this.write(body, pure);
    if (max === Number.POSITIVE_INFINITY) {
      if (body.kind === 'set' && !lazy && pure) {
        this.add({ op: 'run', has: tester(body.set), memo: this.memos++ });
        return;
      }
      this.loop(body, lazy, pure);
      return;
    }
    const splits: { prefer: number; otherwise: number }[] = [];
    for (let i = min; i < max; i++) {
      this.memo(pure);
      splits.push(this.split());
      this.write(body, pure);
    }
    for (const split of splits) this.aim(split, lazy);
    if (splits.length > 0) this.memo(pure);
  }

  /** As often as it fits. A pass that takes nothing is the last. */
  private loop(body: Node, lazy: boolean, pure: boolean): void {
    const start = this.here;
    const empty = width(body).min === 0;
    const inside = pure && !empty;
    this.memo(inside);
    const split = this.split();
    const slot = empty ? this.slots++ : 0;
    if (empty) this.add({ op: 'enter', slot });
    this.write(body, inside);
    const leave = empty ? this.add({ op: 'leave-if-empty', slot, to: 0 }) : null;
    this.add({ op: 'jump', to: start });
    if (leave !== null) leave.to = this.here;
    this.aim(split, lazy);
    this.memo(pure);
  }

  private split(): { op: 'split'; prefer: number; otherwise: number } {
    return this.add({ op: 'split', prefer: this.here + 1, otherwise: 0 });
  }

  /** The other way of `split` is here; lazy ones go there first. */
  private aim(split: { prefer: number; otherwise: number }, lazy: boolean): void {
    split.otherwise = this.here;
    if (lazy) [split.prefer, split.otherwise] = [split.otherwise, split.prefer];
  }
}

/**
 * The syntax tree of an expression of any dialect, independent of its spelling: classes are sets of code
 * points, anchors name what they test, flags have been applied.
 */
import type { CharSet } from './sets';

export type Node =
  /** One code point of `set`. */
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'sequence'; readonly items: readonly Node[] }
  /** The first option that lets the rest fit. */
  | { readonly kind: 'choice'; readonly options: readonly Node[] }
  | {
      readonly kind: 'repeat';
      readonly body: Node;
      readonly min: number;
      /** `Infinity` for no limit. */
      readonly max: number;
      readonly lazy: boolean;
    }
  /** A group whose text is kept, numbered from 1. */
  | { readonly kind: 'capture'; readonly index: number; readonly body: Node }
  /** Once it fits, it is not tried in another way: `(?>…)`, `a++`. */
  | { readonly kind: 'atomic'; readonly body: Node }
  | { readonly kind: 'look'; readonly ahead: boolean; readonly negative: boolean; readonly body: Node }
  | { readonly kind: 'anchor'; readonly at: Anchor }
  /** A place between a character of `set` and one that is not in it (or, negated, any other place). */
  | { readonly kind: 'boundary'; readonly set: CharSet; readonly negative: boolean };

export type Anchor =
  | 'text-start'
  | 'text-end'
  /** At the end, or before a line feed that ends the text. */
  | 'text-end-or-last-line'
  /** At the start, or after a line feed. */
  | 'line-start'
  /** As `line-start`, but not after a line feed that ends the text. */
  | 'line-start-not-last'
  /** At the end, or before a line feed. */
  | 'line-end'
  /** Where this search began. */
  | 'search-start';

export interface Parsed {
  readonly root: Node;
  /** How many groups are kept. */
  readonly captures: number;
}

/** The fewest and most code points that `node` can take; `max` is Infinity where there is no limit. */
export function width(node: Node): { min: number; max: number } {
  switch (node.kind) {
    case 'set':
      return { min: 1, max: 1 };
    case 'sequence': {
      let min = 0;
      let max = 0;
      for (const item of node.items) {
        const one = width(item);
        min += one.min;
        max += one.max;
      }
      return { min, max };
    }
    case 'choice': {
      const all = node.options.map(width);
      return { min: Math.min(...all.map((one) => one.min)), max: Math.max(...all.map((one) => one.max)) };
    }
    case 'repeat': {
      const one = width(node.body);
      return { min: one.min * node.min, max: node.max === 0 || one.max === 0 ? 0 : one.max * node.max };
    }
    case 'capture':
    case 'atomic':
      return width(node.body);
    default:
      return { min: 0, max: 0 };
  }
}

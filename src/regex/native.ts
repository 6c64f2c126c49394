/** An expression in JavaScript's own syntax (`v` flag), its classes and places spelled out. */
import type { Anchor, Node } from './ast';
import { complement, one } from './sets';

/** @throws Error for what JavaScript has no syntax for; `whyStepped` names it first */
export function nativeSource(node: Node): string {
  switch (node.kind) {
    case 'set':
      return node.set;
    case 'sequence':
      return node.items.map(nativeSource).join('');
    case 'choice':
      return `(?:${node.options.map(nativeSource).join('|')})`;
    case 'repeat': {
      // a set stands without a group: the engine then needs no counted match for each time
      const body = node.body.kind === 'set' ? node.body.set : `(?:${nativeSource(node.body)})`;
      return body + quantifier(node.min, node.max) + (node.lazy ? '?' : '');
    }
    case 'capture':
      return `(${nativeSource(node.body)})`;
    case 'look':
      return `(?${node.ahead ? '' : '<'}${node.negative ? '!' : '='}${nativeSource(node.body)})`;
    case 'anchor':
      return ANCHORS[node.at] ?? unknown(node.at);
    case 'boundary': {
      const [start, end] = node.negative ? ['=', '!'] : ['!', '='];
      return `(?:(?<=${node.set})(?${start}${node.set})|(?<!${node.set})(?${end}${node.set}))`;
    }
    case 'atomic':
      return unknown('an atomic group');
  }
}

// --- internal ---

const LINE_FEED = one(0x0a);
const OTHER = complement(LINE_FEED);

const ANCHORS: Readonly<Partial<Record<Anchor, string>>> = {
  'text-start': '^',
  'text-end': '$',
  'text-end-or-last-line': `(?=${LINE_FEED}?$)`,
  'line-start': `(?<!${OTHER})`,
  'line-start-not-last': `(?:^|(?<=${LINE_FEED})(?!$))`,
  'line-end': `(?!${OTHER})`,
};

function quantifier(min: number, max: number): string {
  if (max === 1 && min === 0) return '?';
  if (max !== Number.POSITIVE_INFINITY) return `{${min},${max}}`;
  return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
}

function unknown(what: string): never {
  throw new Error(`${what} has no native form`);
}

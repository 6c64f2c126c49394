/**
 * Whether JavaScript's engine, which backtracks, takes time in proportion to the text for an expression. The rule is
 * cautious: what it does not see through goes to the stepped matcher.
 *
 * A run of a set (`\s*`) after which the rest can fail may be tried at every length, so an attempt costs as much as the run
 * is long. One such run is harmless where another branch takes the same run whole when all else fails, as in the
 * expressions of GPT-2, Llama 3, Qwen2 and o200k: `\s*[\r\n]+|\s+(?!\S)|\s+`. Two of them, or a repeat of something
 * that itself repeats, are not.
 */
import { type Node, width } from './ast';

/** @returns null when it is linear, else why it is not known to be */
export function whyStepped(root: Node): string | null {
  const options = plainOptions(root).map(flat);
  let ways = 0;
  for (const items of options) {
    const reason = items.map(unsupported).find((found) => found !== null);
    if (reason !== undefined) return reason;
    ways += items.reduce((product, item) => product * waysOf(item), 1);
    if (!(ways <= MOST_WAYS)) return 'has very many ways to fit';
  }
  for (const items of options) {
    const { cost } = backtracking(items, false);
    if (cost === 0) continue;
    if (cost > 1) return 'has two runs that share what they take';
    if (!options.some((other) => covers(other, items))) return 'has a run after which the rest can fail';
  }
  return null;
}

/** How many nodes there are. */
export function nodeCount(node: Node): number {
  switch (node.kind) {
    case 'sequence':
      return node.items.reduce((sum, item) => sum + nodeCount(item), 1);
    case 'choice':
      return node.options.reduce((sum, option) => sum + nodeCount(option), 1);
    case 'repeat':
    case 'capture':
    case 'atomic':
    case 'look':
      return 1 + nodeCount(node.body);
    default:
      return 1;
  }
}

// --- internal ---

const MOST_WAYS = 10_000;
const LONGEST_LOOK = 16;

/** The branches of the whole, without the groups around them. */
function plainOptions(node: Node): readonly Node[] {
  if (node.kind === 'choice') return node.options.flatMap(plainOptions);
  if (node.kind === 'capture') return plainOptions(node.body);
  if (node.kind === 'sequence' && node.items.length === 1) return plainOptions(node.items[0]!);
  return [node];
}

function flat(node: Node): readonly Node[] {
  if (node.kind === 'sequence') return node.items.flatMap(flat);
  return node.kind === 'capture' ? flat(node.body) : [node];
}

function unsupported(node: Node): string | null {
  switch (node.kind) {
    case 'atomic':
      return 'has a part that is not tried again';
    case 'anchor':
      return node.at === 'search-start' ? 'names the start of the search' : null;
    case 'repeat':
      if (node.max > 1 && single(node.body) === null) return 'repeats more than one character';
      return unsupported(node.body);
    case 'look':
      return width(node.body).max > LONGEST_LOOK ? 'looks further than a few characters' : unsupported(node.body);
    case 'sequence':
    case 'choice':
    case 'capture': {
      const parts = node.kind === 'sequence' ? node.items : node.kind === 'choice' ? node.options : [node.body];
      for (const part of parts) {
        const reason = unsupported(part);
        if (reason !== null) return reason;
      }
      return null;
    }
    default:
      return null;
  }
}

/** The set that a node takes one character of. */
function single(node: Node): string | null {
  if (node.kind === 'set') return node.set;
  if (node.kind === 'capture') return single(node.body);
  return node.kind === 'sequence' && node.items.length === 1 ? single(node.items[0]!) : null;
}

/** In how many ways it can fit at one place, runs without a limit apart. */
function waysOf(node: Node): number {
  switch (node.kind) {
    case 'sequence':
      return node.items.reduce((product, item) => product * waysOf(item), 1);
    case 'choice':
      return node.options.reduce((sum, option) => sum + waysOf(option), 0);
    case 'repeat': {
      const more = node.max === Number.POSITIVE_INFINITY ? 1 : node.max - node.min + 1;
      return more * Math.max(1, waysOf(node.body));
    }
    case 'capture':
    case 'look':
      return waysOf(node.body);
    default:
      return 1;
  }
}

/** How many runs of `items` have a rest that can fail, and whether `items` can; `after` says it of what follows them. */
function backtracking(items: readonly Node[], after: boolean): { cost: number; fallible: boolean } {
  let cost = 0;
  let fallible = after;
  let own = false;
  for (const item of [...items].reverse()) {
    const one = backtrackingOf(item, fallible);
    cost += one.cost;
    own ||= one.fallible;
    fallible ||= one.fallible;
  }
  return { cost, fallible: own };
}

function backtrackingOf(node: Node, after: boolean): { cost: number; fallible: boolean } {
  switch (node.kind) {
    case 'sequence':
      return backtracking(node.items, after);
    case 'capture':
      return backtrackingOf(node.body, after);
    case 'choice': {
      const all = node.options.map((option) => backtrackingOf(option, after));
      return { cost: Math.max(...all.map((one) => one.cost)), fallible: all.every((one) => one.fallible) };
    }
    case 'repeat': {
      const body = backtrackingOf(node.body, after);
      const run = node.max === Number.POSITIVE_INFINITY && after ? 1 : 0;
      return { cost: body.cost + run, fallible: node.min > 0 && body.fallible };
    }
    default:
      return { cost: 0, fallible: true };
  }
}

const isRun = (node: Node): node is Node & { kind: 'repeat' } =>
  node.kind === 'repeat' && node.max === Number.POSITIVE_INFINITY;

/** Whether branch `cover` takes the run of `costly` at the same place and then cannot fail. */
function covers(cover: readonly Node[], costly: readonly Node[]): boolean {
  const at = costly.findIndex((node, i) => isRun(node) && backtracking(costly.slice(i + 1), false).fallible);
  const run = costly[at];
  const same = cover[at];
  if (run === undefined || same === undefined || !isRun(run) || !isRun(same)) return false;
  if (JSON.stringify(cover.slice(0, at)) !== JSON.stringify(costly.slice(0, at))) return false;
  if (single(run.body) !== single(same.body) || same.min > 1) return false;
  return !backtracking(cover.slice(at + 1), false).fallible;
}

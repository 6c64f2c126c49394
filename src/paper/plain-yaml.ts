/**
 * What a YAML file may hold beyond being YAML: text keys, finite numbers that doubles hold, aliases of anchors that stand before
 * them, and no more than a file of settings needs. The check takes time in proportion to the file, whatever it holds.
 */

import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap } from 'yaml';

/** The most characters of a file; the largest of ours have 25,000. */
export const MAX_YAML_LENGTH = 2 ** 18;
/** The deepest nesting, and the most values once aliases are followed. */
export const MAX_DEPTH = 64;
export const MAX_VALUES = 100_000;

/** What is wrong with a document, and the offset in the text at which. */
export interface Flaw {
  readonly offset: number;
  readonly expected: string;
}

/**
 * Everything in a parsed document that must not become a plain value; when there is none, `toJS` can neither fail nor grow
 * beyond {@link MAX_VALUES}.
 */
export function flawsOf(document: Document.Parsed): Flaw[] {
  const walk = new Walk();
  walk.count(document.contents, 0, 0);
  return walk.flaws;
}

// --- internal ---

/** Tags of the core schema: what they mark is text, a number, a boolean, null, a list or a map. */
const PLAIN_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|seq|map)$/;

class Walk {
  readonly flaws: Flaw[] = [];
  /** Values that an anchor stands for; null while the anchored node is still open. */
  private readonly anchors = new Map<string, number | null>();

  /** The number of values of a node, aliases followed. */
  count(node: unknown, depth: number, offset: number): number {
    if (!isNode(node)) return 1;
    const at = node.range?.[0] ?? offset;
    if (isAlias(node)) return this.followed(node.source, at);
    if (depth > MAX_DEPTH) {
      this.flaws.push({ offset: at, expected: `is nested deeper than ${MAX_DEPTH} levels` });
      return 1;
    }
    if (node.tag !== undefined && !PLAIN_TAG.test(node.tag)) {
      this.flaws.push({
        offset: at,
        expected: 'has a tag that stands for neither text, number, boolean, list nor map',
      });
      return 1;
    }
    const anchor = 'anchor' in node && typeof node.anchor === 'string' ? node.anchor : null;
    if (anchor !== null) this.anchors.set(anchor, null);
    let values = 1;
    if (isScalar(node)) this.checkScalar(node, at);
    else if (isMap(node)) values += this.countMap(node, depth, at);
    else if (isSeq(node)) for (const item of node.items) values += this.count(item, depth + 1, at);
    if (anchor !== null) this.anchors.set(anchor, values);
    const size = `stands for more than ${MAX_VALUES} values once its aliases are followed`;
    // said where the limit is crossed, not at everything above it as well
    if (values > MAX_VALUES && !this.flaws.some(({ expected }) => expected === size)) {
      this.flaws.push({ offset: at, expected: size });
    }
    return values;
  }

  private followed(source: string, offset: number): number {
    const values = this.anchors.get(source);
    if (values === undefined) {
      this.flaws.push({ offset, expected: `'*${clip(source)}' has no anchor '&${clip(source)}' before it` });
    } else if (values === null) {
      this.flaws.push({ offset, expected: `'*${clip(source)}' is a part of what it stands for` });
    }
    return values ?? 1;
  }

  private countMap(node: YAMLMap, depth: number, offset: number): number {
    let values = 0;
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const at = isNode(key) ? (key.range?.[0] ?? offset) : offset;
      const name = isScalar(key) && isText(key.value) ? String(key.value) : null;
      if (name === null) this.flaws.push({ offset: at, expected: 'has a key that is no plain text' });
      else if (name === '<<')
        this.flaws.push({
          offset: at,
          expected: 'merges keys (<<), which YAML 1.2 does not: write the fields themselves',
        });
      else if (name === '__proto__') this.flaws.push({ offset: at, expected: 'has a key __proto__' });
      else if (seen.has(name))
        this.flaws.push({ offset: at, expected: `has the key '${clip(name)}' twice: keys must be unique` });
      else seen.add(name);
      values += this.count(key, depth + 1, at) + this.count(value, depth + 1, at);
    }
    return values;
  }

  private checkScalar({ value, source }: Scalar, offset: number): void {
    if (typeof value === 'string') {
      if (!value.isWellFormed())
        this.flaws.push({ offset, expected: 'holds half of a surrogate pair, which is no character' });
      else if (value.includes('\0')) this.flaws.push({ offset, expected: 'holds a NUL, which text does not' });
    }
    if (typeof value !== 'number') return;
    if (!Number.isFinite(value)) this.flaws.push({ offset, expected: 'is not a finite number' });
    else if (!Number.isSafeInteger(value) && /^[-+]?(?:\d+|0o[0-7]+|0x[\da-f]+)$/i.test(source ?? '')) {
      this.flaws.push({ offset, expected: 'is a whole number above 2^53, which would not be exact' });
    }
  }
}

const isText = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

const isNode = (value: unknown): value is Node => isAlias(value) || isScalar(value) || isMap(value) || isSeq(value);

const clip = (name: string): string => (name.length > 60 ? `${name.slice(0, 60)}…` : name);

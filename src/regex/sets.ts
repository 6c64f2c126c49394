/**
 * Sets of code points, held as a class of JavaScript's `v` syntax (`[\p{L}[\u{30}-\u{39}]]`), so that unions, intersections
 * and complements are the engine's and its Unicode tables are the only ones.
 */

/** A class of the `v` syntax, brackets included. */
export type CharSet = string & { readonly charSet: unique symbol };

export const NOTHING = '[]' as CharSet;
export const ANYTHING = complement(NOTHING);
export const NOT_LINE_FEED = complement(one(0x0a));

export function one(codePoint: number): CharSet {
  return `[${escaped(codePoint)}]` as CharSet;
}

/** From `first` to `last`, both inside. */
export function range(first: number, last: number): CharSet {
  return `[${escaped(first)}-${escaped(last)}]` as CharSet;
}

/** What JavaScript calls `\p{name}`. */
export function property(name: string): CharSet {
  return `[\\p{${name}}]` as CharSet;
}

/**
 * The engine builds a class that holds a negated class one code point at a time, which takes 50 ms. So only a whole class is ever
 * negated: what is not in B, or is in A, is what is not in B without A.
 */
export function union(...sets: readonly CharSet[]): CharSet {
  // what is named a thousand times is built once
  const different = [...new Set(sets)];
  const positive = different.filter((set) => !isNegated(set));
  const negated = different.filter(isNegated).map(complement);
  // a class without classes in it is built many times faster by the engine
  const united = (positive.length === 1 ? positive[0]! : `[${positive.map(inside).join('')}]`) as CharSet;
  if (negated.length === 0) return united;
  return complement(difference(negated.reduce(intersection), united));
}

export function intersection(left: CharSet, right: CharSet): CharSet {
  if (isNegated(left) && isNegated(right)) return complement(union(complement(left), complement(right)));
  if (isNegated(right)) return difference(left, complement(right));
  if (isNegated(left)) return difference(right, complement(left));
  return `[${left}&&${right}]` as CharSet;
}

export function complement(set: CharSet): CharSet {
  return (isNegated(set) ? `[${set.slice(2)}` : `[^${set.slice(1)}`) as CharSet;
}

/** Which characters count as equal when case is ignored; `turkish` also equates dotted and dotless i, as Python does. */
export interface CaseRule {
  readonly turkish: boolean;
  /** Only A to Z. */
  readonly ascii: boolean;
}

/** `set` with every character that differs from one of its own only in case. */
export function ignoringCase(set: CharSet, rule: CaseRule): CharSet {
  const letter = /^\[\\u\{([0-9a-f]{1,2})\}\]$/.exec(set)?.[1];
  if (letter !== undefined && Number.parseInt(letter, 16) < 0x80) return asciiCases(Number.parseInt(letter, 16), rule);
  const has = tester(set);
  const more: number[] = [];
  for (const equal of rule.ascii ? ASCII_PAIRS : caseClasses(rule.turkish)) {
    if (equal.some(has)) more.push(...equal.filter((codePoint) => !has(codePoint)));
  }
  return more.length === 0 ? set : union(set, ...more.map(one));
}

/** Whether a code point is in `set`; what it finds is remembered by page, as the same few are asked for again. */
export function tester(set: CharSet): (codePoint: number) => boolean {
  const known = testers.get(set);
  if (known !== undefined) return known;
  const expression = new RegExp(`^${set}$`, 'v');
  const pages: (Uint8Array | undefined)[] = [];
  const test = (codePoint: number): boolean => {
    const page = pages[codePoint >> 8] ?? new Uint8Array(256);
    pages[codePoint >> 8] = page;
    const found = page[codePoint & 255]!;
    if (found !== 0) return found === 2;
    const inside = expression.test(String.fromCodePoint(codePoint));
    page[codePoint & 255] = inside ? 2 : 1;
    return inside;
  };
  if (testers.size >= MOST_TESTERS) testers.clear();
  testers.set(set, test);
  return test;
}

/**
 * Whether `codePoint`, when case is ignored, also equals a text of several characters (the sharp s and `ss`). Only
 * Oniguruma knows such pairs.
 */
export const foldsToSeveral = (codePoint: number): boolean => codePoint > 0x7f && severalOf(codePoint) !== null;

/** Whether `set` has such a character. */
export const holdsFoldToSeveral = (set: CharSet): boolean => {
  const has = tester(set);
  several ??= codePointsWithCase().filter(foldsToSeveral);
  return several.some(has);
};

/** Whether `text`, in lower case, ends in one that equals a single character when case is ignored: `ss`, `ff`, `st`, ... */
export function endsInFold(text: string): boolean {
  if (/^[\0-\x7f]*$/.test(text)) return /(?:ss|f[fil]|st)$/.test(text);
  multi ??= [...new Set(codePointsWithCase().flatMap((codePoint) => severalOf(codePoint) ?? []))];
  return multi.some((fold) => text.endsWith(fold));
}

// --- internal ---

/** A caret of its own is written by its number. */
function isNegated(set: CharSet): boolean {
  return set.startsWith('[^');
}

/** Of two sets that are not negated. */
function difference(from: CharSet, without: CharSet): CharSet {
  return without === NOTHING ? from : (`[${from}--${without}]` as CharSet);
}

/** The inside of a class that is not negated and names only characters, ranges and properties; else the class. */
function inside(set: CharSet): string {
  return /^\[(?:\\[up]\{[^}]*\}|-)+\]$/.test(set) ? set.slice(1, -1) : set;
}

const MOST_TESTERS = 256;
const testers = new Map<CharSet, (codePoint: number) => boolean>();

function escaped(codePoint: number): string {
  return `\\u{${codePoint.toString(16)}}`;
}

/** One ASCII character: known without the tables, as nearly all expressions have only such. */
function asciiCases(codePoint: number, { turkish, ascii }: CaseRule): CharSet {
  const lower = codePoint | 0x20;
  if (lower < 0x61 || lower > 0x7a) return one(codePoint);
  const more = ascii ? [] : lower === 0x6b ? [0x212a] : lower === 0x73 ? [0x17f] : [];
  if (turkish && !ascii && lower === 0x69) more.push(DOTTED_I, DOTLESS_I);
  return union(...[lower, lower - 0x20, ...more].map(one));
}

const ASCII_PAIRS = Array.from({ length: 26 }, (_, i) => [0x41 + i, 0x61 + i]);

const classes = new Map<boolean, readonly (readonly number[])[]>();
let multi: readonly string[] | undefined;
let several: readonly number[] | undefined;

/** Code points that are equal without case, two or more a class. */
function caseClasses(turkish: boolean): readonly (readonly number[])[] {
  const known = classes.get(turkish);
  if (known !== undefined) return known;
  const byFold = new Map<number, number[]>();
  for (const codePoint of codePointsWithCase()) {
    const fold = folded(codePoint, turkish);
    const equal = byFold.get(fold);
    if (equal === undefined) byFold.set(fold, [codePoint]);
    else equal.push(codePoint);
  }
  const found = [...byFold.values()].filter((equal) => equal.length > 1);
  classes.set(turkish, found);
  return found;
}

const DOTTED_I = 0x130;
const DOTLESS_I = 0x131;

/** Simple case folding: the lower case of the upper case, where each is one code point. */
function folded(codePoint: number, turkish: boolean): number {
  if (codePoint === DOTTED_I || codePoint === DOTLESS_I) return turkish ? 0x69 : codePoint;
  const upper = single(String.fromCodePoint(codePoint).toUpperCase()) ?? codePoint;
  return single(String.fromCodePoint(upper).toLowerCase()) ?? upper;
}

/** Only the first two planes have case. */
let cased: readonly number[] | undefined;
function codePointsWithCase(): readonly number[] {
  if (cased !== undefined) return cased;
  const changes = /[\p{Changes_When_Lowercased}\p{Changes_When_Uppercased}\p{Changes_When_Casefolded}]/gu;
  const found: number[] = [];
  for (let plane = 0; plane < 0x20000; plane += 0x400) {
    if (plane >= 0xd800 && plane < 0xe000) continue;
    const all = String.fromCodePoint(...Array.from({ length: 0x400 }, (_, i) => plane + i));
    for (const match of all.matchAll(changes)) found.push(match[0].codePointAt(0)!);
  }
  cased = found;
  return found;
}

function single(text: string): number | null {
  const codePoint = text.codePointAt(0)!;
  return text.length === (codePoint > 0xffff ? 2 : 1) ? codePoint : null;
}

/** The full folding where it has several characters: the lower case of the upper case. */
function severalOf(codePoint: number): string | null {
  const character = String.fromCodePoint(codePoint);
  const upper = character.toUpperCase();
  if (single(upper) === null) return upper.toLowerCase();
  const lower = character.toLowerCase();
  return single(lower) === null ? lower : codePoint === 0x1e9e ? 'ss' : null;
}

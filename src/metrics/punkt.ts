/**
 * Sentences by Punkt (Kiss and Strunk 2006) with NLTK's English parameters.
 *
 * Equals NLTK's `sent_tokenize`: every ".", "?" or "!" before white space or punctuation is judged by the words
 * around it; abbreviations, initials and numbers end a sentence only when the next word looks like the start of one.
 * The parameters are in language/punkt.bin. NLTK 3.10 also knows typographic quotes, which changes sentences.
 */

import { languageSections, sectionText } from './language-data';
import { SPACE, trimEnd } from './python-text';

/** The releases of NLTK whose tokenisers are implemented: 3.9 means 3.6.6 to 3.9. */
export type NltkVersion = '3.9' | '3.10';

/** The sentences of a text, without the white space between them. */
export function sentences(text: string, version: NltkVersion): string[] {
  const patterns = PATTERNS[version];
  parameters ??= readParameters();
  const spans = realigned(text, breaks(text, patterns, parameters), patterns);
  return spans.map(([start, end]) => text.slice(start, end));
}

// --- internal ---

interface Parameters {
  readonly abbreviations: ReadonlySet<string>;
  /** `first,second` */
  readonly collocations: ReadonlySet<string>;
  readonly starters: ReadonlySet<string>;
  /**
   * Words that Punkt has seen in lower case, with two bits: 1 = also in upper case inside a sentence; 2 = never in upper
   * case, and in lower case at the start of a sentence. All other words are treated alike.
   */
  readonly context: ReadonlyMap<string, number>;
}

const MIDDLE_UPPER = 1;
const STARTS_LOWER = 2;

let parameters: Parameters | undefined;

function readParameters(): Parameters {
  const [abbreviations, collocations, starters, words, digits] = languageSections('punkt').map(sectionText) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const lines = (text: string): Set<string> => new Set(text.split('\n'));
  return {
    abbreviations: lines(abbreviations),
    collocations: lines(collocations),
    starters: lines(starters),
    context: new Map(words.split('\n').map((word, i) => [word, Number(digits[i])])),
  };
}

interface Patterns {
  readonly token: RegExp;
  /** A sign that may end a sentence, and what follows it. */
  readonly candidate: RegExp;
  /** Closing punctuation that belongs to the sentence before it. */
  readonly realign: RegExp;
}

/** @param quotes typographic quotes, as the inside of a character class */
function patternsWith(quotes: string): Patterns {
  const space = `[${SPACE}]`;
  const visible = `[^${SPACE}]`;
  // characters that cannot appear within words, but for the full stop
  const nonWord = `[)";}\\]*:@'({\\[${quotes}?!]`;
  const multi = `(?:-{2,}|\\.{2,}|(?:\\.${space}){2,}\\.)`;
  const wordStart = '[^("\\x60{\\[:;&#*@)}\\]\\-,]';
  const wordEnd = `${space}|$|${nonWord}|${multi}`;
  return {
    token: new RegExp(`${multi}|(?=${wordStart})${visible}+?(?=${wordEnd}|,(?=${wordEnd}))|${visible}`, 'gu'),
    candidate: new RegExp(`[.?!](?=(?<after>${nonWord}|${space}+(?<next>${visible}+)))`, 'gu'),
    // Python's `$` in a multi-line pattern matches before "\n" only
    realign: new RegExp(`^["')\\]}${quotes}]+?(?:${space}+|(?=--)|(?=\n|$))`, 'u'),
  };
}

const PATTERNS: Readonly<Record<NltkVersion, Patterns>> = {
  '3.9': patternsWith(''),
  '3.10': patternsWith('‘’“”«»'),
};

type Span = readonly [start: number, end: number];

/** Sentences before closing punctuation is moved. */
function breaks(text: string, patterns: Patterns, given: Parameters): Span[] {
  const spans: Span[] = [];
  let start = 0;
  for (const { index, context, next } of candidates(text, patterns)) {
    if (!containsBreak(context, patterns, given)) continue;
    spans.push([start, index + 1]);
    start = next ?? index + 1;
  }
  spans.push([start, trimEnd(text).length]);
  return spans;
}

interface Candidate {
  /** Of the sign. */
  readonly index: number;
  /** The word before the sign, the sign, and what follows. */
  readonly context: string;
  /** Where the next word starts; null when punctuation follows at once. */
  readonly next: number | null;
}

/** Of signs in one word ("!!!") the last. */
function* candidates(text: string, patterns: Patterns): Generator<Candidate> {
  let word: Span = [0, 0];
  let before: Candidate | null = null;
  for (const match of text.matchAll(patterns.candidate)) {
    const { after, next } = match.groups as { after: string; next?: string };
    const { index } = match;
    const space = lastSpace(text, word[1], index);
    const own: Span = [space > word[1] ? space + 1 : word[0], index];
    if (before !== null && word[1] <= own[0]) yield before;
    word = own;
    const context = text.slice(own[0], index + 1) + after;
    before = { index, context, next: next === undefined ? null : index + 1 + after.length - next.length };
  }
  if (before !== null) yield before;
}

/** The last ASCII white space in [from, to), or -1. */
function lastSpace(text: string, from: number, to: number): number {
  for (let i = to - 1; i >= from; i--) {
    const unit = text.charCodeAt(i);
    if (unit === 32 || (unit >= 9 && unit <= 13)) return i;
  }
  return -1;
}

function realigned(text: string, spans: readonly Span[], patterns: Patterns): Span[] {
  const out: Span[] = [];
  let moved = 0;
  for (const [i, [from, end]] of spans.entries()) {
    const start = from + moved;
    const following = spans[i + 1];
    const closing = following === undefined ? null : patterns.realign.exec(text.slice(...following));
    if (following !== undefined && closing !== null) {
      out.push([start, following[0] + trimEnd(closing[0]).length]);
      moved = closing[0].length;
    } else {
      if (start < end) out.push([start, end]);
      moved = 0;
    }
  }
  return out;
}

// --- the decision ---

interface Token {
  readonly text: string;
  /** Lower case; numbers are all the same. */
  readonly type: string;
  readonly endsInPeriod: boolean;
  ends: boolean;
  abbreviation: boolean;
  ellipsis: boolean;
}

/** Whether a sentence ends before the last token. */
function containsBreak(text: string, patterns: Patterns, given: Parameters): boolean {
  const tokens = tokenise(text, patterns);
  for (const token of tokens) firstPass(token, given);
  return tokens.some((token, i) => {
    const next = tokens[i + 1];
    if (next === undefined) return false;
    secondPass(token, next, given);
    return token.ends;
  });
}

function tokenise(text: string, patterns: Patterns): Token[] {
  return text.split('\n').flatMap((line) =>
    (line.match(patterns.token) ?? []).map((token) => ({
      text: token,
      type: token.toLowerCase().replace(/^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$/u, '##number##'),
      endsInPeriod: token.endsWith('.'),
      ends: false,
      abbreviation: false,
      ellipsis: false,
    })),
  );
}

/** What a token is by itself. */
function firstPass(token: Token, { abbreviations }: Parameters): void {
  const { text } = token;
  if (text === '.' || text === '?' || text === '!') token.ends = true;
  else if (/^\.\.+$/.test(text)) token.ellipsis = true;
  else if (token.endsInPeriod && !text.endsWith('..')) {
    const word = text.slice(0, -1).toLowerCase();
    if (abbreviations.has(word) || abbreviations.has(word.slice(word.lastIndexOf('-') + 1))) token.abbreviation = true;
    else token.ends = true;
  }
}

/** What a token is before the next one. */
function secondPass(token: Token, next: Token, given: Parameters): void {
  if (!token.endsInPeriod) return;
  const type = withoutPeriod(token.type);
  const nextType = next.ends ? withoutPeriod(next.type) : next.type;
  const initial = /^[\p{L}\p{Nl}\p{No}_]\.$/u.test(token.text);
  if (given.collocations.has(`${type},${nextType}`)) {
    token.ends = false;
    token.abbreviation = true;
    return;
  }
  if ((token.abbreviation || token.ellipsis) && !initial) {
    if (startsSentence(next, nextType, given) === true || (isUpper(next) && given.starters.has(nextType))) {
      token.ends = true;
      return;
    }
  }
  if (!initial && type !== '##number##') return;
  const starts = startsSentence(next, nextType, given);
  const alwaysUpper = starts === null && initial && isUpper(next) && !given.context.has(nextType);
  if (starts === false || alwaysUpper) {
    token.ends = false;
    token.abbreviation = true;
  }
}

/** Whether a word starts a sentence, by how Punkt has seen it written; null = undecided. */
function startsSentence(token: Token, type: string, { context }: Parameters): boolean | null {
  if (/^[;:,.!?]$/.test(token.text)) return false;
  const seen = context.get(type);
  if (isUpper(token)) return seen !== undefined && (seen & MIDDLE_UPPER) === 0 ? true : null;
  if (/^\p{Lowercase}/u.test(token.text)) return seen !== undefined && (seen & STARTS_LOWER) !== 0 ? null : false;
  return null;
}

const isUpper = (token: Token): boolean => /^\p{Uppercase}/u.test(token.text);

const withoutPeriod = (type: string): string => (type.length > 1 && type.endsWith('.') ? type.slice(0, -1) : type);

/**
 * Added tokens: what is cut out of a text before anything else sees it, as the Rust library `tokenizers` 0.23 does
 * (src/tokenizer/added_vocabulary.rs).
 */

import type { AddedToken } from '../tokenizer-files';
import { Matcher } from './matcher';
import type { Model } from './model';
import type { Normalizer } from './normalizers';
import { refused } from './part';
import { type Piece, slice } from './piece';
import { firstLength, SPACE, WORD } from './unicode';

/** A part of a text: an added token's id, or a piece that the pipeline processes further. */
export type Section = number | Piece;

export class AddedTokens {
  private readonly ids = new Map<string, number>();
  private readonly tokens = new Map<number, AddedToken>();
  /** Normalised text of the tokens that are matched after normalisation. */
  private readonly normal = new Map<number, string>();
  private readonly special = new Set<string>();
  private readonly raw: Splitter | null;
  private readonly normalised: Splitter | null;
  /** One more than the largest id. */
  readonly idLimit: number;
  /** The same after the first group. */
  readonly ownIdLimit: number;

  /**
   * @param groups of tokens in the order in which the library is given them, each by one call: it numbers those that are new
   *   from the vocabulary's size or the largest id so far, whatever id the file states.
   * @param ignoreSpecial special tokens in a text are text (`split_special_tokens`)
   * @throws MedreproError `input` when two tokens look the same
   */
  constructor(
    groups: readonly (readonly AddedToken[])[],
    private readonly model: Model,
    private readonly normalizer: Normalizer | null,
    private readonly ignoreSpecial: boolean,
  ) {
    let own: number | null = null;
    for (const group of groups) {
      this.add(group);
      own ??= this.largestId() + 1;
    }
    this.ownIdLimit = own ?? 0;
    const entries = [...this.tokens].map(([id, token]) => ({ id, token }));
    const [later, first] = [
      entries.filter(({ token }) => isNormalised(token)),
      entries.filter(({ token }) => !isNormalised(token)),
    ];
    this.raw = this.splitter(first.map(({ id, token }) => ({ id, token, text: token.content })));
    this.normalised = this.splitter(
      later.map(({ id, token }) => ({ id, token, text: this.normal.get(id) ?? token.content })),
    );
    this.idLimit = this.largestId() + 1;
  }

  /** The sections of a text, in order: with the normaliser applied to what is no token. */
  split(text: string): Section[] {
    if (text === '') return [];
    const whole: Piece = { text, head: firstLength(text), inserted: 0 };
    const sections: Section[] = [];
    for (const section of this.raw?.split(whole) ?? [whole]) {
      if (typeof section === 'number') {
        sections.push(section);
        continue;
      }
      this.normalizer?.(section);
      if (section.text === '') continue;
      for (const part of this.normalised?.split(section) ?? [section]) sections.push(part);
    }
    return sections;
  }

  /** The id of a token by its content; -1 when none is. */
  idOf(content: string): number {
    return this.ids.get(content) ?? -1;
  }

  /** The text of an id when decoding; null for an id that is none of these tokens. */
  tokenOf(id: number): string | null {
    return this.normal.get(id) ?? this.tokens.get(id)?.content ?? null;
  }

  /** Whether decoding without special tokens omits a token. */
  isSpecial(token: string): boolean {
    return this.special.has(token);
  }

  private add(group: readonly AddedToken[]): void {
    const largest = this.largestId();
    let next = largest >= this.model.size || (this.model.size === 0 && largest >= 0) ? largest + 1 : this.model.size;
    for (const token of group) {
      const known = this.ids.get(token.content);
      if (known !== undefined && same(this.tokens.get(known)!, token)) continue;
      const given = known ?? this.model.idOf(token.content);
      const id = given >= 0 ? given : next++;
      if (isNormalised(token) && this.normalizer !== null) {
        const piece: Piece = { text: token.content, head: 0, inserted: 0 };
        this.normalizer(piece);
        if (piece.text !== token.content) this.normal.set(id, piece.text);
      }
      this.ids.set(token.content, id);
      this.tokens.set(id, token);
      if (token.special === true) this.special.add(token.content);
    }
  }

  private largestId(): number {
    let largest = -1;
    for (const id of this.tokens.keys()) largest = Math.max(largest, id);
    return largest;
  }

  private splitter(entries: readonly Entry[]): Splitter | null {
    if (entries.length === 0) return null;
    return new Splitter(entries, this.ignoreSpecial ? this.special : null);
  }
}

// --- internal ---

interface Entry {
  readonly id: number;
  readonly token: AddedToken;
  /** The text that is matched. */
  readonly text: string;
}

/** Without the field a token is normalised unless it is special. */
const isNormalised = (token: AddedToken): boolean => token.normalized ?? token.special !== true;

const FLAGS = ['lstrip', 'rstrip', 'single_word', 'special'] as const;

function same(a: AddedToken, b: AddedToken): boolean {
  return isNormalised(a) === isNormalised(b) && FLAGS.every((flag) => (a[flag] ?? false) === (b[flag] ?? false));
}

class Splitter {
  private readonly matcher: Matcher;

  constructor(
    private readonly entries: readonly Entry[],
    private readonly ignored: ReadonlySet<string> | null,
  ) {
    const texts = new Set<string>();
    for (const { text, token } of entries) {
      const name = JSON.stringify(token.content);
      if (text === '') throw refused(`added token ${name} is nothing once it is normalised`);
      if (texts.has(text)) throw refused(`added token ${name} looks like another one once it is normalised`);
      texts.add(text);
    }
    this.matcher = new Matcher(entries.map(({ text }) => text));
  }

  split(piece: Piece): Section[] {
    const { text } = piece;
    const sections: Section[] = [];
    let done = 0;
    this.matcher.find(text, (found, matchStart, matchEnd) => {
      const { id, token } = this.entries[found]!;
      let [start, end] = [matchStart, matchEnd];
      if (this.ignored?.has(token.content)) return;
      if (token.single_word && !(isOutside(lastCharacter(text, start)) && isOutside(firstCharacter(text, end)))) return;
      if (token.lstrip) start = Math.max(done, startOfSpace(text, start));
      if (token.rstrip) end = endOfSpace(text, end);
      if (done < start) sections.push(slice(piece, done, start));
      sections.push(id);
      done = end;
    });
    if (done !== text.length) sections.push(slice(piece, done, text.length));
    return sections;
  }
}

const IS_WORD = new RegExp(`^${WORD}$`, 'v');
const IS_SPACE = new RegExp(`^${SPACE}$`, 'v');

/** Whether there is no character, or one that is no part of a word. */
const isOutside = (character: string): boolean => character === '' || !IS_WORD.test(character);

const firstCharacter = (text: string, from: number): string =>
  from < text.length ? String.fromCodePoint(text.codePointAt(from)!) : '';

function lastCharacter(text: string, to: number): string {
  if (to === 0) return '';
  const low = text.charCodeAt(to - 1);
  return text.slice(low >= 0xdc00 && low <= 0xdfff ? to - 2 : to - 1, to);
}

function startOfSpace(text: string, to: number): number {
  let start = to;
  while (start > 0 && IS_SPACE.test(text[start - 1]!)) start--;
  return start;
}

function endOfSpace(text: string, from: number): number {
  let end = from;
  while (end < text.length && IS_SPACE.test(text[end]!)) end++;
  return end;
}

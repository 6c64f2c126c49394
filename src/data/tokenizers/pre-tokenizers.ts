/**
 * Pre-tokenizers of tokenizer.json, as the Rust library `tokenizers` 0.23 has them (its folder src/pre_tokenizers): what cuts
 * a text into the words that the model sees.
 */

import { compileRegex } from '../../regex/compile';
import { toByteCharacters } from './bytes';
import { prependTo } from './normalizers';
import { type Part, refused } from './part';
import { patternOf } from './pattern';
import { type Piece, slice } from './piece';
import { type Behaviour, behaviourOf, characterFinder, cut, type Finder, finderOf } from './spans';
import { NUMERIC, PUNCTUATION, SPACE, WORD } from './unicode';

/** One step. A piece is never empty. */
export interface Step {
  /** Changes a piece before it is cut. */
  readonly before?: (piece: Piece) => void;
  /** Spans of the pieces, flat; absent: the piece stays whole. */
  readonly spans?: (text: string) => number[];
  /** Changes the resulting pieces, character by character, independently of each other. */
  readonly after?: (text: string) => string;
}

/** The steps in order. @throws MedreproError `input` on a type that is not known or is rejected. */
export function stepsOf(part: Part): Step[] {
  switch (part.type) {
    case 'Sequence':
      return part.parts('pretokenizers').flatMap(stepsOf);
    case 'ByteLevel':
      return [byteLevel(part)];
    case 'BertPreTokenizer':
      return [cutting(characterFinder(SPACE), 'Removed'), cutting(characterFinder(PUNCTUATION), 'Isolated')];
    case 'Whitespace':
      return [cutting(WHITESPACE, 'Removed', true)];
    case 'WhitespaceSplit':
      return [cutting(characterFinder(SPACE), 'Removed')];
    case 'Punctuation':
      return [cutting(characterFinder(PUNCTUATION), behaviour(part, 'Isolated'))];
    case 'Digits':
      return [cutting(characterFinder(NUMERIC), part.boolean('individual_digits') ? 'Isolated' : 'Contiguous')];
    case 'CharDelimiterSplit':
      return [cutting(oneCharacter(part.character('delimiter')), 'Removed')];
    case 'Split':
      return [cutting(patternOf(part), behaviour(part), part.boolean('invert'))];
    case 'Metaspace':
      return [metaspace(part)];
    case 'FixedLength':
      return [fixedLength(part)];
    case 'UnicodeScripts':
      throw refused(`${part.name} is not supported`);
    default:
      throw part.unknown();
  }
}

/**
 * Applies steps to a piece and hands on the words. The last one's `after` is left to the caller, who can do it once for each
 * different word.
 */
export function preTokenize(steps: readonly Step[], piece: Piece, word: (text: string) => void): void {
  let pieces = [piece];
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    if (step.before !== undefined) for (const each of pieces) step.before(each);
    const isLast = i + 1 === steps.length;
    const next: Piece[] = [];
    for (const each of step.spans === undefined ? [] : pieces) {
      const spans = step.spans!(each.text);
      for (let k = 0; k < spans.length; k += 2) {
        const [start, end] = [spans[k]!, spans[k + 1]!];
        if (start === end) continue;
        if (isLast) word(each.text.slice(start, end));
        else next.push(slice(each, start, end));
      }
    }
    if (step.spans !== undefined) pieces = next;
    if (step.after !== undefined && !isLast) for (const each of pieces) changeAll(each, step.after);
  }
  if (steps.at(-1)?.spans === undefined) for (const each of pieces) word(each.text);
}

/** The scheme of a `Metaspace`, which has it in one of two fields. */
export function prependScheme(part: Part): 'always' | 'first' | 'never' {
  const scheme = part.string('prepend_scheme', 'always');
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never') throw part.wrong('prepend_scheme');
  if (part.get('add_prefix_space') === null || part.boolean('add_prefix_space')) return scheme;
  // the library requires both fields to say so
  if (scheme !== 'never') throw part.wrong('add_prefix_space');
  return scheme;
}

// --- internal ---

function cutting(find: Finder, how: Behaviour, invert = false): Step {
  return { spans: (text) => cut(text, find, how, invert) };
}

const behaviour = (part: Part, otherwise?: Behaviour): Behaviour =>
  behaviourOf(part.get('behavior') ?? otherwise, part.name);

const WHITESPACE: Finder = (() => {
  const pattern = new RegExp(`${WORD}+|[^${WORD}${SPACE}]+`, 'gv');
  return (text, found) => {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text))
      found(match.index, pattern.lastIndex);
  };
})();

function oneCharacter(wanted: string): Finder {
  return (text, found) => {
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      found(at, at + wanted.length);
    }
  };
}

/** GPT-2's expression. */
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

function byteLevel(part: Part): Step {
  const prefixed = part.boolean('add_prefix_space');
  const find = part.boolean('use_regex', true) ? finderOf(compileRegex(GPT2, 'oniguruma')) : null;
  return {
    ...(prefixed && {
      before: (piece: Piece) => {
        if (!piece.text.startsWith(' ')) prependTo(piece, ' ');
      },
    }),
    ...(find !== null && { spans: (text: string) => cut(text, find, 'Isolated') }),
    after: toByteCharacters,
  };
}

function metaspace(part: Part): Step {
  const mark = part.character('replacement');
  const scheme = prependScheme(part);
  const find = oneCharacter(mark);
  const split = part.get('split') === null || part.boolean('split');
  return {
    before: (piece) => {
      // a space and its mark stem from the same place; both are one unit unless the mark is beyond U+FFFF
      const head = piece.text.slice(0, piece.head).replaceAll(' ', mark).length;
      piece.text = piece.text.replaceAll(' ', mark);
      piece.head = head;
      if (scheme === 'never' || piece.text.startsWith(mark)) return;
      if (scheme === 'always' || piece.head > 0) prependTo(piece, mark);
    },
    ...(split && { spans: (text: string) => cut(text, find, 'MergedWithNext') }),
  };
}

function fixedLength(part: Part): Step {
  const length = part.count('length', 5);
  if (length === 0) throw part.wrong('length');
  return {
    spans: (text) => {
      const spans: number[] = [];
      let start = 0;
      let characters = 0;
      for (let i = 0; i < text.length; ) {
        i += text.codePointAt(i)! > 0xffff ? 2 : 1;
        characters++;
        if (characters % length === 0 || i === text.length) {
          spans.push(start, i);
          start = i;
        }
      }
      return spans;
    },
  };
}

function changeAll(piece: Piece, change: (text: string) => string): void {
  piece.head = change(piece.text.slice(0, piece.head)).length;
  piece.inserted = change(piece.text.slice(0, piece.inserted)).length;
  piece.text = change(piece.text);
}

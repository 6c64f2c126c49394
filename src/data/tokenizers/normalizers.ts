/**
 * Normalisers of tokenizer.json, as the Rust library `tokenizers` 0.23 has them (its folder src/normalizers).
 *
 * A normaliser changes a {@link Piece} in place. Beside the text it keeps what of it came from the first character.
 */

import { toByteCharacters } from './bytes';
import { type Part, refused } from './part';
import { patternOf } from './pattern';
import type { Piece } from './piece';
import { precompiled } from './precompiled';
import type { Finder } from './spans';
import {
  CHINESE,
  COMBINING_MARK,
  CONTROL,
  type Form,
  firstLength,
  lowercase,
  NONSPACING_MARK,
  normalForm,
  SPACE,
} from './unicode';

/** A text that a replacement made may be this long; steps that each make it longer would fill the memory. */
const MAX_UNITS = 2 ** 26;

export type Normalizer = (piece: Piece) => void;

/** @throws MedreproError `input` on a type that is not known, or fields that are not its. */
export function normalizerOf(part: Part): Normalizer {
  switch (part.type) {
    case 'Sequence':
      return sequence(part.parts('normalizers').map(normalizerOf));
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return unicodeForm(part.type);
    case 'Lowercase':
      return transforming(lowercase);
    case 'Strip':
      return strip(part.boolean('strip_left'), part.boolean('strip_right'));
    case 'StripAccents':
      return removing(COMBINING_MARK);
    case 'Nmt':
      return sequence([removing(NMT_REMOVED), transforming((text) => text.replace(NMT_SPACES, ' '))]);
    case 'Replace':
      return replace(patternOf(part), part.string('content'));
    case 'Prepend':
      return prepend(part.string('prepend'));
    case 'ByteLevel':
      return transforming(toByteCharacters);
    case 'Precompiled':
      return transformed(precompiled(part.string('precompiled_charsmap')));
    // the library reads the first name and writes the second
    case 'Bert':
    case 'BertNormalizer':
      return bert(part);
    default:
      throw part.unknown();
  }
}

/** `prepend` of the library's strings: for `Prepend`, `Metaspace` and `ByteLevel`. The text is not empty. */
export function prependTo(piece: Piece, prefix: string): void {
  const first = firstLength(piece.text);
  if (prefix === '') piece.inserted = Math.max(piece.inserted, first);
  else if (piece.inserted > 0) piece.inserted += prefix.length;
  if (piece.head > 0) piece.head += prefix.length;
  piece.text = prefix + piece.text;
}

// --- internal ---

const NMT_REMOVED = '[\\u{1}-\\u{8}\\u{b}\\u{e}-\\u{1f}\\u{7f}\\u{8f}\\u{9f}]';
const NMT_SPACES = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu;

function sequence(steps: readonly Normalizer[]): Normalizer {
  return (piece) => {
    for (const step of steps) step(piece);
  };
}

/** A change that keeps the origin of every character; what one character becomes came from it. */
function transforming(change: (text: string) => string): Normalizer {
  return transformed((text, head) => ({
    text: change(text),
    head: head === 0 ? 0 : change(text.slice(0, head)).length,
  }));
}

/**
 * The library applies a list of changed characters to what stems from the original text. If something in front stems from
 * nothing, it duplicates text or fails, which cannot be intended.
 */
function transformed(change: (text: string, head: number) => { text: string; head: number }): Normalizer {
  return (piece) => {
    if (piece.inserted > 0) throw refused('a normaliser comes after one that inserts text before the first character');
    Object.assign(piece, change(piece.text, piece.head));
  };
}

function removing(characters: string): Normalizer {
  const pattern = new RegExp(characters, 'gv');
  return transforming((text) => text.replace(pattern, ''));
}

function unicodeForm(form: Form): Normalizer {
  return transformed((text, head) => {
    const normal = normalForm(text, form);
    return {
      text: normal,
      head: head === 0 ? 0 : Math.min(normalForm(text.slice(0, head), form).length, normal.length),
    };
  });
}

function strip(left: boolean, right: boolean): Normalizer {
  const leading = new RegExp(`^${SPACE}+`, 'v');
  const isSpace = new RegExp(`^${SPACE}$`, 'v');
  return transformed((text, head) => {
    const from = left ? (leading.exec(text)?.[0].length ?? 0) : 0;
    let to = text.length;
    while (right && to > from && isSpace.test(text[to - 1]!)) to--;
    return { text: text.slice(from, to), head: Math.max(0, Math.min(head, to) - from) };
  });
}

function prepend(prefix: string): Normalizer {
  return (piece) => {
    if (piece.text !== '') prependTo(piece, prefix);
  };
}

function replace(find: Finder, content: string): Normalizer {
  return (piece) => {
    const { text, head, inserted } = piece;
    if (text === '') return;
    const out = { text: '', head: 0, inserted: 0 };
    let from = 0;
    const copy = (to: number): void => {
      out.text += text.slice(from, to);
      out.head += Math.max(0, Math.min(head, to) - from);
      out.inserted += Math.max(0, Math.min(inserted, to) - from);
    };
    find(text, (start, end) => {
      copy(start);
      out.text += content;
      if (out.text.length > MAX_UNITS) {
        throw refused(`a Replace makes a text of more than ${MAX_UNITS} characters out of one of ${text.length}`);
      }
      // what is put in shares the origin of the unit before the match's end
      if (end === 0 ? piece.head > 0 : end <= head) out.head += content.length;
      if (end <= inserted || end === 0) out.inserted += content.length;
      from = end;
    });
    copy(text.length);
    Object.assign(piece, out);
  };
}

function bert(part: Part): Normalizer {
  const lower = part.boolean('lowercase');
  const accents = part.get('strip_accents') === null ? lower : part.boolean('strip_accents');
  const steps: Normalizer[] = [];
  if (part.boolean('clean_text')) {
    const spaces = new RegExp(SPACE, 'gv');
    steps.push(
      removing(CONTROL),
      transforming((text) => text.replace(spaces, ' ')),
    );
  }
  if (part.boolean('handle_chinese_chars')) {
    const chinese = new RegExp(CHINESE, 'gv');
    steps.push(transforming((text) => text.replace(chinese, ' $& ')));
  }
  if (accents) steps.push(unicodeForm('NFD'), removing(NONSPACING_MARK));
  if (lower) steps.push(transforming(lowercase));
  return sequence(steps);
}

/**
 * Python's notions of white space, word characters and splitting, for metrics whose reference is written in Python.
 *
 * They differ from JavaScript's in ways that change scores: Python counts U+001C to U+001F and U+0085 as white space and not
 * U+FEFF, and its `\w`, `\b` and `\d` cover all of Unicode. Compared code point by code point with Python 3.11 (Unicode
 * 14): equal, but for characters that later versions of Unicode added.
 */

/** The inside of a character class: what `str.isspace` and `\s` hold for. */
export const SPACE = String.raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;

/** The inside of a character class: `\w`. */
export const WORD = String.raw`\p{L}\p{N}_`;

/** `\b` before a word character, and after one. */
export const WORD_START = `(?<![${WORD}])`;
export const WORD_END = `(?![${WORD}])`;

/** Python's `string.punctuation`, the inside of a character class. */
export const ASCII_PUNCTUATION = String.raw`!-\/:-@\[-\x60\{-~`;

/** `text.split()`: the stretches between white space. */
export function splitWords(text: string): string[] {
  return text.match(NOT_SPACES) ?? [];
}

/** `text.rstrip()` */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

/** Whether a UTF-16 unit is white space; all of Python's white space is in the basic plane. */
export function isSpace(unit: number): boolean {
  if (unit < 0x80) return (unit >= 9 && unit <= 13) || (unit >= 0x1c && unit <= 0x20);
  return ONE_SPACE.test(String.fromCharCode(unit));
}

// --- internal ---

const NOT_SPACES = new RegExp(`[^${SPACE}]+`, 'g');
const ONE_SPACE = new RegExp(`[${SPACE}]`);

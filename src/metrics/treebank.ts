/**
 * Words as NLTK's `word_tokenize` finds them: Punkt's sentences, then the improved Treebank tokeniser on each.
 *
 * Equals NLTKWordTokenizer of NLTK 3.9 (and 3.6.6 on) or of NLTK 3.10, which splits dashes and single quotes otherwise. It is a chain of substitutions that put spaces around what is a word of its own;
 * their order is part of the definition.
 */

import { type NltkVersion, sentences } from './punkt';
import { SPACE, splitWords, WORD, WORD_END, WORD_START } from './python-text';

/** The words of a text. Double quotes come out as `` and ''. */
export function wordTokens(text: string, version: NltkVersion): string[] {
  return sentences(text, version).flatMap((sentence) => treebankTokens(sentence, version));
}

/** The words of one sentence. */
export function treebankTokens(sentence: string, version: NltkVersion): string[] {
  let text = sentence;
  for (const [pattern, replacement] of BEFORE_PADDING[version]) text = text.replace(pattern, replacement);
  text = ` ${text} `;
  for (const [pattern, replacement] of AFTER_PADDING[version]) text = text.replace(pattern, replacement);
  return splitWords(text);
}

// --- internal ---

/** What it replaces, by what, and the only release that does. */
type Substitution = readonly [pattern: RegExp, replacement: string, only?: NltkVersion];

/** Python's `$`: the end, or before a line feed there. */
const END = '(?=\\n?$)';

/** What a single quote before a word may belong to: 're, 've, 'll, 'm, 't, 's, 'd, 'n. */
const CLITICS = '[rR][eE]|[vV][eE]|[lL][lL]|[mMtTsſSdDnN]';

const BEFORE_PADDING = byVersion([
  // opening quotes
  [/[«“‘„]|`+/gu, ' $& '],
  [/^"/, '``'],
  [/``/g, ' `` '],
  [/([ ([{<])("|'{2})/g, '$1 `` '],
  [new RegExp(`'(?!${CLITICS})([${WORD}])${WORD_END}`, 'gu'), "' $1", '3.9'],
  [new RegExp(`${WORD_START}'(?!(?:${CLITICS})${WORD_END})(?=[${WORD}])`, 'gu'), "' ", '3.10'],
  // punctuation
  [new RegExp(`([^.])(\\.)([\\])}>"'»”’ ]*)[${SPACE}]*${END}`, 'gu'), '$1 $2 $3 '],
  [/([:,])(\P{Nd})/gu, ' $1 $2'],
  [new RegExp(`([:,])${END}`, 'gu'), ' $1 '],
  [/\.{2,}/g, ' $& '],
  [/[;@#$%&]/g, ' $& '],
  [/[\u2012-\u2015]/g, ' $& ', '3.10'],
  [new RegExp(`([^.])(\\.)([\\])}>"']*)[${SPACE}]*${END}`, 'gu'), '$1 $2$3 '],
  [/[?!]/g, ' $& '],
  [/([^'])' /gu, "$1 ' "],
  [/[*]/g, ' $& '],
  [/[\][(){}<>]/g, ' $& '],
  [/--/g, ' -- '],
]);

const AFTER_PADDING = byVersion([
  // closing quotes
  [/[»”’]/g, ' $& '],
  [/''/g, " '' "],
  [/"/g, " '' "],
  [new RegExp(`[${SPACE}]+`, 'g'), ' ', '3.10'],
  [/([^' ])('[sS]|'[mM]|'[dD]|') /gu, '$1 $2 '],
  [/([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) /gu, '$1 $2 '],
  // contractions of Robert MacIntyre's tokeniser
  contraction('can', 'not'),
  contraction('d', "'ye"),
  contraction('gim', 'me'),
  contraction('gon', 'na'),
  contraction('got', 'ta'),
  contraction('lem', 'me'),
  contraction('more', "'n"),
  [new RegExp(`${WORD_START}(wan)(na)(?=[${SPACE}])`, 'giu'), ' $1 $2 '],
  // without regard to case, Python takes the Turkish letters for an i as well
  [new RegExp(` ('t)([iİı]s)${WORD_END}`, 'giu'), ' $1 $2 '],
  [new RegExp(` ('t)(was)${WORD_END}`, 'giu'), ' $1 $2 '],
]);

function contraction(first: string, second: string): Substitution {
  return [new RegExp(`${WORD_START}(${first})(${second})${WORD_END}`, 'giu'), ' $1 $2 '];
}

function byVersion(all: readonly Substitution[]): Readonly<Record<NltkVersion, readonly Substitution[]>> {
  const of = (version: NltkVersion) => all.filter(([, , only]) => only === undefined || only === version);
  return { '3.9': of('3.9'), '3.10': of('3.10') };
}

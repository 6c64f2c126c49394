/**
 * The Porter stemmer (Porter 1980) with NLTK's extensions, its default mode.
 *
 * Equals nltk.stem.porter.PorterStemmer of NLTK 3.10 word for word: a few irregular words, no stemming of words of one or
 * two letters, and changed rules for -ies, -ied, -y, -bli, -alli, -fulli and -logi.
 */

/** The stem of a word, in lower case. Stems are cached, as texts repeat their words. */
export function porterStem(word: string): string {
  const known = cache.get(word);
  if (known !== undefined) return known;
  const stem = /[\ud800-\udfff]/.test(word) ? stemAstral(word) : stemPlain(word);
  if (cache.size < CACHE_LIMIT) cache.set(word, stem);
  return stem;
}

// --- internal ---

const CACHE_LIMIT = 200_000;
const cache = new Map<string, string>();

const IRREGULAR: Readonly<Record<string, string>> = {
  ...{ sky: 'sky', skies: 'sky', dying: 'die', lying: 'lie', tying: 'tie', news: 'news', innings: 'inning' },
  ...{ inning: 'inning', outings: 'outing', outing: 'outing', cannings: 'canning', canning: 'canning' },
  ...{ howe: 'howe', proceed: 'proceed', exceed: 'exceed', succeed: 'succeed' },
};

/** suffix, what replaces it, and the condition on what is left of the word before it. */
type Rule = readonly [suffix: string, replacement: string, condition: ((stem: string) => boolean) | null];

function stemPlain(word: string): string {
  const lower = word.toLowerCase();
  if (Object.hasOwn(IRREGULAR, lower)) return IRREGULAR[lower]!;
  if (word.length <= 2) return lower;
  return step5b(step5a(step4(step3(step2(step1c(step1b(step1a(lower))))))));
}

/** Rules count letters; a character beyond the basic plane is two UTF-16 units, so it is replaced by one unit. */
function stemAstral(word: string): string {
  const lent = new Map<string, string>();
  let next = 0xe000;
  const plain = word.replace(/[\ud800-\udbff][\udc00-\udfff]/g, (character) => {
    let unit = lent.get(character);
    if (unit === undefined) {
      while (word.includes(String.fromCharCode(next))) next++;
      unit = String.fromCharCode(next++);
      lent.set(character, unit);
    }
    return unit;
  });
  let stem = stemPlain(plain);
  // lower-cased here, because the replacement unit hides the case
  for (const [character, unit] of lent) stem = stem.replaceAll(unit, character.toLowerCase());
  return stem;
}

const isVowelLetter = (unit: number): boolean =>
  unit === 97 || unit === 101 || unit === 105 || unit === 111 || unit === 117;
const Y = 121;

/** Whether letter i is a consonant: not a, e, i, o, u, and not a y after a consonant. */
function isConsonant(word: string, i: number): boolean {
  let run = 0;
  while (i - run > 0 && word.charCodeAt(i - run) === Y) run++;
  const unit = word.charCodeAt(i - run);
  return !isVowelLetter(unit) !== (run % 2 === 1);
}

/** How often a vowel is followed by a consonant: Porter's m. */
function measure(stem: string): number {
  let count = 0;
  let before = true;
  for (let i = 0; i < stem.length; i++) {
    const unit = stem.charCodeAt(i);
    const consonant: boolean = unit === Y ? i === 0 || !before : !isVowelLetter(unit);
    if (i > 0 && consonant && !before) count++;
    before = consonant;
  }
  return count;
}

const positive = (stem: string): boolean => measure(stem) > 0;
const aboveOne = (stem: string): boolean => measure(stem) > 1;

function containsVowel(stem: string): boolean {
  for (let i = 0; i < stem.length; i++) if (!isConsonant(stem, i)) return true;
  return false;
}

function endsDoubleConsonant(word: string): boolean {
  const n = word.length;
  return n >= 2 && word[n - 1] === word[n - 2] && isConsonant(word, n - 1);
}

/** Consonant, vowel, consonant other than w, x, y; or, NLTK's extension, a word of vowel and consonant. */
function endsCvc(word: string): boolean {
  const n = word.length;
  if (n === 2) return !isConsonant(word, 0) && isConsonant(word, 1);
  return (
    n >= 3 &&
    isConsonant(word, n - 3) &&
    !isConsonant(word, n - 2) &&
    isConsonant(word, n - 1) &&
    !'wxy'.includes(word[n - 1]!)
  );
}

/** The first rule whose suffix fits decides, also when its condition does not hold. */
function applyRules(word: string, rules: readonly Rule[]): string {
  for (const [suffix, replacement, condition] of rules) {
    if (!word.endsWith(suffix)) continue;
    const stem = word.slice(0, word.length - suffix.length);
    return condition === null || condition(stem) ? stem + replacement : word;
  }
  return word;
}

function step1a(word: string): string {
  if (word.length === 4 && word.endsWith('ies')) return word.slice(0, -1);
  return applyRules(word, STEP_1A);
}

const STEP_1A: readonly Rule[] = [
  ['sses', 'ss', null],
  ['ies', 'i', null],
  ['ss', 'ss', null],
  ['s', '', null],
];

function step1b(word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2);
  if (word.endsWith('eed')) return positive(word.slice(0, -3)) ? word.slice(0, -1) : word;
  const suffix = ['ed', 'ing'].find((end) => word.endsWith(end) && containsVowel(word.slice(0, -end.length)));
  if (suffix === undefined) return word;
  const stem = word.slice(0, -suffix.length);
  const last = stem.at(-1)!;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (endsDoubleConsonant(stem)) return 'lsz'.includes(last) ? stem : stem.slice(0, -1);
  // NLTK marks the rule above with the suffix "*d" and then also looks for those two characters
  if (stem.endsWith('*d')) return stem.slice(0, -2) + last;
  return measure(stem) === 1 && endsCvc(stem) ? `${stem}e` : stem;
}

function step1c(word: string): string {
  const stem = word.slice(0, -1);
  return word.endsWith('y') && stem.length > 1 && isConsonant(stem, stem.length - 1) ? `${stem}i` : word;
}

function step2(word: string): string {
  if (word.endsWith('alli') && positive(word.slice(0, -4))) return step2(word.slice(0, -2));
  // -logi keeps its l with the stem, so that geo- and theo- are long enough
  if (!STEP_2.some(([suffix]) => word.endsWith(suffix)) && word.endsWith('logi')) {
    return positive(word.slice(0, -3)) ? word.slice(0, -1) : word;
  }
  return applyRules(word, STEP_2);
}

const STEP_2: readonly Rule[] = (
  [
    ['ational', 'ate'],
    ['tional', 'tion'],
    ['enci', 'ence'],
    ['anci', 'ance'],
    ['izer', 'ize'],
    ['bli', 'ble'],
    ['alli', 'al'],
    ['entli', 'ent'],
    ['eli', 'e'],
    ['ousli', 'ous'],
    ['ization', 'ize'],
    ['ation', 'ate'],
    ['ator', 'ate'],
    ['alism', 'al'],
    ['iveness', 'ive'],
    ['fulness', 'ful'],
    ['ousness', 'ous'],
    ['aliti', 'al'],
    ['iviti', 'ive'],
    ['biliti', 'ble'],
    ['fulli', 'ful'],
  ] as const
).map(([suffix, replacement]) => [suffix, replacement, positive]);

const step3 = (word: string): string => applyRules(word, STEP_3);

const STEP_3: readonly Rule[] = (
  [
    ['icate', 'ic'],
    ['ative', ''],
    ['alize', 'al'],
    ['iciti', 'ic'],
    ['ical', 'ic'],
    ['ful', ''],
    ['ness', ''],
  ] as const
).map(([suffix, replacement]) => [suffix, replacement, positive]);

const step4 = (word: string): string => applyRules(word, STEP_4);

const STEP_4: readonly Rule[] = [
  ...['al', 'ance', 'ence', 'er', 'ic', 'able', 'ible', 'ant', 'ement', 'ment', 'ent'].map(strip),
  ['ion', '', (stem) => aboveOne(stem) && (stem.endsWith('s') || stem.endsWith('t'))],
  ...['ou', 'ism', 'ate', 'iti', 'ous', 'ive', 'ize'].map(strip),
];

function strip(suffix: string): Rule {
  return [suffix, '', aboveOne];
}

function step5a(word: string): string {
  if (!word.endsWith('e')) return word;
  const stem = word.slice(0, -1);
  const m = measure(stem);
  return m > 1 || (m === 1 && !endsCvc(stem)) ? stem : word;
}

function step5b(word: string): string {
  return word.endsWith('ll') && aboveOne(word.slice(0, -1)) ? word.slice(0, -1) : word;
}

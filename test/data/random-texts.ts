/** The texts of test/fixtures/make_tokenizer_pipelines.py, drawn again: from all blocks of Unicode, and words that matter. */

// biome-ignore format: a list to be read as a whole
const WORDS: readonly string[] = [
  'hello', 'Hello', 'HELLO', 'world', 'the', 'don\'t', 'I\'LL', 'we\'ve', 'it\'s', 'COVID-19', 'ERCP', 'ercp',
  '[MASK]', '<s>', '</s>', '<unk>', '\u2581', '\u2581the', '##', '3.14', '1234567', '500mg', 'a', 'ab', 'abc', 'b',
  'c', 'x', '%', '$$', '$&', '...', '?!', ',', '-', '_', '(', ')', ' ', '  ', '   ', '\u0009', '\u000a',
  '\u000d\u000a', '\u000a\u000a', '\u00a0', '\u0085', '\ufeff', '\u200b', '\u2028', '\u3000', '\u1680', '\u180e',
  '\u0000', '\u0007', '\u0623\u0644\u0645', '\u0627\u0644\u0635\u062f\u0631',
  ' \u0627\u0644\u062c\u0648\u0627\u0628', '\u0662\u0660\u0662\u0664', '\u06f1\u06f2\u06f3', '\u060c', '\u061f',
  '\u061b', '\u0640', '\u0642\u064e\u0644\u0652\u0628', '\u0644\u0627', '\ufefb', '\ufdfa', '\ufdf2',
  '\u0651\u064e', '\u064e\u0651', '\u00e9', 'e\u0301', '\u0301', 'o\u0323\u0302', '\u03a3', '\u0391\u03a3',
  '\u03a3\u0391\u03a3 ', '\u03c2', '\u0130', '\u0131', '\u00df', '\u1e9e', '\u017f', '\u01c5', '\ufb01', '\u00bd',
  '\u00b2', '\u2167', '\u2460', '\u2082', '\u00b5', '\u00c5', '\u212b', '\u212a', '\u65e5\u672c\u8a9e',
  '\u30ab\u30bf\u30ab\u30ca', '\u30fc', '\ud55c\uad6d', '\u1112\u1161\u11ab', '\u{1f469}\u200d\u2695\ufe0f',
  '\u{1f1f8}\u{1f1e6}', '\u{1f600}', '\u{10400}', '\u{1d7d8}', '\u0e4c', '\u0e01', '\u0928\u094d',
  '\u0915\u094d\u0937', '\u0f71\u0f72', '\ufffd', '\u{10ffff}', '\ue000',
];

/** mulberry32: whole numbers below a bound. */
function drawing(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) * below) / 2 ** 32);
  };
}

/** The text of a seed. */
export function randomText(seed: number): string {
  const draw = drawing(seed);
  let out = '';
  for (let left = draw(24); left > 0; left--) {
    if (draw(4) < 2) {
      out += WORDS[draw(WORDS.length)]!;
      continue;
    }
    // a run of neighbours in a block of 128, of the first plane, the second, or any
    const plane = draw(16);
    const block = plane < 11 ? draw(512) : plane < 15 ? 512 + draw(512) : draw(8704);
    for (let run = 1 + draw(5); run > 0; run--) {
      const point = block * 128 + draw(128);
      if (point < 0xd800 || point > 0xdfff) out += String.fromCodePoint(point);
    }
  }
  return out;
}

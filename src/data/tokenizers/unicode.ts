/**
 * Classes of characters as the Rust library `tokenizers` 0.23 has them.
 *
 * Its parts take them from crates of different Unicode versions: `char` of Rust's standard library and the `regex` crate
 * (recent), `unicode_categories` and `unicode-normalization-alignments` (old: characters assigned since are unknown to
 * them). Where the engine's own `\p{…}` differs, the difference is listed as code points. Every class is
 * compared with the library over all of Unicode: test/fixtures/make_tokenizer_pipelines.py.
 */

/** Punctuation and the symbols of ASCII: `Punctuation`, `BertPreTokenizer`. */
export const PUNCTUATION = classOf('\\p{P}$+<=>\\^`\\|~', {
  add: '166d 111c9',
  remove: `
61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead 10ed0 10f55-10f59 10f86-10f89
113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b 11944-11946 119e2 11a3f-11a46
11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 11c70-11c71 11ef7-11ef8 11f43-11f4f 11fff 12ff1-12ff2
16d6d-16d6f 16e97-16e9a 16fe2 1e5ff 1e95e-1e95f
`,
});

/** `char::is_numeric`: `Digits`. */
export const NUMERIC = '[\\p{N}]';

/** `char::is_whitespace`, which has U+0085 and lacks U+FEFF, unlike `\s` of JavaScript. */
export const SPACE = '[\\p{White_Space}]';

/** `\w` of the `regex` crate: `Whitespace`, and words beside an added token. */
export const WORD = classOf('\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}', {
  add: '',
  remove: `
88f c5c cdc 1acf-1add 1ae0-1aeb a7ce-a7cf a7d2 a7d4 a7f1 10940-10959 10ec5-10ec7 10efa-10efb 11b60-11b67
11db0-11ddb 11de0-11de9 16ea0-16eb8 16ebb-16ed3 16ff2-16ff6 187f8-187ff 18d09-18d1e 18d80-18df2 1e6c0-1e6de
1e6e0-1e6f5 1e6fe-1e6ff 2b73a-2b73f 2cea2-2cead 323b0-33479
`,
});

/** What `StripAccents` removes. */
export const COMBINING_MARK = classOf('\\p{M}', {
  add: '1cf2-1cf3',
  remove: `
7fd 897-89f 8ca-8d3 9fe afa-aff b55 c04 c3c cf3 d00 d3b-d3c d81 eba ece 1715 180f 1abf-1add 1ae0-1aeb 1cf7
1df6-1dfa a82c a8ff 10d24-10d27 10d69-10d6d 10eab-10eac 10efa-10eff 10f46-10f50 10f82-10f85 11070
11073-11074 110c2 11145-11146 111c9 111ce-111cf 11241 1133b 113b8-113c0 113c2 113c5 113c7-113ca 113cc-113d0
113d2 113e1-113e2 1145e 1182c-1183a 11930-11935 11937-11938 1193b-1193e 11940 11942-11943 119d1-119d7
119da-119e0 119e4 11a01-11a0a 11a33-11a39 11a3b-11a3e 11a47 11a51-11a5b 11a8a-11a99 11b60-11b67 11d31-11d36
11d3a 11d3c-11d3d 11d3f-11d45 11d47 11d8a-11d8e 11d90-11d91 11d93-11d97 11ef3-11ef6 11f00-11f01 11f03
11f34-11f3a 11f3e-11f42 11f5a 13440 13447-13455 1611e-1612f 16f4f 16f7f-16f87 16fe4 16ff0-16ff1 1cf00-1cf2d
1cf30-1cf46 1e08f 1e130-1e136 1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5
`,
});

/** What `BertNormalizer` removes as accents. */
export const NONSPACING_MARK = classOf('\\p{Mn}', {
  add: '1734 1171e',
  remove: `
344 7fd 897-89f 8ca-8e1 9fe afa-aff b55 c04 c3c c48 d00 d3b-d3c d81 eba ece f73 f75-f76 f78 f81 f93 f9d fa2
fa7 fac fb9 180f 1885-1886 1abf-1add 1ae0-1aeb 1df6-1dfb a82c a8c5 a8ff a9bd 10d24-10d27 10d69-10d6d
10eab-10eac 10efa-10eff 10f46-10f50 10f82-10f85 11070 11073-11074 110c2 1112e-1112f 111c9 111cf 1123e 11241
1133b 113bb-113c0 113ce 113d0 113d2 113e1-113e2 11438-1143f 11442-11444 11446 1145e 1182f-11837 11839-1183a
1193b-1193c 1193e 11943 119d4-119d7 119da-119db 119e0 11a01-11a0a 11a33-11a38 11a3b-11a3e 11a47 11a51-11a56
11a59-11a5b 11a8a-11a96 11a98-11a99 11b60 11b62-11b64 11b66 11c30-11c36 11c38-11c3d 11c3f 11c92-11ca7
11caa-11cb0 11cb2-11cb3 11cb5-11cb6 11d31-11d36 11d3a 11d3c-11d3d 11d3f-11d45 11d47 11d90-11d91 11d95 11d97
11ef3-11ef4 11f00-11f01 11f36-11f3a 11f40 11f42 11f5a 13440 13447-13455 1611e-16129 1612d-1612f 16f4f 16fe4
1cf00-1cf2d 1cf30-1cf46 1e000-1e006 1e008-1e018 1e01b-1e021 1e023-1e024 1e026-1e02a 1e08f 1e130-1e136 1e2ae
1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5 1e944-1e94a
`,
});

/** What `BertNormalizer` removes with `clean_text`. */
export const CONTROL = classOf('\\p{Cc}\\p{Cf}\\p{Co}', { add: 'fffd', remove: '9-a d 890-891 8e2 110cd 13430-1343f' });

/** What `BertNormalizer` puts spaces around. */
export const CHINESE =
  '[\\u{4e00}-\\u{9fff}\\u{3400}-\\u{4dbf}\\u{20000}-\\u{2a6df}\\u{2a700}-\\u{2b81f}\\u{2b920}-\\u{2ceaf}\\u{f900}-\\u{faff}\\u{2f800}-\\u{2fa1f}]';

export type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/**
 * A normal form as that library has it: characters that its tables do not know neither decompose nor compose nor move, so the
 * text between them is normalised separately.
 */
export function normalForm(text: string, form: Form): string {
  if (!UNKNOWN_TO_NORMAL_FORMS.test(text)) return text.normalize(form);
  return text
    .split(UNKNOWN_TO_NORMAL_FORMS)
    .map((part, i) => (i % 2 === 0 ? part.normalize(form) : part))
    .join('');
}

/** `char::to_lowercase` of every character alone: no final sigma. */
export function lowercase(text: string): string {
  // only a capital sigma depends on its neighbours
  return text.includes('\u03a3')
    ? text
        .split('\u03a3')
        .map((part) => part.toLowerCase())
        .join('\u03c3')
    : text.toLowerCase();
}

/**
 * A text as `onig` sees it, of the same length: it has the properties of Unicode 16, so that to its expressions what was
 * assigned later is a character without properties, and U+0295 a small letter.
 */
export function asOnigSees(text: string): string {
  if (!NEWER.test(text)) return text;
  return text.replaceAll(ALL_NEWER, (character) =>
    character === '\u0295' ? '\u0238' : character.length === 1 ? '\u0378' : '\u{e0080}',
  );
}

/** The units of the first character: 0, 1 or 2. */
export function firstLength(text: string): number {
  return text === '' ? 0 : text.codePointAt(0)! > 0xffff ? 2 : 1;
}

// --- internal ---

/** A class for a regular expression with flag `v`; `add` and `remove` are code points in hex, ranges with a hyphen. */
function classOf(base: string, { add, remove }: { readonly add: string; readonly remove: string }): string {
  return `[[${base}${ranges(add)}]--[${ranges(remove)}]]`;
}

function ranges(points: string): string {
  const parts = points.split(/\s+/).filter((part) => part !== '');
  return parts
    .map((part) =>
      part
        .split('-')
        .map((point) => `\\u{${point}}`)
        .join('-'),
    )
    .join('');
}

const UNKNOWN_TO_NORMAL_FORMS = new RegExp(
  `([${ranges(`
7fd 897-89f 8ca-8d3 9fe c3c d3b-d3c eba 1715 1abf-1add 1ae0-1aeb 1df6-1dfa 32ff a7f1-a7f4 a82c ab69 105c9
105d2 105da 105e4 10781-10785 10787-107b0 107b2-107ba 10d24-10d27 10d69-10d6d 10eab-10eac 10efa-10efb
10efd-10eff 10f46-10f50 10f82-10f85 11070 1133b 11382-11385 1138b 1138e 11390-11391 113c2 113c5 113c7-113c8
113ce-113d0 1145e 11839-1183a 11935 11938 1193d-1193e 11943 119e0 11a34 11a47 11a99 11d42 11d44-11d45 11d97
11f41-11f42 1611e 16121-16129 1612f 16d63 16d67-16d6a 16ff0-16ff1 1ccd6-1ccf9 1e030-1e06d 1e08f 1e130-1e136
1e2ae 1e2ec-1e2ef 1e4ec-1e4ef 1e5ee-1e5ef 1e6e3 1e6e6 1e6ee-1e6ef 1e6f5 1f16c 1fbf0-1fbf9
`)}])`,
  'u',
);

const ADDED_IN_17 = ranges(`
88f c5c cdc 1acf-1add 1ae0-1aeb 20c1 2b96 a7ce-a7cf a7d2 a7d4 a7f1 fbc3-fbd2 fd90-fd91 fdc8-fdce 10940-10959
10ec5-10ec7 10ed0-10ed8 10efa-10efb 11b60-11b67 11db0-11ddb 11de0-11de9 16ea0-16eb8 16ebb-16ed3 16ff2-16ff6
187f8-187ff 18d09-18d1e 18d80-18df2 1ccfa-1ccfc 1ceba-1ced0 1cee0-1cef0 1e6c0-1e6de 1e6e0-1e6f5 1e6fe-1e6ff
1f6d8 1f777-1f77a 1f8d0-1f8d8 1fa54-1fa57 1fa8a 1fa8e 1fac8 1facd 1faea 1faef 1fbfa 2b73a-2b73f 2cea2-2cead
323b0-33479
`);
const NEWER = new RegExp(`[\\u0295${ADDED_IN_17}]`, 'u');
const ALL_NEWER = new RegExp(NEWER.source, 'gu');

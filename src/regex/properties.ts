/** Unicode properties by the names an expression gives them: general categories, scripts, binary properties. */
import { ANYTHING, type CharSet, complement, property } from './sets';

/**
 * The characters of the property `name`; case, spaces, hyphens and underscores in it do not matter, as in Oniguruma.
 *
 * @returns null for a name that is not known (blocks and ages among them)
 */
export function propertyNamed(name: string): CharSet | null {
  const plain = normalised(name);
  if (plain === 'any') return ANYTHING;
  if (plain === 'assigned') return complement(property('Cn'));
  const known = named().get(plain);
  if (known !== undefined) return property(known);
  return null;
}

// --- internal ---

const normalised = (name: string): string => name.replace(/[ _-]/g, '').toLowerCase();

const CATEGORIES =
  'C Other Cc Control Cf Format Cn Unassigned Co Private_Use Cs Surrogate L Letter LC Cased_Letter Ll Lowercase_Letter Lm Modifier_Letter ' +
  'Lo Other_Letter Lt Titlecase_Letter Lu Uppercase_Letter M Mark Mc Spacing_Mark Me Enclosing_Mark Mn Nonspacing_Mark ' +
  'N Number Nd Decimal_Number Nl Letter_Number No Other_Number P Punctuation Pc Connector_Punctuation Pd Dash_Punctuation ' +
  'Pe Close_Punctuation Pf Final_Punctuation Pi Initial_Punctuation Po Other_Punctuation Ps Open_Punctuation ' +
  'S Symbol Sc Currency_Symbol Sk Modifier_Symbol Sm Math_Symbol So Other_Symbol Z Separator Zl Line_Separator Zp Paragraph_Separator Zs Space_Separator';

const BINARY =
  'Alphabetic Cased Case_Ignorable Dash Default_Ignorable_Code_Point Diacritic Emoji Emoji_Component Emoji_Modifier ' +
  'Emoji_Modifier_Base Emoji_Presentation Extended_Pictographic Extender Grapheme_Base Grapheme_Extend ID_Continue ' +
  'ID_Start Ideographic Join_Control Lowercase Math Uppercase Variation_Selector White_Space XID_Continue XID_Start Unified_Ideograph';

const SCRIPTS =
  'Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo ' +
  'Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common ' +
  'Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs ' +
  'Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul ' +
  'Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian ' +
  'Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha ' +
  'Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi ' +
  'Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar ' +
  'Nabataean Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic ' +
  'Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya ' +
  'Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada ' +
  'Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa ' +
  'Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai ' +
  'Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square';

let names: Map<string, string> | undefined;

/** JavaScript's name of a property by its normalised one. */
function named(): Map<string, string> {
  names ??= new Map([
    ...BINARY.split(' ').map((name) => [normalised(name), name] as const),
    ...SCRIPTS.split(' ').map((name) => [normalised(name), `Script=${name}`] as const),
    ...CATEGORIES.split(' ').map((name) => [normalised(name), `General_Category=${name}`] as const),
  ]);
  return names;
}

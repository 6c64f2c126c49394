/** GPT-2's alphabet: a printable character for each byte. */

const CHARACTERS: readonly string[] = alphabet();

/** The byte of each character below U+0144 of the alphabet; -1 for the others. */
const BYTES: Int16Array = (() => {
  const bytes = new Int16Array(324).fill(-1);
  for (const [byte, character] of CHARACTERS.entries()) bytes[character.charCodeAt(0)] = byte;
  return bytes;
})();

/** Each UTF-8 byte of a text as its character. */
export function toByteCharacters(text: string): string {
  let plain = true;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x21 || unit > 0x7e) {
      plain = false;
      break;
    }
  }
  if (plain) return text;
  let out = '';
  for (const byte of ENCODER.encode(text)) out += CHARACTERS[byte]!;
  return out;
}

/** The bytes that a token of such characters encodes; null when one of them is not in the alphabet. */
export function fromByteCharacters(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = BYTES[token.charCodeAt(i)] ?? -1;
    if (byte < 0) return null;
    bytes[i] = byte;
  }
  return bytes;
}

// --- internal ---

const ENCODER = new TextEncoder();

function alphabet(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}

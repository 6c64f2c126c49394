/** Decoders of tokenizer.json, as the Rust library `tokenizers` 0.23 has them (its folder src/decoders): tokens to text. */

import { fromByteCharacters } from './bytes';
import { cleanUp } from './clean-up';
import { type Part, refused } from './part';
import { patternOf } from './pattern';
import { prependScheme } from './pre-tokenizers';
import type { Finder } from './spans';

/** Changes a list of tokens; the last list is concatenated. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

/** @throws MedreproError `input` on a type that is not known, or fields that are not its */
export function decoderOf(part: Part): Decoder {
  switch (part.type) {
    case 'Sequence':
      return sequence(part.parts('decoders').map(decoderOf));
    case 'ByteLevel':
      return byteLevel;
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Metaspace':
      return metaspace(part);
    case 'Replace':
      return replace(patternOf(part), part.string('content'));
    case 'Strip':
      return strip(part);
    case 'WordPiece':
      return wordPiece(part.string('prefix'), part.boolean('cleanup'));
    case 'BPEDecoder':
      return endOfWord(part.string('suffix'));
    case 'CTC':
      return ctc(part);
    default:
      throw part.unknown();
  }
}

// --- internal ---

const ENCODER = new TextEncoder();
const LOSSY = new TextDecoder('utf-8', { ignoreBOM: true });
const STRICT = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

function sequence(decoders: readonly Decoder[]): Decoder {
  return (tokens) => decoders.reduce((list, decoder) => decoder(list), tokens);
}

/** A token with a character outside the alphabet is its own text. */
const byteLevel: Decoder = (tokens) => [
  LOSSY.decode(Buffer.concat(tokens.map((token) => fromByteCharacters(token) ?? ENCODER.encode(token)))),
];

/** Tokens `<0x0A>` in a row are UTF-8, or as many replacement characters. */
const byteFallback: Decoder = (tokens) => {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length > 0) out.push(...textOf(bytes));
    bytes = [];
  };
  for (const token of tokens) {
    // Rust's number parser takes a sign
    const byte = /^<0x([\dA-Fa-f]{2}|\+[\dA-Fa-f])>$/.exec(token);
    if (byte !== null) {
      bytes.push(Number.parseInt(byte[1]!, 16));
      continue;
    }
    flush();
    out.push(token);
  }
  flush();
  return out;
};

function textOf(bytes: readonly number[]): string[] {
  try {
    return [STRICT.decode(Uint8Array.from(bytes))];
  } catch {
    return bytes.map(() => '\ufffd');
  }
}

function metaspace(part: Part): Decoder {
  const mark = part.character('replacement');
  const prepended = prependScheme(part) !== 'never';
  return (tokens) => tokens.map((token, i) => token.replaceAll(mark, i === 0 && prepended ? '' : ' '));
}

function replace(find: Finder, content: string): Decoder {
  return (tokens) =>
    tokens.map((token) => {
      if (token === '') return token;
      let out = '';
      let from = 0;
      find(token, (start, end) => {
        out += token.slice(from, start) + content;
        from = end;
      });
      return out + token.slice(from);
    });
}

function strip(part: Part): Decoder {
  const content = part.character('content');
  const [start, stop] = [part.count('start'), part.count('stop')];
  return (tokens) =>
    tokens.map((token) => {
      const characters = [...token];
      let from = 0;
      while (from < Math.min(start, characters.length) && characters[from] === content) from++;
      let to = characters.length;
      for (let i = 0; i < stop; i++) {
        // the library fails here
        if (to === 0) throw refused(`${part.name} has more to strip than a token has characters`);
        if (characters[to - 1] !== content) break;
        to--;
      }
      if (from > to) throw refused(`${part.name} has more to strip than a token has characters`);
      return characters.slice(from, to).join('');
    });
}

function wordPiece(prefix: string, cleanup: boolean): Decoder {
  return (tokens) =>
    tokens.map((token, i) => {
      const text = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      return cleanup ? cleanUp(text, 'tokenizers') : text;
    });
}

function endOfWord(suffix: string): Decoder {
  return (tokens) => tokens.map((token, i) => token.split(suffix).join(i === tokens.length - 1 ? '' : ' '));
}

function ctc(part: Part): Decoder {
  const [pad, delimiter] = [part.string('pad_token'), part.string('word_delimiter_token')];
  const cleanup = part.boolean('cleanup');
  return (tokens) =>
    tokens
      .filter((token, i) => token !== tokens[i - 1])
      .map((token) => {
        const text = token.split(pad).join('');
        return cleanup ? cleanUp(text, 'tokenizers').split(delimiter).join(' ') : text;
      })
      .filter((token) => token !== '');
}

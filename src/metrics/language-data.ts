/** The files of `language/`: brotli over sections, each preceded by its length in four bytes (little-endian). */

import { brotliDecompressSync } from 'node:zlib';
import { readAsset } from '../assets';

/** The sections of `language/<name>.bin`, in the order scripts/language.ts writes them. */
export function languageSections(name: 'wordnet' | 'punkt'): Uint8Array[] {
  const data = brotliDecompressSync(readAsset(`language/${name}.bin`));
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const sections: Uint8Array[] = [];
  for (let at = 0; at < data.length; ) {
    const length = view.getUint32(at, true);
    sections.push(data.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return sections;
}

/** A section that holds a text. */
export function sectionText(section: Uint8Array): string {
  return new TextDecoder().decode(section);
}

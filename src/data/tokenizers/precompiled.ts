/**
 * `Precompiled`: SentencePiece's table of replacements, a double array over UTF-8 bytes and the texts it points into
 * (crate `spm_precompiled` 0.1.4, and the library's src/normalizers/precompiled.rs with its quirks).
 */

import { refused } from './part';

type Change = (text: string, head: number) => { text: string; head: number };

/** Graphemes of fewer bytes are looked up whole; of others each character. */
const SHORT_GRAPHEME = 6;

/**
 * @param charsmap in base64
 * @returns what changes a text; `head` as in a `Piece`
 * @throws MedreproError `input` when it is no such table, also while a damaged one is used
 */
export function precompiled(charsmap: string): Change {
  const table = new Table(charsmap);
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  return (text, head) => {
    const out = new Output(head);
    let modified = false;
    for (const { segment } of segmenter.segment(text)) {
      const whole = Buffer.byteLength(segment) < SHORT_GRAPHEME ? table.lookUp(segment) : null;
      if (whole !== null) {
        modified = true;
        out.replace(segment, whole);
        continue;
      }
      for (const character of segment) {
        const one = table.lookUp(character);
        modified ||= one !== null;
        if (one === null) out.keep(character);
        else out.replace(character, one);
      }
    }
    return modified ? { text: out.text, head: out.head } : { text, head };
  };
}

// --- internal ---

/** The new text, and how much of it counts as coming from the first character: by place, as the library counts. */
class Output {
  text = '';
  head = 0;
  /** Units of the old text that are accounted for. */
  private at = 0;
  /** Units of a replaced piece that the next kept character does not cover. */
  private lastWasHead = false;

  constructor(private readonly oldHead: number) {}

  keep(character: string): void {
    this.put(character, character.length);
  }

  /** The library attributes what is removed to the preceding character, and drops it where there is none. */
  replace(old: string, normal: string): void {
    const [before, after] = [[...old], [...normal]];
    for (const [i, character] of after.entries()) {
      const replaced = before[i];
      if (replaced === undefined) this.add(character);
      else this.put(character, replaced.length);
    }
    const removed = before.slice(after.length).join('').length;
    if (this.text !== '') this.at += removed;
  }

  private put(character: string, replaced: number): void {
    this.lastWasHead = this.at < this.oldHead;
    this.at += replaced;
    this.add(character);
  }

  private add(character: string): void {
    this.text += character;
    if (this.lastWasHead) this.head = this.text.length;
  }
}

class Table {
  private readonly units: Uint32Array;
  private readonly texts: Uint8Array;
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  constructor(charsmap: string) {
    const bytes = Buffer.from(charsmap, 'base64');
    const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
    if (size === 0 || size % 4 !== 0 || 4 + size > bytes.length) throw damaged();
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
    this.texts = bytes.subarray(4 + size);
  }

  /** The replacement of the shortest prefix of `key` in the table; null when none is in it. */
  lookUp(key: string): string | null {
    let node = offsetOf(this.unit(0));
    for (const byte of this.encoder.encode(key)) {
      if (byte === 0) return null;
      node ^= byte;
      const unit = this.unit(node);
      if ((unit & 0x800000ff) >>> 0 !== byte) return null;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) return this.textAt(this.unit(node) & 0x7fffffff);
    }
    return null;
  }

  private unit(index: number): number {
    const unit = this.units[index];
    if (unit === undefined) throw damaged();
    return unit;
  }

  private textAt(start: number): string {
    const end = this.texts.indexOf(0, start);
    try {
      return this.decoder.decode(this.texts.subarray(start, end < 0 ? this.texts.length : end));
    } catch {
      throw damaged();
    }
  }
}

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 512) >>> 6);

const damaged = () => refused('"precompiled_charsmap" of normalizer Precompiled is damaged');

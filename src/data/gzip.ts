/**
 * gzip (RFC 1952), of one member or several: a first pass counts the length without keeping anything, a second one fills a buffer
 * of that length. A file of a megabyte that unpacks without end is rejected before memory is allocated for it.
 */

import { crc32, createInflateRaw } from 'node:zlib';

export class GzipFault extends Error {
  constructor(readonly kind: 'cut' | 'damaged' | 'too-large') {
    super(kind);
  }
}

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * @param limit bytes of the result
 * @throws GzipFault
 */
export async function gunzip(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  let length = 0;
  for await (const chunk of chunks(bytes)) {
    length += chunk.length;
    if (length > limit) throw new GzipFault('too-large');
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for await (const chunk of chunks(bytes)) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

// --- internal ---

const CHUNK_BYTES = 2 ** 18;

/** Flags of a member's header: what follows its first ten bytes. */
const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 } as const;

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    // tape and some tools pad with zeros
    if (at > 0 && bytes[at] === 0 && bytes.subarray(at).every((byte) => byte === 0)) return;
    const start = dataOf(bytes, at);
    let [sum, length] = [0, 0];
    const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES });
    inflate.end(bytes.subarray(start));
    try {
      for await (const chunk of inflate as AsyncIterable<Uint8Array>) {
        sum = crc32(chunk, sum);
        length += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw new GzipFault(error instanceof Error && /unexpected end/i.test(error.message) ? 'cut' : 'damaged');
    } finally {
      inflate.destroy();
    }
    const end = start + inflate.bytesWritten;
    if (end + 8 > bytes.length) throw new GzipFault('cut');
    const isWhole = view.getUint32(end, true) === sum && view.getUint32(end + 4, true) === length % 2 ** 32;
    if (!isWhole) throw new GzipFault('damaged');
    at = end + 8;
  }
}

/** Offset of a member's data, after its header. */
function dataOf(bytes: Uint8Array, start: number): number {
  if (start + 10 > bytes.length) throw new GzipFault('cut');
  if (bytes[start] !== 0x1f || bytes[start + 1] !== 0x8b || bytes[start + 2] !== 8) throw new GzipFault('damaged');
  const flags = bytes[start + 3]!;
  let at = start + 10;
  if (flags & FLAG.extra) at += 2 + (bytes[at] ?? 0) + 256 * (bytes[at + 1] ?? 0);
  for (const flag of [FLAG.name, FLAG.comment]) {
    if ((flags & flag) === 0) continue;
    const end = at > bytes.length ? -1 : bytes.indexOf(0, at);
    if (end < 0) throw new GzipFault('cut');
    at = end + 1;
  }
  if (flags & FLAG.headerCrc) at += 2;
  if (at >= bytes.length) throw new GzipFault('cut');
  return at;
}

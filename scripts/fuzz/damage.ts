/** Random damage to bytes, the same for the same seed on every machine. */

/** Numbers in [0, 1) of a small generator (xorshift32 over a mixed seed). */
export function generator(seed: number): () => number {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** Edge values of sizes, counts and offsets. */
const NUMBERS = [0, 1, -1, 127, 128, 255, 256, 32767, 65535, 65536, 2 ** 24, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, 1e9];

/** The same as text, with the punctuation of JSON, YAML, CSV, Jinja and expressions. */
const WORDS = [
  '0', '-1', '1e9', '1e400', '999999999999999999999', 'null', 'true', 'NaN', '[]', '{}', '""', '\\ud800', '\u0000', '*a', '&a',
  '{{', '}}', '{%', '%}', '(', ')', '[', ']', '{', '}', '(a*)*', '+', '{1000}', '|', '\\', '"', "'", ',', ':', '\n', '\r', '\t', ';', '<', '&',
]; // biome-ignore format: a list of words reads best as one

/** One to four changes: bits, bytes, numbers, words, ranges removed, repeated or moved, pieces of another seed, a cut. */
export function damage(seed: Uint8Array, seeds: readonly Uint8Array[], random: () => number): Uint8Array {
  let bytes = seed;
  const times = 1 + Math.floor(random() ** 2 * 4);
  for (let i = 0; i < times; i++) bytes = change(bytes, seeds, random);
  return bytes;
}

/** Damages the content of a JSON text, which stays JSON: values replaced, copied from elsewhere, doubled or removed. */
export function damageJson(text: string, random: () => number): string {
  let json = JSON.parse(text) as unknown;
  const times = 1 + Math.floor(random() ** 2 * 4);
  for (let i = 0; i < times; i++) json = changedJson(json, nodesOf(json), random);
  return JSON.stringify(json);
}

/** Damages the content of a YAML file, which mostly stays YAML: lines are moved, keys and values replaced by edge cases. */
export function damageYaml(seed: Uint8Array, random: () => number): Uint8Array {
  const below = (n: number): number => Math.floor(random() * n);
  const lines = new TextDecoder().decode(seed).split('\n');
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(lines.length);
    const line = lines[at] ?? '';
    const spots = [...line.matchAll(/(?<=[:,[{] ?)[^\s,[\]{}:][^,[\]{}]*/g)];
    const spot = spots[below(spots.length || 1)];
    const value = YAML_VALUES[below(YAML_VALUES.length)]!;
    switch (below(9)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, lines[below(lines.length)] ?? '');
        break;
      case 2:
        lines[at] = line.slice(0, below(line.length + 1));
        break;
      case 3:
        lines[at] =
          `${line.slice(0, below(line.length + 1))}${String.fromCharCode(below(0x180))}${line.slice(below(line.length + 1))}`;
        break;
      case 4:
        lines[at] = ' '.repeat(below(4)) + line;
        break;
      case 5: {
        const key = /^(\s*)([\w-]+):/.exec(line);
        if (key !== null) lines[at] = line.replace(key[0], `${key[1]}${value}:`);
        break;
      }
      default:
        if (spot !== undefined) lines[at] = line.slice(0, spot.index) + value + line.slice(spot.index + spot[0].length);
    }
  }
  return new TextEncoder().encode(lines.join('\n'));
}

// --- internal ---

/** Values at the edges of what a field may hold. */
const YAML_VALUES = [
  '0',
  '-1',
  '1',
  '1.5',
  '1e9',
  '1e308',
  '-0',
  '.inf',
  '.nan',
  '9007199254740993',
  '4294967296',
  '1e20',
  "''",
  "'a'",
  'null',
  'true',
  '[]',
  '{}',
  '[[]]',
  '{ a: 1 }',
  '*x',
  '&x [*x]',
  '!!set {a}',
  '<<',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  "'1e999999'",
  "'~3'",
  "'3 of 7'",
  "'\\u0000'",
  '"\\ud800"',
  "'('",
  "'(a+)+$'",
  'ʼ',
  '٣',
];

/** Edge cases for readers of JSON. */
const VALUES: readonly unknown[] = [
  null, true, false, 0, -1, 1, 2, 0.5, 255, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, 1e21, 1e308, -0.0, '', 'a', '0', '(', '\u0000', '\n',
  '__proto__', 'constructor', '../x', 'x'.repeat(300), [], {}, [[]], [0, 0], [1, -1], [null], ['a'], { a: 1 }, { __proto: null },
]; // biome-ignore format: a list of values reads best as one

function nodesOf(json: unknown, found: unknown[] = []): unknown[] {
  found.push(json);
  if (typeof json === 'object' && json !== null) for (const value of Object.values(json)) nodesOf(value, found);
  return found;
}

/** A copy in which one node, drawn evenly, is another. */
function changedJson(json: unknown, nodes: readonly unknown[], random: () => number): unknown {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  let left = Math.floor(random() * nodes.length);
  const visit = (node: unknown): unknown => {
    if (left-- === 0) return random() < 0.7 ? pick(VALUES) : pick(nodes);
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== 'object' || node === null) return node;
    const entries = Object.entries(node).flatMap(([key, value]): [string, unknown][] => {
      const changed = visit(value);
      if (changed === value || random() < 0.7) return [[key, changed]];
      return random() < 0.5
        ? []
        : [
            [key, value],
            [pick(['', key + key, '__proto__', 'a\nb']), changed],
          ];
    });
    return Object.fromEntries(entries);
  };
  return visit(json);
}

/** Bytes beyond which damage does not grow an input. */
const MAX_BYTES = 2 ** 20;

function change(bytes: Uint8Array, seeds: readonly Uint8Array[], random: () => number): Uint8Array {
  const below = (n: number): number => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const at = below(bytes.length + 1);
  const length = 1 + below(Math.min(64, bytes.length + 1));
  // a Buffer's slice would be the seed itself
  const copy = new Uint8Array(bytes);
  switch (below(9)) {
    case 0:
      if (at < copy.length) copy[at]! ^= 1 << below(8);
      return copy;
    case 1:
      if (at < copy.length) copy[at] = below(256);
      return copy;
    case 2: {
      const wide = pick([1, 2, 4, 8]);
      if (at + wide > copy.length) return copy;
      const view = new DataView(copy.buffer, copy.byteOffset);
      const value = pick(NUMBERS);
      if (wide === 1) view.setInt8(at, value);
      else if (wide === 2) view.setInt16(at, value, true);
      else if (wide === 4) view.setInt32(at, value, true);
      else view.setBigInt64(at, BigInt(value) * (random() < 0.2 ? 2n ** 31n : 1n), true);
      return copy;
    }
    case 3:
      return spliced(bytes, at, 0, new TextEncoder().encode(pick(WORDS)));
    case 4:
      return spliced(bytes, at, below(8), new TextEncoder().encode(pick(WORDS)));
    case 5:
      return spliced(bytes, at, length, new Uint8Array());
    case 6: {
      const piece = bytes.subarray(at, at + length);
      const times = random() < 0.05 ? 1000 : 1 + below(3);
      return spliced(bytes, below(bytes.length + 1), 0, repeated(piece, times));
    }
    case 7: {
      const other = pick(seeds);
      const from = below(other.length + 1);
      return spliced(bytes, at, length, other.subarray(from, from + 1 + below(256)));
    }
    default:
      return bytes.slice(0, at);
  }
}

function spliced(bytes: Uint8Array, at: number, removed: number, piece: Uint8Array): Uint8Array {
  if (bytes.length + piece.length > MAX_BYTES) return bytes;
  const parts = [bytes.subarray(0, at), piece, bytes.subarray(Math.min(bytes.length, at + removed))];
  return new Uint8Array(Buffer.concat(parts));
}

function repeated(piece: Uint8Array, times: number): Uint8Array {
  return new Uint8Array(Buffer.concat(Array.from({ length: times }, () => piece)));
}

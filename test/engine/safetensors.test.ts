/**
 * Files of others. Whatever the bytes: a sound file is read, anything else is one line of error, and nothing outside the
 * file is touched. Both readers (mapped from disk, from memory) must agree.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { MedreproError } from '../../src/errors';
import { loadModel, openModelFolder } from '../../src/nn/model';
import {
  encodeSafetensors,
  openSafetensors,
  parseSafetensors,
  type Safetensors,
  storedF32,
  type TensorToWrite,
  writeSafetensors,
} from '../../src/nn/safetensors';
import { predictClasses } from '../../src/train/evaluate';
import { sampleRows } from './fixture-training';
import { FIXTURES, forwardOptions, onCpu, PLAIN } from './support';

// a fraction of a second each on a quiet machine; a busy one must not fail them
setDefaultTimeout(60_000);

const FOLDER = mkdtempSync(join(tmpdir(), 'medrepro-safetensors-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));
const FILE = join(FOLDER, 'file.safetensors');

type Entry = Record<string, unknown>;

/** The bytes of a file with this header (an object or raw text) and `data` bytes after it. */
function fileOf(header: unknown, data = 0, claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

interface Read {
  readonly tensors: readonly (readonly [string, string, readonly number[], number])[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a reader makes of the file: its tensors with a look at every byte, or the message. */
function outcome(open: () => Safetensors): Read | string {
  try {
    const file = open();
    const tensors = [...file.tensors].map(([name, stored]) => {
      const values = ['f32', 'bf16', 'f16'].includes(stored.dtype) ? storedF32(stored) : [];
      return [name, stored.dtype, stored.shape, values.length] as const;
    });
    const read = { tensors, metadata: file.metadata };
    file.close();
    return read;
  } catch (error) {
    if (!(error instanceof MedreproError)) throw error;
    expect(error.code).toBe('input');
    // the name and the reason; a reason may quote the file, so it must not bring lines or pages of its own
    expect(error.message).not.toMatch(/[\n\r\0\u2028]/);
    expect(error.message.length).toBeLessThan(400);
    expect(error.remedy).toBeString();
    return error.message;
  }
}

/** Reads with both readers; they must agree. */
function read(bytes: Uint8Array): Read | string {
  writeFileSync(FILE, bytes);
  const mapped = outcome(() => openSafetensors(FILE));
  if (bytes.length === 0) expect(mapped).toBeString();
  else expect(outcome(() => parseSafetensors(bytes, FILE))).toEqual(mapped);
  return mapped;
}

const tensorsToWrite: fc.Arbitrary<TensorToWrite[]> = fc
  .uniqueArray(
    fc.record({
      name: fc.oneof(
        fc.string(),
        fc.string({ unit: 'binary' }),
        fc.constantFrom('../../a', '\0', '__proto__', 'toString', '1'),
      ),
      dtype: fc.constantFrom(
        'f32' as const,
        'bf16' as const,
        'f16' as const,
        'u8' as const,
        'i32' as const,
        'f64' as const,
      ),
      shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }),
    }),
    { selector: ({ name }) => name, maxLength: 6 },
  )
  .map((all) =>
    all
      .filter(({ name }) => name !== '__metadata__')
      .map((tensor) => {
        const sizes = { f32: 4, bf16: 2, f16: 2, u8: 1, i32: 4, f64: 8 };
        const length = tensor.shape.reduce((product, side) => product * side, sizes[tensor.dtype]);
        return { ...tensor, data: Uint8Array.from({ length }, (_, i) => i) };
      }),
  );

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

describe('sound files', () => {
  test('any names, shapes and dtypes come back', () => {
    fc.assert(
      fc.property(tensorsToWrite, (tensors) => {
        // integer-like names are listed first by JSON.parse, so order is not compared
        const wanted = tensors.map(({ name, dtype, shape }) => `${name} ${dtype} ${shape}`).sort();
        const found = read(joined(encodeSafetensors(tensors))) as Read;
        expect(found.tensors.map(([name, dtype, shape]) => `${name} ${dtype} ${shape}`).sort()).toEqual(wanted);
        expect(found.metadata).toEqual({ format: 'pt' });
      }),
      { numRuns: 60 },
    );
  });

  test('values of every floating-point dtype', () => {
    const values = Float32Array.of(0, -0, 1, -2.5, 65504, 2 ** -14);
    const halves = Uint16Array.from(values, (value) => new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16);
    const tensors = [
      { name: 'f32', dtype: 'f32' as const, shape: [6], data: new Uint8Array(values.buffer) },
      { name: 'bf16', dtype: 'bf16' as const, shape: [2, 3], data: new Uint8Array(halves.buffer) },
      { name: 'f16', dtype: 'f16' as const, shape: [3, 2], data: new Uint8Array(Float16Array.from(values).buffer) },
    ];
    writeSafetensors(FILE, tensors, { author: 'test' });
    const file = openSafetensors(FILE);
    expect(storedF32(file.tensors.get('f32')!)).toEqual(values);
    expect(storedF32(file.tensors.get('f16')!)).toEqual(values);
    // 65504 has more bits than bf16 holds: they were cut off above
    expect([...storedF32(file.tensors.get('bf16')!)]).toEqual([0, -0, 1, -2.5, 65280, 2 ** -14]);
    expect(file.metadata).toEqual({ format: 'pt', author: 'test' });
    file.close();
  });

  test('of the reference implementation', () => {
    for (const name of ['causal-tied', 'classifier-lora']) {
      const bytes = readFileSync(join(FIXTURES, 'qwen3', name, 'model.safetensors'));
      expect((read(bytes) as Read).tensors.length).toBeGreaterThan(20);
    }
  });

  test('what the reference takes too: no tensor, a scalar, an empty tensor, white space, a name given twice', () => {
    expect(read(fileOf('{}'))).toEqual({ tensors: [], metadata: {} });
    const scalar = { a: { dtype: 'F32', shape: [], data_offsets: [0, 4] } };
    expect(read(fileOf(scalar, 4))).toMatchObject({ tensors: [['a', 'f32', [], 1]] });
    expect(read(fileOf({ a: { dtype: 'F32', shape: [0, 3], data_offsets: [0, 0] } }))).toMatchObject({
      tensors: [['a', 'f32', [0, 3], 0]],
    });
    expect(read(fileOf(`  ${JSON.stringify(scalar)}   `, 4))).toMatchObject({ tensors: [['a', 'f32', [], 1]] });
    const twice =
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}';
    expect(read(fileOf(twice, 4))).toMatchObject({ tensors: [['a', 'i32', [1], 0]] });
  });

  test('a header of odd length: a model is computed from tensors at odd addresses', () => {
    const folder = join(FIXTURES, 'qwen3', 'classifier-lora');
    const original = readFileSync(join(folder, 'model.safetensors'));
    const header = Number(original.readBigUInt64LE(0));
    const predict = (name: string): number[] =>
      onCpu((device) => {
        const model = loadModel(device, openModelFolder(name), {
          ...PLAIN,
          task: 'sequence-classification',
          classes: 5,
        });
        return [...predictClasses(device, model, sampleRows(20, 'sequence-classification'), forwardOptions())];
      });
    const expected = predict(folder);
    for (const spaces of [1, 2, 3]) {
      const shifted = join(FOLDER, `shifted-${spaces}`);
      mkdirSync(shifted);
      writeFileSync(join(shifted, 'config.json'), readFileSync(join(folder, 'config.json')));
      const text = `${original
        .subarray(8, 8 + header)
        .toString('utf8')
        .trimEnd()}${' '.repeat(spaces)}`;
      const bytes = joined([fileOf(text), original.subarray(8 + header)]);
      writeFileSync(join(shifted, 'model.safetensors'), bytes);
      expect(predict(shifted)).toEqual(expected);
    }
  });
});

describe('broken files', () => {
  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(bytes)),
      { numRuns: 150, examples: [[new Uint8Array(0)], [new Uint8Array(8)], [new Uint8Array(7)]] },
    );
  });

  test('a sound file cut off or with bytes changed', () => {
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(tensorsToWrite, change, fc.double({ min: 0, max: 1, noNaN: true }), (tensors, changes, share) => {
        const bytes = joined(encodeSafetensors(tensors));
        for (const [position, value] of changes) bytes[position % bytes.length] = value;
        void read(bytes);
        void read(bytes.subarray(0, Math.floor(share * bytes.length)));
      }),
      { numRuns: 100 },
    );
  });

  test('headers of any JSON, and entries of any fields', () => {
    const size = fc.oneof(fc.nat(64), fc.constantFrom(-1, -0, 0.5, 1e300, 2 ** 53, 2 ** 53 - 1, 2 ** 32), fc.string());
    const entry = fc.record(
      {
        dtype: fc.oneof(
          fc.constantFrom('F32', 'BF16', 'I64', 'F8_E4M3', 'constructor', '__proto__', 'f32'),
          fc.jsonValue(),
        ),
        shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.array(size, { maxLength: 3 }), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.oneof(fc.string(), fc.constant('__metadata__')), fc.oneof(entry, fc.jsonValue()), {
        maxKeys: 3,
      }),
    );
    fc.assert(
      fc.property(header, fc.nat(64), (value, data) => void read(fileOf(value, data))),
      { numRuns: 300 },
    );
  });

  const F32: Entry = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  test.each([
    ['no bytes', new Uint8Array(0), 'it is empty'],
    ['an empty header', fileOf(''), 'the header is empty'],
    ['a header longer than the file', fileOf('{}', 0, 3n), 'truncated?'],
    ['a header of 2^64-1 bytes', fileOf('{}', 0, 2n ** 64n - 1n), 'the header claims'],
    ['a header of 2^63 bytes', fileOf('{}', 0, 2n ** 63n), 'the header claims'],
    ['a header that is not UTF-8', joined([fileOf('', 0, 2n), Uint8Array.of(0xc3, 0x28)]), 'not JSON'],
    ['an array', fileOf('[]'), 'not an object'],
    ['a deep array', fileOf(deep), 'not an object'],
    ['a deep dtype', fileOf(`{"a":{"dtype":${deep},"shape":[1],"data_offsets":[0,4]}}`, 4), 'not a name'],
    ['a dtype that the format has not', fileOf({ a: { ...F32, dtype: 'Q4' } }, 8), 'dtype Q4 is not one of the format'],
    ['a dtype of half bytes', fileOf({ a: { ...F32, dtype: 'F4' } }, 8), 'of F4 does not fill 8 bytes'],
    ['a dtype every object has', fileOf({ a: { ...F32, dtype: 'constructor' } }, 8), 'dtype constructor is not'],
    ['a negative side', fileOf({ a: { ...F32, shape: [-2] } }, 8), 'the shape is not sound'],
    ['a shape that overflows', fileOf({ a: { ...F32, shape: [2 ** 40, 2 ** 40] } }, 8), 'the shape is not sound'],
    ['a shape too large', fileOf({ a: { ...F32, shape: [3] } }, 8), 'does not fill 8 bytes'],
    ['offsets backwards', fileOf({ a: { ...F32, data_offsets: [8, 0] } }, 8), 'bytes 8 to 0 of 8'],
    ['offsets past the end', fileOf({ a: { ...F32, data_offsets: [4, 12] } }, 8), 'bytes 4 to 12 of 8'],
    ['negative offsets', fileOf({ a: { ...F32, data_offsets: [-8, 0] } }, 8), 'data_offsets'],
    ['a gap', fileOf({ a: { ...F32, data_offsets: [4, 12] } }, 12), 'overlap or leave a gap'],
    ['an overlap', fileOf({ a: F32, b: { ...F32, data_offsets: [4, 12] } }, 12), 'overlap or leave a gap'],
    ['two tensors in one place', fileOf({ a: F32, b: F32 }, 8), 'overlap or leave a gap'],
    ['bytes nobody owns', fileOf({ a: F32 }, 9), '1 bytes after the last tensor'],
    ['metadata of another kind', fileOf({ __metadata__: [] }), '__metadata__ is not an object'],
    ['a name of several lines', fileOf({ 'a\nb\u2028c\0d': 1 }), 'a?b?c?d is not an object'],
    ['a name of a megabyte', fileOf({ ['x'.repeat(2 ** 20)]: 1 }), 'xxx'],
  ] as [string, Uint8Array, string][])('%s', (_, bytes, reason) => {
    const result = read(bytes);
    expect(result).toBeString();
    expect(result as string).toContain(reason);
  });

  test('a folder, a missing file, a device, a pipe, a link to itself', () => {
    const [pipe, loop] = [join(FOLDER, 'pipe'), join(FOLDER, 'loop')];
    Bun.spawnSync(['mkfifo', pipe]);
    symlinkSync('loop', loop);
    for (const path of [FOLDER, join(FOLDER, 'absent'), '/dev/null', '/dev/zero', pipe, loop]) {
      expect(outcome(() => openSafetensors(path))).toStartWith(`cannot read ${path}`);
    }
  });
});

test('a write that fails leaves the old file and nothing else', () => {
  const tensor = (value: number): TensorToWrite => ({ name: 'a', dtype: 'u8', shape: [1], data: Uint8Array.of(value) });
  const folder = join(FOLDER, 'writes');
  mkdirSync(join(folder, 'taken'), { recursive: true });
  writeSafetensors(join(folder, 'a.safetensors'), [tensor(1)]);
  for (const path of [join(folder, 'taken'), join(folder, 'absent', 'a'), '/dev/full/a']) {
    expect(outcome(() => writeSafetensors(path, [tensor(2)]) as never)).toStartWith(`cannot write ${path}`);
  }
  expect(readdirSync(folder).sort()).toEqual(['a.safetensors', 'taken']);
});

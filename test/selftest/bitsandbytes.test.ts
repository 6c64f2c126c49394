/**
 * 4-bit quantisation against bitsandbytes' own output (test/fixtures/bnb): packed bytes, scales, codes of the double
 * quantisation and dequantised values, all equal to the bit, on every CPU path.
 */

import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MR_FP4, MR_NF4 } from '../../src/native/bindings';
import { Device } from '../../src/native/device';
import type { Tensor } from '../../src/native/tensor';
import { dynamicMap, torchMean } from '../../src/nn/quantisation';
import { type FourBitParts, FourBitWeight, quantise4bit } from '../../src/nn/weights';
import { decode, encode, sameBytes } from '../../src/selftest/case';
import * as reference from '../../src/selftest/reference/quantisation';
import { availablePaths } from '../../src/selftest/run';
import codes from '../fixtures/bnb/codes.json';
import { expectBytes, readStored, type Stored } from './stored';

const FOLDER = join(import.meta.dir, '../fixtures/bnb');
const BLOCK = 64;
const NESTED_BLOCK = 256;

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.safetensors') && name !== 'serialised.safetensors');
const fixtures = files.map((name) => [name.replace('.safetensors', ''), readStored(join(FOLDER, name))] as const);
const KINDS = ['nf4', 'fp4'] as const;

test('there are fixtures', () => {
  expect(fixtures.map(([name]) => name)).toContain('ties-nf4');
  expect(fixtures.length).toBe(9);
});

test('code books and the 8-bit map', () => {
  expect(reference.CODE_BOOKS.nf4).toEqual(codes.nf4);
  expect(reference.CODE_BOOKS.fp4.map((value) => value + 0)).toEqual(codes.fp4.map((value) => value + 0));
  expect([...dynamicMap()]).toEqual(codes.dynamic_signed.map(Math.fround));
});

describe.each(fixtures)('the reference: %s', (_, fixture) => {
  const weight = fixture.get('weight')!;
  const x = decode(weight.dtype, weight.bytes);

  test.each(KINDS)('%s', (kind) => {
    const { codes: packed, absmax } = reference.quantize4bit(kind, x, BLOCK);
    expectBytes('packed', packed, fixture.get(`${kind}.packed`)!.bytes);
    expectBytes('absmax', encode('f32', absmax), fixture.get(`${kind}.plain.absmax`)!.bytes);
    const offset = torchMean(Float32Array.from(absmax));
    expectBytes('offset', encode('f32', [offset]), fixture.get(`${kind}.nested.offset`)!.bytes);
    const nested = reference.quantize8bit(absmax, NESTED_BLOCK, offset, dynamicMap());
    expectBytes('absmax_code', nested.codes, fixture.get(`${kind}.nested.absmax_code`)!.bytes);
    expectBytes('nested_absmax', encode('f32', nested.absmax), fixture.get(`${kind}.nested.nested_absmax`)!.bytes);
    const restored = reference.dequantize8bit(nested.codes, nested.absmax, NESTED_BLOCK, offset, dynamicMap());
    expectBytes('restored', encode('f32', restored), fixture.get(`${kind}.nested.absmax_restored`)!.bytes);
    for (const [way, scales] of [
      ['plain', absmax],
      ['nested', restored],
    ] as const) {
      for (const [name, dtype] of [
        ['fp32', 'f32'],
        ['bf16', 'bf16'],
      ] as const) {
        const expected = fixture.get(`${kind}.${way}.${name}`);
        if (expected === undefined) continue;
        const values = reference.dequantize4bit(kind, x.length, packed, scales, BLOCK, dtype);
        expectBytes(`${way} ${name}`, encode(dtype, values), expected.bytes);
      }
    }
  });
});

describe.each(availablePaths())('the kernels on %s', (isa) => {
  const device = Device.cpu({ isa, capacity: 2 ** 30 });
  afterAll(() => device.destroy());

  const load = ({ dtype, bytes }: Stored, shape: readonly number[]): Tensor => {
    const tensor = device.empty(shape, dtype);
    device.write(tensor, bytes);
    return tensor;
  };

  test.each(fixtures.flatMap(([name, fixture]) => KINDS.map((kind) => [name, kind, fixture] as const)))(
    '%s %s',
    (_, kind, fixture) => {
      device.scope(() => {
        const weight = fixture.get('weight')!;
        const n = weight.bytes.length / (weight.dtype === 'bf16' ? 2 : 4);
        const dense = load(weight, [1, n]);
        const plain = quantise4bit(device, dense, { kind, doubleQuant: false, blockSize: BLOCK });
        const nested = quantise4bit(device, dense, { kind, doubleQuant: true, blockSize: BLOCK });
        const check = (name: string, tensor: Tensor): void =>
          expectBytes(name, device.readBytes(tensor), fixture.get(`${kind}.${name}`)!.bytes);
        check('packed', plain.packed);
        check('packed', nested.packed);
        check('plain.absmax', plain.absmax);
        check('nested.absmax_code', nested.nested!.codes);
        check('nested.nested_absmax', nested.nested!.absmax);
        expectBytes('offset', encode('f32', [nested.nested!.offset]), fixture.get(`${kind}.nested.offset`)!.bytes);
        check('nested.absmax_restored', nested.absmax);
        for (const [way, parts] of [
          ['plain', plain],
          ['nested', nested],
        ] as const) {
          for (const [name, dtype] of [
            ['fp32', 'f32'],
            ['bf16', 'bf16'],
          ] as const) {
            if (!fixture.has(`${kind}.${way}.${name}`)) continue;
            check(`${way}.${name}`, dequantised(parts, kind, n, dtype));
          }
        }
      });
    },
  );

  function dequantised(parts: FourBitParts, kind: 'nf4' | 'fp4', n: number, dtype: 'f32' | 'bf16'): Tensor {
    const options = { kind, doubleQuant: false, blockSize: BLOCK };
    return new FourBitWeight(1, n, parts, options, dtype, null).dequantise(device);
  }

  test('a saved checkpoint: matrix-bf16 as double-quantised NF4', () => {
    const saved = readStored(join(FOLDER, 'serialised.safetensors'));
    const fixture = readStored(join(FOLDER, 'matrix-bf16.safetensors'));
    device.scope(() => {
      const dense = load(fixture.get('weight')!, [48, 80]);
      const { packed, nested } = quantise4bit(device, dense, { kind: 'nf4', doubleQuant: true, blockSize: BLOCK });
      expect(sameBytes(device.readBytes(packed), saved.get('weight')!.bytes)).toBe(true);
      expect(sameBytes(device.readBytes(nested!.codes), saved.get('weight.absmax')!.bytes)).toBe(true);
      expect(sameBytes(device.readBytes(nested!.absmax), saved.get('weight.nested_absmax')!.bytes)).toBe(true);
      expect(sameBytes(encode('f32', dynamicMap()), saved.get('weight.nested_quant_map')!.bytes)).toBe(true);
    });
  });

  test('dequantising a file that CUDA packed: zeros as nibble 0, both zeros of FP4', () => {
    device.scope(() => {
      const absmax = load({ dtype: 'f32', bytes: encode('f32', [0, 2]) }, [2]);
      const bytes = [...new Array(32).fill(0x00), 0x08, 0x80, ...new Array(30).fill(0x88)];
      const packed = load({ dtype: 'u8', bytes: Uint8Array.from(bytes) }, [64]);
      const y = device.empty([128], 'f32');
      for (const [kind, code] of [
        ['nf4', MR_NF4],
        ['fp4', MR_FP4],
      ] as const) {
        device.ops.dequantize4bit(code, 128, BLOCK, packed.address, absmax.address, y.code, y.address);
        const expected = reference.dequantize4bit(kind, 128, Uint8Array.from(bytes), [0, 2], BLOCK, 'f32');
        expectBytes(kind, device.readBytes(y), encode('f32', expected));
      }
    });
  });
});

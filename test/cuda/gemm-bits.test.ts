/** fp32 products on CUDA are not near those of the CPU but the same numbers: K blocks, chains of fma and their order. */
import { describe, expect, test } from 'bun:test';
import { Device } from '../../src/native/device';
import type { Placement } from '../../src/selftest/case';
import { allCases } from '../../src/selftest/cases';
import { emulatedDevice, notEmulated } from './emulated';

const PLACED: Placement = { poison: 0xff, shift: 0 };

describe.skipIf(notEmulated !== null)('fp32 products have the bits of the CPU', () => {
  // one K block and several, tails, a thin output, a sum onto 16 bits, four bits
  test.each([
    ['gemm', /^(29x65x385|5x48x769|3x40x900|70x8x133|15x33x31) /],
    ['gemm_4bit', /./],
  ] as const)('%s', (op, shapes) => {
    const mine = allCases().filter(
      (one) => one.op === op && shapes.test(one.shape) && !/ in (bf16|f16)$|^(bf16|f16)\*(nf4|fp4)/.test(one.dtype),
    );
    expect(mine.length).toBeGreaterThan(3);
    const [cuda, cpu] = [emulatedDevice(), Device.cpu({ threads: 1 })];
    for (const one of mine) {
      const there = one.execute(cuda, PLACED).outputs;
      for (const [name, { after }] of Object.entries(one.execute(cpu, PLACED).outputs)) {
        expect(Buffer.compare(there[name]!.after, after), `${one.shape} ${one.dtype} ${name}`).toBe(0);
      }
    }
  });
});

/** libmedrepro_cuda.so as it is shipped: what it needs, how large it is, which machines it holds code for. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cudaState } from '../../src/native/choose';
import { neededBy } from './elf';

const LIBRARY = join(import.meta.dir, '../../build/native/libmedrepro_cuda.so');

/** 16 MB of the binary's budget. */
const LARGEST = 16e6;

describe.skipIf(!existsSync(LIBRARY))('libmedrepro_cuda.so (built where nvcc is)', () => {
  const bytes = existsSync(LIBRARY) ? readFileSync(LIBRARY) : Buffer.alloc(0);

  test('needs libc and the loader alone', () => {
    expect(neededBy(bytes).toSorted()).toEqual(['ld-linux-x86-64.so.2', 'libc.so.6']);
  });

  test('fits into its share of the binary', () => {
    expect(bytes.length).toBeLessThanOrEqual(LARGEST);
  });

  test('holds machine code for sm_80, sm_86, sm_89 and sm_90a, and PTX of compute_80', () => {
    const { machine, ptx } = codeFor(bytes);
    expect([...machine].toSorted()).toEqual([80, 86, 89, 90]);
    expect([...ptx]).toEqual([80]);
  });
});

test('without a usable GPU one line says which of library, driver or card is missing', () => {
  const { usable, reason } = cudaState();
  if (usable) expect(reason).toMatch(/GB free$/);
  else expect(reason).toMatch(/no CUDA kernels|no NVIDIA driver|driver is for CUDA|finds no GPU|compute capability/);
  expect(reason).not.toContain('\n');
});

/** Architectures in the fat binaries: each begins with a magic number, and each of its entries names kind and architecture. */
function codeFor(elf: Buffer): { machine: Set<number>; ptx: Set<number> } {
  const found = { machine: new Set<number>(), ptx: new Set<number>() };
  const magic = Buffer.from([0x50, 0xed, 0x55, 0xba]);
  for (let at = elf.indexOf(magic); at >= 0; at = elf.indexOf(magic, at + 4)) {
    const header = elf.readUInt16LE(at + 6);
    const end = at + header + Number(elf.readBigUInt64LE(at + 8));
    if (elf.readUInt16LE(at + 4) !== 1 || end > elf.length) continue;
    for (let entry = at + header; entry < end; ) {
      const kind = elf.readUInt16LE(entry);
      (kind === 1 ? found.ptx : found.machine).add(elf.readUInt32LE(entry + 28));
      entry += elf.readUInt32LE(entry + 4) + Number(elf.readBigUInt64LE(entry + 8));
    }
  }
  return found;
}

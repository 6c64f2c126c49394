/** Fixtures whose bytes are compared. */
import { toArrayBuffer } from 'bun:ffi';
import { expect } from 'bun:test';
import type { Dtype } from '../../src/native/tensor';
import { openSafetensors } from '../../src/nn/safetensors';

export interface Stored {
  readonly dtype: Dtype;
  readonly bytes: Uint8Array;
}

/** Every tensor of a safetensors file, copied. */
export function readStored(path: string): Map<string, Stored> {
  const file = openSafetensors(path);
  const copied = [...file.tensors].map(([key, { dtype, address, bytes }]) => {
    const copy = new Uint8Array((toArrayBuffer(address as never, 0, bytes) as ArrayBuffer).slice(0));
    return [key, { dtype, bytes: copy }] as const;
  });
  file.close();
  return new Map(copied);
}

/** Fails with the number of bytes that differ rather than with a screenful of them. */
export function expectBytes(name: string, actual: Uint8Array, expected: Uint8Array): void {
  const different = actual.filter((byte, i) => byte !== expected[i]).length;
  expect([name, actual.length, different]).toEqual([name, expected.length, 0]);
}

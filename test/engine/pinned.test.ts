import { expect, test } from 'bun:test';
import { encodeSafetensors, parseSafetensors, storedF32 } from '../../src/nn/safetensors';

test('weights in memory survive the garbage collector until they are closed', () => {
  const values = Float32Array.from({ length: 500_000 }, (_, i) => i % 251);
  const data = new Uint8Array(values.buffer);
  const bytes = Buffer.concat(encodeSafetensors([{ name: 'w', dtype: 'f32', shape: [values.length], data }]));
  const file = parseSafetensors(bytes, 'in memory');
  for (let round = 0; round < 5; round++) {
    Bun.gc(true);
    // whatever was freed is written over
    for (let i = 0; i < 20; i++) new Uint8Array(new SharedArrayBuffer(bytes.length)).fill(255);
  }
  expect(storedF32(file.tensors.get('w')!)).toEqual(values);
  file.close();
});

/** Asset names cannot leave the asset folders; in a checkout they are files. */

import { describe, expect, test } from 'bun:test';
import { hasAsset, listAssets, packAsset, readAsset, unpackAsset } from '../../src/assets';

describe('assets', () => {
  test.each([
    '../package.json',
    'papers/../package.json',
    'src/main.ts',
    '/etc/passwd',
    'papers',
    'papers//x',
    'papers\\x',
  ])('%s is not a name', (name) => {
    expect(() => readAsset(name)).toThrow('is not the name of an asset');
    expect(() => hasAsset(name)).toThrow('is not the name of an asset');
  });

  test.each(['papers/x.yaml', 'papers/x.safetensors'])('%s is unpacked as it was', (name) => {
    for (const length of [0, 1, 2, 3, 1000, 1001]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + 11) % 251);
      expect(unpackAsset(name, packAsset(name, bytes))).toEqual(bytes);
    }
  });

  test('weights are smaller with their bytes apart', () => {
    const name = 'papers/mini/base-llama/model.safetensors';
    const bytes = readAsset(name);
    expect(packAsset(name, bytes).length / bytes.length).toBeLessThan(0.7);
  });

  test('a name nobody has', () => {
    expect(hasAsset('papers/nobody.yaml')).toBe(false);
    expect(() => readAsset('papers/nobody.yaml')).toThrow('papers/nobody.yaml is not part of this build');
  });

  test('what is listed can be read', () => {
    for (const name of listAssets()) expect(readAsset(name).length).toBeGreaterThanOrEqual(0);
  });
});

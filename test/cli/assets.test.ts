/** Asset names cannot leave the asset folders; in a checkout they are files. */

import { describe, expect, test } from 'bun:test';
import { hasAsset, listAssets, readAsset } from '../../src/assets';

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

  test('a name nobody has', () => {
    expect(hasAsset('papers/nobody.yaml')).toBe(false);
    expect(() => readAsset('papers/nobody.yaml')).toThrow('papers/nobody.yaml is not part of this build');
  });

  test('what is listed can be read', () => {
    for (const name of listAssets()) expect(readAsset(name).length).toBeGreaterThanOrEqual(0);
  });
});

/** What the binary holds of papers and golden files is what the loader makes of them, to the prototype of every object. */

import { expect, test } from 'bun:test';
import { readAssetText } from '../../src/assets';
import { loadPaper } from '../../src/paper/load';
import { restorePaper, storePaper } from '../../src/paper/stored';
import { embeddedPapers, loadEmbedded } from '../../src/paper/target';
import { loadGolden, restoreGolden, storeGolden } from '../../src/verify/golden';

test.each(embeddedPapers())('%s', (id) => {
  const name = `papers/${id}.yaml`;
  const text = readAssetText(name);
  const stored = storePaper(id, text);
  const { readings } = loadEmbedded(id);
  expect(stored.map((one) => one.name)).toEqual(readings.map((reading) => `papers/${id}.${reading}.json`));
  for (const [i, reading] of readings.entries()) {
    const loaded = loadPaper(text, { kind: 'embedded', name }, reading);
    expect(difference(restorePaper(stored[i]!.text), loaded)).toBeNull();
  }
});

test.each(embeddedPapers())('golden %s', (id) => {
  const name = `golden/${id}.yaml`;
  const loaded = loadGolden(readAssetText(name), name, loadEmbedded(id));
  const stored = storeGolden(readAssetText(name), loadEmbedded(id));
  expect(stored.name).toBe(`golden/${id}.json`);
  expect(difference(restoreGolden(stored.text), loaded)).toBeNull();
});

test('a difference is found', () => {
  const loaded = loadEmbedded('abjadmed');
  expect(difference({ ...loaded, title: 'x' }, loaded)).toBe('title');
  expect(difference({ ...loaded, models: { ...loaded.models } }, loaded)).toBe('models');
  expect(difference({ ...loaded, golden: undefined }, loaded)).toBe('golden');
});

/** The path of the first difference in values, in the order of keys or in prototypes. */
function difference(a: unknown, b: unknown, path = ''): string | null {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b) ? null : path;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return path;
  const [left, right] = [Object.entries(a), Object.entries(b)];
  if (left.map(([key]) => key).join('\n') !== right.map(([key]) => key).join('\n')) return path;
  for (const [i, [key, value]] of left.entries()) {
    const found = difference(value, right[i]![1], path === '' ? key : `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

/** Hashes of large files are remembered, and never believed of a file that has changed. */
import { afterEach, beforeEach, describe, expect, spyOn, test } from 'bun:test';
import fs, { chmodSync, existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { sha256File } from '../../src/nn/file-hash';
import { type Box, box } from '../cli/box';

const sha256 = (text: string): string => new Bun.CryptoHasher('sha256').update(text).digest('hex');
let made: Box;
beforeEach(() => {
  made = box();
});
afterEach(() => made.remove());
const memory = () => ({ folder: made.at('cache', 'medrepro'), least: 4 });
const later = (): ReturnType<typeof spyOn> => spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);

test('a settled file is read once', () => {
  const file = made.write('model.safetensors', 'weights');
  const clock = later();
  expect(sha256File(file, memory())).toBe(sha256('weights'));
  clock.mockRestore();
  const cache = made.at('cache', 'medrepro', 'sha256.json');
  expect(statSync(made.at('cache', 'medrepro')).mode & 0o777).toBe(0o700);
  // what is remembered is what is said: another hash there is given out
  writeFileSync(cache, readFileSync(cache, 'utf8').replace(sha256('weights'), sha256('remembered')));
  expect(sha256File(file, memory())).toBe(sha256('remembered'));
});

describe('read again', () => {
  test('content of the same size and times', () => {
    const file = made.write('model.safetensors', 'weights');
    const { atime, mtime } = statSync(file);
    const clock = later();
    expect(sha256File(file, memory())).toBe(sha256('weights'));
    writeFileSync(file, 'WEIGHTS');
    utimesSync(file, atime, mtime);
    expect(sha256File(file, memory())).toBe(sha256('WEIGHTS'));
    clock.mockRestore();
  });
  test('a file that changed a moment ago, a small one, and without a folder', () => {
    const file = made.write('model.safetensors', 'weights');
    expect(sha256File(file, memory())).toBe(sha256('weights'));
    const clock = later();
    expect(sha256File(file, { ...memory(), least: 100 })).toBe(sha256('weights'));
    expect(sha256File(file, { ...memory(), folder: null })).toBe(sha256('weights'));
    clock.mockRestore();
    expect(existsSync(made.at('cache'))).toBeFalse();
  });
  test.each(['{', '[["a", "b"]]', '{"a": 1}', ''])('a damaged memory: %j', (content) => {
    const file = made.write('model.safetensors', 'weights');
    fs.mkdirSync(memory().folder, { recursive: true, mode: 0o700 });
    writeFileSync(made.at('cache', 'medrepro', 'sha256.json'), content);
    const clock = later();
    expect(sha256File(file, memory())).toBe(sha256('weights'));
    expect(sha256File(file, memory())).toBe(sha256('weights'));
    clock.mockRestore();
  });
  test('a folder that others may write to', () => {
    const file = made.write('model.safetensors', 'weights');
    const { folder } = memory();
    fs.mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
    const clock = later();
    expect(sha256File(file, memory())).toBe(sha256('weights'));
    clock.mockRestore();
    expect(existsSync(made.at('cache', 'medrepro', 'sha256.json'))).toBeFalse();
  });
});

test('512 files at most are remembered', () => {
  const { folder } = memory();
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const before = Array.from({ length: 512 }, (_, i) => [`key ${i}`, sha256(`weights ${i}`)]);
  const cache = made.write('cache/medrepro/sha256.json', JSON.stringify(before));
  const clock = later();
  sha256File(made.write('model.safetensors', 'weights'), memory());
  clock.mockRestore();
  const entries = JSON.parse(readFileSync(cache, 'utf8')) as string[][];
  expect(entries.length).toBe(512);
  expect([entries[0]![0], entries.at(-1)![1]]).toEqual(['key 1', sha256('weights')]);
});

import { afterAll, describe, expect, it } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { RowStore } from '../../src/data/row-store';

describe('RowStore', () => {
  it('gives back what was added: texts, missing values, lines', () => {
    const cell = fc.option(fc.string({ unit: 'grapheme' }));
    const row = fc.tuple(fc.array(cell, { minLength: 3, maxLength: 3 }), fc.option(fc.integer({ min: 1, max: 1e9 })));
    fc.assert(
      fc.property(fc.array(row), (rows) => {
        const store = new RowStore(['a', 'b', 'c'], 'f');
        for (const [cells, line] of rows) store.add(cells, line);
        const read = store.map(({ cells, missing = [], line }) => {
          const texts = ['a', 'b', 'c'].map((name) => (missing.includes(name) ? null : cells[name]!));
          for (const name of missing) expect(cells[name]).toBe('');
          return [texts, line] as const;
        });
        expect(read).toEqual(rows);
      }),
    );
  });

  it('has room for texts around the size of a block, and for empty ones at its end', () => {
    const block = 2 ** 22;
    const lengths = [block - 1, 1, 0, block, 0, block + 1, 0, 3, 5 * block, 2, block / 2, block / 2, 0, 7];
    const store = new RowStore(['text', 'n'], 'f');
    for (const [i, length] of lengths.entries()) store.add([String(i % 10).repeat(length), String(i)], null);
    for (const [i, length] of lengths.entries()) {
      expect(store.text(i, 'text') === String(i % 10).repeat(length)).toBe(true);
      expect(store.text(i, 'n')).toBe(String(i));
    }
  });

  it('keeps a text once that rows share, however long', () => {
    const store = new RowStore(['context', 'id'], 'f', 2 ** 20);
    const context = 'ab'.repeat(2 ** 18);
    for (let i = 0; i < 64; i++) store.add([context, String(i)], null);
    expect([store.text(63, 'context') === context, store.text(63, 'id')]).toEqual([true, '63']);
  });

  it('says when texts take more than a file may', () => {
    const store = new RowStore(['text'], 'rows.parquet', 2 ** 20);
    store.add(['x'.repeat(2 ** 20)], null);
    expect(() => store.add(['y'], null)).toThrow('the texts of the wanted columns take more than 1 MiB');
  });
});

/** What read-peak.ts prints. */
interface Peak {
  readonly bytes: number;
  readonly taken: number;
  readonly isWhole: boolean;
}

describe('reading a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'medrepro-read-peak-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(['csv', 'json', 'columns'])(
    '%s: takes at most three times its size',
    (form) => {
      const program = join(import.meta.dir, 'read-peak.ts');
      const { stdout, stderr } = Bun.spawnSync([process.execPath, program, folder, form]);
      expect(stderr.toString()).toBe('');
      const { bytes, taken, isWhole } = JSON.parse(stdout.toString()) as Peak;
      expect(isWhole).toBe(true);
      expect(bytes).toBeGreaterThan(40e6);
      expect(taken / bytes).toBeLessThan(3);
    },
    60_000,
  );
});

/**
 * The emulation itself (kernels/cuda/emulation/test_emulation.cpp): kernels with one fault each must be reported by its kind, and
 * the same kernels without the fault must pass. Without this, a green run of the others would prove little.
 */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { notEmulated } from './emulated';

const PROGRAM = join(import.meta.dir, '../../build/kernels/test/medrepro_emulation_test');

describe.skipIf(notEmulated !== null)('the emulation', () => {
  test('reports every fault by its kind and passes the same kernels without it', () => {
    const { stdout, exitCode } = Bun.spawnSync([PROGRAM]);
    const lines = stdout.toString().trimEnd().split('\n');
    const [, passed] = /^(\d+) passed, 0 failed$/.exec(lines.at(-1)!) ?? [];
    expect(lines.slice(0, -1).filter((line) => !line.startsWith('ok '))).toEqual([]);
    expect(Number(passed)).toBeGreaterThanOrEqual(40);
    expect(exitCode).toBe(0);
  });
});

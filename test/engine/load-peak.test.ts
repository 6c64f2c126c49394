/** Loading quantises tensor by tensor: the pages of the file it has read do not stay in memory. */
import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = mkdtempSync(join(tmpdir(), 'medrepro-load-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

/** 151 million weights in linears: a file of 302 MB. */
const SHAPE = {
  hiddenSize: 1024,
  intermediateSize: 4096,
  layers: 9,
  heads: 16,
  kvHeads: 16,
  headDim: 64,
  vocabSize: 512,
};

test.each(['nf4', 'int8'])(
  '%s',
  (kind) => {
    const command = [process.execPath, join(import.meta.dir, 'load-peak.ts'), FOLDER, JSON.stringify(SHAPE), kind];
    const { stdout, stderr, exitCode } = Bun.spawnSync(command);
    expect(exitCode, stderr.toString()).toBe(0);
    const { fileBytes, packedBytes, before, peak } = JSON.parse(stdout.toString()) as Record<string, number>;
    expect(fileBytes!).toBeGreaterThan(300e6);
    expect(packedBytes! / fileBytes!).toBeLessThan(kind === 'nf4' ? 0.27 : 0.51);
    // the rest: scales restored to fp32, one tensor of the file, the interpreter's own growth
    expect(peak! - before! - packedBytes!).toBeLessThan(64e6);
  },
  60_000,
);

/** model.safetensors.index.json: names of tensors and of files, beside shards that are sound. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFolder } from '../../src/nn/model-files';
import { ROOT } from '../stages';
import { damageJson } from './damage';
import type { FuzzTarget } from './harness';

const INDEX = 'model.safetensors.index.json';
const SOURCE = join(ROOT, 'test', 'fixtures', 'loading', 'index');
let folder: string | null = null;

/** A copy of the checkpoint, for this process. */
function copy(): string {
  if (folder !== null) return folder;
  const made = mkdtempSync(join(tmpdir(), 'medrepro-fuzz-'));
  cpSync(SOURCE, made, { recursive: true });
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}

export const target: FuzzTarget = {
  name: 'model-index',
  seeds: () => [readFileSync(join(SOURCE, INDEX))],
  parse: (input) => {
    writeFileSync(join(copy(), INDEX), input);
    openModelFolder(copy()).tensors.close();
  },
  mutate: (seed, random) => new TextEncoder().encode(damageJson(new TextDecoder().decode(seed), random)),
};

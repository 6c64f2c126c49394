/** safetensors files: as such, and as the quantised weights of a model that is loaded with them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Device } from '../../src/native/device';
import { parseConfig } from '../../src/nn/config-file';
import { loadModel, type ModelFiles, type ModelOptions } from '../../src/nn/model';
import { isFloating, parseSafetensors, storedBytes, storedF32 } from '../../src/nn/safetensors';
import { TEXT_PREFIX } from '../../src/paper/module-names';
import { ROOT } from '../stages';
import { damageJson } from './damage';
import type { FuzzTarget } from './harness';

const FIXTURES = join(ROOT, 'test', 'fixtures', 'loading');
const CONFIG = parseConfig(readFileSync(join(FIXTURES, 'bnb', 'dense-null', 'config.json'), 'utf8'), 'config.json');
const FILES: Omit<ModelFiles, 'tensors'> = {
  name: 'fuzz',
  config: CONFIG,
  storedNames: new Map(),
  prefix: TEXT_PREFIX,
  quantisation: null,
  sha256: '',
  warnings: [],
};
const OPTIONS: ModelOptions = {
  task: 'causal-lm',
  classes: 0,
  compute: 'fp32',
  quantisation: null,
  resident: false,
  adapter: null,
  fullParameter: false,
  seed: 1,
};

export const target: FuzzTarget = {
  name: 'safetensors',
  // Llama's, of one config
  seeds: () =>
    ['bnb/dense-null', 'bnb/storage-fp16', 'bnb/storage-fp32', 'bnb/dense-int8', 'float64', 'own-head/llama'].map(
      (name) => readFileSync(join(FIXTURES, name, 'model.safetensors')),
    ),
  parse: (input) => {
    const file = parseSafetensors(input, 'fuzz.safetensors');
    try {
      for (const tensor of file.tensors.values()) (isFloating(tensor) ? storedF32 : storedBytes)(tensor);
      loadModel(Device.plan(), { ...FILES, tensors: file }, OPTIONS);
    } finally {
      file.close();
    }
  },
  /** The header as JSON, its length right again. */
  mutate: (seed, random) => {
    const length = Number(new DataView(seed.buffer, seed.byteOffset).getBigUint64(0, true));
    const header = damageJson(new TextDecoder().decode(seed.subarray(8, 8 + length)), random);
    const text = new TextEncoder().encode(header);
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(text.length), true);
    return new Uint8Array(Buffer.concat([size, text, seed.subarray(8 + length)]));
  },
};

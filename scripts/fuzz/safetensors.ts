/** safetensors files: as such, and as the quantised weights of a model that is loaded with them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Device } from '../../src/native/device';
import { parseConfig } from '../../src/nn/config-file';
import { loadModel, type ModelFiles } from '../../src/nn/model';
import { isFloating, parseSafetensors, storedBytes, storedF32 } from '../../src/nn/safetensors';
import { TEXT_PREFIX } from '../../src/paper/module-names';
import { PLAIN } from '../../test/engine/support';
import { safetensorsFile, safetensorsParts } from '../../test/safetensors-file';
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
      loadModel(Device.plan(), { ...FILES, tensors: file }, PLAIN);
    } finally {
      file.close();
    }
  },
  /** The header as JSON, its length right again. */
  mutate: (seed, random) => {
    const { header, data } = safetensorsParts(seed);
    return safetensorsFile({ header: damageJson(header, random), data });
  },
};

/** config.json of a checkpoint: sizes, rotary settings, quantisation; what is read is written and read again. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { quantisationOf } from '../../src/nn/bitsandbytes';
import { linearShapes } from '../../src/nn/config';
import { configJson, parseConfig, unknownConfigFields } from '../../src/nn/config-file';
import { rotaryFrequencies } from '../../src/nn/rope';
import { ROOT } from '../stages';
import { damageJson } from './damage';
import type { FuzzTarget } from './harness';

const FIXTURES = join(ROOT, 'test', 'fixtures');

export const target: FuzzTarget = {
  name: 'config',
  seeds: () => {
    const published = readdirSync(join(FIXTURES, 'configs')).filter((name) => /\.v\d\.json$/.test(name));
    const bnb = readdirSync(join(FIXTURES, 'loading', 'bnb')).map((name) =>
      join('loading', 'bnb', name, 'config.json'),
    );
    return [...published.map((name) => join('configs', name)), ...bnb].map((path) =>
      readFileSync(join(FIXTURES, path)),
    );
  },
  parse: (input) => {
    const text = new TextDecoder().decode(input);
    const config = parseConfig(text, 'config.json');
    unknownConfigFields(text, 'config.json');
    quantisationOf((JSON.parse(text) as { quantization_config?: unknown }).quantization_config, 'config.json');
    parseConfig(configJson(config, 'float32'), 'config.json');
    linearShapes(config);
    return rotaryFrequencies(Math.min(config.headDim, 256), config.rope.full);
  },
  mutate: (seed, random) => new TextEncoder().encode(damageJson(new TextDecoder().decode(seed), random)),
};

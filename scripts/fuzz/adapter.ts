/** Adapters: adapter_config.json and the header of adapter_model.safetensors together, put on a model that is loaded with them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Device } from '../../src/native/device';
import { withEmbeddings } from '../../src/nn/adapter-embeddings';
import { imageChanges } from '../../src/nn/image-changes';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { loadAdapter, readAdapter } from '../../src/nn/peft';
import { parseSafetensors } from '../../src/nn/safetensors';
import { PLAIN } from '../../test/engine/support';
import { safetensorsFile, safetensorsParts } from '../../test/safetensors-file';
import { ROOT } from '../stages';
import { damageJson } from './damage';
import type { FuzzTarget } from './harness';

const FIXTURES = join(ROOT, 'test', 'fixtures');
const ADAPTERS = [
  'adapters/peft-adalora',
  'adapters/peft-lora-pattern',
  'adapters/peft-modules-to-save',
  'adapters/peft-rslora',
  'adapter-embeddings/resized-tied',
  'adapter-embeddings/token-rows',
];
const MULTIMODAL = ['multimodal/all-linear', 'multimodal/expression', 'multimodal/old-names'];

/** Which base, the config's length, the config, the weights. */
function joined(base: number, config: Uint8Array, weights: Uint8Array): Uint8Array {
  const head = new Uint8Array(5);
  head[0] = base;
  new DataView(head.buffer).setUint32(1, config.length, true);
  return new Uint8Array(Buffer.concat([head, config, weights]));
}

function parted(input: Uint8Array): { base: number; config: Uint8Array; weights: Uint8Array } {
  if (input.length < 5) return { base: 0, config: input, weights: new Uint8Array(0) };
  const length = new DataView(input.buffer, input.byteOffset).getUint32(1, true);
  return { base: input[0]! % 2, config: input.subarray(5, 5 + length), weights: input.subarray(5 + length) };
}

const BASES = ['qwen3/causal-tied', 'multimodal/base'];

export const target: FuzzTarget = {
  name: 'adapter',
  seeds: () =>
    [...ADAPTERS, ...MULTIMODAL].map((name) =>
      joined(
        MULTIMODAL.includes(name) ? 1 : 0,
        readFileSync(join(FIXTURES, name, 'adapter_config.json')),
        readFileSync(join(FIXTURES, name, 'adapter_model.safetensors')),
      ),
    ),
  parse: (input) => {
    const { base, config, weights } = parted(input);
    const tensors = parseSafetensors(weights, 'fuzz.safetensors');
    const opened = readAdapter('fuzz', new TextDecoder().decode(config), tensors);
    let files = openModelFolder(join(FIXTURES, BASES[base]!));
    try {
      const embedded = withEmbeddings(files, opened);
      const { adapter } = embedded;
      ({ files } = embedded);
      const device = Device.plan();
      const model = loadModel(device, files, { ...PLAIN, adapter: adapter.options });
      loadAdapter(device, model, adapter, files);
      imageChanges(adapter);
    } finally {
      files.tensors.close();
      tensors.close();
    }
  },
  /** The config or the header as JSON, its length right again. */
  mutate: (seed, random) => {
    const { base, config, weights } = parted(seed);
    if (random() < 0.6) {
      const damaged = damageJson(new TextDecoder().decode(config), random);
      return joined(base, new TextEncoder().encode(damaged), weights);
    }
    const { header, data } = safetensorsParts(weights);
    return joined(base, config, safetensorsFile({ header: damageJson(header, random), data }));
  },
};

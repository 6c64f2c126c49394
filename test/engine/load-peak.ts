/**
 * Loads a checkpoint of zeros of a given shape, quantised, and prints what that took as JSON: run as a program of its own,
 * because the peak of a process never falls again. The file is sparse: it takes no disk, and its pages are read like any.
 *
 *   bun test/engine/load-peak.ts FOLDER '{"hiddenSize": …}' nf4|int8
 */
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Device, hostLibrary } from '../../src/native/device';
import { blockNorms, decoderConfig, linearShapes } from '../../src/nn/config';
import { configJson } from '../../src/nn/config-file';
import { loadModel, openModelFolder } from '../../src/nn/model';
import type { QuantisationOptions } from '../../src/nn/weights';
import { PLAIN } from './support';

const KINDS: Readonly<Record<string, QuantisationOptions>> = {
  nf4: { kind: 'nf4', doubleQuant: true, blockSize: 64 },
  int8: { kind: 'int8', threshold: 6 },
};

const [folder, json, kind] = process.argv.slice(2) as [string, string, string];
const config = decoderConfig('llama', {
  rmsNormEpsilon: 1e-5,
  maxPositions: 64,
  tieWordEmbeddings: false,
  labels: 0,
  padTokenId: null,
  eosTokenIds: [1],
  ropeTheta: 1e4,
  ...(JSON.parse(json) as Pick<
    Parameters<typeof decoderConfig>[1],
    'hiddenSize' | 'intermediateSize' | 'layers' | 'heads' | 'kvHeads' | 'headDim' | 'vocabSize'
  >),
});

writeFileSync(join(folder, 'config.json'), configJson(config, 'bfloat16'));
const shapes = new Map<string, readonly number[]>([['model.norm.weight', [config.hiddenSize]]]);
for (const name of ['model.embed_tokens.weight', 'lm_head.weight']) {
  shapes.set(name, [config.vocabSize, config.hiddenSize]);
}
for (let layer = 0; layer < config.layers; layer++) {
  for (const [name, shape] of Object.entries(linearShapes(config))) {
    shapes.set(`model.layers.${layer}.${name}.weight`, shape);
  }
  for (const { name, size } of blockNorms(config)) shapes.set(`model.layers.${layer}.${name}.weight`, [size]);
}
let end = 0;
const entries = [...shapes].map(([name, shape]) => {
  const begin = end;
  end += shape.reduce((product, side) => product * side, 2);
  return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }] as const;
});
const text = JSON.stringify(Object.fromEntries(entries));
// tensors begin on 8 bytes, as every writer pads them
const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
const size = Buffer.alloc(8);
size.writeBigUInt64LE(BigInt(header.length));
const file = openSync(join(folder, 'model.safetensors'), 'w');
writeSync(file, size);
writeSync(file, header);
ftruncateSync(file, 8 + header.length + end);
closeSync(file);

const device = Device.cpu({ threads: 2 });
const host = hostLibrary();
const before = host.peakMemory();
const start = performance.now();
const model = loadModel(device, openModelFolder(folder), { ...PLAIN, compute: 'bf16', quantisation: KINDS[kind]! });
const seconds = (performance.now() - start) / 1e3;
const embeddings = 2 * config.vocabSize * config.hiddenSize * 2;
const peak = host.peakMemory();
console.log(
  JSON.stringify({ fileBytes: end, packedBytes: model.baseBytes - embeddings, embeddings, before, peak, seconds }),
);
device.destroy();

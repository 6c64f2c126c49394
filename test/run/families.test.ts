/** `--model` of every family, as one file and as shards: a classifier is trained on it, and its loss falls. */
import { expect, test } from 'bun:test';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DecoderFeatures, decoderConfig, FAMILIES, type Family } from '../../src/nn/config';
import { openModelFolder } from '../../src/nn/model-files';
import { openSafetensors, storedF32, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import { experiment, read, request, run, SIZES, sandbox, stepsOf } from './support';

const FEATURES: Partial<Record<Family, Partial<DecoderFeatures>>> = {
  gemma3: {
    attentionScale: 1 / Math.sqrt(24),
    layerPattern: ['sliding', 'full'],
    window: 5,
    rope: { full: { theta: 1e6, scaling: { kind: 'linear', factor: 8 } }, sliding: { theta: 1e4, scaling: null } },
  },
};

/** Splits the weights of a folder into a file per block and one for the rest. */
function intoShards(folder: string): void {
  const { tensors } = openModelFolder(folder);
  const shards = new Map<string, TensorToWrite[]>();
  for (const [name, stored] of tensors.tensors) {
    const layer = /layers\.(\d+)/.exec(name)?.[1] ?? 'rest';
    const data = new Uint8Array(storedF32(stored).buffer);
    shards.set(layer, [...(shards.get(layer) ?? []), { name, dtype: 'f32', shape: stored.shape, data }]);
  }
  tensors.close();
  const map: Record<string, string> = {};
  for (const [layer, part] of shards) {
    const file = `model-${layer}.safetensors`;
    writeSafetensors(join(folder, file), part);
    for (const { name } of part) map[name] = file;
  }
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  rmSync(join(folder, 'model.safetensors'));
}

test.each([...FAMILIES])(
  '%s',
  async (family) => {
    const box = sandbox(decoderConfig(family, SIZES, FEATURES[family]));
    try {
      const what = experiment({ epochs: 2 });
      const single = await run(request(box, { out: join(box.path, 'single') }), what);
      expect(single.error).toBeNull();
      intoShards(box.model);
      const sharded = await run(request(box, { out: join(box.path, 'sharded') }), what);
      expect(sharded.error).toBeNull();
      const [a, b] = [single.executed!.directory.path, sharded.executed!.directory.path];
      expect(stepsOf(b)).toEqual(stepsOf(a));
      // the files differ in the hash of their base
      expect(adapterOf(b)).toEqual(adapterOf(a));
      const losses = (stepsOf(a) as { loss: number }[]).map(({ loss }) => loss);
      const mean = (part: number[]): number => part.reduce((sum, loss) => sum + loss, 0) / part.length;
      expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
      expect(read(a, 'manifest.json')).toContain('"sha256"');
    } finally {
      box.remove();
    }
  },
  60_000,
);

/** The trained tensors of a run. */
function adapterOf(run: string): [string, Float32Array][] {
  const file = openSafetensors(join(run, 'adapter', 'adapter_model.safetensors'));
  const values = [...file.tensors].map(([name, stored]): [string, Float32Array] => [name, storedF32(stored)]);
  file.close();
  return values;
}

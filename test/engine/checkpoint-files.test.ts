/** Checkpoints in shards, split and indexed as huggingface_hub's split_torch_state_dict_into_shards does. */
import { afterAll, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeWeights } from '../../src/nn/checkpoint';
import { openSafetensors } from '../../src/nn/safetensors';
import { box } from '../cli/box';

const folder = box();
afterAll(() => folder.remove());

const tensor = (name: string, values: number) => ({
  name,
  dtype: 'f32' as const,
  shape: [values],
  data: () => new Uint8Array(Float32Array.from({ length: values }, (_, i) => i).buffer),
});

test('a tensor above the limit is a shard of its own; the others fill up', () => {
  writeWeights(folder.path, [tensor('c', 4), tensor('b', 3), tensor('big', 20), tensor('a', 1), tensor('d', 6)], 32);
  const names = (file: string): string[] => {
    const open = openSafetensors(join(folder.path, file));
    const found = [...open.tensors.keys()];
    open.close();
    return found;
  };
  const files = readdirSync(folder.path).sort();
  expect(files.filter((name) => name.endsWith('.safetensors')).map(names)).toEqual([['big'], ['c', 'b', 'a'], ['d']]);
  const index = JSON.parse(readFileSync(join(folder.path, 'model.safetensors.index.json'), 'utf8'));
  expect(index).toEqual({
    metadata: { total_parameters: 34, total_size: 136 },
    weight_map: {
      a: 'model-00002-of-00003.safetensors',
      b: 'model-00002-of-00003.safetensors',
      big: 'model-00001-of-00003.safetensors',
      c: 'model-00002-of-00003.safetensors',
      d: 'model-00003-of-00003.safetensors',
    },
  });
});

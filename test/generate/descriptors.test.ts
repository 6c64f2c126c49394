/** A model on disk that cannot be loaded leaves nothing open, at whichever stage it fails. */
import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateJob } from '../../src/commands/generate/job';
import type { GenerateRequest } from '../../src/commands/generate/request';
import { FIXTURES } from '../engine/support';
import { heldBelow } from '../held';
import { CONFIG, sandbox, writeModel } from '../run/support';

setDefaultTimeout(60_000);

const box = sandbox();
afterAll(() => box.remove());

const CONTEXT = { emit: () => {}, cancelled: () => false };
const ids = join(box.path, 'ids.json');
writeFileSync(ids, '{"ids": [[1, 2, 3]]}');

const request = (changes: Partial<GenerateRequest>): GenerateRequest => ({
  model: box.model,
  adapter: null,
  precision: 'fp32',
  quantise: null,
  device: 'cpu',
  threads: 1,
  isa: null,
  maxNewTokens: 2,
  repetitionPenalty: null,
  noRepeatNgramSize: null,
  eos: null,
  prompts: { kind: 'ids', path: ids },
  tokenizer: null,
  chat: false,
  system: null,
  date: null,
  sampling: null,
  stream: false,
  ...changes,
});

/** A copy of a folder, with something done to it. */
function changed(from: string, name: string, change: (folder: string) => void): string {
  const folder = join(box.path, name);
  cpSync(from, folder, { recursive: true });
  change(folder);
  return folder;
}

const ADAPTER = join(FIXTURES, 'adapters', 'peft-rslora');
const cut = (file: string) => (folder: string) => truncateSync(join(folder, file), 500);

test('a model that is loaded is closed after use', async () => {
  await generateJob(request({}), CONTEXT);
  const before = heldBelow(box.path);
  expect(before.files).toEqual([]);
  await generateJob(request({}), CONTEXT);
  expect(heldBelow(box.path)).toEqual(before);
});

test.each<[string, () => Partial<GenerateRequest>, RegExp]>([
  ['the weights', () => ({ model: changed(box.model, 'cut', cut('model.safetensors')) }), /truncated/],
  [
    "the checkpoint's generation settings",
    () => ({
      model: changed(box.model, 'odd', (folder) => writeFileSync(join(folder, 'generation_config.json'), '[')),
    }),
    /generation_config\.json|JSON/,
  ],
  ['an adapter that is not there', () => ({ adapter: join(box.path, 'no-adapter') }), /no-adapter/],
  [
    'the weights of the adapter',
    () => ({ adapter: changed(ADAPTER, 'cut-adapter', cut('adapter_model.safetensors')) }),
    /truncated/,
  ],
  [
    'an adapter of another model',
    () => ({ adapter: changed(ADAPTER, 'other-adapter', () => {}) }),
    /is \[4, 48\], the model takes \[4, 32\]/,
  ],
  [
    'a configuration of other sizes',
    () => {
      const model = changed(box.model, 'sizes', () => {});
      const other = join(box.path, 'larger');
      writeModel(other, { ...CONFIG, intermediateSize: 64 });
      cpSync(join(other, 'config.json'), join(model, 'config.json'));
      return { model };
    },
    /config\.json says/,
  ],
])('loading fails at %s', async (_, changes, message) => {
  const asked = request(changes());
  const before = heldBelow(box.path);
  for (let times = 0; times < 2; times++) {
    const error = await generateJob(asked, CONTEXT).then(
      () => null,
      (thrown: Error) => thrown,
    );
    expect(error?.message).toMatch(message);
  }
  expect(heldBelow(box.path)).toEqual(before);
});

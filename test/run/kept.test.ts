/** What a run keeps of what it trained: a whole model for transformers where every parameter was trained. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { openModelFolder } from '../../src/nn/model';
import { openSafetensors } from '../../src/nn/safetensors';
import { experiment, filesOf, read, request, run, type Sandbox, sandbox } from './support';

let box: Sandbox;
beforeAll(() => {
  box = sandbox();
  cpSync(box.tokenizer, box.model, { recursive: true });
});
afterAll(() => box.remove());

const full = { ...experiment({ epochs: 1, selection: 'last' }), adapter: null, quantisation: null };

describe('every parameter trained', () => {
  test('the run directory holds the model, which gives the tested results when it is run as it is', async () => {
    const { executed, events, error } = await run(request(box), full);
    expect(error).toBeNull();
    const { directory, result } = executed!;
    const model = directory.file('model');
    expect(filesOf(model)).toEqual(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
    expect(events.some((event) => event.kind === 'info' && event.message.includes(model))).toBeTrue();
    expect(JSON.parse(read(directory.path, 'manifest.json'))).toMatchObject({ weights: 'model' });

    const config = JSON.parse(read(model, 'config.json')) as Record<string, unknown>;
    const classes = { 0: 'class 0', 1: 'class 1', 2: 'class 2', 3: 'class 3' };
    expect(config).toMatchObject({
      architectures: ['Qwen3ForSequenceClassification'],
      dtype: 'float32',
      id2label: classes,
    });
    const [before, after] = [box.model, model].map((folder) => openSafetensors(join(folder, 'model.safetensors')));
    expect([...after!.tensors.keys()].sort()).toEqual([...before!.tensors.keys(), 'score.weight'].sort());
    before!.close();
    after!.close();
    expect(openModelFolder(model).config.labels).toBe(4);

    const untrained = { ...full, training: { ...full.training, epochs: 0 } };
    const again = await run(request(box, { model, out: join(box.path, 'again') }), untrained);
    expect(again.error).toBeNull();
    for (const [name, { value }] of Object.entries(again.executed!.result.metrics)) {
      expect({ [name]: value }).toEqual({ [name]: result.metrics[name]!.value });
    }
    // nothing was trained, so nothing is kept
    expect(existsSync(again.executed!.directory.file('model'))).toBeFalse();
    expect(JSON.parse(read(again.executed!.directory.path, 'manifest.json'))).toMatchObject({ weights: null });
  });

  test('the miniatures of the binary too, with their tokeniser', async () => {
    const asked = request(box, { model: null, tokenizer: null, out: join(box.path, 'embedded') });
    const { executed, error } = await run(asked, full);
    expect(error).toBeNull();
    const model = executed!.directory.file('model');
    expect(filesOf(model)).toEqual(['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json']);
    expect(openModelFolder(model).config.labels).toBe(4);
  });
});

test('the adapter has the selected weights, whichever base they were tested on', async () => {
  const training = { epochs: 2, selection: 'best-loss', evaluateEvery: { steps: 3 }, learningRate: 0.2 } as const;
  const own = experiment(training);
  const data = { kind: 'splits', train: box.train, validation: box.test, test: box.test } as const;
  const kept = async (tested: 'quantised' | 'unquantised'): Promise<{ adapter: string; steps: number[] }> => {
    const what = { ...own, quantisation: { ...own.quantisation!, tested } };
    const { executed, error } = await run(request(box, { data, out: join(box.path, tested) }), what);
    expect(error).toBeNull();
    const { directory, result, log } = executed!;
    const adapter = read(directory.path, 'adapter', 'adapter_model.safetensors');
    return { adapter, steps: [result.selectedStep!, log.length] };
  };
  const [packed, whole] = [await kept('quantised'), await kept('unquantised')];
  expect(packed.steps[0]!).toBeLessThan(packed.steps[1]!);
  expect(whole.steps).toEqual(packed.steps);
  expect(whole.adapter).toBe(packed.adapter);
});

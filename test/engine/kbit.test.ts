/**
 * What was done to the unquantised parameters before training, against torch under bf16 autocast (test/fixtures/kbit): each
 * preparation is within twice the error that torch itself makes with it, and gives the residual stream the dtype it says.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { cast } from '../../src/autograd/ops/elementwise';
import { Tape } from '../../src/autograd/tape';
import { Device } from '../../src/native/device';
import type { KbitPreparation } from '../../src/nn/decoder';
import { loadModel, type Model, openModelFolder } from '../../src/nn/model';
import { causalLogits, causalPass } from '../../src/train/pass';
import {
  type CaseJson,
  caseRows,
  FIXTURES,
  forwardOptions,
  loadTrainable,
  PLAIN,
  readJson,
  readTensors,
  relativeError,
} from './support';

const peer = readTensors('kbit', 'case.safetensors');
const rows = caseRows(readJson<CaseJson>('kbit', 'case.json'));
const files = openModelFolder(join(FIXTURES, 'kbit/base'));
const device = Device.cpu({ threads: 2, capacity: 2 ** 30 });
afterAll(() => device.destroy());

function load(compute: 'fp32' | 'bf16', kbitPreparation: KbitPreparation): Model {
  const model = loadModel(device, files, {
    ...PLAIN,
    compute,
    quantisation: { kind: 'nf4', doubleQuant: true, blockSize: 64, kbitPreparation },
    adapter: { rank: 4, alpha: 16, dropout: 0, targets: ['q_proj', 'v_proj'] },
  });
  loadTrainable(device, model, readTensors('qwen3/causal-lora/adapter/adapter_model.safetensors'));
  model.decoder.prepare(32);
  return model;
}

/** Logits and gradients, by the names of the fixture. */
function run(compute: 'fp32' | 'bf16', preparation: KbitPreparation): Map<string, Float32Array> {
  return device.scope(() => {
    const model = load(compute, preparation);
    const options = forwardOptions(compute);
    const logits = device.scope(() => device.readF32(causalLogits(new Tape(device, false), model, rows, options)));
    const { count } = causalPass(device, model, rows, null, options);
    causalPass(device, model, rows, 1 / count, options);
    const gradients = [...model.trainable].map(
      ([name, tensor]) => [`grad.${name}`, device.readF32(tensor.grad!)] as const,
    );
    return new Map([['logits', logits], ...gradients]);
  });
}

const NAMES = [...peer.keys()].filter((name) => name.startsWith('exact.')).map((name) => name.slice('exact.'.length));
const of = (mode: string, name: string): Float32Array => peer.get(`${mode}.${name}`)!;

test('in fp32 a preparation changes nothing', () => {
  expect(NAMES.length).toBe(9);
  const none = run('fp32', 'none');
  for (const name of NAMES) expect(relativeError(none.get(name)!, of('exact', name)), name).toBeLessThan(1e-5);
  for (const preparation of ['peft', 'trl-norms'] as const) expect(run('fp32', preparation)).toEqual(none);
});

describe.each(['none', 'peft', 'trl-norms'] as const)('%s', (preparation) => {
  test('logits and gradients in bf16 are within twice the error of torch', () => {
    const ours = run('bf16', preparation);
    for (const name of NAMES) {
      const torch = relativeError(of(preparation, name), of('exact', name));
      expect(relativeError(ours.get(name)!, of('exact', name)), name).toBeLessThan(2 * torch);
    }
  });

  test('dtype of the residual stream, recomputed or not', () => {
    device.scope(() => {
      const model = load('bf16', preparation);
      const dtypes: string[] = [];
      const onHidden = (index: number, { dtype }: { dtype: string }): void => {
        dtypes[index] = dtype;
      };
      causalPass(device, model, rows, 1, { ...forwardOptions('bf16', true), onHidden });
      const expected = { none: ['bf16', 'bf16'], peft: ['f32', 'f32'], 'trl-norms': ['bf16', 'f32'] };
      expect(dtypes).toEqual([...expected[preparation], 'bf16']);
      const gradients = [...model.trainable.values()].map((tensor) => device.readF32(tensor.grad!));
      const kept = load('bf16', preparation);
      causalPass(device, kept, rows, 1, forwardOptions('bf16'));
      expect(gradients).toEqual([...kept.trainable.values()].map((tensor) => device.readF32(tensor.grad!)));
    });
  });
});

test('cast: a gradient that accumulates is rounded to the dtype of x and added', () => {
  device.scope(() => {
    const tape = new Tape(device, true);
    const x = device.fromArray(Uint16Array.of(0x3f80, 0x4000), [2], 'bf16');
    x.requiresGrad = true;
    expect(cast(tape, x, 'bf16')).toBe(x);
    const wide = [cast(tape, x, 'f32'), cast(tape, x, 'f32')];
    expect([...device.readF32(wide[0]!)]).toEqual([1, 2]);
    wide[0]!.grad = device.fromArray(Float32Array.of(1.001, 3), [2], 'f32').retain();
    wide[1]!.grad = device.fromArray(Float32Array.of(0.5, -1), [2], 'f32').retain();
    tape.backward();
    expect([...device.readF32(cast(new Tape(device, false), x.grad!, 'f32'))]).toEqual([1.5, 2]);
  });
});

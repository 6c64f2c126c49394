/**
 * LLM.int8 of rows that run together: which columns hold outliers is decided for each sequence as bitsandbytes does for it alone,
 * and in training for each micro-batch.
 */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { linear } from '../../src/autograd/ops/linear';
import { Tape } from '../../src/autograd/tape';
import { type GenerationOptions, generate } from '../../src/generate/generate';
import { Device } from '../../src/native/device';
import { Int8Weight, quantiseInt8 } from '../../src/nn/int8';
import { loadModel, type Model, openModelFolder } from '../../src/nn/model';
import { openSafetensors, storedBytes, storedF32 } from '../../src/nn/safetensors';
import { causalRowLosses } from '../../src/train/evaluate';
import { causalPass, type Row } from '../../src/train/pass';
import { FIXTURES, forwardOptions, onCpu, PLAIN, relativeError } from './support';

/** Low enough for the tiny model to have outliers in some rows' columns and not in others'. */
const QUANTISATION = { kind: 'int8', threshold: 2 } as const;
const PROMPTS = [[5, 6, 7], [9], [20, 21, 22, 23, 24], [40, 3], [77, 78, 79, 80], [11, 12], [99, 98, 97], [64]];

const load = (device: Device, adapter: typeof PLAIN.adapter | object = null): Model =>
  loadModel(device, openModelFolder(join(FIXTURES, 'qwen3/causal-untied')), {
    ...PLAIN,
    quantisation: QUANTISATION,
    adapter: adapter as typeof PLAIN.adapter,
  });
const rows: Row[] = PROMPTS.map((ids) => {
  const longer = [...ids, 1, 2];
  return { ids: longer, label: 0, labels: longer };
});

describe('a row has the numbers that it has alone', () => {
  test('in generation, prompt and every token', () => {
    const options: GenerationOptions = {
      compute: 'fp32',
      maxNewTokens: 20,
      eosTokenIds: [],
      sampling: { temperature: 1, topK: null, topP: null, seed: 3 },
      repetitionPenalty: 1,
      noRepeatNgramSize: 0,
    };
    const run = (cacheTokens: number, threads: number): number[][] =>
      onCpu(
        (device) => generate(device, load(device), PROMPTS, { ...options, cacheTokens }).map(({ ids }) => [...ids]),
        { threads },
      );
    const alone = run(1, 1);
    expect(run(10_000, 2)).toEqual(alone);
    expect(run(80, 1)).toEqual(alone);
  });
  test.each(['fp32', 'bf16', 'fp16'] as const)('in evaluation, %s', (compute) => {
    onCpu((device) => {
      const model = load(device);
      const together = causalRowLosses(device, model, rows, forwardOptions(compute));
      const alone = rows.flatMap((row) => causalRowLosses(device, model, [row], forwardOptions(compute)));
      expect(together).toEqual(alone);
    });
  });
});

test('in training a micro-batch has the numbers of its own pass, whatever shares it', () => {
  onCpu((device) => {
    const model = load(device, { rank: 2, alpha: 4, dropout: 0, targets: ['q_proj', 'down_proj'] });
    model.decoder.prepare(16);
    const batches = [rows.slice(0, 3), rows.slice(3, 5), rows.slice(5)];
    const lossesOf = (parts: readonly (readonly Row[])[]): number[] => [
      ...causalPass(device, model, parts.flat(), 1, forwardOptions('fp32'), parts).losses,
    ];
    const apart = batches.flatMap((batch) => lossesOf([batch]));
    expect(lossesOf(batches)).toEqual(apart);
    // the rows of one share their columns, as in bitsandbytes
    expect(lossesOf([rows])).not.toEqual(apart);
  });
});

test("rows behind others with outliers elsewhere are bitsandbytes' own", () => {
  const device = Device.cpu({ threads: 2, capacity: 2 ** 26 });
  const file = openSafetensors(join(FIXTURES, 'bnb-int8/fp32-outliers.safetensors'));
  const [weight, x, y] = (['weight', 'x', 'y'] as const).map((name) => file.tensors.get(name)!);
  const tape = new Tape(device, false);
  const parts = quantiseInt8(device, device.fromArray(storedBytes(weight!), weight!.shape, weight!.dtype));
  const values = storedF32(x!);
  const cols = x!.shape[1]!;
  const count = x!.shape[0]!;
  // three rows before and one behind, with an outlier in every other column
  const noise = Float32Array.from({ length: 4 * cols }, (_, i) => (i % 2 === 0 ? 50 : 0.5));
  const all = new Float32Array(noise.length + values.length);
  all.set(noise.subarray(0, 3 * cols));
  all.set(values, 3 * cols);
  all.set(noise.subarray(3 * cols), 3 * cols + values.length);
  const ends = device.fromArray(Int32Array.of(0, 3, 3 + count, 4 + count), [4], 'i32');
  const int8 = new Int8Weight(parts, { kind: 'int8', threshold: 6 }, 'f32').within(ends);
  const input = device.fromArray(all, [count + 4, cols], 'f32');
  const outputs = device.readF32(linear(tape, 'fp32', input, int8));
  const expected = storedF32(y!);
  const width = y!.shape[1]!;
  expect(relativeError(outputs.subarray(3 * width, (3 + count) * width), expected)).toBeLessThan(3e-7);
  file.close();
  device.destroy();
});

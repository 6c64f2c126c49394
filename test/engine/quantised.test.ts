/**
 * Checkpoints that bitsandbytes quantised (test/fixtures/bnb-checkpoint): read, used, written again byte for byte; which
 * modules are quantised at all; products with quantised matrices.
 */
import { afterAll, describe, expect, test } from 'bun:test';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linear, matmul } from '../../src/autograd/ops/linear';
import { Tape } from '../../src/autograd/tape';
import { Device } from '../../src/native/device';
import {
  fourBitTensors,
  isQuantised,
  quantisationOf,
  quantizationConfigJson,
  readFourBit,
} from '../../src/nn/bitsandbytes';
import { Int8Weight, quantiseInt8 } from '../../src/nn/int8';
import { loadModel, openModelFolder } from '../../src/nn/model';
import { openSafetensors, storedBytes, type TensorToWrite, writeSafetensors } from '../../src/nn/safetensors';
import { FourBitWeight, type QuantisationOptions, quantise4bit } from '../../src/nn/weights';
import { causalLogits } from '../../src/train/pass';
import blockSizes from '../fixtures/bnb-checkpoint/block-sizes.json';
import skipped from '../fixtures/bnb-checkpoint/skipped.json';
import {
  type CaseJson,
  caseRows,
  FIXTURES,
  forwardOptions,
  PLAIN,
  readJson,
  readTensors,
  relativeError,
} from './support';

const ROOT = join(FIXTURES, 'bnb-checkpoint');
const SCRATCH = mkdtempSync(join(tmpdir(), 'medrepro-quantised-'));
const device = Device.cpu({ threads: 2, capacity: 2 ** 30 });
afterAll(() => {
  device.destroy();
  rmSync(SCRATCH, { recursive: true, force: true });
});

const KINDS = [
  ['nf4', { kind: 'nf4', doubleQuant: true, blockSize: 64 }],
  ['fp4', { kind: 'fp4', doubleQuant: false, blockSize: 64 }],
] as const;
const rows = caseRows(readJson<CaseJson>('qwen3', 'causal-untied', 'case.json'));

function logitsOf(folder: string, quantisation: QuantisationOptions | null): Float32Array {
  return device.scope(() => {
    const model = loadModel(device, openModelFolder(folder), { ...PLAIN, quantisation });
    model.decoder.prepare(32);
    return device.readF32(causalLogits(new Tape(device, false), model, rows, forwardOptions()));
  });
}

describe.each(KINDS)('a checkpoint in %s', (kind, options) => {
  const folder = join(ROOT, kind);

  test('gives the logits bitsandbytes computes with it', () => {
    const expected = readTensors('bnb-checkpoint', kind, 'logits.safetensors').get('logits')!;
    const stored = logitsOf(folder, null);
    expect(relativeError(stored, expected)).toBeLessThan(1e-5);
    // quantising the checkpoint it was made of gives the very same matrices
    expect(logitsOf(join(FIXTURES, 'qwen3/causal-untied'), options)).toEqual(stored);
    expect(logitsOf(folder, options)).toEqual(stored);
  });

  test('is written again byte for byte', () => {
    const file = openSafetensors(join(folder, 'model.safetensors'));
    const name = 'model.layers.1.mlp.down_proj.weight';
    const shape = [48, 80] as const;
    const parts = readFourBit(device, file.tensors, name, shape)!;
    const written = fourBitTensors(device, name, shape, parts.parts, parts.options, 'float32');
    expect(parts.options).toEqual(options);
    // every tensor that the checkpoint has for it
    const stored = [...file.tensors.keys()].filter((key) => key.startsWith(name));
    expect(written.map((tensor) => tensor.name).sort()).toEqual(stored.sort());
    for (const tensor of written) {
      const stored = file.tensors.get(tensor.name)!;
      const { dtype, shape } = tensor;
      expect([tensor.name, dtype, shape]).toEqual([tensor.name, stored.dtype, stored.shape]);
      expect([tensor.name, Buffer.compare(tensor.data, storedBytes(stored))]).toEqual([tensor.name, 0]);
    }
    file.close();
  });

  test('what we quantise and write loads again', () => {
    const source = openSafetensors(join(FIXTURES, 'qwen3/causal-untied/model.safetensors'));
    const written = [...source.tensors].flatMap(([name, stored]): TensorToWrite[] => {
      if (!name.includes('_proj'))
        return [{ name, dtype: stored.dtype, shape: stored.shape, data: storedBytes(stored) }];
      const shape = [stored.shape[0]!, stored.shape[1]!] as const;
      const parts = quantise4bit(device, device.adopt(stored.address, shape, stored.dtype), options);
      return fourBitTensors(device, name, shape, parts, options, 'float32');
    });
    const copy = join(SCRATCH, kind);
    cpSync(folder, copy, { recursive: true });
    writeSafetensors(join(copy, 'model.safetensors'), written);
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
    expect(config.quantization_config).toMatchObject(quantizationConfigJson(options));
    expect(logitsOf(copy, null)).toEqual(logitsOf(folder, null));
    source.close();
  });

  test('is refused when it is not what is asked for, or damaged', () => {
    expect(() => logitsOf(folder, { ...options, blockSize: 128 })).toThrow(/is stored as .* and the spec asks for/);
    expect(() => logitsOf(folder, { kind: 'int8', threshold: 6 })).toThrow('the spec asks for int8');
    const full = { ...PLAIN, fullParameter: true };
    expect(() => device.scope(() => loadModel(device, openModelFolder(folder), full))).toThrow('not trained');
    const name = 'model.layers.0.self_attn.q_proj.weight';
    const damage = (change: (tensors: Map<string, TensorToWrite>) => void): (() => void) => {
      const file = openSafetensors(join(folder, 'model.safetensors'));
      const tensors = new Map(
        [...file.tensors].map(([key, { dtype, shape, ...rest }]) => {
          return [key, { name: key, dtype, shape, data: storedBytes({ dtype, shape, ...rest }) }];
        }),
      );
      change(tensors);
      file.close();
      const copy = join(SCRATCH, 'damaged');
      cpSync(folder, copy, { recursive: true });
      writeSafetensors(join(copy, 'model.safetensors'), [...tensors.values()]);
      return () => logitsOf(copy, null);
    };
    const replace = (key: string, data: Uint8Array) =>
      damage((tensors) => tensors.set(key, { name: key, dtype: 'u8', shape: [data.length], data }));
    const state = `${name}.quant_state.bitsandbytes__${kind}`;
    const text = (value: string): Uint8Array => new TextEncoder().encode(value);
    expect(damage((tensors) => void tensors.delete(`${name}.absmax`))).toThrow('has no absmax');
    expect(damage((tensors) => void tensors.delete(state))).toThrow('neither a bitsandbytes quant_state nor an SCB');
    expect(damage((tensors) => tensors.get(`${name}.quant_map`)!.data.fill(0))).toThrow('quant_map is not that of');
    expect(replace(`${name}.absmax`, new Uint8Array(3))).toThrow('absmax is 3 of u8');
    expect(replace(name, new Uint8Array(7))).toThrow('7 bytes for');
    expect(replace(state, text('{'))).toThrow('not JSON');
    expect(replace(state, text('{}'))).toThrow('the quant_state is not sound');
    const json = { quant_type: kind, blocksize: 64, dtype: 'float32', shape: [64, 47] };
    expect(replace(state, text(JSON.stringify(json)))).toThrow('is [64, 47], config.json says [64, 48]');
  });
});

test.each(skipped.map((entry) => [entry.family, entry.task, entry.tied, String(entry.skip), entry] as const))(
  'what transformers leaves alone: %s %s, tied %s, skip %s',
  (_family, _task, _tied, _skip, { task, tied, skip, kept, linears }) => {
    const projections = ['self_attn.q', 'self_attn.k', 'self_attn.v', 'self_attn.o', 'mlp.gate', 'mlp.up', 'mlp.down'];
    const names = Array.from({ length: 12 }, (_, layer) =>
      projections.map((name) => `model.layers.${layer}.${name}_proj`),
    ).flat();
    names.push(task === 'causal-lm' ? 'lm_head' : 'score');
    expect(names.length).toBe(linears);
    const rule = {
      task: task as 'causal-lm' | 'sequence-classification',
      tiedEmbeddings: tied,
      ...(skip === null ? {} : { skipModules: skip }),
    };
    expect(names.filter((name) => !isQuantised(name, rule))).toEqual(kept);
  },
);

test('skipModules that is no regular expression, or would quantise a head', () => {
  const rule = { task: 'causal-lm', tiedEmbeddings: false } as const;
  expect(() => isQuantised('lm_head', { ...rule, skipModules: ['a('] })).toThrow(
    'the entry of skipModules "a(" has a "(" without ")"',
  );
  const load = (task: 'causal-lm' | 'sequence-classification', name: string, skipModules: string[]) => () =>
    device.scope(() => {
      const quantisation = { kind: 'nf4', doubleQuant: false, blockSize: 64, skipModules } as const;
      return loadModel(device, openModelFolder(join(FIXTURES, 'qwen3', name)), {
        ...PLAIN,
        task,
        classes: 5,
        quantisation,
      });
    });
  expect(load('sequence-classification', 'classifier-lora', ['lm_head'])).toThrow('leaves out score');
  expect(load('causal-lm', 'causal-tied', ['q_proj'])).toThrow('leaves out lm_head');
  // an output embedding of its own is quantised like any linear
  expect(load('causal-lm', 'causal-untied', ['q_proj'])().head).toBeInstanceOf(FourBitWeight);
  expect(load('causal-lm', 'causal-untied', ['lm_head'])().head).not.toBeInstanceOf(FourBitWeight);
});

test('quantization_config', () => {
  const of = (value: unknown) => quantisationOf(value, 'config.json');
  expect(of(undefined)).toBeNull();
  expect(of(null)).toBeNull();
  expect(of({ quant_method: 'bitsandbytes', load_in_4bit: true })).toEqual({
    kind: 'fp4',
    doubleQuant: false,
    blockSize: 64,
  });
  const unsaid = { bnb_4bit_quant_storage: null, bnb_4bit_compute_dtype: null, llm_int8_skip_modules: null };
  expect(of({ load_in_4bit: true, ...unsaid })).toEqual({ kind: 'fp4', doubleQuant: false, blockSize: 64 });
  expect(of({ load_in_8bit: true, llm_int8_threshold: 4, llm_int8_skip_modules: ['lm_head'] })).toEqual({
    kind: 'int8',
    threshold: 4,
    skipModules: ['lm_head'],
  });
  for (const quant_method of ['gptq', 'awq', 'fp8', 'compressed-tensors', 7]) {
    expect(() => of({ quant_method })).toThrow('is not implemented');
  }
  expect(() => of('nf4')).toThrow('quantization_config');
  expect(() => of({ load_in_4bit: true, load_in_8bit: true })).toThrow('both true');
  expect(() => of({ load_in_4bit: true, bnb_4bit_quant_type: 'int4' })).toThrow('bnb_4bit_quant_type');
  expect(() => of({ load_in_8bit: true, llm_int8_has_fp16_weight: true })).toThrow('llm_int8_has_fp16_weight');
});

describe('other block sizes', () => {
  const file = openSafetensors(join(ROOT, 'block-sizes.safetensors'));
  const bytes = (name: string): Uint8Array => storedBytes(file.tensors.get(name)!);
  const cases = Object.entries(blockSizes).flatMap(([size, count]) =>
    (['nf4', 'fp4'] as const).flatMap((kind) => [false, true].map((nested) => [size, kind, nested, count] as const)),
  );

  test.each(cases)('%s %s double quantised: %s', (size, kind, doubleQuant, count) => {
    device.scope(() => {
      const dense = device.fromArray(bytes(`${size}.weight`), [1, count], 'bf16');
      const options = { kind, doubleQuant, blockSize: Number(size) };
      const parts = quantise4bit(device, dense, options);
      const prefix = `${size}.${kind}.${doubleQuant ? 'nested' : 'plain'}`;
      const equal = (name: string, actual: Uint8Array): void =>
        expect([name, Buffer.compare(actual, bytes(name))]).toEqual([name, 0]);
      equal(`${size}.${kind}.packed`, device.readBytes(parts.packed));
      equal(`${prefix}.absmax`, device.readBytes(parts.nested?.codes ?? parts.absmax));
      const weight = new FourBitWeight(1, count, parts, options, 'bf16', null);
      equal(`${prefix}.bf16`, device.readBytes(weight.dequantise(device)));
    });
  });
});

describe('products', () => {
  const [outputs, inputs, tokens] = [70, 96, 9];

  test.each(['nf4', 'fp4'] as const)('with %s are those of dequantise-then-matmul, to the bit', (kind) => {
    device.scope(() => {
      const [w, x] = [device.empty([outputs, inputs], 'f32'), device.empty([tokens, inputs], 'f32')];
      device.ops.normal(w.size, 0, 0.1, 1, 2, w.address);
      device.ops.normal(x.size, 0, 1, 3, 4, x.address);
      const options = { kind, doubleQuant: true, blockSize: 64 } as const;
      const parts = quantise4bit(device, w, options);
      const weight = new FourBitWeight(outputs, inputs, parts, options, 'f32', null);
      const tape = new Tape(device, false);
      const y = device.readF32(linear(tape, 'fp32', x, weight));
      const expected = device.empty([tokens, outputs], 'f32');
      matmul(tape, 'fp32', x, false, weight.dequantise(device), true, expected);
      expect(y).toEqual(device.readF32(expected));
    });
  });

  test('with int8 differ from dequantise-then-matmul by the rounding of the inputs to 8 bits', () => {
    device.scope(() => {
      const [w, x] = [device.empty([outputs, inputs], 'f32'), device.empty([tokens, inputs], 'f32')];
      device.ops.normal(w.size, 0, 0.1, 1, 2, w.address);
      device.ops.normal(x.size, 0, 1, 3, 4, x.address);
      const parts = quantiseInt8(device, w);
      const tape = new Tape(device, false);
      const weight = new Int8Weight(parts, { kind: 'int8', threshold: 2 }, 'f32');
      const expected = device.empty([tokens, outputs], 'f32');
      matmul(tape, 'fp32', x, false, weight.dense(tape), true, expected);
      const error = relativeError(device.readF32(linear(tape, 'fp32', x, weight)), device.readF32(expected));
      expect(error).toBeGreaterThan(1e-4);
      expect(error).toBeLessThan(1e-2);
    });
  });
});

test('a model in int8 runs, close to the dense one', () => {
  device.scope(() => {
    const quantisation = { kind: 'int8', threshold: 6 } as const;
    const plain = logitsOf(join(FIXTURES, 'qwen3/causal-untied'), null);
    const error = relativeError(logitsOf(join(FIXTURES, 'qwen3/causal-untied'), quantisation), plain);
    expect(error).toBeGreaterThan(1e-4);
    expect(error).toBeLessThan(5e-2);
  });
});

/**
 * Prompts and new tokens at shapes whose figures are known for other engines: prefill in tokens per second and as a share of
 * the multiply-add peak, decoding in tokens per second and as a share of the speed at which memory can be read.
 */
import { activationDtype, type Compute } from '../autograd/ops/linear';
import { KvCache } from '../generate/cache';
import { Passes } from '../generate/passes';
import { CUDA_WORKSPACE_BYTES, type Device, hostLibrary } from '../native/device';
import type { Isa } from '../native/isa';
import type { Backend } from '../native/library';
import { DTYPE_BYTES } from '../native/tensor';
import type { DecoderConfig } from '../nn/config';
import { initialise } from '../nn/initialise';
import { loadModel, type Model } from '../nn/model';
import { measurePeak } from './peak';
import { SHAPES, type ShapeName } from './shapes';

/** Random weights at these shapes. */
export const GENERATE_SHAPES: Readonly<Record<Backend, readonly ShapeName[]>> = {
  cpu: ['tinyllama-1.1b', 'qwen3-0.6b'],
  cuda: ['qwen3-0.6b', 'llama-3.2-1b'],
};

/** What the linears of the blocks are stored in, and what products are computed in. */
export type Base = 'fp32' | 'bf16' | 'nf4';
const COMPUTE: Readonly<Record<Base, Compute>> = { fp32: 'fp32', bf16: 'bf16', nf4: 'fp32' };

/** Tokens of the timed prompt, of the context that decoding goes on from, and decoding steps. */
const PREFILL = 512;
const CONTEXT = 128;
const STEPS = 16;
/** Rows that decode together. */
export const BATCHES: Readonly<Record<Backend, readonly number[]>> = { cpu: [1, 8], cuda: [1, 32] };

export interface GenerateResult {
  readonly shape: string;
  readonly base: Base;
  readonly threads: number;
  readonly isa: Isa | 'cuda';
  readonly prefill: {
    readonly tokensPerSecond: number;
    /** Of the multiply-add peak of the compute type. */
    readonly share: number | null;
  };
  readonly decode: readonly {
    readonly batch: number;
    /** All rows together, of the median step. */
    readonly tokensPerSecond: number;
    /** Bytes of weights and cache that a step reads, over its time, as a share of the reading speed measured in this run. */
    readonly share: number;
  }[];
  /** Bytes per second at which this machine reads memory. */
  readonly bandwidth: number;
  /** Highest resident memory of the whole process so far, bytes: loading included. */
  readonly peakBytes: number;
}

/** @throws MedreproError `interrupted` when the device's user asked to stop. */
export function benchGenerate(name: ShapeName, base: Base, open: () => Device): GenerateResult {
  const config = SHAPES[name];
  const device = open();
  const compute = COMPUTE[base];
  try {
    const bandwidth = measureBandwidth(device);
    const stored = base === 'fp32' ? 'f32' : 'bf16';
    const files = initialise(device, config, 0.02, 1, stored, { transient: base === 'nf4' });
    const model = loadModel(device, files, {
      task: 'causal-lm',
      classes: 0,
      compute,
      quantisation: base === 'nf4' ? { kind: 'nf4', doubleQuant: true, blockSize: 64 } : null,
      resident: false,
      adapter: null,
      fullParameter: false,
      seed: 1,
    });
    files.tensors.close();
    model.decoder.prepare(PREFILL);
    const prefill = timePrefill(device, model, compute);
    const decode = BATCHES[device.backend].map((batch) => timeDecode(device, model, compute, batch, bandwidth));
    const { path: isa, threads } = device;
    const peakBytes = device.backend === 'cpu' ? hostLibrary().peakMemory() : device.peakBytes + CUDA_WORKSPACE_BYTES;
    return { shape: name, base, threads, isa, prefill, decode, bandwidth, peakBytes };
  } finally {
    device.destroy();
  }
}

// --- internal ---

/** Bytes per second of adding up an array far larger than any cache: the best of three passes. */
function measureBandwidth(device: Device): number {
  return device.scope(() => {
    const x = device.zeros([device.backend === 'cpu' ? 2 ** 26 : 2 ** 30], 'f32');
    const sum = device.empty([1], 'f64');
    const seconds = Array.from({ length: 3 }, () =>
      time(() => {
        device.ops.sum(x.size, x.address, sum.address);
        device.synchronise();
      }),
    );
    return x.bytes / Math.min(...seconds);
  });
}

const time = (body: () => void): number => {
  const start = performance.now();
  body();
  return (performance.now() - start) / 1e3;
};
const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;

const tokens = (count: number, row: number, { vocabSize }: DecoderConfig): Int32Array =>
  Int32Array.from({ length: count }, (_, t) => (row * 7919 + t * 104729) % vocabSize);

function timePrefill(device: Device, model: Model, compute: Compute): GenerateResult['prefill'] {
  const { config } = model;
  const once = (): number =>
    device.scope(() => {
      const cache = new KvCache(device, config, compute, 1, PREFILL);
      return time(() => {
        device.scope(() =>
          new Passes(device, model, cache, compute).logits([{ slot: 0, ids: tokens(PREFILL, 0, config) }]),
        );
        device.synchronise();
      });
    });
  const before = measurePeak(device, compute);
  once();
  const seconds = median([once(), once(), once()]);
  const peak = Math.max(before, measurePeak(device, compute));
  let weights = 0;
  for (const { weight } of model.decoder.linears()) weights += weight.outFeatures * weight.inFeatures;
  const attention = 2 * PREFILL * config.heads * config.headDim * config.layers; // half of the square is masked
  const flops = 2 * PREFILL * (weights + attention / 2) + 2 * model.head.outFeatures * model.head.inFeatures;
  return { tokensPerSecond: PREFILL / seconds, share: peak > 0 ? flops / seconds / peak : null };
}

function timeDecode(
  device: Device,
  model: Model,
  compute: Compute,
  batch: number,
  bandwidth: number,
): GenerateResult['decode'][number] {
  const { config } = model;
  return device.scope(() => {
    const cache = new KvCache(device, config, compute, batch, CONTEXT + STEPS + 2);
    const passes = new Passes(device, model, cache, compute);
    const rows = Array.from({ length: batch }, (_, slot) => slot);
    const advance = (ids: (row: number) => ArrayLike<number>): Int32Array =>
      device.scope(() => {
        const logits = passes.logits(rows.map((slot) => ({ slot, ids: ids(slot) })));
        const best = device.empty([batch], 'i32');
        device.ops.argmaxRows(batch, logits.cols, logits.address, logits.cols, best.address);
        return device.readI32(best);
      });
    let newest = advance((row) => tokens(CONTEXT, row, config));
    const seconds = Array.from({ length: STEPS + 1 }, () =>
      time(() => {
        device.checkCancelled();
        newest = advance((row) => [newest[row]!]);
      }),
    );
    const step = median(seconds.slice(1));
    const { layers, kvHeads, headDim } = config;
    const width = DTYPE_BYTES[activationDtype(compute)];
    const cached = 2 * layers * kvHeads * headDim * width * batch * (CONTEXT + STEPS / 2);
    return { batch, tokensPerSecond: batch / step, share: (weightBytes(model) + cached) / step / bandwidth };
  });
}

/** Bytes of the matrices a step reads, as they are stored; of an embedding apart from the head, only a row or a few. */
const weightBytes = ({ config, baseBytes, decoder }: Model): number =>
  config.tieWordEmbeddings ? baseBytes : baseBytes - decoder.embedTokens.bytes;

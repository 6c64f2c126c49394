/**
 * Prompts and new tokens at shapes whose figures are known for other engines: prefill in tokens per second and as a share of
 * the multiply-add peak, decoding in tokens per second and as a share of the speed at which memory can be read.
 */
import { activationDtype, type Compute } from '../autograd/ops/linear';
import { KvCache } from '../generate/cache';
import { Passes } from '../generate/passes';
import type { Isa } from '../native/device';
import { Device, hostLibrary } from '../native/device';
import { DTYPE_BYTES } from '../native/tensor';
import { type DecoderConfig, decoderConfig } from '../nn/config';
import { initialise } from '../nn/initialise';
import { loadModel, type Model } from '../nn/model';

const sizes = { layers: 28, rmsNormEpsilon: 1e-6, maxPositions: 4096, labels: 0, padTokenId: null, eosTokenIds: [] };

/** TinyLlama-1.1B and Qwen3-0.6B, random weights. */
export const GENERATE_SHAPES: Readonly<Record<string, DecoderConfig>> = {
  'tinyllama-1.1b': decoderConfig('llama', {
    ...sizes,
    vocabSize: 32000,
    hiddenSize: 2048,
    layers: 22,
    heads: 32,
    kvHeads: 4,
    headDim: 64,
    intermediateSize: 5632,
    ropeTheta: 1e4,
    tieWordEmbeddings: false,
  }),
  'qwen3-0.6b': decoderConfig('qwen3', {
    ...sizes,
    vocabSize: 151936,
    hiddenSize: 1024,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    intermediateSize: 3072,
    ropeTheta: 1e6,
    tieWordEmbeddings: true,
  }),
};

/** What the linears of the blocks are stored in, and what products are computed in. */
export type Base = 'fp32' | 'bf16' | 'nf4';
const COMPUTE: Readonly<Record<Base, Compute>> = { fp32: 'fp32', bf16: 'bf16', nf4: 'fp32' };

/** Tokens of the timed prompt, of the context that decoding goes on from, and decoding steps. */
const PREFILL = 512;
const CONTEXT = 128;
const STEPS = 16;
export const BATCHES = [1, 8] as const;

export interface GenerateResult {
  readonly shape: string;
  readonly base: Base;
  readonly threads: number;
  readonly isa: Isa;
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
export function benchGenerate(
  name: string,
  base: Base,
  options: { threads?: number; isa?: Isa; cancelled?: () => boolean },
): GenerateResult {
  const config = GENERATE_SHAPES[name]!;
  const device = Device.cpu(options);
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
    const decode = BATCHES.map((batch) => timeDecode(device, model, compute, batch, bandwidth));
    const { isa, threads } = device;
    const peakBytes = hostLibrary().peakMemory();
    return { shape: name, base, threads, isa, prefill, decode, bandwidth, peakBytes };
  } finally {
    device.destroy();
  }
}

// --- internal ---

/** Bytes per second of adding up an array far larger than any cache: the best of three passes. */
function measureBandwidth(device: Device): number {
  return device.scope(() => {
    const x = device.zeros([2 ** 26], 'f32');
    const sum = device.empty([1], 'f64');
    const seconds = Array.from({ length: 3 }, () => time(() => device.ops.sum(x.size, x.address, sum.address)));
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
      });
    });
  const before = device.measurePeak(compute);
  once();
  const seconds = median([once(), once(), once()]);
  const peak = Math.max(before, device.measurePeak(compute));
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

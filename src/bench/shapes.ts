/** The models whose shapes are measured, with random weights: sizes as published. */
import { type DecoderConfig, type DecoderSizes, decoderConfig, type Family } from '../nn/config';

const sized = (family: Family, sizes: Partial<DecoderSizes> & { readonly ropeTheta?: number }): DecoderConfig =>
  decoderConfig(family, {
    vocabSize: 8192,
    hiddenSize: 256,
    layers: 6,
    heads: 8,
    kvHeads: 4,
    headDim: 32,
    intermediateSize: 688,
    rmsNormEpsilon: 1e-6,
    ropeTheta: 1e6,
    maxPositions: 4096,
    tieWordEmbeddings: true,
    labels: 0,
    padTokenId: null,
    eosTokenIds: [],
    ...sizes,
  });

const QWEN3_8B = {
  vocabSize: 151936,
  hiddenSize: 4096,
  layers: 36,
  heads: 32,
  kvHeads: 8,
  headDim: 128,
  intermediateSize: 12288,
  tieWordEmbeddings: false,
};

/** By name. `mini` is a yardstick of our own. */
export const SHAPES = {
  mini: sized('qwen3', {}),
  'qwen3-0.6b': sized('qwen3', {
    vocabSize: 151936,
    hiddenSize: 1024,
    layers: 28,
    heads: 16,
    kvHeads: 8,
    headDim: 128,
    intermediateSize: 3072,
  }),
  'tinyllama-1.1b': sized('llama', {
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
  'llama-3.2-1b': sized('llama', {
    vocabSize: 128256,
    hiddenSize: 2048,
    layers: 16,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    intermediateSize: 8192,
    ropeTheta: 5e5,
  }),
  'qwen3-8b': sized('qwen3', QWEN3_8B),
  'llama-3-8b': sized('llama', {
    ...QWEN3_8B,
    vocabSize: 128256,
    layers: 32,
    intermediateSize: 14336,
    ropeTheta: 5e5,
  }),
  'qwen2-7b': sized('qwen2', {
    ...QWEN3_8B,
    vocabSize: 152064,
    hiddenSize: 3584,
    layers: 28,
    heads: 28,
    kvHeads: 4,
    intermediateSize: 18944,
  }),
  'medgemma-27b': sized('gemma3', {
    vocabSize: 262144,
    hiddenSize: 5376,
    layers: 62,
    heads: 32,
    kvHeads: 16,
    headDim: 128,
    intermediateSize: 21504,
  }),
} as const satisfies Readonly<Record<string, DecoderConfig>>;
export type ShapeName = keyof typeof SHAPES;

/** Weights of the blocks' linears. */
export function linearParameters(config: DecoderConfig): number {
  const { hiddenSize, heads, kvHeads, headDim, intermediateSize, layers } = config;
  return layers * hiddenSize * (2 * heads * headDim + 2 * kvHeads * headDim + 3 * intermediateSize);
}

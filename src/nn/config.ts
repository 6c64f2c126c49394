/**
 * A decoder described by what it computes. A family (Llama, Qwen2, Qwen3, Gemma 3) is a set of these features, so that there
 * is one decoder and no class per family; `config-file.ts` reads them from a checkpoint's `config.json`.
 */

export const FAMILIES = ['llama', 'qwen2', 'qwen3', 'gemma3'] as const;
export type Family = (typeof FAMILIES)[number];

/** Which keys a layer's queries see: all preceding ones, or those at a distance below `window`. */
export type LayerKind = 'full' | 'sliding';

/** How rotary frequencies are changed for contexts longer than those of pre-training; names as in transformers. */
export type RopeScaling =
  /** Every frequency divided by `factor`. */
  | { readonly kind: 'linear'; readonly factor: number }
  /** None within max_position_embeddings; beyond, by the longest row of a batch (transformers' dynamic NTK), which is rejected. */
  | { readonly kind: 'dynamic'; readonly factor: number }
  /** Llama 3.1: long wavelengths divided by `factor`, short ones kept, those between blended. */
  | {
      readonly kind: 'llama3';
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      /** Positions the model was pre-trained on. */
      readonly originalPositions: number;
    };

/** Rotary embedding of the layers of one kind. */
export interface RopeOptions {
  readonly theta: number;
  readonly scaling: RopeScaling | null;
}

/** Sizes and tokens: what every family has. */
export interface DecoderSizes {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly rmsNormEpsilon: number;
  readonly maxPositions: number;
  readonly tieWordEmbeddings: boolean;
  /** Classes of a sequence classifier, 0 for a causal LM. */
  readonly labels: number;
  readonly padTokenId: number | null;
  /** Tokens that end a text; the first is *the* eos token of a single-eos model. */
  readonly eosTokenIds: readonly number[];
}

/** The features in which families differ. */
export interface DecoderFeatures {
  /** Linears that add a bias. */
  readonly biases: readonly BlockLinear[];
  /** RMSNorm of each head's queries and keys, preceding the rotation. */
  readonly qkNorm: boolean;
  /** Norms multiply by 1 + w, in fp32 before the rounding to storage, instead of by w after it. */
  readonly normOffset: boolean;
  /** Of the MLP's gate. `gelu-tanh` is transformers' `gelu_pytorch_tanh`. */
  readonly activation: 'silu' | 'gelu-tanh';
  /** Norms also on the outputs of attention and MLP, before they are added to the residual stream. */
  readonly sandwichNorms: boolean;
  /** Factor on the embeddings, to be rounded to the compute dtype; null for none. */
  readonly embeddingScale: number | null;
  /** Factor on the attention scores. */
  readonly attentionScale: number;
  /** Kinds of the first layers; the rest repeat them ({@link layerKind}). */
  readonly layerPattern: readonly LayerKind[];
  /** Keys a query of a sliding layer sees, itself included; null without such layers. */
  readonly window: number | null;
  readonly rope: Readonly<Record<LayerKind, RopeOptions>>;
  /** Share of the attention weights dropped in training, which is not implemented: 0 where a model is trained. */
  readonly attentionDropout: number;
}

/** Everything the decoder needs. */
export interface DecoderConfig extends DecoderSizes, DecoderFeatures {
  readonly family: Family;
}

/** Base of the rotary frequencies where a family's config does not say another. */
export const DEFAULT_ROPE_THETA = 10_000;

/**
 * A decoder of a family: its sizes, and what differs from the family's usual features. `ropeTheta` is the base of the
 * rotary frequencies of the (full-attention) layers.
 */
export function decoderConfig(
  family: Family,
  { ropeTheta, ...sizes }: DecoderSizes & { readonly ropeTheta: number },
  features: Partial<DecoderFeatures> = {},
): DecoderConfig {
  const rope = { theta: ropeTheta, scaling: null };
  const plain: DecoderFeatures = {
    biases: [],
    qkNorm: false,
    normOffset: false,
    activation: 'silu',
    sandwichNorms: false,
    embeddingScale: null,
    attentionScale: 1 / Math.sqrt(sizes.headDim),
    layerPattern: ['full'],
    window: null,
    rope: { full: rope, sliding: rope },
    attentionDropout: 0,
  };
  return { family, ...sizes, ...plain, ...FAMILY_FEATURES[family](sizes), ...features };
}

/**
 * A warning for rows of `tokens` tokens; null within the positions of the model. Rotary positions have no end, so transformers
 * computes longer rows too. Linear scaling stretches the positions of the config.
 */
export function beyondPositions({ maxPositions, rope }: DecoderConfig, tokens: number): string | null {
  const { scaling } = rope.full;
  const positions = scaling?.kind === 'linear' ? maxPositions * scaling.factor : maxPositions;
  if (tokens <= positions) return null;
  return `rows reach ${tokens} tokens, and the model was made for ${positions}`;
}

/** Kind of layer `index`, from 0. */
export function layerKind({ layerPattern }: DecoderConfig, index: number): LayerKind {
  return layerPattern[index % layerPattern.length]!;
}

/** The shortest pattern whose repetition gives `kinds`, so that equal models have equal configurations. */
export function shortestPattern(kinds: readonly LayerKind[]): LayerKind[] {
  // Knuth, Morris and Pratt: border[i] = length of the longest proper prefix of kinds[0..i] that also ends it
  const border = [0];
  for (let i = 1; i < kinds.length; i++) {
    let length = border[i - 1]!;
    while (length > 0 && kinds[i] !== kinds[length]) length = border[length - 1]!;
    border.push(kinds[i] === kinds[length] ? length + 1 : 0);
  }
  return kinds.slice(0, kinds.length - border[kinds.length - 1]!);
}

/** The linears of a block, in the order they run. */
export const BLOCK_LINEARS = [
  'self_attn.q_proj',
  'self_attn.k_proj',
  'self_attn.v_proj',
  'self_attn.o_proj',
  'mlp.gate_proj',
  'mlp.up_proj',
  'mlp.down_proj',
] as const;
export type BlockLinear = (typeof BLOCK_LINEARS)[number];

type BlockSizes = Pick<DecoderSizes, 'hiddenSize' | 'heads' | 'kvHeads' | 'headDim' | 'intermediateSize'>;

/** [out, in] of each linear of a block, in the order they run. */
export function linearShapes({
  hiddenSize,
  heads,
  kvHeads,
  headDim,
  intermediateSize,
}: BlockSizes): Readonly<Record<BlockLinear, readonly [number, number]>> {
  return {
    'self_attn.q_proj': [heads * headDim, hiddenSize],
    'self_attn.k_proj': [kvHeads * headDim, hiddenSize],
    'self_attn.v_proj': [kvHeads * headDim, hiddenSize],
    'self_attn.o_proj': [hiddenSize, heads * headDim],
    'mlp.gate_proj': [intermediateSize, hiddenSize],
    'mlp.up_proj': [intermediateSize, hiddenSize],
    'mlp.down_proj': [hiddenSize, intermediateSize],
  };
}

/** Norms of a block that the configuration asks for, with their tensors' names and sizes, in transformers' order. */
export function blockNorms({ qkNorm, sandwichNorms, hiddenSize, headDim }: DecoderConfig): BlockNormShape[] {
  const at = (role: BlockNorm, name: string, size = hiddenSize): BlockNormShape => ({ role, name, size });
  const heads = qkNorm ? [at('qNorm', 'self_attn.q_norm', headDim), at('kNorm', 'self_attn.k_norm', headDim)] : [];
  // without a norm on the output of attention, the one that precedes the MLP has its name
  const around = sandwichNorms
    ? [
        at('attentionOutputNorm', 'post_attention_layernorm'),
        at('mlpInputNorm', 'pre_feedforward_layernorm'),
        at('mlpOutputNorm', 'post_feedforward_layernorm'),
      ]
    : [at('mlpInputNorm', 'post_attention_layernorm')];
  return [at('inputNorm', 'input_layernorm'), ...around, ...heads];
}

export interface BlockNormShape {
  readonly role: BlockNorm;
  readonly name: string;
  readonly size: number;
}

export type BlockNorm =
  | 'inputNorm'
  | 'qNorm'
  | 'kNorm'
  /** On the output of attention, before it is added to the residual stream. */
  | 'attentionOutputNorm'
  | 'mlpInputNorm'
  /** On the output of the MLP, before it is added to the residual stream. */
  | 'mlpOutputNorm';

// --- internal ---

const FAMILY_FEATURES: Readonly<Record<Family, (sizes: DecoderSizes) => Partial<DecoderFeatures>>> = {
  llama: () => ({}),
  qwen2: () => ({ biases: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'] }),
  qwen3: () => ({ qkNorm: true }),
  gemma3: ({ hiddenSize }) => ({
    qkNorm: true,
    normOffset: true,
    activation: 'gelu-tanh',
    sandwichNorms: true,
    embeddingScale: Math.sqrt(hiddenSize),
  }),
};

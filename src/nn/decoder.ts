/**
 * The Qwen3 decoder (Qwen Team 2025; transformers' modeling_qwen3.py) on packed sequences.
 *
 *   x = embedding[ids]                                       // (T, C)
 *   per block:
 *     h = rmsNorm(x);  q, k, v = h Wq^T, h Wk^T, h Wv^T      // (T, H*D), (T, KV*D), (T, KV*D)
 *     q, k = rope(rmsNorm per head)
 *     x = x + attention(q, k, v) Wo^T
 *     h = rmsNorm(x);  x = x + (silu(h Wg^T) * h Wu^T) Wd^T
 *   hidden = rmsNorm(x)
 */
import { type AttentionShape, attention } from '../autograd/ops/attention';
import { add, embedding, gatherRows, swiglu } from '../autograd/ops/elementwise';
import { activationDtype, type Compute, linear, type Seed, type Weight } from '../autograd/ops/linear';
import { rmsNorm } from '../autograd/ops/norm';
import { rope } from '../autograd/ops/rope';
import type { Tape } from '../autograd/tape';
import { inputError } from '../errors';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { DecoderConfig } from './config';
import type { LoraModule } from './lora';
import { rotationTables } from './weights';

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

/** [out, in] of each linear of a block. */
export function linearShapes({
  hiddenSize,
  heads,
  kvHeads,
  headDim,
  intermediateSize,
}: DecoderConfig): Readonly<Record<BlockLinear, readonly [number, number]>> {
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

export interface Linear {
  /** `model.layers.3.self_attn.q_proj` */
  readonly name: string;
  readonly weight: Weight;
  /** The low-rank update, when this linear is adapted. */
  lora: LoraModule | null;
}

export interface Block {
  readonly inputNorm: Tensor;
  readonly postAttentionNorm: Tensor;
  readonly qNorm: Tensor;
  readonly kNorm: Tensor;
  readonly linears: Readonly<Record<BlockLinear, Linear>>;
}

/** Sequences back to back, as the device sees them. */
export interface Pack {
  /** Token ids [T], i32. */
  readonly ids: Tensor;
  /** Position of each token in its sequence [T], i32. */
  readonly positions: Tensor;
  /** Prefix sums of the lengths [sequences + 1], i32. */
  readonly cuSeqlens: Tensor;
}

/** The keys and values of tokens that came before a pack's, for generation. */
export interface AttentionCache {
  /** Stores the keys and values of the pack's tokens for a block of the decoder, and attends to them and all earlier ones. */
  attend(
    tape: Tape,
    compute: Compute,
    block: number,
    qkv: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
    pack: Pack,
    shape: AttentionShape,
  ): Tensor;
}

/** What a forward pass depends on besides the weights. */
export interface ForwardOptions {
  readonly compute: Compute;
  /** Keep only each block's input and run the block again in backward. */
  readonly checkpoint: boolean;
  /** Random stream for dropout; null switches dropout off (evaluation). */
  readonly dropoutSeed: ((module: number) => Seed) | null;
  /** Earlier tokens of the pack's sequences; none by default. Only for a tape that does not record. */
  readonly cache?: AttentionCache;
}

export class Decoder {
  private rotation: { cos: Tensor; sin: Tensor } | null = null;
  private rotationLength = 0;

  constructor(
    readonly device: Device,
    readonly config: DecoderConfig,
    readonly embedTokens: Tensor,
    readonly blocks: readonly Block[],
    readonly norm: Tensor,
  ) {}

  /** Every linear of every block, in order. */
  *linears(): Generator<Linear> {
    for (const block of this.blocks) for (const name of BLOCK_LINEARS) yield block.linears[name];
  }

  /**
   * Makes the rotation tables long enough for `positions`; to be called outside of any scope, before the first forward.
   * @param beyondConfig also positions above the config's max_position_embeddings: generation goes on there, as in transformers
   * @throws MedreproError `input` when the model has no such positions.
   */
  prepare(positions: number, { beyondConfig = false } = {}): void {
    const { headDim, ropeTheta, maxPositions } = this.config;
    if (positions > maxPositions && !beyondConfig) {
      throw inputError(`the longest row has ${positions} tokens, and the model has ${maxPositions} positions`, {
        remedy: 'set data.maxLength in the spec to what the model has',
      });
    }
    if (positions <= this.rotationLength) return;
    this.rotation?.cos.release();
    this.rotation?.sin.release();
    this.device.scope(() => {
      const tables = rotationTables(this.device, positions, headDim, ropeTheta);
      this.rotation = { cos: tables.cos.retain(), sin: tables.sin.retain() };
    });
    this.rotationLength = positions;
  }

  /**
   * The final hidden states [n, hidden] at `rows` of the pack (all of them when null), after the last norm. The norm works
   * row by row, so it is only computed where it is wanted.
   */
  forward(tape: Tape, pack: Pack, rows: Tensor | null, options: ForwardOptions): Tensor {
    let x = embedding(tape, this.embedTokens, pack.ids, activationDtype(options.compute));
    this.blocks.forEach((block, index) => {
      x = tape.block(x, options.checkpoint, (inner, input) => this.block(inner, input, block, index, pack, options));
    });
    const wanted = rows === null ? x : gatherRows(tape, x, rows);
    return rmsNorm(tape, wanted, this.norm, this.config.rmsNormEpsilon);
  }

  private block(tape: Tape, x: Tensor, block: Block, index: number, pack: Pack, options: ForwardOptions): Tensor {
    const { compute } = options;
    const { heads, kvHeads, headDim, rmsNormEpsilon: epsilon } = this.config;
    const rotation = { ...this.rotation!, positions: pack.positions };
    const project = (input: Tensor, name: BlockLinear): Tensor => {
      const { weight, lora } = block.linears[name];
      const module = index * BLOCK_LINEARS.length + BLOCK_LINEARS.indexOf(name);
      return linear(tape, compute, input, weight, lora?.operands(options.dropoutSeed, module) ?? null);
    };

    const h = rmsNorm(tape, x, block.inputNorm, epsilon);
    const q = rope(tape, rmsNorm(tape, project(h, 'self_attn.q_proj'), block.qNorm, epsilon), heads, rotation);
    const k = rope(tape, rmsNorm(tape, project(h, 'self_attn.k_proj'), block.kNorm, epsilon), kvHeads, rotation);
    const v = project(h, 'self_attn.v_proj');
    const shape = { heads, kvHeads, headDim, scale: 1 / Math.sqrt(headDim), window: 0 };
    const mixed =
      options.cache?.attend(tape, compute, index, { q, k, v }, pack, shape) ??
      attention(tape, compute, q, k, v, pack.cuSeqlens, shape);
    const attended = add(tape, x, project(mixed, 'self_attn.o_proj'));

    const g = rmsNorm(tape, attended, block.postAttentionNorm, epsilon);
    const gated = swiglu(tape, project(g, 'mlp.gate_proj'), project(g, 'mlp.up_proj'));
    return add(tape, attended, project(gated, 'mlp.down_proj'));
  }
}

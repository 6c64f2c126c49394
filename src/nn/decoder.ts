/**
 * The decoder of the Llama, Qwen2, Qwen3 and Gemma 3 families (transformers' modeling_llama.py, modeling_qwen2.py,
 * modeling_qwen3.py, modeling_gemma3.py) on packed sequences; parts in brackets are there when the configuration says so.
 *
 *   x = embedding[ids] [* sqrt(C)]                           // (T, C)
 *   per block:
 *     h = rmsNorm(x);  q, k, v = h Wq^T, h Wk^T, h Wv^T [+ b]  // (T, H*D), (T, KV*D), (T, KV*D)
 *     q, k = rope([rmsNorm per head] q, k)
 *     x = x + [rmsNorm](attention(q, k, v) Wo^T)
 *     h = rmsNorm(x);  x = x + [rmsNorm]((act(h Wg^T) * h Wu^T) Wd^T)
 *   hidden = rmsNorm(x)
 */
import { type AttentionShape, attention } from '../autograd/ops/attention';
import { add, cast, embedding, gatherRows, scale } from '../autograd/ops/elementwise';
import { gatedLinears } from '../autograd/ops/gated';
import { activationDtype, type Compute, linear, linears, type Projection, type Seed } from '../autograd/ops/linear';
import { rmsNorm } from '../autograd/ops/norm';
import { type HeadPreparation, type Rotation, rope } from '../autograd/ops/rope';
import type { Tape } from '../autograd/tape';
import { inputError } from '../errors';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';
import {
  BLOCK_LINEARS,
  type BlockLinear,
  type BlockNorm,
  type DecoderConfig,
  type LayerKind,
  layerKind,
  type RopeOptions,
} from './config';
import type { Linear } from './linear';
import { rotationTables } from './rope';

/** A norm that the configuration does not ask for is null. */
export interface BlockNorms extends Readonly<Record<BlockNorm, Tensor | null>> {
  readonly inputNorm: Tensor;
  readonly qNorm: Tensor | null;
  readonly kNorm: Tensor | null;
  /** On the output of attention, before it is added to the residual stream. */
  readonly attentionOutputNorm: Tensor | null;
  readonly mlpInputNorm: Tensor;
  /** On the output of the MLP, before it is added to the residual stream. */
  readonly mlpOutputNorm: Tensor | null;
}

/** Weights of one block; a norm that the family does not have is null. */
export interface Block extends BlockNorms {
  readonly linears: Readonly<Record<BlockLinear, Linear>>;
}

/**
 * Preparation of the unquantised parameters for training a quantised model; decides where the residual stream
 * is fp32 while products are computed in 16 bits (under autocast, an fp32 norm gives fp32).
 *
 * - `peft`: norms, embeddings and head to fp32 (peft's prepare_model_for_kbit_training): the stream is fp32 throughout.
 * - `trl-norms`: norms alone (TRL's own preparation of 27 October to 14 November 2025, #4335): the embeddings and the first
 *   block's attention are 16-bit, and the fp32 input of the MLP makes the stream fp32 from its output on. Gemma's norms return
 *   the dtype of their input, so nothing changes there.
 * - `none`: as loaded; the stream has the compute dtype.
 */
export type KbitPreparation = 'peft' | 'trl-norms' | 'none';

/** Packed sequences on the device. */
export interface Pack {
  /** Token ids [T], i32. */
  readonly ids: Tensor;
  /** Position of each token in its sequence [T], i32. */
  readonly positions: Tensor;
  /** Prefix sums of the lengths [sequences + 1], i32. */
  readonly cuSeqlens: Tensor;
  /** How many keys of each sequence its tokens see [sequences], i32; null or absent where no padding is in the pack. */
  readonly visible?: Tensor | null;
  /**
   * Tokens of which LLM.int8 looks for outlier columns together [groups + 1], i32 prefix sums; by default each sequence is a group.
   */
  readonly groups?: Tensor;
}

/** The keys and values of the tokens that precede a pack's, for generation. */
export interface AttentionCache {
  /**
   * Norms and rotates the heads of the pack's tokens in place, stores keys and values, and attends to them and all
   * earlier ones.
   */
  attend(
    tape: Tape,
    compute: Compute,
    block: number,
    qkv: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
    preparation: HeadPreparation,
    pack: Pack,
    shape: AttentionShape,
  ): Tensor;
}

/** Options of a forward pass. */
export interface ForwardOptions {
  readonly compute: Compute;
  /** Keep only each block's input and run the block again in backward. */
  readonly checkpoint: boolean;
  /** Random stream for dropout; null switches dropout off (evaluation). */
  readonly dropoutSeed: ((module: number) => Seed) | null;
  /** Earlier tokens of the pack's sequences; none by default. Only for a tape that does not record. */
  readonly cache?: AttentionCache;
  /**
   * Called with what transformers names `hidden_states[index]`: the embeddings (0), each block's output, and at last the normed
   * hidden states, each valid during the call. For tests and tools; the result does not depend on it.
   */
  readonly onHidden?: (index: number, hidden: Tensor) => void;
}

type Tables = Pick<Rotation, 'cos' | 'sin'>;

export class Decoder {
  /** Rotary tables of each kind of layer; the same pair where their settings are equal. */
  private rotation: Readonly<Record<LayerKind, Tables>> | null = null;
  private rotationLength = 0;

  constructor(
    readonly device: Device,
    readonly config: DecoderConfig,
    readonly embedTokens: Tensor,
    readonly blocks: readonly Block[],
    readonly finalNorm: Tensor,
    readonly preparation: KbitPreparation = 'none',
  ) {}

  /** Every linear of every block, in order. */
  *linears(): Generator<Linear> {
    for (const block of this.blocks) for (const name of BLOCK_LINEARS) yield block.linears[name];
  }

  /**
   * Extends the rotary tables to `positions`; to be called outside of any scope, before the first forward.
   * Positions above the config's max_position_embeddings are computed, as transformers does ({@link beyondPositions}).
   * @throws MedreproError `input` for such positions under dynamic scaling.
   */
  prepare(positions: number): void {
    const { headDim, maxPositions, rope } = this.config;
    if (positions > maxPositions && [rope.full, rope.sliding].some(({ scaling }) => scaling?.kind === 'dynamic')) {
      throw inputError(
        `rows reach ${positions} tokens; rope type "dynamic" is not implemented beyond the model's ${maxPositions}`,
        { remedy: 'cut the rows: data.maxLength in a spec, --max-new-tokens' },
      );
    }
    if (positions <= this.rotationLength) return;
    const before = this.rotation === null ? [] : [this.rotation.full, this.rotation.sliding];
    for (const { cos, sin } of new Set(before)) {
      cos.release();
      sin.release();
    }
    const tables = (options: RopeOptions): Tables =>
      this.device.scope(() => {
        const { cos, sin } = rotationTables(this.device, positions, headDim, options);
        return { cos: cos.retain(), sin: sin.retain() };
      });
    const full = tables(rope.full);
    this.rotation = { full, sliding: Bun.deepEquals(rope.full, rope.sliding) ? full : tables(rope.sliding) };
    this.rotationLength = positions;
  }

  /**
   * The final hidden states [n, hidden] at `rows` of the pack (all of them when null), after the last norm. The norm works
   * row by row, so it is only computed for these rows.
   */
  forward(tape: Tape, pack: Pack, rows: Tensor | null, options: ForwardOptions): Tensor {
    const { embeddingScale } = this.config;
    const { onHidden } = options;
    const dtype = this.preparation === 'peft' ? 'f32' : activationDtype(options.compute);
    let x = embedding(tape, this.embedTokens, pack.ids, dtype, paddingRow(this.config));
    // a buffer of the dtype that the model is loaded in; preparation does not change it
    if (embeddingScale !== null) x = scale(tape, x, roundedTo(activationDtype(options.compute), embeddingScale));
    onHidden?.(0, x);
    this.blocks.forEach((block, index) => {
      x = tape.block(x, options.checkpoint, (inner, input) => this.block(inner, input, block, index, pack, options));
      if (index + 1 < this.blocks.length) onHidden?.(index + 1, x);
    });
    const wanted = rows === null ? x : gatherRows(tape, x, rows);
    const hidden = this.norm(tape, wanted, this.finalNorm, options.compute);
    onHidden?.(this.blocks.length, hidden);
    return hidden;
  }

  /** Computed in the dtype of x, returned in the compute dtype: a product rounds its operands to it anyway. */
  private norm(tape: Tape, x: Tensor, weight: Tensor, compute: Compute): Tensor {
    const { rmsNormEpsilon, normOffset } = this.config;
    return cast(tape, rmsNorm(tape, x, weight, rmsNormEpsilon, normOffset), activationDtype(compute));
  }

  private block(tape: Tape, x: Tensor, block: Block, index: number, pack: Pack, options: ForwardOptions): Tensor {
    const { compute } = options;
    const { heads, kvHeads, headDim, attentionScale, window } = this.config;
    const kind = layerKind(this.config, index);
    const rotation = { ...this.rotation![kind], positions: pack.positions };
    const norm = (input: Tensor, weight: Tensor | null): Tensor =>
      weight === null ? input : this.norm(tape, input, weight, compute);
    // additions to an fp32 stream are in fp32
    const join = (stream: Tensor, branch: Tensor, dtype: FloatDtype): Tensor =>
      add(tape, cast(tape, stream, dtype), cast(tape, branch, dtype));
    const widens = this.preparation === 'trl-norms' && !this.config.normOffset;
    const projection = (name: BlockLinear): Projection => {
      const { weight, bias, lora } = block.linears[name];
      const module = index * BLOCK_LINEARS.length + BLOCK_LINEARS.indexOf(name);
      const own = weight.within?.(pack.groups ?? pack.cuSeqlens) ?? weight;
      return { weight: own, update: lora?.operands(tape, options.dropoutSeed, module) ?? null, bias };
    };
    /** A branch's last linear and its norm, added to the stream. */
    const rejoin = (
      stream: Tensor,
      input: Tensor,
      name: BlockLinear,
      after: Tensor | null,
      dtype: FloatDtype,
    ): Tensor => {
      const last = projection(name);
      if (after === null && last.bias === null && stream.dtype === input.dtype && dtype === stream.dtype) {
        return linear(tape, compute, input, last.weight, last.update, dtype, stream);
      }
      return join(stream, norm(linears(tape, compute, input, [last])[0]!, after), dtype);
    };

    const h = norm(x, block.inputNorm);
    const inputs = (['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'] as const).map(projection);
    const [q, k, v] = linears(tape, compute, h, inputs) as [Tensor, Tensor, Tensor];
    const shape = { heads, kvHeads, headDim, scale: attentionScale, window: kind === 'sliding' ? (window ?? 0) : 0 };
    if (pack.visible && shape.window > 0) {
      throw inputError('a model with a sliding window cannot learn padding under an attention mask', {
        remedy: 'set data.labels.padding: left-out, or paddingAttention: full, in the spec',
      });
    }
    const mix = (inner: Tape): Tensor => {
      if (options.cache) {
        const { rmsNormEpsilon: epsilon, normOffset: offset } = this.config;
        const preparation = { qNorm: block.qNorm, kNorm: block.kNorm, epsilon, offset, rotation };
        return options.cache.attend(inner, compute, index, { q, k, v }, preparation, pack, shape);
      }
      const rotate = (y: Tensor, weight: Tensor | null, count: number): Tensor =>
        rope(inner, weight === null ? y : this.norm(inner, y, weight, compute), count, rotation);
      const rotated = { q: rotate(q, block.qNorm, heads), k: rotate(k, block.kNorm, kvHeads) };
      return attention(inner, compute, rotated.q, rotated.k, v, pack.cuSeqlens, shape, pack.visible ?? null);
    };
    // q and k before and after their norms and the output of attention are a quarter of a block's activations: recomputed in
    // fp32, kept in 16 bits, where they are half as large and recomputing them costs more relative to the products
    const norms = [block.qNorm, block.kNorm].filter((weight) => weight !== null);
    // (a checkpointed block is recomputed as a whole)
    const inF32 = activationDtype(compute) === 'f32';
    const checkpointed = options.checkpoint && tape.recording;
    const mixed = inF32 && !checkpointed ? tape.recompute([q, k, v], norms, mix) : mix(tape);
    const streamed = x.dtype as FloatDtype;
    const attended = rejoin(x, mixed, 'self_attn.o_proj', block.attentionOutputNorm, streamed);

    const g = norm(attended, block.mlpInputNorm);
    const gates = [projection('mlp.gate_proj'), projection('mlp.up_proj')] as const;
    const gated = gatedLinears(tape, compute, g, gates, this.config.activation);
    return rejoin(attended, gated, 'mlp.down_proj', block.mlpOutputNorm, widens ? 'f32' : streamed);
  }
}

// --- internal ---

/** The row of the embedding that is never trained: nn.Embedding's padding_idx, which counts from the end where it is negative. */
function paddingRow({ padTokenId, vocabSize }: DecoderConfig): number {
  if (padTokenId === null) return -1;
  return padTokenId < 0 ? vocabSize + padTokenId : padTokenId;
}

/** A number rounded to a dtype. */
function roundedTo(dtype: FloatDtype, value: number): number {
  if (dtype === 'f32') return Math.fround(value);
  if (dtype === 'f16') return Math.f16round(value);
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const even = bits + 0x7fff + ((bits >>> 16) & 1);
  return new Float32Array(Uint32Array.of(even & 0xffff0000).buffer)[0]!;
}

/**
 * Keys and values of the tokens so far, per block of the decoder, so that a new token costs the work of one token.
 *
 * Sequences live in slots of equal size in one tensor per block, each with its own length, so there is no padding: a sequence
 * computes what it would compute alone. transformers' left-padded batches mask their padding and so compute the same.
 */
import { attentionCached } from '../autograd/ops/attention';
import { activationDtype, type Compute } from '../autograd/ops/linear';
import { ropeCached } from '../autograd/ops/rope';
import { packBatch } from '../data/batches';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { DecoderConfig } from '../nn/config';
import type { AttentionCache } from '../nn/decoder';

/** The next tokens of a sequence. */
export interface NewTokens {
  readonly slot: number;
  readonly ids: ArrayLike<number>;
}

/** The indices of one pass over new tokens, T of B sequences, as the host has them. */
export interface PassInputs {
  /** (T,) token ids, and the position of each in its sequence. */
  readonly ids: Int32Array;
  readonly positions: Int32Array;
  /** (B+1,) */
  readonly cuSeqlens: Int32Array;
  /** (B,) the last new token of each sequence. */
  readonly last: Int32Array;
  /** (B,) tokens stored before, and where the sequence's rows begin in the cache. */
  readonly past: Int32Array;
  readonly cacheRows: Int32Array;
  /** (T,) the row of the cache that each token goes to. */
  readonly places: Int32Array;
}

/** The same on the device. */
export type PassTensors = Readonly<Record<keyof PassInputs, Tensor>>;

export class KvCache {
  /** Tokens stored, per slot. */
  readonly lengths: Int32Array;
  private readonly k: readonly Tensor[];
  private readonly v: readonly Tensor[];

  /**
   * Takes its memory at once, until the innermost scope of `device` ends.
   * @param slots sequences it holds at a time
   * @param slotSize tokens of the longest one
   */
  constructor(
    device: Device,
    { layers, kvHeads, headDim }: DecoderConfig,
    compute: Compute,
    slots: number,
    readonly slotSize: number,
  ) {
    this.lengths = new Int32Array(slots);
    const make = (): Tensor => device.empty([slots * slotSize, kvHeads * headDim], activationDtype(compute));
    this.k = Array.from({ length: layers }, make);
    this.v = Array.from({ length: layers }, make);
  }

  /** Releases a slot. */
  clear(slot: number): void {
    this.lengths[slot] = 0;
  }

  /**
   * What the decoder's pass over some sequences' next tokens reads. The tokens count as stored from now on, so the pass must
   * follow.
   */
  extend(sequences: readonly NewTokens[]): PassInputs {
    const { lengths, slotSize } = this;
    const packed = packBatch(sequences.map(({ ids }) => ({ ids, label: 0 })));
    const past = Int32Array.from(sequences, ({ slot }) => lengths[slot]!);
    const cacheRows = Int32Array.from(sequences, ({ slot }) => slot * slotSize);
    const places = new Int32Array(packed.ids.length);
    sequences.forEach(({ slot, ids }, i) => {
      if (past[i]! + ids.length > slotSize) throw new RangeError(`${past[i]} + ${ids.length} tokens in ${slotSize}`);
      for (let t = packed.cuSeqlens[i]!; t < packed.cuSeqlens[i + 1]!; t++) {
        packed.positions[t]! += past[i]!;
        places[t] = cacheRows[i]! + packed.positions[t]!;
      }
      lengths[slot]! += ids.length;
    });
    const { ids, positions, cuSeqlens } = packed;
    const last = cuSeqlens.subarray(1).map((end) => end - 1);
    return { ids, positions, cuSeqlens, last, past, cacheRows, places };
  }

  /** The cache as the decoder's forward pass needs it. */
  attention({ past, cacheRows, places }: PassTensors): AttentionCache {
    const at = { past, cacheRows };
    return {
      attend: (tape, compute, block, qkv, preparation, { cuSeqlens }, shape) => {
        const kept = { k: this.k[block]!, v: this.v[block]! };
        ropeCached(tape, qkv, shape.headDim, preparation, { ...kept, places });
        return attentionCached(tape, compute, qkv.q, { ...kept, ...at }, cuSeqlens, shape);
      },
    };
  }
}

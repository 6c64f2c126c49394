/** Causal grouped-query attention over a pack of sequences (exact, tiled; Dao et al. 2022). */
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';
import { type Compute, computeCode } from './linear';

export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Factor on the scores, usually 1/sqrt(head_dim). */
  readonly scale: number;
  /** Keys at this distance or further back are masked; 0 = no window. */
  readonly window: number;
}

/**
 * q [T, heads*head_dim], k and v [T, kv_heads*head_dim], cuSeqlens [sequences+1] i32 -> [T, heads*head_dim]. `visible`
 * [sequences] i32: only the first keys of each sequence are seen, as an attention mask over right padding does it.
 */
export function attention(
  tape: Tape,
  compute: Compute,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cuSeqlens: Tensor,
  { heads, kvHeads, headDim, scale, window }: AttentionShape,
  visible: Tensor | null = null,
): Tensor {
  const o = tape.device.empty(q.shape, q.dtype);
  const lse = tape.device.empty([q.rows, heads], 'f32');
  const shared = [
    computeCode(compute),
    q.code,
    q.rows,
    cuSeqlens.size - 1,
    cuSeqlens.address,
    visible?.address ?? 0,
    heads,
    kvHeads,
    headDim,
    scale,
    window,
    q.address,
    k.address,
    v.address,
    o.address,
    lse.address,
  ] as const;
  tape.ops.attentionForward(...shared);
  return tape.record({
    output: o,
    inputs: [q, k, v],
    saved: [q, k, v, o, lse],
    backward: (dO) => {
      // q, k and v come from one place each, so their gradients are written, never accumulated
      const dq = tape.claimOrScratch(q);
      const dk = tape.claimOrScratch(k);
      const dv = tape.claimOrScratch(v);
      if (dq.accumulate || dk.accumulate || dv.accumulate) throw new Error('attention: q, k or v is used twice');
      tape.ops.attentionBackward(...shared, dO.address, dq.into.address, dk.into.address, dv.into.address);
    },
  });
}

/** The cached keys and values of a pack's sequences, those of its own tokens included. */
export interface CachedKeys {
  /** [rows, kv_heads*head_dim]; position p of sequence i is row cacheRows[i] + p. */
  readonly k: Tensor;
  readonly v: Tensor;
  /** [sequences] i32. */
  readonly cacheRows: Tensor;
  /** Tokens of each sequence before those of the pack [sequences], i32. */
  readonly past: Tensor;
}

/**
 * {@link attention} of tokens whose predecessors are not in the pack, for inference: q [T, heads*head_dim] and cuSeqlens hold
 * the new tokens alone -> [T, heads*head_dim], with the bits that the whole sequences would have given.
 */
export function attentionCached(
  tape: Tape,
  compute: Compute,
  q: Tensor,
  { k, v, cacheRows, past }: CachedKeys,
  cuSeqlens: Tensor,
  { heads, kvHeads, headDim, scale, window }: AttentionShape,
): Tensor {
  if (tape.recording) throw new Error('attentionCached has no backward');
  const o = tape.device.empty(q.shape, q.dtype);
  tape.ops.attentionCached(
    computeCode(compute),
    q.code,
    q.rows,
    cuSeqlens.size - 1,
    cuSeqlens.address,
    cacheRows.address,
    past.address,
    heads,
    kvHeads,
    headDim,
    scale,
    window,
    q.address,
    k.address,
    v.address,
    o.address,
  );
  return o;
}

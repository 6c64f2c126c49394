/** Causal grouped-query attention over a pack of sequences (exact, tiled; Dao et al. 2022). */
import { MR_BF16, MR_F32 } from '../../native/bindings';
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';
import type { Compute } from './linear';

export interface AttentionShape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Factor on the scores, usually 1/sqrt(head_dim). */
  readonly scale: number;
}

/** q [T, heads*head_dim], k and v [T, kv_heads*head_dim], cuSeqlens [sequences+1] i32 -> [T, heads*head_dim]. */
export function attention(
  tape: Tape,
  compute: Compute,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  cuSeqlens: Tensor,
  { heads, kvHeads, headDim, scale }: AttentionShape,
): Tensor {
  const o = tape.device.empty(q.shape, q.dtype);
  const lse = tape.device.empty([q.rows, heads], 'f32');
  const mode = compute === 'fp32' ? MR_F32 : MR_BF16;
  const sequences = cuSeqlens.size - 1;
  tape.ops.attentionForward(
    mode,
    q.code,
    sequences,
    cuSeqlens.address,
    heads,
    kvHeads,
    headDim,
    scale,
    0,
    q.address,
    k.address,
    v.address,
    o.address,
    lse.address,
  );
  return tape.record({
    output: o,
    inputs: [q, k, v],
    saved: [q, k, v, o, lse],
    backward: (dO) => {
      // q, k and v come from one place each, so their gradients are written, never accumulated
      const dq = tape.claim(q);
      const dk = tape.claim(k);
      const dv = tape.claim(v);
      if (dq.accumulate || dk.accumulate || dv.accumulate) throw new Error('attention: q, k or v is used twice');
      tape.ops.attentionBackward(
        mode,
        q.code,
        sequences,
        cuSeqlens.address,
        heads,
        kvHeads,
        headDim,
        scale,
        0,
        q.address,
        k.address,
        v.address,
        o.address,
        lse.address,
        dO.address,
        dq.into.address,
        dk.into.address,
        dv.into.address,
      );
    },
  });
}

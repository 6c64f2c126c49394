/** Rotary position embedding (Su et al. 2021) in the half-split layout of Llama and Qwen. */
import { MR_NORM_OFFSET, MR_NORM_SCALE } from '../../native/bindings';
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';

/** cos and sin [positions, head_dim/2], fp32, and each token's position [T], i32. */
export interface Rotation {
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly positions: Tensor;
}

/** Rotates x [T, heads*head_dim]; the backward is the rotation by the negative angle. */
export function rope(tape: Tape, x: Tensor, heads: number, { cos, sin, positions }: Rotation): Tensor {
  const headDim = x.cols / heads;
  const y = tape.device.empty(x.shape, x.dtype);
  const rotate = (from: Tensor, to: Tensor, inverse: 0 | 1): void =>
    tape.ops.rope(
      x.code,
      x.rows,
      heads,
      headDim,
      from.address,
      cos.address,
      sin.address,
      positions.address,
      inverse,
      to.address,
    );
  rotate(x, y, 0);
  return tape.record({
    output: y,
    inputs: [x],
    saved: [],
    backward: (dy) => {
      const { into, accumulate } = tape.claim(x);
      if (accumulate === 0) rotate(dy, into, 1);
      else {
        const rotated = dy.lent > 0 ? tape.device.empty(dy.shape, dy.dtype) : dy;
        rotate(dy, rotated, 1);
        tape.ops.add(x.code, x.size, rotated.address, into.address, into.address);
      }
    },
  });
}

/** How the heads of q and k are prepared: the weights of their norms [head_dim], null without, and the rotation. */
export interface HeadPreparation {
  readonly qNorm: Tensor | null;
  readonly kNorm: Tensor | null;
  readonly epsilon: number;
  /** The factor of a norm is 1 + its weight. */
  readonly offset: boolean;
  readonly rotation: Rotation;
}

/** Rows of a cache of keys and of one of values [*, kv_heads*head_dim], and the row that each token goes to [T], i32. */
export interface CachePlaces {
  readonly k: Tensor;
  readonly v: Tensor;
  readonly places: Tensor;
}

/**
 * For inference: norms and rotates q [T, heads*head_dim] and k [T, kv_heads*head_dim] in place, and stores k and v in a cache. The
 * bits are those of {@link rope} after `rmsNorm`.
 */
export function ropeCached(
  tape: Tape,
  { q, k, v }: { readonly q: Tensor; readonly k: Tensor; readonly v: Tensor },
  headDim: number,
  { qNorm, kNorm, epsilon, offset, rotation }: HeadPreparation,
  cache: CachePlaces,
): void {
  if (tape.recording) throw new Error('ropeCached has no backward');
  tape.ops.ropeCached(
    q.code,
    offset ? MR_NORM_OFFSET : MR_NORM_SCALE,
    q.rows,
    q.cols / headDim,
    k.cols / headDim,
    headDim,
    epsilon,
    q.address,
    qNorm?.address ?? 0,
    k.address,
    kNorm?.address ?? 0,
    v.address,
    rotation.cos.address,
    rotation.sin.address,
    rotation.positions.address,
    cache.places.address,
    cache.k.address,
    cache.v.address,
  );
}

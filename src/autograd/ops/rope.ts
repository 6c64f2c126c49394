/** Rotary position embedding (Su et al. 2021) in the half-split layout of Llama and Qwen. */
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
        const turned = dy.lent > 0 ? tape.device.empty(dy.shape, dy.dtype) : dy;
        rotate(dy, turned, 1);
        tape.ops.add(x.code, x.size, turned.address, into.address, into.address);
      }
    },
  });
}

/** y[r, :] = factors[r] * x[r, :]: AdaLoRA's A * E, the singular values on the right singular vectors. */
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';

/** x [rows, cols], factors [rows, 1] or [rows], all fp32. */
export function scaleRows(tape: Tape, x: Tensor, factors: Tensor): Tensor {
  const y = tape.device.empty(x.shape, 'f32');
  tape.ops.scaleRows(x.rows, x.cols, x.address, factors.address, y.address);
  return tape.record({
    output: y,
    inputs: [x, factors],
    saved: [x, factors],
    backward: (dy) => {
      const dx = tape.claim(x);
      const dFactors = tape.claim(factors);
      tape.ops.scaleRowsBackward(
        x.rows,
        x.cols,
        dy.address,
        x.address,
        factors.address,
        dx.into.address,
        dx.accumulate,
        dFactors.into.address,
        dFactors.accumulate,
      );
    },
  });
}

/** RMSNorm (Zhang and Sennrich 2019) as transformers' Qwen3RMSNorm: normalise in fp32, round, multiply by the weight. */
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';

/**
 * Normalises each row of `cols = weight.size` elements, so the same op serves the residual stream [T, hidden] and the
 * per-head norms of q and k ([T, heads*head_dim] seen as [T*heads, head_dim]).
 */
export function rmsNorm(tape: Tape, x: Tensor, weight: Tensor, epsilon: number): Tensor {
  const cols = weight.size;
  const rows = x.size / cols;
  if (!Number.isInteger(rows)) throw new RangeError(`rmsNorm: ${x.size} elements in rows of ${cols}`);
  const y = tape.device.empty(x.shape, x.dtype);
  const rstd = tape.device.empty([rows], 'f32');
  tape.ops.rmsNormForward(x.code, rows, cols, epsilon, x.address, weight.address, y.address, rstd.address);
  return tape.record({
    output: y,
    inputs: [x, weight],
    saved: [x, rstd],
    backward: (dy) => {
      const dw = weight.requiresGrad ? tape.claim(weight).into.address : 0;
      // a frozen embedding below still needs somewhere to put dx when only the weight is trained
      const { into, accumulate } = x.requiresGrad
        ? tape.claim(x)
        : ({ into: tape.device.empty(x.shape, x.dtype), accumulate: 0 } as const);
      tape.ops.rmsNormBackward(
        x.code,
        rows,
        cols,
        dy.address,
        x.address,
        weight.address,
        rstd.address,
        into.address,
        accumulate,
        dw,
      );
    },
  });
}

/**
 * RMSNorm (Zhang and Sennrich 2019), as transformers' LlamaRMSNorm and Qwen3RMSNorm (normalise in fp32, round, multiply by
 * the weight) or as its Gemma3RMSNorm (normalise and multiply by 1 + the weight in fp32, then round).
 */
import { MR_NORM_OFFSET, MR_NORM_SCALE } from '../../native/bindings';
import type { Tensor } from '../../native/tensor';
import type { Tape } from '../tape';

/**
 * Normalises each row of `cols = weight.size` elements, so the same op serves the residual stream [T, hidden] and the
 * per-head norms of q and k ([T, heads*head_dim] seen as [T*heads, head_dim]). `offset`: the factor is 1 + weight.
 */
export function rmsNorm(tape: Tape, x: Tensor, weight: Tensor, epsilon: number, offset = false): Tensor {
  const cols = weight.size;
  const rows = x.size / cols;
  if (!Number.isInteger(rows)) throw new RangeError(`rmsNorm: ${x.size} elements in rows of ${cols}`);
  const y = tape.device.empty(x.shape, x.dtype);
  const rstd = tape.device.empty([rows], 'f32');
  const kind = offset ? MR_NORM_OFFSET : MR_NORM_SCALE;
  tape.ops.rmsNormForward(x.code, kind, rows, cols, epsilon, x.address, weight.address, y.address, rstd.address);
  return tape.record({
    output: y,
    inputs: [x, weight],
    saved: [x, rstd],
    backward: (dy) => {
      const dw = weight.requiresGrad ? tape.claim(weight).into.address : 0;
      // a frozen embedding below still needs somewhere to put dx when only the weight is trained
      const { into, accumulate } = tape.claimOrScratch(x);
      tape.ops.rmsNormBackward(
        x.code,
        kind,
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

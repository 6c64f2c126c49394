/**
 * y = x W^T, with a frozen, trainable or quantised W, and optionally a low-rank update:
 *
 *   y = x W^T + scale * (dropout(x) A^T) B^T        (Hu et al. 2021; PEFT's lora.Linear)
 *
 * x [T, in], W [out, in], A [rank, in], B [out, rank], y [T, out].
 */
import { MR_BF16, MR_F16, MR_F32 } from '../../native/bindings';
import type { FloatDtype, Tensor } from '../../native/tensor';
import type { Tape } from '../tape';

/** fp32 sums of fp32 products, or of products of operands rounded to bf16 or fp16. */
export type Compute = 'fp32' | 'bf16' | 'fp16';

/** Storage dtype of activations under a compute mode. */
export const activationDtype = (compute: Compute): FloatDtype => ACTIVATIONS[compute];
const ACTIVATIONS = { fp32: 'f32', bf16: 'bf16', fp16: 'f16' } as const;
/** The compute mode as the C ABI writes it. */
export const computeCode = (compute: Compute): number => CODES[compute];
const CODES = { fp32: MR_F32, bf16: MR_BF16, fp16: MR_F16 } as const;

/** Where a linear's matrix comes from; a quantised one is made dense for the duration of a scope. */
export interface Weight {
  readonly outFeatures: number;
  readonly inFeatures: number;
  /** The dense matrix [out, in]. */
  dense(tape: Tape): Tensor;
  /** The matrix itself when it is trained (fp32, with a gradient), null when it is frozen. */
  readonly parameter: Tensor | null;
  /** y = x W^T where that is not the product with `dense` (LLM.int8 quantises x as well); the backward takes `dense`. */
  multiply?(tape: Tape, compute: Compute, x: Tensor, y: Tensor): void;
  /** dx = dy W, or dx += dy W, with the bits of the product with `dense` but without making it. */
  multiplyTransposed?(tape: Tape, compute: Compute, dy: Tensor, dx: Tensor, accumulate: 0 | 1): void;
}

/** A low-rank update of one linear. */
export interface LowRank {
  /** [rank, in], fp32: a parameter, or computed from some (AdaLoRA's A * E). */
  readonly a: Tensor;
  /** [out, rank], fp32. */
  readonly b: Tensor;
  /** alpha / rank, or what the adapter has instead. */
  readonly scale: number;
  /** Dropout on the update's input; null in evaluation or when p is 0. */
  readonly dropout: { readonly p: number; readonly seed: Seed } | null;
}

/** A Philox key: one random stream per (run seed, step, module), so that order of execution never matters. */
export interface Seed {
  readonly low: number;
  readonly high: number;
  /** Tokens of the step in earlier passes: where in the stream this pass begins, so that no two tokens share a mask. */
  readonly firstToken?: number;
}

/** C[m,n] (+)= alpha * op(A) op(B) on tensors that are dense matrices. */
export function matmul(
  tape: Tape,
  compute: Compute,
  a: Tensor,
  transA: boolean,
  b: Tensor,
  transB: boolean,
  c: Tensor,
  options: { alpha?: number; accumulate?: 0 | 1 } = {},
): void {
  const m = transA ? a.cols : a.rows;
  const k = transA ? a.rows : a.cols;
  const n = transB ? b.rows : b.cols;
  const inner = transB ? b.cols : b.rows;
  if (k !== inner || c.rows !== m || c.cols !== n) {
    throw new RangeError(`matmul: [${m}, ${k}] by [${inner}, ${n}] into [${c.rows}, ${c.cols}]`);
  }
  const { alpha = 1, accumulate = 0 } = options;
  tape.ops.gemm(
    computeCode(compute),
    transA ? 1 : 0,
    transB ? 1 : 0,
    m,
    n,
    k,
    alpha,
    a.code,
    a.address,
    a.cols,
    b.code,
    b.address,
    b.cols,
    c.code,
    c.address,
    c.cols,
    accumulate,
  );
}

/** See the head of this file. Output in `dtype`, by default that of x. */
export function linear(
  tape: Tape,
  compute: Compute,
  x: Tensor,
  weight: Weight,
  update: LowRank | null = null,
  dtype: FloatDtype = x.dtype as FloatDtype,
): Tensor {
  const y = tape.device.empty([x.rows, weight.outFeatures], dtype);
  if (weight.multiply !== undefined) weight.multiply(tape, compute, x, y);
  else matmul(tape, compute, x, false, weight.dense(tape), true, y);

  let dropped = x;
  let hidden: Tensor | null = null;
  if (update !== null) {
    const { a, b, scale, dropout } = update;
    if (dropout !== null) {
      dropped = tape.device.empty(x.shape, x.dtype);
      const { low, high } = dropout.seed;
      const offset = streamOffset(x, dropout.seed);
      tape.ops.dropout(x.code, x.size, dropout.p, low, high, offset, x.address, dropped.address, 0);
    }
    hidden = tape.device.empty([x.rows, a.rows], dtype);
    matmul(tape, compute, dropped, false, a, true, hidden);
    matmul(tape, compute, hidden, false, b, true, y, { alpha: scale, accumulate: 1 });
  }

  const parameter = weight.parameter;
  return tape.record({
    output: y,
    inputs: [x, ...(parameter ? [parameter] : []), ...(update ? [update.a, update.b] : [])],
    saved: [
      ...(parameter !== null || update !== null ? [x] : []),
      ...(hidden === null ? [] : [hidden]),
      ...(update === null ? [] : [update.a]),
      ...(dropped === x ? [] : [dropped]),
    ],
    backward: (dy) => {
      if (parameter?.requiresGrad) {
        const { into, accumulate } = tape.claim(parameter);
        matmul(tape, compute, dy, true, x, false, into, { accumulate });
      }
      if (x.requiresGrad) {
        const { into, accumulate } = tape.claim(x);
        if (weight.multiplyTransposed !== undefined) weight.multiplyTransposed(tape, compute, dy, into, accumulate);
        else matmul(tape, compute, dy, false, weight.dense(tape), false, into, { accumulate });
      }
      if (update !== null && hidden !== null) lowRankBackward(tape, compute, update, x, dropped, hidden, dy);
    },
  });
}

/** dB += s dy^T h;  dh = s dy B;  dA += dh^T dropout(x);  dx += dropout(dh A), with the same mask. */
function lowRankBackward(
  tape: Tape,
  compute: Compute,
  { a, b, scale, dropout }: LowRank,
  x: Tensor,
  dropped: Tensor,
  hidden: Tensor,
  dy: Tensor,
): void {
  const db = tape.claim(b);
  matmul(tape, compute, dy, true, hidden, false, db.into, { alpha: scale, accumulate: db.accumulate });
  const dHidden = tape.device.empty(hidden.shape, hidden.dtype);
  matmul(tape, compute, dy, false, b, false, dHidden, { alpha: scale });
  const da = tape.claim(a);
  matmul(tape, compute, dHidden, true, dropped, false, da.into, { accumulate: da.accumulate });
  if (!x.requiresGrad) return;
  const dx = tape.claim(x);
  if (dropout === null) {
    matmul(tape, compute, dHidden, false, a, false, dx.into, { accumulate: dx.accumulate });
    return;
  }
  const dDropped = tape.device.empty(x.shape, x.dtype);
  matmul(tape, compute, dHidden, false, a, false, dDropped);
  const { low, high } = dropout.seed;
  const offset = streamOffset(x, dropout.seed);
  tape.ops.dropout(x.code, x.size, dropout.p, low, high, offset, dDropped.address, dx.into.address, dx.accumulate);
}

/** Elements of the stream before x; a Philox block gives four, and the kernel begins with a whole one. */
const streamOffset = (x: Tensor, { firstToken = 0 }: Seed): number => 4 * Math.ceil((firstToken * x.cols) / 4);

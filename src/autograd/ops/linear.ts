/**
 * y = x W^T, with a frozen, trainable or quantised W, and optionally a low-rank update:
 *
 *   y = x W^T + scale * (dropout(x) A^T) B^T        (Hu et al. 2021; PEFT's lora.Linear)
 *
 * x [T, in], W [out, in], A [rank, in], B [out, rank], y [T, out].
 */
import { MR_BF16, MR_F16, MR_F32 } from '../../native/bindings';
import type { FloatDtype, Tensor } from '../../native/tensor';
import type { Precision } from '../../paper/lists';
import type { Tape } from '../tape';
import { addBias } from './elementwise';

/** fp32 sums of fp32 products, or of products of operands rounded to bf16 or fp16. */
export type Compute = Precision;

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
  readonly multiply?: ((tape: Tape, compute: Compute, x: Tensor, y: Tensor) => void) | undefined;
  /**
   * The same matrix for rows of x in groups [groups + 1] (i32, prefix sums), where its product depends on which rows are multiplied
   * together: each group's is that of the group alone.
   */
  readonly within?: ((groups: Tensor) => Weight) | undefined;
  /** dx = dy W, or dx += dy W, with the bits of the product with `dense` but without making it. */
  readonly multiplyTransposed?:
    | ((tape: Tape, compute: Compute, dy: Tensor, dx: Tensor, accumulate: 0 | 1) => void)
    | undefined;
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
  refuseShapes(m, k, inner, n, c);
  const { alpha = 1, accumulate = 0 } = options;
  tape.ops.gemm(computeCode(compute), transA ? 1 : 0, transB ? 1 : 0, m, n, k, alpha, a, b, c, accumulate);
}

/** @throws RangeError unless [m, k] by [inner, n] gives c. */
function refuseShapes(m: number, k: number, inner: number, n: number, c: Tensor): void {
  if (k === inner && c.rows === m && c.cols === n) return;
  throw new RangeError(`matmul: [${m}, ${k}] by [${inner}, ${n}] into [${c.rows}, ${c.cols}]`);
}

/** One of the matrices that an input is multiplied with. */
export interface Projection {
  readonly weight: Weight;
  readonly update: LowRank | null;
  /** [out] fp32, added to the result; null without one. */
  readonly bias: Tensor | null;
}

/**
 * See the head of this file.
 * @param dtype of the output: by default that of x
 * @param residual [T, out] of that dtype: the stream that y joins, once it is rounded
 */
export function linear(
  tape: Tape,
  compute: Compute,
  x: Tensor,
  weight: Weight,
  update: LowRank | null = null,
  dtype: FloatDtype = x.dtype as FloatDtype,
  residual: Tensor | null = null,
): Tensor {
  const y = tape.device.empty([x.rows, weight.outFeatures], dtype);
  const low = lowRank(tape, compute, x, update, dtype);
  if (residual === null || low !== null || weight.multiply !== undefined) {
    multiplyWeight(tape, compute, x, weight, low, y);
    if (residual !== null) tape.ops.add(y.code, y.size, residual.address, y.address, y.address);
  } else {
    const w = weight.dense(tape);
    refuseShapes(x.rows, x.cols, w.cols, w.rows, y);
    const [code, size] = [computeCode(compute), [y.rows, y.cols, x.cols] as const];
    const [from, to] = [[x.code, x.address, w.code, w.address] as const, [residual.address, y.address] as const];
    tape.ops.gemmResidual(code, ...size, ...from, y.code, ...to);
  }
  return recordLinear(tape, compute, x, { weight, update }, low, y, residual);
}

/** The linears of one input, each as {@link linear} has it, and their biases. */
export function linears(tape: Tape, compute: Compute, x: Tensor, projections: readonly Projection[]): Tensor[] {
  const dtype = x.dtype as FloatDtype;
  const made = projections.map(({ weight, update }) => ({
    y: tape.device.empty([x.rows, weight.outFeatures], dtype),
    low: lowRank(tape, compute, x, update, dtype),
  }));
  const dense = projections.length > MOST_TOGETHER ? null : denseTogether(tape, x, projections);
  if (dense === null) {
    for (const [i, { y, low }] of made.entries()) multiplyWeight(tape, compute, x, projections[i]!.weight, low, y);
  } else {
    const [a, b, c] = [0, 1, 2].map((i) => [dense[i]?.rows ?? 0, dense[i]?.address ?? 0] as const);
    const [ya, yb, yc] = [0, 1, 2].map((i) => made[i]?.y.address ?? 0);
    const from = [computeCode(compute), x.rows, x.cols, x.code, x.address] as const;
    tape.ops.gemmSeveral(...from, dense[0]!.code, ...a!, ...b!, ...c!, x.code, ya!, yb!, yc!);
  }
  const products = projections.map((one, i) => recordLinear(tape, compute, x, one, made[i]!.low, made[i]!.y, null));
  return products.map((y, i) => (projections[i]!.bias === null ? y : addBias(tape, y, projections[i]!.bias)));
}

/**
 * The matrices [out, in] of some projections of x that one op can multiply with: dense, of one dtype and without an update. null
 * otherwise.
 */
export function denseTogether(tape: Tape, x: Tensor, projections: readonly Projection[]): Tensor[] | null {
  if (projections.some(({ weight, update }) => update !== null || weight.multiply !== undefined)) return null;
  const dense = projections.map(({ weight }) => weight.dense(tape));
  if (dense.some(({ cols }) => cols !== x.cols)) throw new RangeError(`linears: an input of ${x.cols} columns`);
  return dense.every(({ code }) => code === dense[0]!.code) ? dense : null;
}

/** Matrices that `gemmSeveral` takes. */
const MOST_TOGETHER = 3;

/**
 * The input of an update. Its mask is a function of the seed: backward makes it again instead of keeping it, which would be half as
 * large as everything else that a block keeps.
 */
function dropped(tape: Tape, x: Tensor, update: LowRank): Tensor {
  if (update.dropout === null) return x;
  const masked = tape.device.empty(x.shape, x.dtype);
  const { p, seed } = update.dropout;
  tape.ops.dropout(x.code, x.size, p, seed.low, seed.high, streamOffset(x, seed), x.address, masked.address, 0);
  return masked;
}

/** What an update adds to the product: h = dropout(x) A^T is made here. */
function lowRank(tape: Tape, compute: Compute, x: Tensor, update: LowRank | null, dtype: FloatDtype): Joined | null {
  if (update === null) return null;
  const { a, b, scale } = update;
  const u = tape.device.empty([x.rows, a.rows], dtype);
  tape.device.scope(() => matmul(tape, compute, dropped(tape, x, update), false, a, true, u));
  return { u, v: b, scale };
}

/** Keeps what the backward of y needs. */
export function recordLinear(
  tape: Tape,
  compute: Compute,
  x: Tensor,
  { weight, update }: Omit<Projection, 'bias'>,
  low: Joined | null,
  y: Tensor,
  residual: Tensor | null,
): Tensor {
  const parameter = weight.parameter;
  const hidden = low?.u ?? null;
  return tape.record({
    output: y,
    inputs: [
      x,
      ...(parameter ? [parameter] : []),
      ...(update ? [update.a, update.b] : []),
      ...(residual ? [residual] : []),
    ],
    saved: [
      ...(parameter !== null || update !== null ? [x] : []),
      ...(hidden === null ? [] : [hidden]),
      ...(update === null ? [] : [update.a]),
    ],
    backward: (dy) => {
      if (residual !== null) tape.share(dy, residual);
      if (parameter?.requiresGrad) {
        const { into, accumulate } = tape.claim(parameter);
        matmul(tape, compute, dy, true, x, false, into, { accumulate });
      }
      const dHidden =
        update === null || hidden === null
          ? null
          : factorGradients(tape, compute, update, dropped(tape, x, update), hidden, dy);
      if (!x.requiresGrad) return;
      const { into, accumulate } = tape.claim(x);
      // dropout is between the update's gradient and dx
      const joins = dHidden !== null && update!.dropout === null;
      const back = joins ? { u: dHidden, v: update!.a, scale: 1 } : null;
      multiplyWeightTransposed(tape, compute, dy, weight, back, into, accumulate);
      if (dHidden !== null && !joins) dropoutBackward(tape, compute, update!, dHidden, x);
    },
  });
}

/** u [T, rank] times v, times `scale`: what joins a product. */
interface Joined {
  readonly u: Tensor;
  readonly v: Tensor;
  readonly scale: number;
}

/** y = x W^T + scale * u v^T */
function multiplyWeight(tape: Tape, compute: Compute, x: Tensor, weight: Weight, low: Joined | null, y: Tensor): void {
  if (weight.multiply === undefined) {
    product(tape, compute, x, weight.dense(tape), 1, low, y, 0);
    return;
  }
  weight.multiply(tape, compute, x, y);
  if (low !== null) matmul(tape, compute, low.u, false, low.v, true, y, { alpha: low.scale, accumulate: 1 });
}

/** dx (+)= dy W + scale * u v */
function multiplyWeightTransposed(
  tape: Tape,
  compute: Compute,
  dy: Tensor,
  weight: Weight,
  low: Joined | null,
  dx: Tensor,
  accumulate: 0 | 1,
): void {
  if (weight.multiplyTransposed === undefined) {
    product(tape, compute, dy, weight.dense(tape), 0, low, dx, accumulate);
    return;
  }
  weight.multiplyTransposed(tape, compute, dy, dx, accumulate);
  if (low !== null) matmul(tape, compute, low.u, false, low.v, false, dx, { alpha: low.scale, accumulate: 1 });
}

/** C (+)= A op(B) + scale * u op(v), in one pass where a back end has one. */
function product(
  tape: Tape,
  compute: Compute,
  a: Tensor,
  b: Tensor,
  transposed: 0 | 1,
  low: Joined | null,
  c: Tensor,
  accumulate: 0 | 1,
): void {
  if (low === null) {
    matmul(tape, compute, a, false, b, transposed === 1, c, { accumulate });
    return;
  }
  const { u, v, scale } = low;
  const seen = (x: Tensor): readonly [number, number] => (transposed === 1 ? [x.cols, x.rows] : [x.rows, x.cols]);
  refuseShapes(a.rows, a.cols, ...seen(b), c);
  refuseShapes(u.rows, u.cols, ...seen(v), c);
  const code = computeCode(compute);
  tape.ops.gemmLowRank(code, transposed, a.rows, c.cols, a.cols, a, b, u.cols, scale, u, v, c, accumulate);
}

/** dB += s dy^T h;  dh = s dy B;  dA += dh^T dropout(x);  gives dh. */
function factorGradients(
  tape: Tape,
  compute: Compute,
  { a, b, scale }: LowRank,
  dropped: Tensor,
  hidden: Tensor,
  dy: Tensor,
): Tensor {
  const db = tape.claim(b);
  matmul(tape, compute, dy, true, hidden, false, db.into, { alpha: scale, accumulate: db.accumulate });
  const dHidden = tape.device.empty(hidden.shape, hidden.dtype);
  matmul(tape, compute, dy, false, b, false, dHidden, { alpha: scale });
  const da = tape.claim(a);
  matmul(tape, compute, dHidden, true, dropped, false, da.into, { accumulate: da.accumulate });
  return dHidden;
}

/** dx += dropout(dh A), with the mask of the forward. */
function dropoutBackward(tape: Tape, compute: Compute, { a, dropout }: LowRank, dHidden: Tensor, x: Tensor): void {
  const dx = tape.claim(x);
  const dDropped = tape.device.empty(x.shape, x.dtype);
  matmul(tape, compute, dHidden, false, a, false, dDropped);
  const { p, seed } = dropout!;
  const offset = streamOffset(x, seed);
  tape.ops.dropout(x.code, x.size, p, seed.low, seed.high, offset, dDropped.address, dx.into.address, dx.accumulate);
}

/** Elements of the stream before x; a Philox block gives four, and the kernel begins with a whole one. */
const streamOffset = (x: Tensor, { firstToken = 0 }: Seed): number => 4 * Math.ceil((firstToken * x.cols) / 4);

/**
 * LLM.int8 (Dettmers et al. 2022) as bitsandbytes' Linear8bitLt runs it on a GPU: 8-bit codes with one scale per row of the
 * weight and per row of the input, and inputs' columns that hold an outlier multiplied at full precision.
 */

import type { Compute, Weight } from '../autograd/ops/linear';
import type { Tape } from '../autograd/tape';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';

/** How a matrix is stored in eight bits (bitsandbytes' `BitsAndBytesConfig` with `load_in_8bit`). */
export interface Int8Options {
  readonly kind: 'int8';
  /** Columns of the input with any magnitude of at least this are outliers; 0 = none are (`llm_int8_threshold`: 6). */
  readonly threshold: number;
}

/** The parts of an 8-bit matrix, named as bitsandbytes names them. */
export interface Int8Parts {
  /** CB: int8 codes [out, in]. */
  readonly codes: Tensor;
  /** SCB: fp32 largest magnitude of each row [out]. */
  readonly absmax: Tensor;
}

/** Quantises rows as `int8_vectorwise_quant` does: through fp16, code = round(w * (127 * (1 / absmax))). */
export function quantiseInt8(device: Device, dense: Tensor): Int8Parts {
  const codes = device.empty([dense.rows, dense.cols], 'u8');
  const absmax = device.empty([dense.rows], 'f32');
  const { rows, cols, code, address } = dense;
  device.ops.quantizeInt8(rows, cols, 0, code, address, codes.address, absmax.address, 1, 0, 0);
  return { codes, absmax };
}

/**
 * A frozen matrix in eight bits.
 *
 * The forward product is `MatMul8bitLt`'s: codes of the input (rounded to fp16) by codes of the weight, exact in integers,
 * scaled and rounded to the input's dtype, plus the outlier columns in that dtype; where bitsandbytes' plain torch rounds
 * sums of outlier products in its own order, ours differ by fp32 rounding. The backward product is dequantise-then-matmul in
 * both. (On a CPU, bitsandbytes itself trains with dequantised weights in the forward as well.)
 *
 * Which columns hold outliers depends on every row that bitsandbytes multiplies at once. Here each group of rows has its own
 * ({@link within}): in training a micro-batch, as there (whose padding counts as well; here there is none, and what else shares
 * the pass changes nothing); in evaluation and generation every sequence, as there each alone, so that its numbers do not depend
 * on its neighbours. A token that is generated is a group of its own, as with a cache there.
 */
export class Int8Weight implements Weight {
  readonly parameter = null;
  readonly outFeatures: number;
  readonly inFeatures: number;

  constructor(
    private readonly parts: Int8Parts,
    private readonly options: Int8Options,
    private readonly dtype: FloatDtype,
    /** Prefix sums of the rows of x that share their outlier columns; null: all do. */
    private readonly groups: Tensor | null = null,
  ) {
    this.outFeatures = parts.codes.rows;
    this.inFeatures = parts.codes.cols;
  }

  /** Bytes of codes and scales. */
  get packedBytes(): number {
    return this.parts.codes.bytes + this.parts.absmax.bytes;
  }

  within(groups: Tensor): Int8Weight {
    // without outliers rows are independent
    return this.options.threshold > 0 ? new Int8Weight(this.parts, this.options, this.dtype, groups) : this;
  }

  /** codes * (absmax / 127), rounded: what the gradient of the input is multiplied with. */
  dense(tape: Tape): Tensor {
    const { codes, absmax } = this.parts;
    const dense = tape.device.empty([this.outFeatures, this.inFeatures], this.dtype);
    const { rows, cols } = codes;
    tape.ops.dequantizeInt8(rows, cols, codes.address, absmax.address, dense.code, dense.address);
    return dense;
  }

  readonly multiply = (tape: Tape, _compute: Compute, x: Tensor, y: Tensor): void => {
    const { device, ops } = tape;
    const { codes, absmax } = this.parts;
    device.scope(() => {
      // the kernel writes the dtype it reads; y is cast from it where another is wanted
      const into = y.dtype === x.dtype ? y : device.empty(y.shape, x.dtype);
      const xCodes = device.empty([x.rows, x.cols], 'u8');
      const xAbsmax = device.empty([x.rows], 'f32');
      const { threshold } = this.options;
      const groups = this.groups === null ? 1 : this.groups.size - 1;
      const ends = this.groups?.address ?? 0;
      const outliers = threshold > 0 ? device.empty([groups, 1 + x.cols], 'i32').address : 0;
      ops.quantizeInt8(
        x.rows,
        x.cols,
        threshold,
        x.code,
        x.address,
        xCodes.address,
        xAbsmax.address,
        groups,
        ends,
        outliers,
      );
      ops.int8Linear(
        x.rows,
        this.outFeatures,
        this.inFeatures,
        xCodes.address,
        xAbsmax.address,
        groups,
        ends,
        outliers,
        x.code,
        x.address,
        codes.address,
        absmax.address,
        into.address,
      );
      if (into !== y) ops.cast(into.code, y.code, y.size, into.address, y.address);
    });
  };
}

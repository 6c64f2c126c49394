/** A block of device memory with a shape. Reference counted: scopes and the tape hold references, nothing is freed by hand. */
import { type Address, type Matrix, MR_BF16, MR_F16, MR_F32, MR_F64, MR_I32, MR_U8 } from './bindings';
import type { Memory } from './memory';

export type Dtype = 'f32' | 'bf16' | 'f16' | 'u8' | 'i32' | 'f64';
/** What activations, their gradients and dense matrices are stored in. */
export type FloatDtype = 'f32' | 'bf16' | 'f16';

export const DTYPE_BYTES: Readonly<Record<Dtype, number>> = { f32: 4, bf16: 2, f16: 2, u8: 1, i32: 4, f64: 8 };
export const DTYPE_CODE: Readonly<Record<Dtype, number>> = {
  f32: MR_F32,
  bf16: MR_BF16,
  f16: MR_F16,
  u8: MR_U8,
  i32: MR_I32,
  f64: MR_F64,
};

export const elements = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

export class Tensor implements Matrix {
  /**
   * Gradient of the loss with respect to this tensor, made when the first contribution arrives. It belongs to the tape, and
   * may outlive the values: most results are not needed again once the next op has read them.
   */
  grad: Tensor | null = null;
  /** Whether backward has to reach this tensor. */
  requiresGrad = false;
  /** Of a gradient: how many tensors besides the first alias it. While there are any, nothing is accumulated into it. */
  lent = 0;
  private references = 1;

  constructor(
    /** null for a view: it owns nothing and must not outlive what it looks at. */
    private readonly memory: Memory | null,
    /** Where the data starts on the device. */
    readonly address: Address,
    readonly shape: readonly number[],
    readonly dtype: Dtype,
  ) {}

  /** Number of elements. */
  get size(): number {
    return elements(this.shape);
  }
  get bytes(): number {
    return this.size * DTYPE_BYTES[this.dtype];
  }
  /** Rows when seen as a matrix of its last dimension. */
  get rows(): number {
    return this.size / this.cols;
  }
  /** Length of the last dimension. */
  get cols(): number {
    return this.shape.at(-1) ?? 1;
  }
  /** Elements from the start of one row to the start of the next: rows have no gaps. */
  get stride(): number {
    return this.cols;
  }
  /** The dtype as the C ABI writes it. */
  get code(): number {
    return DTYPE_CODE[this.dtype];
  }

  retain(): this {
    if (this.references === 0) throw new Error('retain of a freed tensor');
    this.references++;
    return this;
  }

  release(): void {
    if (this.references === 0) throw new Error('release of a freed tensor');
    if (--this.references > 0) return;
    this.memory?.free(this.address, this.bytes);
  }

  /** A view of `rows` rows from row `begin`; valid only as long as this tensor is. */
  rowsFrom(begin: number, rows: number): Tensor {
    const address = this.address + begin * this.cols * DTYPE_BYTES[this.dtype];
    return new Tensor(null, address, [rows, this.cols], this.dtype);
  }
}

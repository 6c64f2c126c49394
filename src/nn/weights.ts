/** The matrices of a model: dense or 4-bit, frozen or trained. */
import { type Compute, computeCode, type Weight } from '../autograd/ops/linear';
import type { Tape } from '../autograd/tape';
import { MR_FP4, MR_NF4 } from '../native/bindings';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';
import type { KbitPreparation } from './decoder';
import type { Int8Options } from './int8';
import { dynamicMap, torchMean } from './quantisation';

/** A dense matrix; trained when its tensor `requiresGrad`. */
export class DenseWeight implements Weight {
  constructor(private readonly tensor: Tensor) {}
  get outFeatures(): number {
    return this.tensor.rows;
  }
  get inFeatures(): number {
    return this.tensor.cols;
  }
  get parameter(): Tensor | null {
    return this.tensor.requiresGrad ? this.tensor : null;
  }
  dense(): Tensor {
    return this.tensor;
  }
}

/** How a matrix is stored in four bits (bitsandbytes' `BitsAndBytesConfig`). */
export interface FourBitOptions {
  readonly kind: 'nf4' | 'fp4';
  readonly doubleQuant: boolean;
  /** Weights per absmax. */
  readonly blockSize: number;
}

/** How the frozen matrices of a model are stored, and further settings of a quantised model. */
export type QuantisationOptions = (FourBitOptions | Int8Options) & {
  /** `llm_int8_skip_modules`: modules that stay dense, replacing the default list ({@link isQuantised}); null = the default. */
  readonly skipModules?: readonly string[] | null;
  /** `none` when it is left out. */
  readonly kbitPreparation?: KbitPreparation;
};

/** absmax values per block of the second quantisation (bitsandbytes: 256). */
export const NESTED_BLOCK = 256;

/** The parts of a 4-bit matrix, named as bitsandbytes serialises them. */
export interface FourBitParts {
  /** Two weights a byte, the even one in the high nibble. */
  readonly packed: Tensor;
  /** fp32 absmax of each block: what dequantisation uses, after the round trip through 8 bits when double quantised. */
  readonly absmax: Tensor;
  /** The second quantisation; null without it. */
  readonly nested: NestedParts | null;
}

/** Codes, absmax, offset and map of the second quantisation. */
export interface NestedParts {
  readonly codes: Tensor;
  readonly absmax: Tensor;
  readonly offset: number;
  /** Ascending values of the 256 codes, stored in the file. */
  readonly map: Float32Array;
}

/**
 * Quantises a dense matrix exactly as bitsandbytes' `quantize_4bit` does (default back end).
 *
 * Double quantisation subtracts the mean of the absmax values and stores the rest in 8 bits; what the model then computes
 * with is the restored fp32 absmax, kept here because it is 1/16 of the packed weight and the same at every step.
 */
export function quantise4bit(device: Device, dense: Tensor, options: FourBitOptions): FourBitParts {
  const { kind, doubleQuant, blockSize } = options;
  const n = dense.size;
  const blocks = Math.ceil(n / blockSize);
  const packed = device.empty([Math.ceil(n / 2)], 'u8');
  const absmax = device.empty([blocks], 'f32');
  const code = kind === 'nf4' ? MR_NF4 : MR_FP4;
  device.ops.quantize4bit(code, n, blockSize, dense.code, dense.address, packed.address, absmax.address);
  if (!doubleQuant) return { packed, absmax, nested: null };
  // on a planned device this would allocate a long array of zeros
  const offset = device.planned ? 0 : torchMean(device.readF32(absmax));
  const map = dynamicMap();
  const codes = device.empty([blocks], 'u8');
  const nestedAbsmax = device.empty([Math.ceil(blocks / NESTED_BLOCK)], 'f32');
  device.ops.quantize8bit(
    blocks,
    NESTED_BLOCK,
    offset,
    device.fromArray(map, [256], 'f32').address,
    absmax.address,
    codes.address,
    nestedAbsmax.address,
  );
  const nested = { codes, absmax: nestedAbsmax, offset, map };
  return { packed, absmax: restoreAbsmax(device, nested), nested };
}

/** The fp32 absmax values that the second quantisation keeps: map[code] * absmax + offset. */
export function restoreAbsmax(device: Device, { codes, absmax, offset, map }: NestedParts): Tensor {
  const restored = device.empty([codes.size], 'f32');
  const values = device.fromArray(map, [256], 'f32');
  const { size, address } = codes;
  device.ops.dequantize8bit(size, NESTED_BLOCK, offset, values.address, address, absmax.address, restored.address);
  return restored;
}

/** A frozen matrix in four bits. */
export class FourBitWeight implements Weight {
  readonly parameter = null;
  constructor(
    readonly outFeatures: number,
    readonly inFeatures: number,
    private readonly parts: FourBitParts,
    private readonly options: FourBitOptions,
    private readonly dtype: FloatDtype,
    /** The dense copy, kept when memory allows: the same bits, no dequantisation per step. */
    private resident: Tensor | null,
  ) {}

  /** Bytes of the packed form. */
  get packedBytes(): number {
    const { packed, absmax, nested } = this.parts;
    return packed.bytes + (nested === null ? absmax.bytes : nested.codes.bytes + nested.absmax.bytes + 4);
  }

  dense(tape: Tape): Tensor {
    return this.resident ?? this.dequantise(tape.device);
  }

  /** Dequantises within the product, with the bits of the product with `dense`; undefined where only that product is possible. */
  get multiply(): Weight['multiply'] {
    if (!this.fuses) return undefined;
    return (tape, compute, x, y) => this.product(tape, compute, x, y, 1, 0);
  }

  get multiplyTransposed(): Weight['multiplyTransposed'] {
    if (!this.fuses) return undefined;
    return (tape, compute, dy, dx, accumulate) => this.product(tape, compute, dy, dx, 0, accumulate);
  }

  /** Whether the fused product can read these blocks, and no dense copy is at hand. */
  private get fuses(): boolean {
    const { blockSize } = this.options;
    return this.resident === null && blockSize % 32 === 0 && this.inFeatures % blockSize === 0;
  }

  /** y = x W^T when `transposed` is 1, y = x W when it is 0. */
  private product(tape: Tape, compute: Compute, x: Tensor, y: Tensor, transposed: 0 | 1, accumulate: 0 | 1): void {
    const { packed, absmax } = this.parts;
    if (x.cols !== (transposed ? this.inFeatures : this.outFeatures))
      throw new RangeError(`4-bit product of ${x.cols}`);
    tape.ops.gemm4bit(
      computeCode(compute),
      transposed,
      x.rows,
      y.cols,
      x.cols,
      1,
      x,
      this.options.kind === 'nf4' ? MR_NF4 : MR_FP4,
      this.options.blockSize,
      packed.address,
      absmax.address,
      y,
      accumulate,
    );
  }

  /** A dense copy [out, in], released when the innermost scope ends. */
  dequantise(device: Device): Tensor {
    const { packed, absmax } = this.parts;
    const dense = device.empty([this.outFeatures, this.inFeatures], this.dtype);
    const code = this.options.kind === 'nf4' ? MR_NF4 : MR_FP4;
    device.ops.dequantize4bit(
      code,
      dense.size,
      this.options.blockSize,
      packed.address,
      absmax.address,
      dense.code,
      dense.address,
    );
    return dense;
  }

  /** Keeps the dense copy from now on. */
  makeResident(device: Device): void {
    this.resident ??= this.dequantise(device);
  }
}

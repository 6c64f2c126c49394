/** Frozen matrices in four or eight bits: quantised from a checkpoint's floating-point ones, or as the checkpoint stores them. */
import type { Weight } from '../autograd/ops/linear';
import { inputError } from '../errors';
import type { Device } from '../native/device';
import type { FloatDtype, Tensor } from '../native/tensor';
import { readFourBit, readInt8, type StoredTensors } from './bitsandbytes';
import { Int8Weight, quantiseInt8 } from './int8';
import { type FourBitParts, FourBitWeight, type QuantisationOptions, quantise4bit } from './weights';

export interface QuantisedMatrix {
  readonly weight: Weight;
  /** Bytes of its packed form. */
  readonly bytes: number;
}

/**
 * The matrix that bitsandbytes stored under `name`.
 * @param asked the run's quantisation; null takes it as stored
 * @throws MedreproError `input` when it is damaged, or stored in another way than asked.
 */
export function storedMatrix(
  device: Device,
  tensors: StoredTensors,
  name: string,
  shape: readonly [number, number],
  asked: QuantisationOptions | null,
  dtype: FloatDtype,
): QuantisedMatrix {
  return device.scope(() => {
    const four = readFourBit(device, tensors, name, shape);
    if (four !== null) {
      agree(name, four.options, asked);
      keep(four.parts);
      const weight = new FourBitWeight(shape[0], shape[1], four.parts, four.options, dtype, null);
      return { weight, bytes: weight.packedBytes };
    }
    const eight = readInt8(device, tensors, name, shape);
    if (eight === null) {
      throw inputError(`${name} is in eight bits, and has neither a bitsandbytes quant_state nor an SCB`, {
        remedy: 'use a checkpoint that is not quantised, or one quantised by bitsandbytes',
      });
    }
    // the threshold belongs to the product and is not stored
    const options = { kind: 'int8', threshold: asked?.kind === 'int8' ? asked.threshold : DEFAULT_THRESHOLD } as const;
    agree(name, options, asked);
    const { codes, absmax } = eight;
    const weight = new Int8Weight({ codes: codes.retain(), absmax: absmax.retain() }, options, dtype);
    return { weight, bytes: weight.packedBytes };
  });
}

/** Quantises the matrix that `load` puts on the device, which is then released. */
export function quantiseMatrix(
  device: Device,
  load: () => Tensor,
  options: QuantisationOptions,
  dtype: FloatDtype,
): QuantisedMatrix {
  return device.scope(() => {
    const dense = load();
    if (options.kind === 'int8') {
      const { codes, absmax } = quantiseInt8(device, dense);
      const weight = new Int8Weight({ codes: codes.retain(), absmax: absmax.retain() }, options, dtype);
      return { weight, bytes: weight.packedBytes };
    }
    const parts = quantise4bit(device, dense, options);
    keep(parts);
    const weight = new FourBitWeight(dense.rows, dense.cols, parts, options, dtype, null);
    return { weight, bytes: weight.packedBytes };
  });
}

// --- internal ---

/** bitsandbytes' own default (`llm_int8_threshold`). */
const DEFAULT_THRESHOLD = 6;

function keep({ packed, absmax, nested }: FourBitParts): void {
  for (const tensor of [packed, absmax, nested?.codes, nested?.absmax]) tensor?.retain();
}

/** A matrix that is already quantised cannot be quantised in another way. */
function agree(name: string, stored: QuantisationOptions, asked: QuantisationOptions | null): void {
  if (asked === null) return;
  const describe = (options: QuantisationOptions): string =>
    options.kind === 'int8'
      ? 'int8'
      : `${options.kind} in blocks of ${options.blockSize}${options.doubleQuant ? ', double quantised' : ''}`;
  if (describe(stored) === describe(asked)) return;
  throw inputError(`${name} is stored as ${describe(stored)}, and the spec asks for ${describe(asked)}`, {
    remedy: 'set quantisation in the spec to what the checkpoint has, or use one that is not quantised',
  });
}

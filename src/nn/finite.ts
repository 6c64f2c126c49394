/** Non-finite numbers: they are an error that names where they come from. */
import { type Compute, linear, type Weight } from '../autograd/ops/linear';
import { Tape } from '../autograd/tape';
import { packBatch } from '../data/batches';
import { inputError, MedreproError } from '../errors';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { Model } from './model';

/** Whether every element of an fp32 tensor is a finite number. */
export function isFiniteTensor(device: Device, tensor: Tensor): boolean {
  return device.scope(() => {
    const sum = device.empty([1], 'f64');
    // a sum of finite fp32 values is finite in double precision
    device.ops.sum(tensor.size, tensor.address, sum.address);
    return Number.isFinite(device.readF64(sum)[0]!);
  });
}

/**
 * The error of a non-finite number. The row is run once more to name the first place where one appears: a stored weight, or the
 * block whose output overflows.
 *
 * @param what has this `value`: 'the loss of row 3'
 * @param ids of the row that it came from
 */
export function notFinite(
  device: Device,
  model: Model,
  ids: ArrayLike<number>,
  compute: Compute,
  what: string,
  value: number,
): MedreproError {
  const cause = causeIfKnown(device, model, ids, compute);
  const weights = cause?.stored ?? false;
  return inputError(`${what} is ${value}${cause === null ? '' : `: ${cause.text}`}`, {
    remedy: weights
      ? 'the checkpoint is damaged: fetch or export it again'
      : compute === 'fp32'
        ? "the model's values overflow even in fp32: check its weights and adapter"
        : `the model's values overflow in ${compute}: use ${compute === 'fp16' ? 'fp32 or bf16' : 'fp32'}`,
  });
}

// --- internal ---

interface Cause {
  readonly text: string;
  /** It is stored in the file, not computed. */
  readonly stored: boolean;
}

/** Rows that are checked at a time. */
const CHUNK = 4096;

/** Null also where memory is too short to look for it. */
function causeIfKnown(device: Device, model: Model, ids: ArrayLike<number>, compute: Compute): Cause | null {
  try {
    return device.scope(() => firstCause(device, model, ids, compute));
  } catch (error) {
    if (error instanceof MedreproError && error.code === 'native') return null;
    throw error;
  }
}

function firstCause(device: Device, model: Model, ids: ArrayLike<number>, compute: Compute): Cause | null {
  const { decoder, config } = model;
  const finite = (tensor: Tensor): boolean => {
    for (let begin = 0; begin < tensor.rows; begin += CHUNK) {
      const part = tensor.rowsFrom(begin, Math.min(CHUNK, tensor.rows - begin));
      const good = device.scope(() => {
        const wide = device.empty(part.shape, 'f32');
        device.ops.cast(part.code, wide.code, part.size, part.address, wide.address);
        return isFiniteTensor(device, wide);
      });
      if (!good) return false;
    }
    return true;
  };
  const dense = (weight: Weight): boolean => device.scope(() => finite(weight.dense(new Tape(device, false))));
  const stored = (name: string): Cause => ({ text: `${name} holds such values`, stored: true });
  let first: number | null = null;
  const tape = new Tape(device, false);
  const { cuSeqlens, positions, ids: tokens } = packBatch([{ ids, label: 0 }]);
  const i32 = (values: Int32Array): Tensor => device.fromArray(values, [values.length], 'i32');
  const pack = { ids: i32(tokens), positions: i32(positions), cuSeqlens: i32(cuSeqlens) };
  const onHidden = (index: number, hidden: Tensor): void => {
    if (first === null && !finite(hidden)) first = index;
  };
  const hidden = decoder.forward(tape, pack, null, { compute, checkpoint: false, dropoutSeed: null, onHidden });
  if (first === null) {
    if (!dense(model.head)) return stored('the matrix of the head');
    const logits = linear(tape, compute, hidden.rowsFrom(hidden.rows - 1, 1), model.head, null, 'f32');
    return isFiniteTensor(device, logits) ? null : { text: 'first in the logits', stored: false };
  }
  if (first === 0) {
    return finite(decoder.embedTokens) ? { text: 'first in the embeddings', stored: false } : stored('embed_tokens');
  }
  const { linears, ...norms } = decoder.blocks[first - 1]!;
  for (const { name, weight, bias, lora } of Object.values(linears)) {
    if (!dense(weight) || (bias !== null && !finite(bias))) return stored(name);
    if (lora !== null && !Object.values(lora.parameters).every(finite)) return stored(`the adapter of ${name}`);
  }
  for (const [name, norm] of Object.entries(norms)) {
    if (norm !== null && !finite(norm)) return stored(`the ${name} of block ${first}`);
  }
  if (first === config.layers && !finite(decoder.finalNorm)) return stored('the last norm');
  return { text: `the first such value is in the output of block ${first} of ${config.layers}`, stored: false };
}

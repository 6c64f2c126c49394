/**
 * The state of a training run between two steps, in one safetensors file, so that it is written in one rename: weights,
 * moments, the best weights so far, and as metadata the step, the log and the identity of the run (a resumed run must have the same).
 */

import { toArrayBuffer } from 'bun:ffi';
import { existsSync } from 'node:fs';
import { inputError, type MedreproError } from '../errors';
import { jsonText, parseJsonText } from '../json';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { restore } from '../nn/model';
import { openSafetensors, type Safetensors, type TensorToWrite, writeSafetensors } from '../nn/safetensors';
import type { StepResult, Trainer, TrainerProgress } from './trainer';

/** A trained tensor's values on the host, by name. */
export type Weights = ReadonlyMap<string, Uint8Array>;

export interface Evaluation {
  readonly step: number;
  /** Metrics on the validation rows, by id. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface Best {
  readonly step: number;
  readonly value: number;
  readonly weights: Weights;
}

/** Everything a resumed run needs. */
export interface TrainingState {
  /** Identity of the run: it is resumed only by a run with the same. */
  readonly identity: string;
  readonly log: readonly StepResult[];
  readonly evaluations: readonly Evaluation[];
  readonly best: Best | null;
}

/** Copies every trainable tensor to the host. */
export function readWeights(device: Device, tensors: ReadonlyMap<string, Tensor>): Map<string, Uint8Array> {
  return new Map([...tensors].map(([name, tensor]) => [name, device.readBytes(tensor)]));
}

/** Copies values from the host back. @throws RangeError when a name or size is not the model's. */
export function writeWeights(device: Device, tensors: ReadonlyMap<string, Tensor>, weights: Weights): void {
  for (const [name, tensor] of tensors) {
    const values = weights.get(name);
    if (values === undefined) throw new RangeError(`no values for ${name}`);
    restore(device, tensor, values);
  }
}

interface Metadata {
  identity: string;
  /** The trainer's progress besides weights and optimiser state. */
  trainer: TrainerProgress;
  log: StepResult[];
  evaluations: Evaluation[];
  best: { step: number; value: number } | null;
}

/** Writes the state after the trainer's last whole step; the old file stays until the new one is complete. */
export function saveCheckpoint(path: string, device: Device, trainer: Trainer, state: TrainingState): void {
  const tensors: TensorToWrite[] = [];
  const put = (prefix: string, name: string, tensor: Tensor, data = device.readBytes(tensor)): void => {
    tensors.push({ name: `${prefix}/${name}`, dtype: tensor.dtype, shape: tensor.shape, data });
  };
  for (const [name, { parameter, state: kept }] of trainer.optimiser.slots) {
    put('weight', name, parameter);
    for (const [kind, tensor] of Object.entries(kept)) put(kind, name, tensor);
    const best = state.best?.weights.get(name);
    if (best !== undefined) put('best', name, parameter, best);
  }
  for (const [name, tensor] of trainer.adapterState) put('adapter', name, tensor);
  const { identity, log, evaluations, best } = state;
  const metadata: Metadata = {
    identity,
    trainer: trainer.progress,
    log: [...log],
    evaluations: [...evaluations],
    best: best === null ? null : { step: best.step, value: best.value },
  };
  const text = jsonText(metadata);
  writeSafetensors(path, tensors, { medrepro: text, checksum: checksum(text, tensors) });
}

/**
 * Restores trainer and model from `path`; null when there is no checkpoint.
 * @throws MedreproError `input` when the file is damaged or belongs to another run.
 */
export function loadCheckpoint(path: string, device: Device, trainer: Trainer, identity: string): TrainingState | null {
  if (!existsSync(path)) return null;
  const file = openSound(path);
  try {
    const metadata = parseJsonText(file.metadata.medrepro!) as Metadata;
    if (metadata.identity !== identity) {
      throw inputError(`${path} is of another run: spec, data, seed or kernels differ`, {
        remedy: 'run without --resume, or with the settings of that run',
      });
    }
    const read = (prefix: string, name: string, tensor: Tensor): Uint8Array => {
      const stored = file.tensors.get(`${prefix}/${name}`);
      if (stored === undefined || stored.bytes !== tensor.bytes) {
        throw unusable(path, `it has no ${prefix}/${name} of ${tensor.bytes} bytes`);
      }
      return new Uint8Array(toArrayBuffer(stored.address as never, 0, stored.bytes).slice(0));
    };
    const best = new Map<string, Uint8Array>();
    for (const [name, { parameter, state }] of trainer.optimiser.slots) {
      restore(device, parameter, read('weight', name, parameter));
      for (const [kind, tensor] of Object.entries(state)) restore(device, tensor, read(kind, name, tensor));
      if (metadata.best !== null) best.set(name, read('best', name, parameter));
    }
    for (const [name, tensor] of trainer.adapterState) restore(device, tensor, read('adapter', name, tensor));
    trainer.resumeAt(metadata.trainer);
    return {
      identity,
      log: metadata.log,
      evaluations: metadata.evaluations,
      best: metadata.best === null ? null : { ...metadata.best, weights: best },
    };
  } finally {
    file.close();
  }
}

// --- internal ---

/** Opens a checkpoint and reads it once from end to end: one flipped bit anywhere would go unnoticed otherwise. */
function openSound(path: string): Safetensors {
  let file: Safetensors;
  try {
    file = openSafetensors(path);
  } catch (cause) {
    throw unusable(path, (cause as Error).message, cause);
  }
  const { medrepro: text, checksum: expected } = file.metadata;
  const tensors = [...file.tensors].map(([name, { address, bytes }]) => ({
    name,
    // bun:ffi rejects empty buffers
    data: bytes === 0 ? new Uint8Array(0) : new Uint8Array(toArrayBuffer(address as never, 0, bytes)),
  }));
  if (text !== undefined && expected !== undefined && checksum(text, tensors) === expected) return file;
  file.close();
  throw unusable(
    path,
    expected === undefined ? 'it is not one of medrepro' : 'its bytes are not those that were written',
  );
}

/** xxHash64 of the metadata and of every tensor in order: it finds damage, it does not prove who wrote the file. */
function checksum(text: string, tensors: readonly Pick<TensorToWrite, 'name' | 'data'>[]): string {
  let hash = Bun.hash.xxHash64(text);
  for (const { name, data } of tensors) {
    hash = Bun.hash.xxHash64(name, hash);
    if (data.length > 0) hash = Bun.hash.xxHash64(data, hash);
  }
  return hash.toString(16).padStart(16, '0');
}

function unusable(path: string, reason: string, cause?: unknown): MedreproError {
  return inputError(`the checkpoint cannot be used: ${reason}`, {
    where: { file: path },
    remedy: 'run without --resume, or delete the folder of that run',
    cause,
  });
}

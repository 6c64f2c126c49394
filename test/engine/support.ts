/** What the engine's tests share: the peers' fixtures and norms of differences. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compute } from '../../src/autograd/ops/linear';
import { Device } from '../../src/native/device';
import type { ForwardOptions } from '../../src/nn/decoder';
import { loadModel, type Model, type ModelOptions, openModelFolder, restore } from '../../src/nn/model';
import { openSafetensors, storedF32 } from '../../src/nn/safetensors';
import type { Row } from '../../src/train/pass';

export const FIXTURES = join(import.meta.dir, '../fixtures');

export function readJson<T>(...path: string[]): T {
  return JSON.parse(readFileSync(join(FIXTURES, ...path), 'utf8')) as T;
}

/** Every floating-point tensor of a fixture file, as fp32. */
export function readTensors(...path: string[]): Map<string, Float32Array> {
  const file = openSafetensors(join(FIXTURES, ...path));
  const values = new Map([...file.tensors].map(([name, stored]) => [name, storedF32(stored)]));
  file.close();
  return values;
}

/** ||a - b|| / ||b||; NaN anywhere makes it NaN, which passes no comparison. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} values against ${b.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(norm), 1e-30);
}

export interface CaseJson {
  readonly task: string;
  readonly input_ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[] | readonly number[];
  readonly loss: number;
}

/** Rows of a `case.json`. */
export function caseRows(json: CaseJson): Row[] {
  return json.input_ids.map((ids, index) => {
    const label = json.labels[index]!;
    return typeof label === 'number' ? { ids, label, labels: null } : { ids, label: -1, labels: label };
  });
}

export const PLAIN: ModelOptions = {
  task: 'causal-lm',
  classes: 0,
  compute: 'fp32',
  quantisation: null,
  resident: false,
  adapter: null,
  fullParameter: false,
  seed: 1,
};

export const forwardOptions = (compute: Compute = 'fp32', checkpoint = false): ForwardOptions => ({
  compute,
  checkpoint,
  dropoutSeed: null,
});

/** A fixture's model with, when it has one, its adapter's weights. */
export function loadCase(device: Device, name: string, options: Partial<ModelOptions>, family = 'qwen3'): Model {
  const model = loadModel(device, openModelFolder(join(FIXTURES, family, name)), { ...PLAIN, ...options });
  if (options.adapter) loadTrainable(device, model, readTensors(family, name, 'adapter/adapter_model.safetensors'));
  return model;
}

/** Sets every trainable tensor; a missing one is an error. */
export function loadTrainable(device: Device, model: Model, values: ReadonlyMap<string, Float32Array>): void {
  for (const [name, tensor] of model.trainable) {
    const value = values.get(name);
    if (value === undefined) throw new Error(`the fixture has no ${name}`);
    restore(device, tensor, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
}

/** Runs `body` on a CPU device and frees it. */
export function onCpu<Result>(
  body: (device: Device) => Result,
  options: Parameters<typeof Device.cpu>[0] = {},
): Result {
  const device = Device.cpu({ threads: 2, ...options });
  try {
    return body(device);
  } finally {
    device.destroy();
  }
}

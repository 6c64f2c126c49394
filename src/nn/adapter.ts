/** Adapters of any kind: what a model is given to train instead of its own weights. */
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import { type AdaLora, type AdaLoraOptions, addAdaLora } from './adalora';
import type { Linear } from './decoder';
import { addLora, type LoraOptions } from './lora';

export type AdapterOptions = LoraOptions | AdaLoraOptions;

/** Adapts the linears; `adalora` is what a training loop has to run besides (see its class). */
export function addAdapter(
  device: Device,
  linears: Iterable<Linear>,
  options: AdapterOptions,
  seed: number,
): { readonly trainable: Map<string, Tensor>; readonly adalora: AdaLora | null } {
  if (options.kind !== 'adalora') return { trainable: addLora(device, linears, options, seed), adalora: null };
  const { adapter, trainable } = addAdaLora(device, linears, options, seed);
  return { trainable, adalora: adapter };
}

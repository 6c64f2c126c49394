/** Adapters of any kind: small weights that are trained instead of the model's own. */
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { Adapter, StepCount } from '../paper/types';
import { type AdaLora, type AdaLoraOptions, addAdaLora } from './adalora';
import type { Linear } from './linear';
import { addLora, type LoraOptions } from './lora';

export type AdapterOptions = LoraOptions | AdaLoraOptions;

/** A spec's adapter for a run of `steps` optimiser steps. */
export function adapterOptions(adapter: Adapter, steps: number): AdapterOptions {
  if (adapter.kind === 'lora') return adapter;
  const { warmup, final, totalSteps = steps, ...rest } = adapter;
  // int(share * steps), as scripts write it
  const of = (count: StepCount): number => ('steps' in count ? count.steps : Math.floor(count.ratio * totalSteps));
  return { ...rest, totalSteps, warmupSteps: of(warmup), finalSteps: of(final) };
}

/** Adapts the linears; a training loop has to call `adalora` as well (see its class). */
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

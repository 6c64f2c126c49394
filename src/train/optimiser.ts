/** AdamW (Loshchilov and Hutter 2019) as torch.optim.AdamW, with the Trainer's clipping and decay groups. */
import type { Device } from '../native/device';
import { hostLibrary } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { Optimiser } from '../spec/types';

interface Slot {
  readonly parameter: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  readonly decay: boolean;
}

/** transformers' `get_decay_parameter_names`: biases and norm weights do not decay. */
export const decays = (name: string): boolean => !/(^|\.)bias$|norm/.test(name);

export class AdamW {
  readonly slots: ReadonlyMap<string, Slot>;
  private readonly normParts: Tensor;

  constructor(
    private readonly device: Device,
    parameters: ReadonlyMap<string, Tensor>,
    private readonly options: Optimiser,
  ) {
    const slots = new Map<string, Slot>();
    for (const [name, parameter] of parameters) {
      const first = device.zeros(parameter.shape, 'f32');
      const second = device.zeros(parameter.shape, 'f32');
      slots.set(name, { parameter, first, second, decay: decays(name) });
    }
    this.slots = slots;
    this.normParts = device.empty([slots.size], 'f64');
  }

  zeroGradients(): void {
    for (const { parameter } of this.slots.values()) {
      const gradient = parameter.grad!;
      this.device.ops.fill(gradient.code, gradient.size, 0, gradient.address);
    }
  }

  /** Global L2 norm of all gradients: squares summed in double, in parameter order. */
  gradientNorm(): number {
    let index = 0;
    for (const { parameter } of this.slots.values()) {
      const gradient = parameter.grad!;
      this.device.ops.sumSquares(gradient.size, gradient.address, this.normParts.address + 8 * index++);
    }
    return Math.sqrt(this.device.readF64(this.normParts).reduce((sum, part) => sum + part, 0));
  }

  /**
   * One update. `step` counts from 1. Clipping is torch's `clip_grad_norm_`: gradients are scaled by
   * min(1, clip / (norm + 1e-6)); it happens inside the update, without a pass of its own.
   */
  update(step: number, learningRate: number, norm: number, clip: number | null): void {
    const { beta1, beta2, epsilon, weightDecay } = this.options;
    const host = hostLibrary();
    const bias1 = 1 - host.pow(beta1, step);
    const bias2 = 1 - host.pow(beta2, step);
    const scale = clip === null ? 1 : Math.min(1, clip / (norm + 1e-6));
    for (const { parameter, first, second, decay } of this.slots.values()) {
      this.device.ops.adamw(
        parameter.size,
        parameter.address,
        parameter.grad!.address,
        first.address,
        second.address,
        learningRate,
        beta1,
        beta2,
        epsilon,
        decay ? weightDecay : 0,
        bias1,
        bias2,
        scale,
      );
    }
  }
}

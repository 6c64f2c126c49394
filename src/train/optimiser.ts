/**
 * Optimisers as the HF Trainer runs them: AdamW (torch.optim.AdamW), the same with its moments in 8 bits (bitsandbytes'
 * AdamW8bit) and Adafactor (transformers.optimization.Adafactor), with clipping and decay groups. Each keeps named state tensors
 * per parameter, which a checkpoint stores by those names.
 */
import type { Device } from '../native/device';
import { hostLibrary } from '../native/device';
import type { Tensor } from '../native/tensor';
import { dynamicMap } from '../nn/quantisation';
import type { AdafactorSettings, AdamWSettings, Optimiser as OptimiserSettings } from '../spec/types';

/** One trained tensor with what the optimiser remembers of it. */
export interface Slot {
  readonly parameter: Tensor;
  /** State by name, zero before the first step. */
  readonly state: Readonly<Record<string, Tensor>>;
  readonly decay: boolean;
}

/**
 * The Trainer's `get_decay_parameter_names`: biases and norms do not decay, LoRA matrices and score heads do. Before 4.50 norms
 * went by their layer's type, since then by these names; for the families and adapters here both give the same set.
 */
export const decays = (name: string): boolean =>
  !/bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)/i.test(name);

export abstract class Optimiser {
  readonly slots: ReadonlyMap<string, Slot>;
  private readonly normParts: Tensor;

  protected constructor(
    protected readonly device: Device,
    parameters: ReadonlyMap<string, Tensor>,
    state: (parameter: Tensor, name: string) => Record<string, Tensor>,
  ) {
    this.slots = new Map(
      [...parameters].map(([name, parameter]) => [
        name,
        { parameter, state: state(parameter, name), decay: decays(name) },
      ]),
    );
    this.normParts = device.empty([this.slots.size], 'f64');
  }

  /** The step size of update `step` (from 1), where the schedule says `scheduled`. */
  learningRate(_step: number, scheduled: number): number {
    return scheduled;
  }

  /**
   * Changes every parameter by its gradient times `gradientScale` (clipping, loss scaling).
   * @param step updates done with this one, from 1; skipped steps do not count
   */
  abstract update(step: number, learningRate: number, gradientScale: number): void;

  zeroGradients(): void {
    for (const { parameter } of this.slots.values()) {
      const gradient = parameter.grad!;
      this.device.ops.fill(gradient.code, gradient.size, 0, gradient.address);
    }
  }

  /** Global L2 norm of all gradients: squares summed in double, in parameter order. Not finite when any gradient is not. */
  gradientNorm(): number {
    let index = 0;
    for (const { parameter } of this.slots.values()) {
      const gradient = parameter.grad!;
      this.device.ops.sumSquares(gradient.size, gradient.address, this.normParts.address + 8 * index++);
    }
    return Math.sqrt(this.device.readF64(this.normParts).reduce((sum, part) => sum + part, 0));
  }
}

/** torch's `clip_grad_norm_`: min(1, clip / (norm + 1e-6)), 1 without clipping. */
export const clipFactor = (norm: number, clip: number | null): number =>
  clip === null ? 1 : Math.min(1, clip / (norm + 1e-6));

/** Makes a state tensor of zeros, fp32 where nothing else is said. */
type Zeros = (shape: readonly number[], dtype?: 'f32' | 'u8') => Tensor;

/**
 * The optimiser of a spec, with fresh state for `parameters`. With `offload`, a folder, the state lies in files there, and the
 * system writes out what memory has no room for; the bits are the same.
 */
export function createOptimiser(
  device: Device,
  parameters: ReadonlyMap<string, Tensor>,
  settings: OptimiserSettings,
  offload: string | null = null,
): Optimiser {
  const zeros: Zeros = (shape, dtype = 'f32') =>
    offload === null ? device.zeros(shape, dtype) : device.zerosElsewhere(offload, shape, dtype);
  return settings.kind === 'adafactor'
    ? new Adafactor(device, parameters, settings, zeros)
    : new AdamW(device, parameters, settings, zeros);
}

/** Elements of a parameter that share a scale where moments have 8 bits. */
const MOMENT_BLOCK = 256;
/** Smaller parameters keep their moments in fp32 (bitsandbytes' `min_8bit_size`). */
const SMALLEST_IN_8_BITS = 4096;

/** Whether bitsandbytes keeps a parameter's moments in 8 bits: not of small ones, and the Trainer excepts embeddings. */
const has8BitMoments = (name: string, parameter: Tensor): boolean =>
  parameter.size >= SMALLEST_IN_8_BITS && !/(?:^|\.)embed_tokens\./.test(name);

/**
 * AdamW (Loshchilov and Hutter 2019). State: `first` and `second` moments; in 8 bits (Dettmers et al. 2022) their codes, and
 * `firstScale` and `secondScale` of each block. What stays in fp32 there decays before its update, as torch has it, where
 * bitsandbytes decays after it: a difference of learning rate^2 times decay in the update.
 */
class AdamW extends Optimiser {
  /** The values that codes stand for: of the first moment, and of the second, which has no sign. */
  private readonly maps: { readonly first: Tensor; readonly second: Tensor } | null;

  constructor(
    device: Device,
    parameters: ReadonlyMap<string, Tensor>,
    private readonly settings: AdamWSettings,
    zeros: Zeros,
  ) {
    super(device, parameters, (parameter, name): Record<string, Tensor> => {
      const { shape, size } = parameter;
      if (settings.kind === 'adamw' || !has8BitMoments(name, parameter)) {
        return { first: zeros(shape), second: zeros(shape) };
      }
      const scales = [Math.ceil(size / MOMENT_BLOCK)];
      return {
        first: zeros(shape, 'u8'),
        firstScale: zeros(scales),
        second: zeros(shape, 'u8'),
        secondScale: zeros(scales),
      };
    });
    const map = (signed: boolean): Tensor => device.fromArray(dynamicMap(signed), [256], 'f32');
    this.maps = settings.kind === 'adamw' ? null : { first: map(true), second: map(false) };
  }

  update(step: number, learningRate: number, gradientScale: number): void {
    const { beta1, beta2, epsilon, weightDecay } = this.settings;
    const host = hostLibrary();
    const bias1 = 1 - host.pow(beta1, step);
    const bias2 = 1 - host.pow(beta2, step);
    for (const { parameter, state, decay } of this.slots.values()) {
      const { size, address } = parameter;
      const gradient = parameter.grad!.address;
      const first = state.first!.address;
      const second = state.second!.address;
      const weight = decay ? weightDecay : 0;
      const step = [learningRate, beta1, beta2, epsilon, weight, bias1, bias2, gradientScale] as const;
      if (state.firstScale === undefined) {
        this.device.ops.adamw(size, address, gradient, first, second, ...step);
      } else {
        const { firstScale, secondScale } = state;
        const maps = this.maps!;
        const firstMoment = [first, firstScale.address, maps.first.address] as const;
        const secondMoment = [second, secondScale!.address, maps.second.address] as const;
        this.device.ops.adamw8bit(size, address, gradient, ...firstMoment, ...secondMoment, ...step);
      }
    }
  }
}

/**
 * Adafactor (Shazeer and Stern 2018). State: `row` and `column` means of squared gradients of a matrix, `second` moments of a
 * vector, and `first` moments where beta1 is set.
 */
class Adafactor extends Optimiser {
  constructor(
    device: Device,
    parameters: ReadonlyMap<string, Tensor>,
    private readonly settings: AdafactorSettings,
    zeros: Zeros,
  ) {
    super(device, parameters, ({ shape, rows, cols }) => ({
      ...(shape.length >= 2 ? { row: zeros([rows]), column: zeros([cols]) } : { second: zeros(shape) }),
      ...(settings.beta1 === null ? {} : { first: zeros(shape) }),
    }));
  }

  override learningRate(step: number, scheduled: number): number {
    const { relativeStep, warmupInit } = this.settings;
    return relativeStep ? Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step)) : scheduled;
  }

  update(step: number, learningRate: number, gradientScale: number): void {
    const { beta1, decayRate, epsilon, clipThreshold, scaleParameter, weightDecay } = this.settings;
    const beta2 = 1 - hostLibrary().pow(step, decayRate);
    for (const { parameter, state, decay } of this.slots.values()) {
      const factored = state.row !== undefined;
      this.device.ops.adafactor(
        factored ? parameter.rows : 1,
        factored ? parameter.cols : parameter.size,
        parameter.address,
        parameter.grad!.address,
        state.first?.address ?? 0,
        state.row?.address ?? 0,
        (state.column ?? state.second)!.address,
        learningRate,
        beta1 ?? 0,
        beta2,
        epsilon[0],
        scaleParameter ? epsilon[1] : -1,
        clipThreshold,
        decay ? weightDecay : 0,
        gradientScale,
      );
    }
  }
}

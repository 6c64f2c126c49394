/**
 * Optimisers as the HF Trainer runs them: AdamW (torch.optim.AdamW), the same with its moments in 8 bits (bitsandbytes'
 * AdamW8bit) and Adafactor (transformers.optimization.Adafactor), with clipping and decay groups. Each keeps named state tensors
 * per parameter, which a checkpoint stores by those names.
 */
import { MR_F32 } from '../native/bindings';
import type { Device } from '../native/device';
import { hostLibrary } from '../native/device';
import { type Stretch, spansOf, stretches } from '../native/several';
import type { Tensor } from '../native/tensor';
import { dynamicMap } from '../nn/quantisation';
import type { AdafactorSettings, AdamWSettings, Optimiser as OptimiserSettings } from '../paper/types';

/** One trained tensor with its optimiser state. */
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
  /** The gradients, adjacent ones merged. */
  private readonly gradients: readonly Stretch[];
  /** Address and size of every gradient, as `sumSquaresEach` reads them, and its results. */
  private readonly spans: Tensor;
  private readonly normParts: Tensor;

  protected constructor(
    protected readonly device: Device,
    parameters: ReadonlyMap<string, Tensor>,
    /** Of all parameters, in their order. */
    states: readonly Record<string, Tensor>[],
  ) {
    this.slots = new Map(
      [...parameters].map(([name, parameter], i) => [name, { parameter, state: states[i]!, decay: decays(name) }]),
    );
    const gradients = [...parameters.values()].map(({ grad }) => grad!);
    this.gradients = stretches(gradients.map((gradient) => [gradient]));
    this.spans = spansOf(device, gradients);
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
    for (const { size, addresses } of this.gradients) this.device.ops.fill(MR_F32, size, 0, addresses[0]!);
  }

  /** Global L2 norm of all gradients: squares summed in double, in parameter order. Not finite when any gradient is not. */
  gradientNorm(): number {
    const largest = [...this.slots.values()].reduce((most, { parameter }) => Math.max(most, parameter.size), 0);
    this.device.ops.sumSquaresEach(this.slots.size, largest, this.spans.address, this.normParts.address);
    return Math.sqrt(this.device.readF64(this.normParts).reduce((sum, part) => sum + part, 0));
  }
}

/** torch's `clip_grad_norm_`: min(1, clip / (norm + 1e-6)), 1 without clipping. */
export const clipFactor = (norm: number, clip: number | null): number =>
  clip === null ? 1 : Math.min(1, clip / (norm + 1e-6));

/** Allocates a state tensor of zeros, fp32 by default. */
type Zeros = (shape: readonly number[], dtype?: 'f32' | 'u8') => Tensor;

/**
 * The optimiser of a spec, with fresh state for `parameters`. With `offload`, a folder, the state is memory-mapped from files there, and
 * the system writes out what does not fit into memory; the results are equal to the bit.
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
 * `firstScale` and `secondScale` of each block. Parameters in fp32 decay before their update, as in torch, where
 * bitsandbytes decays after it: a difference of learning rate^2 times decay in the update.
 */
class AdamW extends Optimiser {
  /** Parameters with moments in fp32, adjacent ones merged. */
  private readonly runs: readonly (Stretch & { readonly decay: boolean })[];
  private readonly in8Bits: readonly Slot[];
  /** The values of the codes: for the first moment, and for the second, which has no sign. */
  private readonly maps: { readonly first: Tensor; readonly second: Tensor } | null;

  constructor(
    device: Device,
    parameters: ReadonlyMap<string, Tensor>,
    private readonly settings: AdamWSettings,
    zeros: Zeros,
  ) {
    const all = [...parameters].map(([name, parameter]) => ({
      parameter,
      in8Bits: settings.kind === 'adamw-8bit' && has8BitMoments(name, parameter),
    }));
    const each = (): (Tensor | null)[] =>
      all.map(({ parameter, in8Bits }) => (in8Bits ? null : zeros(parameter.shape)));
    // all tensors of a kind adjacent, so that one update covers them
    const [first, second] = [each(), each()];
    super(
      device,
      parameters,
      all.map(({ parameter, in8Bits }, i): Record<string, Tensor> => {
        if (!in8Bits) return { first: first[i]!, second: second[i]! };
        const { shape, size } = parameter;
        const scales = [Math.ceil(size / MOMENT_BLOCK)];
        const codes = { first: zeros(shape, 'u8'), second: zeros(shape, 'u8') };
        return { ...codes, firstScale: zeros(scales), secondScale: zeros(scales) };
      }),
    );
    const slots = [...this.slots.values()];
    this.in8Bits = slots.filter((_, i) => all[i]!.in8Bits);
    const map = (signed: boolean): Tensor => device.fromArray(dynamicMap(signed), [256], 'f32');
    this.maps = this.in8Bits.length === 0 ? null : { first: map(true), second: map(false) };
    this.runs = [true, false].flatMap((decay) => {
      const own = slots.filter((slot, i) => !all[i]!.in8Bits && slot.decay === decay);
      const rows = own.map(({ parameter, state }) => [parameter, parameter.grad!, state.first!, state.second!]);
      return stretches(rows).map((stretch) => ({ ...stretch, decay }));
    });
  }

  update(step: number, learningRate: number, gradientScale: number): void {
    const { beta1, beta2, epsilon, weightDecay } = this.settings;
    const host = hostLibrary();
    const biases = [1 - host.pow(beta1, step), 1 - host.pow(beta2, step)] as const;
    const settings = (decay: boolean) =>
      [learningRate, beta1, beta2, epsilon, decay ? weightDecay : 0, ...biases, gradientScale] as const;
    for (const { size, addresses, decay } of this.runs) {
      const [parameter, gradient, first, second] = addresses as [number, number, number, number];
      this.device.ops.adamw(size, parameter, gradient, first, second, ...settings(decay));
    }
    for (const { parameter, state, decay } of this.in8Bits) {
      const first = [state.first!, state.firstScale!, this.maps!.first].map(({ address }) => address);
      const second = [state.second!, state.secondScale!, this.maps!.second].map(({ address }) => address);
      const moments = [...first, ...second] as [number, number, number, number, number, number];
      this.device.ops.adamw8bit(
        parameter.size,
        parameter.address,
        parameter.grad!.address,
        ...moments,
        ...settings(decay),
      );
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
    const states = [...parameters.values()].map(({ shape, rows, cols }) => ({
      ...(shape.length >= 2 ? { row: zeros([rows]), column: zeros([cols]) } : { second: zeros(shape) }),
      ...(settings.beta1 === null ? {} : { first: zeros(shape) }),
    }));
    super(device, parameters, states);
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

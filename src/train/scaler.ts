/** Dynamic loss scaling for fp16: torch.amp.GradScaler as accelerate and the HF Trainer use it. */
import { inputError } from '../errors';
import type { LossScaling } from '../paper/types';

/** What a checkpoint keeps of a scaler. */
export interface ScalerState {
  readonly scale: number;
  /** Steps without an overflow since the scale last changed. */
  readonly stable: number;
}

/** A scale this small means that the forward pass itself overflows, which no scale can help. */
const LEAST_SCALE = 2 ** -24;

/**
 * The loss is multiplied by `scale` before the backward pass. A step whose gradients are not all finite is skipped, and the
 * scale shrinks; after `growthInterval` good steps in a row it grows.
 */
export class LossScaler {
  private current: ScalerState;

  constructor(private readonly settings: LossScaling) {
    this.current = { scale: settings.initial, stable: 0 };
  }

  get state(): ScalerState {
    return this.current;
  }
  restore(state: ScalerState): void {
    this.current = state;
  }

  /**
   * After a step (`_amp_update_scale_`).
   * @throws MedreproError `input` when every step has overflowed down to a scale of 2^-24.
   */
  update(overflow: boolean, step: number): void {
    const { growthFactor, backoffFactor, growthInterval } = this.settings;
    const { scale, stable } = this.current;
    if (overflow) {
      this.current = { scale: Math.fround(scale * backoffFactor), stable: 0 };
      if (this.current.scale >= LEAST_SCALE) return;
      throw inputError(`step ${step}: the gradients overflow at every loss scale down to ${this.current.scale}`, {
        remedy: 'set training.precision: bf16 or fp32, or lower training.optimiser.learningRate in the spec',
      });
    }
    const grown = Math.fround(scale * growthFactor);
    if (stable + 1 < growthInterval) this.current = { scale, stable: stable + 1 };
    else this.current = { scale: Number.isFinite(grown) ? grown : scale, stable: 0 };
  }
}

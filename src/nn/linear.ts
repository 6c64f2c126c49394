/** A linear layer of a block, and the low-rank update that an adapter adds to it. */
import type { LowRank, Seed, Weight } from '../autograd/ops/linear';
import type { Tape } from '../autograd/tape';
import type { Tensor } from '../native/tensor';

export interface Linear {
  /** `model.layers.3.self_attn.q_proj` */
  readonly name: string;
  readonly weight: Weight;
  /** [out] fp32; null without one. */
  readonly bias: Tensor | null;
  /** The low-rank update, when this linear is adapted. */
  lora: LowRankModule | null;
}

/** The update of one linear, by any kind of adapter. */
export interface LowRankModule {
  /** Trained tensors by the last part of their PEFT names, in order. */
  readonly parameters: Readonly<Record<string, Tensor>>;
  /**
   * The operands of one forward pass, recorded on `tape` where they are computed; `seedOf` is null in evaluation. null where
   * nothing is left of the update.
   */
  operands(tape: Tape, seedOf: ((module: number) => Seed) | null, module: number): LowRank | null;
}

/** What `eval` is asked and answers. */
import type { DescribedGeneration, DescribedModel, LocalModelRequest } from '../local-model/request';

export interface EvalRequest extends LocalModelRequest {
  /** A file of token ids: `{"ids": [[...], ...]}`. */
  readonly ids: string;
  /** Continue the first n tokens of every row; null = the whole row. */
  readonly promptTokens: number | null;
  /** A NumPy file to write the logits after each row's last token to; null or absent = none. */
  readonly logits?: string | null;
  readonly train: EvalTraining | null;
}

/** `eval --train-steps` */
export interface EvalTraining {
  readonly steps: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** `all`: torch.optim.AdamW over all parameters. `matrices`: biases and norms do not decay, as in the HF Trainer. */
  readonly decay: 'all' | 'matrices';
  readonly clip: number | null;
  /** Train a fresh LoRA adapter instead of every parameter; null with an adapter of its own or full-parameter. */
  readonly lora: { readonly rank: number; readonly alpha: number; readonly targets: string[] | 'all-linear' } | null;
  /** Seed of the fresh adapter. */
  readonly seed: number;
}

/** Of a causal language model. */
export interface EvalDocument extends DescribedModel, DescribedGeneration {
  readonly rows: readonly EvalRow[];
  /** null where nothing was trained. */
  readonly train: readonly EvalStep[] | null;
}

export interface EvalRow {
  readonly row: number;
  readonly tokens: number;
  /** -log p of each token but the first, averaged; null for a single token. */
  readonly meanNll: number | null;
  /** The most probable token after the last one, and its logit. */
  readonly best: number;
  readonly bestLogit: number;
  /** [vocab]; null where they are too many to print. */
  readonly lastLogits: readonly number[] | null;
  readonly continuation: readonly number[];
  readonly finish: 'eos' | 'length' | null;
}

export interface EvalStep {
  readonly step: number;
  /** Mean over all labelled tokens of all rows. */
  readonly loss: number;
  /** Of all gradients, before clipping. */
  readonly gradNorm: number;
}

/** Of a classifier. */
export interface ClassifierDocument extends DescribedModel {
  readonly rows: readonly ClassifierRow[];
}

export interface ClassifierRow {
  readonly row: number;
  readonly tokens: number;
  /** [classes] */
  readonly logits: readonly number[];
}

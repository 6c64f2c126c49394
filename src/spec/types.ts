/**
 * What the rest of the program sees of a spec: one experiment of one paper at one scale, every field present and typed.
 * `load.ts` makes these from YAML; nothing after `spec/` reads YAML, and nothing here has a default left to fill.
 */

/** Where a value comes from: the paper's text, its released code, or our own choice with a reason. */
export type Mark = 'as-written' | 'as-released' | 'assumed';

export type Scale = 'mini' | 'full';

/** What the paper's text says, or what its released code and logs did. */
export const READINGS = ['as-written', 'as-released'] as const;
export type Reading = (typeof READINGS)[number];

/** Weights and tokeniser: an embedded miniature, a folder, or (full scale) a hub repository. */
export interface ModelSource {
  /** `mini/base-large` (embedded), `hub:Qwen/Qwen3-8B`, or a folder. */
  readonly id: string;
  /** Pinned revision for hub models, null otherwise. */
  readonly revision: string | null;
}

export interface Quantisation {
  readonly kind: 'nf4' | 'fp4';
  readonly doubleQuant: boolean;
  /** Weights per absmax, 64 in bitsandbytes. */
  readonly blockSize: number;
}

export interface LoraAdapter {
  readonly kind: 'lora';
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Linear names without prefix (`q_proj`), or every linear but the output embedding. */
  readonly targets: 'all-linear' | readonly string[];
}

export type Head =
  /** Classes come from the data; no bias; the hidden state of the last real token is scored. */
  { readonly kind: 'classification'; readonly pooling: 'last-token' } | { readonly kind: 'causal' };

export type Loss =
  | { readonly kind: 'cross-entropy' }
  | { readonly kind: 'focal'; readonly gamma: number; readonly alpha: number }
  | {
      readonly kind: 'dice-ce';
      readonly diceWeight: number;
      readonly ceWeight: number;
      /** Exponent of the self-adjusting factor (1-p)^exponent (Li et al. 2020). */
      readonly exponent: number;
      readonly smoothing: number;
      readonly reduction: 'example' | 'class';
    };

export interface Optimiser {
  readonly kind: 'adamw';
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface Schedule {
  readonly kind: 'linear' | 'cosine' | 'constant';
  /** Warm-up steps, or a share of all steps (rounded up, as the HF Trainer does). */
  readonly warmup: { readonly steps: number } | { readonly ratio: number };
}

export interface Training {
  readonly epochs: number;
  /** Rows per micro-batch. */
  readonly batchSize: number;
  /** Micro-batches per optimiser step. */
  readonly accumulation: number;
  readonly stepsPerEpoch: 'ceil' | 'floor';
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  /** Global gradient norm bound; null switches clipping off. */
  readonly clip: number | null;
  /** `mean-of-means`: mean per micro-batch, divided by the accumulation; `undivided`: a custom loss that is not. */
  readonly lossNormalisation: 'mean-of-means' | 'sum-over-tokens' | 'undivided';
  readonly precision: 'fp32' | 'bf16';
  readonly gradientCheckpointing: boolean;
  /** Which weights training returns: the last ones, or the best validation value of the selection metric. */
  readonly selection: 'last' | 'best-macro-f1' | 'best-loss';
  readonly seed: number;
}

export interface DataSpec {
  /** `mini/abjadmed` (embedded), `hub:…`, `given/…` when only `--data` can name it, `files:…` once it has. */
  readonly source: string;
  /** Extra training files (an augmentation), by name inside the source. */
  readonly extraTrain: readonly string[];
  readonly columns: { readonly text: string; readonly label: string };
  /** Share of the training rows held out for validation, stratified by label. */
  readonly validation: number;
  readonly splitSeed: number;
  /** Share held out as test rows when the data names no test file. */
  readonly test: number;
  /** Tokens a row may have; longer rows are truncated on the right. */
  readonly maxLength: number;
  /** Prompt template: `{text}` is the row's text. */
  readonly template: string;
}

/** One experiment, ready to run or to be reported as unmeasured. */
export interface Experiment {
  readonly paper: string;
  readonly id: string;
  readonly scale: Scale;
  readonly title: string;
  /** Why it cannot run at this scale; null when it can. */
  readonly unmeasured: string | null;
  readonly task: 'sequence-classification' | 'causal-lm';
  readonly model: ModelSource;
  readonly quantisation: Quantisation | null;
  readonly adapter: LoraAdapter | null;
  readonly head: Head;
  readonly loss: Loss;
  readonly data: DataSpec;
  readonly training: Training;
  /** Metrics to compute on the test split, by id (`macro-f1`, `accuracy`). */
  readonly metrics: readonly string[];
  /** Fields that are our own choice, by dotted path, with the reason; everything else is as written or as released. */
  readonly marks: Readonly<Record<string, { readonly mark: Mark; readonly reason: string }>>;
}

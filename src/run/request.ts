/**
 * What a user asked for, as plain data: the command line after its flags were checked, before any spec was read.
 *
 * A request crosses to the Worker by structured clone and is written to the run's manifest. `null` means "not given":
 * the stage that needs the value chooses it and records the reason.
 */

import type { Isa } from '../native/isa';
import type { Reading } from '../paper/types';

/** Flags common to `data`, `plan`, `run`, `verify`: what to run, on what, with which inputs. */
export interface TargetRequest {
  /** `paper`, `paper/experiment`, or the path of a spec file; empty when `all` is set. */
  targets: string[];
  /** Every embedded paper. */
  all: boolean;
  scale: 'auto' | 'mini' | 'full';
  device: 'auto' | 'cpu' | 'cuda';
  /** CPU threads; null = all cores the process may use. */
  threads: number | null;
  /** A forced CPU path; null = the best one this CPU runs. */
  isa: Isa | null;
  /** null = the spec's. */
  seed: number | null;
  data: DataOverride | null;
  /** Column names of `--data` files, by the spec's name for them (`text`, `label`, ...); empty = the spec's. */
  map: Record<string, string>;
  /** A local folder for the hub's model or tokeniser; null = the spec's source. */
  model: string | null;
  tokenizer: string | null;
  /** null = `as-released` where a paper has one. */
  reading: Reading | null;
  /** A folder of golden files that replaces the embedded ones. */
  golden: string | null;
}

/** `--data`: one file to split as the spec says, or given splits whose order is kept, or the spec's parts by name. */
export type DataOverride =
  | { kind: 'file'; path: string }
  | {
      kind: 'splits';
      train: string | null;
      validation: string | null;
      test: string | null;
      /** Files by the names of the spec's parts; absent without any. */
      parts?: Readonly<Record<string, string>>;
    };

export interface RunRequest extends TargetRequest {
  /** Number of seeds: the request's (or spec's) seed and the ones that follow it. */
  seeds: number;
  /** The parent of the run directories. */
  out: string;
  /** Continue the newest unfinished run of the same target and settings under `out`. */
  resume: boolean;
}

export interface VerifyRequest extends TargetRequest {
  out: string;
  /** Run what is missing; false = compare what is there. */
  run: boolean;
  /** A JUnit file to write. */
  junit: string | null;
  /** The level every claim must reach, else exit 4. */
  require: 'L1' | 'L2' | 'L3' | null;
  /** Published predictions to score again, by `paper/experiment`. */
  scored: readonly { readonly target: string; readonly predictions: string; readonly references: string }[];
}

export interface DataRequest extends TargetRequest {
  split: 'train' | 'validation' | 'test';
  /** Rows to show; null = all. */
  limit: number | null;
}

export interface ScoreRequest {
  /** `paper/experiment` or `spec.yaml/experiment`; null = metrics alone. */
  target: string | null;
  predictions: string;
  references: string;
  /** Training rows, for their overlap with the references. */
  train: string | null;
  /** Metric ids; null = the experiment's. */
  metrics: string[] | null;
  /** Column names by role: prediction, reference, question, id. */
  map: Readonly<Record<string, string>>;
  reading: Reading | null;
  golden: string | null;
  /** The parent of run directories to keep the scores in; null = they are only printed. */
  out: string | null;
}

export interface AuditRequest {
  targets: string[];
  all: boolean;
  /** A SARIF file to write. */
  sarif: string | null;
  /** Annotations of GitHub Actions instead of text. */
  github: boolean;
  /** Exit with 0 whatever is found. */
  exitZero: boolean;
}

export interface SelftestRequest {
  device: 'auto' | 'cpu' | 'cuda';
  threads: number | null;
  isa: Isa | null;
  /** Only ops whose name contains this. */
  only: string | null;
}

export interface BenchRequest {
  device: 'auto' | 'cpu' | 'cuda';
  threads: number | null;
  isa: Isa | null;
  only: string | null;
}

/** Flags `eval` and `generate` have in common: a model on disk and how it continues text. */
export interface LocalModelRequest {
  /** A folder with config.json and the weights. */
  model: string;
  /** A PEFT adapter's folder. */
  adapter: string | null;
  precision: 'fp32' | 'bf16' | 'fp16';
  /** How the blocks' linear layers are stored; null = as in the checkpoint. */
  quantise: 'nf4' | 'fp4' | 'int8' | null;
  device: 'auto' | 'cpu' | 'cuda';
  threads: number | null;
  isa: Isa | null;
  maxNewTokens: number;
  /** 1 = none; null = the checkpoint's. */
  repetitionPenalty: number | null;
  /** 0 = none; null = the checkpoint's. */
  noRepeatNgramSize: number | null;
  /** Tokens that end a continuation; null = those the checkpoint names. */
  eos: number[] | null;
  /** Whether the result is a record that names the checkpoint's hash; absent = it is. */
  record?: boolean;
}

export type MergeRequest = Pick<
  LocalModelRequest,
  'model' | 'precision' | 'quantise' | 'device' | 'threads' | 'isa'
> & {
  adapter: string;
  /** The folder of the merged checkpoint. */
  out: string;
  /** A file of token ids to compare on; null = fixed ones. */
  ids: string | null;
};

export interface EvalRequest extends LocalModelRequest {
  /** A file of token ids: `{"ids": [[...], ...]}`. */
  ids: string;
  /** Continue the first n tokens of every row; null = the whole row. */
  promptTokens: number | null;
  /** A NumPy file to write the logits after each row's last token to; null or absent = none. */
  logits?: string | null;
  train: EvalTraining | null;
}

/** `eval --train-steps` */
export interface EvalTraining {
  steps: number;
  learningRate: number;
  weightDecay: number;
  /** `all`: torch.optim.AdamW over all parameters. `matrices`: biases and norms do not decay, as in the HF Trainer. */
  decay: 'all' | 'matrices';
  clip: number | null;
  /** Train a fresh LoRA adapter instead of every parameter; null with an adapter of its own or full-parameter. */
  lora: { rank: number; alpha: number; targets: string[] | 'all-linear' } | null;
  /** Seed of the fresh adapter. */
  seed: number;
}

export interface GenerateRequest extends LocalModelRequest {
  prompts: { kind: 'text'; text: string } | { kind: 'file'; path: string } | { kind: 'ids'; path: string };
  /** A tokeniser's folder; null = the model's. */
  tokenizer: string | null;
  /** Each prompt is a user's message in the model's chat template, after a system message where there is one. */
  chat: boolean;
  system: string | null;
  /** The date that a chat template may write, as `2024-07-26`. */
  date: string | null;
  /** null = greedy; in it, null = the checkpoint's, and else none. */
  sampling: { temperature: number | null; topK: number | null; topP: number | null; seed: number } | null;
  /** Text is printed as it comes. */
  stream: boolean;
}

/** What `eval`, `generate` and `merge` are asked alike: a model on disk and how it continues text. */
import type { describeGeneration } from '../../generate/checkpoint';
import type { DeviceRequest } from '../../native/choose';

export interface LocalModelRequest extends DeviceRequest {
  /** A folder with config.json and the weights. */
  readonly model: string;
  /** A PEFT adapter's folder. */
  readonly adapter: string | null;
  readonly precision: 'fp32' | 'bf16' | 'fp16';
  /** How the blocks' linear layers are stored; null = as in the checkpoint. */
  readonly quantise: 'nf4' | 'fp4' | 'int8' | null;
  readonly maxNewTokens: number;
  /** 1 = none; null = the checkpoint's. */
  readonly repetitionPenalty: number | null;
  /** 0 = none; null = the checkpoint's. */
  readonly noRepeatNgramSize: number | null;
  /** Tokens that end a continuation; null = those the checkpoint names. */
  readonly eos: readonly number[] | null;
  /** Whether the result is a record that names the checkpoint's hash; absent = it is. */
  readonly record?: boolean;
}

/** What each of their documents says of the model. */
export interface DescribedModel extends Pick<LocalModelRequest, 'model' | 'adapter' | 'precision' | 'quantise'> {
  /** Of the weights; null where the result is no record. */
  readonly sha256: string | null;
  readonly task: 'causal-lm' | 'sequence-classification';
  readonly parameters: number;
  /** The device. */
  readonly path: string;
  readonly threads: number;
}

/** What the documents of `eval` and `generate` say of how text was made. */
export type DescribedGeneration = { readonly eos: readonly number[] } & ReturnType<typeof describeGeneration>;

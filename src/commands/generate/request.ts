/** What `generate` is asked and answers. */
import type { AskedSampling } from '../../generate/checkpoint';
import type { DescribedGeneration, DescribedModel, LocalModelRequest } from '../local-model/request';

export interface GenerateRequest extends LocalModelRequest {
  readonly prompts:
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'ids'; readonly path: string };
  /** A tokeniser's folder; null = the model's. */
  readonly tokenizer: string | null;
  /** Each prompt is a user's message in the model's chat template, after a system message where there is one. */
  readonly chat: boolean;
  readonly system: string | null;
  /** The date that a chat template may write, as `2024-07-26`. */
  readonly date: string | null;
  /** null = greedy. Within it, null = the checkpoint's setting, or none. */
  readonly sampling: AskedSampling | null;
  /** Whether text is streamed. */
  readonly stream: boolean;
}

export interface GenerateDocument extends DescribedModel, DescribedGeneration {
  readonly rows: readonly GeneratedRow[];
}

export interface GeneratedRow {
  readonly row: number;
  /** null where the prompt is token ids. */
  readonly prompt: string | null;
  readonly promptIds: readonly number[];
  readonly ids: readonly number[];
  /** null without a tokeniser. */
  readonly text: string | null;
  readonly finish: 'eos' | 'length';
}

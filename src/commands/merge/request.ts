/** What `merge` is asked and answers. */
import type { LocalModelRequest } from '../local-model/request';

export interface MergeRequest
  extends Pick<LocalModelRequest, 'model' | 'precision' | 'quantise' | 'device' | 'threads' | 'isa'> {
  readonly adapter: string;
  /** The folder of the merged checkpoint. */
  readonly out: string;
  /** A file of token ids to compare on; null = fixed ones. */
  readonly ids: string | null;
}

export interface MergeDocument {
  readonly out: string;
  /** Of the merged weights. */
  readonly sha256: string;
  readonly base: { readonly model: string; readonly sha256: string };
  readonly adapter: string;
  /** How many linear layers the adapter changed. */
  readonly linears: number;
  readonly difference: MergeDifference;
}

/** How far the merged model is from the unmerged one, over all logits of all rows. */
export interface MergeDifference {
  readonly rows: number;
  readonly tokens: number;
  /** Largest |merged - unmerged|, and the largest |unmerged| for comparison. */
  readonly maxAbs: number;
  readonly largestLogit: number;
  /** ||merged - unmerged|| / ||unmerged||. */
  readonly relative: number;
  /** Share of positions whose largest logit is of the same token or class. */
  readonly sameArgmax: number;
}

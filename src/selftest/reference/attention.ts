/** Causal attention from its definition (Vaswani et al. 2017; grouped heads: Ainslie et al. 2023). */
import type { Numbers } from './formats';

export interface AttentionCase {
  /** Prefix sums of the sequences' lengths, starting with 0. */
  readonly cuSeqlens: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly scale: number;
  /** Keys at this distance or further back are masked; 0 = no window. */
  readonly window: number;
  /** Keys of each sequence that may be seen; absent = all. */
  readonly visible?: readonly number[] | undefined;
}

/** Prefix sums of the lengths of a pack's sequences, starting with 0. */
export function prefixSums(lengths: readonly number[]): number[] {
  const sums = [0];
  for (const length of lengths) sums.push(sums.at(-1)! + length);
  return sums;
}

/** o [T, heads * head_dim] and lse [T, heads] = ln sum exp of the scaled scores. */
export interface AttentionResult {
  readonly o: Float64Array;
  readonly lse: Float64Array;
}

/** softmax(scale * q k^T) v over the keys each token may see: those of its own sequence, up to itself, visible and inside the window. */
export function attention(q: Numbers, k: Numbers, v: Numbers, shape: AttentionCase): AttentionResult {
  const { cuSeqlens, heads, kvHeads, headDim, window, visible } = shape;
  const scale = Math.fround(shape.scale);
  const tokens = cuSeqlens.at(-1) ?? 0;
  const o = new Float64Array(tokens * heads * headDim);
  const lse = new Float64Array(tokens * heads);
  for (let sequence = 0; sequence + 1 < cuSeqlens.length; sequence++) {
    for (let query = cuSeqlens[sequence]!; query < cuSeqlens[sequence + 1]!; query++) {
      const end = Math.min(query + 1, cuSeqlens[sequence]! + (visible?.[sequence] ?? Number.POSITIVE_INFINITY));
      const begin = Math.max(cuSeqlens[sequence]!, window > 0 ? query - window + 1 : 0);
      for (let head = 0; head < heads; head++) {
        const kvHead = Math.floor(head / (heads / kvHeads));
        const qRow = (query * heads + head) * headDim;
        const kvRow = (key: number): number => (key * kvHeads + kvHead) * headDim;

        const scores: number[] = [];
        for (let key = begin; key < end; key++) {
          let dot = 0;
          for (let c = 0; c < headDim; c++) dot += q[qRow + c]! * k[kvRow(key) + c]!;
          scores.push(scale * dot);
        }
        // subtracting the largest changes nothing but keeps exp in range
        const largest = scores.reduce((a, b) => Math.max(a, b));
        const weights = scores.map((score) => Math.exp(score - largest));
        const total = weights.reduce((a, b) => a + b);
        for (let key = begin; key < end; key++) {
          const probability = weights[key - begin]! / total;
          for (let c = 0; c < headDim; c++) o[qRow + c]! += probability * v[kvRow(key) + c]!;
        }
        lse[query * heads + head] = largest + Math.log(total);
      }
    }
  }
  return { o, lse };
}

/**
 * Choosing the next token by chance: temperature, then top-k, then top-p (nucleus sampling, Holtzman et al. 2020), with
 * transformers' meaning of each (generation/logits_process.py).
 *
 * The draw is our own and documented, since torch's cannot be had without torch: u in [0, 1) of 53 bits from Philox4x32-10 with
 * the seed as key and (token index, row) as counter; the token is the first, from the most probable on (ties: the lower id
 * first), at which the sum of probabilities exceeds u. So a row's text depends on the seed, its number and its scores alone.
 */
import { philox4x32 } from '../data/random/philox';

export interface Sampling {
  /** Divides the scores; above 0. */
  readonly temperature: number;
  /** Only the k best scores stay (and what ties with the last of them); null for all. */
  readonly topK: number | null;
  /** Only the most probable tokens that together reach this probability stay, at least one; null for all. */
  readonly topP: number | null;
  /** 32 bits or, as the bootstrap has it, up to 53. */
  readonly seed: number;
}

/** Scores below the best one by more than this have no probability: they would add less than 1e-17 to the sum. */
const NEGLIGIBLE = 80;

/** Index of the largest score, the lowest on ties, as torch's argmax; -1 when every score is NaN. */
export function argmax(scores: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < scores.length; i++) if (best < 0 || scores[i]! > scores[best]!) best = i;
  return best < 0 || Number.isNaN(scores[best]) ? -1 : best;
}

/**
 * One token by chance.
 * @param scores [vocab], after penalties
 * @param row number of the prompt among the prompts
 * @param index number of the token among the row's new ones
 * @param exp e^x the same on every machine
 */
export function sample(
  scores: Float32Array,
  options: Sampling,
  row: number,
  index: number,
  exp: (x: number) => number,
): number {
  const { ids, probabilities } = distribution(scores, options, exp);
  const u = uniform(options.seed, row, index);
  let sum = 0;
  for (let i = 0; i < ids.length; i++) {
    sum += probabilities[i]!;
    if (sum > u) return ids[i]!;
  }
  return ids.at(-1)!; // the sum of all is 1 but for roundings
}

/** Tokens that may be drawn, the most probable first, and their probabilities. */
export function distribution(
  scores: Float32Array,
  { temperature, topK, topP }: Sampling,
  exp: (x: number) => number,
): { ids: number[]; probabilities: number[] } {
  const scaled = scores.map((score) => score / temperature);
  const best = scaled[argmax(scaled)]!;
  let ids: number[] = [];
  for (let id = 0; id < scaled.length; id++) if (scaled[id]! >= best - NEGLIGIBLE) ids.push(id);
  ids.sort((a, b) => scaled[b]! - scaled[a]! || a - b);
  if (topK !== null && topK < ids.length) {
    const last = scaled[ids[topK - 1]!]!;
    ids = ids.filter((id) => scaled[id]! >= last);
  }
  let weights = ids.map((id) => exp(scaled[id]! - best));
  if (topP !== null && topP < 1) {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    // a token goes when those before it already reach topP
    let before = 0;
    let kept = 0;
    while (kept < ids.length && (kept === 0 || before < topP * total)) before += weights[kept++]!;
    ids = ids.slice(0, kept);
    weights = weights.slice(0, kept);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { ids, probabilities: weights.map((weight) => weight / total) };
}

/** 53 random bits as a number in [0, 1). */
export function uniform(seed: number, row: number, index: number): number {
  const words = new Uint32Array(4);
  philox4x32(index, row, STREAM, 0, seed, Math.floor(seed / 2 ** 32), words);
  return ((words[0]! >>> 5) * 2 ** 26 + (words[1]! >>> 6)) / 2 ** 53;
}

// --- internal ---

/** Keeps these draws apart from the bootstrap's. */
const STREAM = 0x67656e;

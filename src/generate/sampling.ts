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
  /** Only tokens at least this times as probable as the most probable one stay; absent for all. */
  readonly minP?: number;
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
  const { total, ranked } = candidates(scores, options, exp);
  const bound = uniform(options.seed, row, index) * total;
  let sum = 0;
  let last = -1;
  for (const { id, weight } of ranked) {
    last = id;
    sum += weight;
    if (sum > bound) break; // if never, the last one: the sum of all is `total` but for roundings
  }
  return last;
}

/** Tokens that may be drawn, the most probable first, and their probabilities. */
export function distribution(
  scores: Float32Array,
  options: Sampling,
  exp: (x: number) => number,
): { ids: number[]; probabilities: number[] } {
  const { total, ranked } = candidates(scores, options, exp);
  const all = [...ranked];
  return { ids: all.map(({ id }) => id), probabilities: all.map(({ weight }) => weight / total) };
}

/** 53 random bits as a number in [0, 1). */
export function uniform(seed: number, row: number, index: number): number {
  const words = new Uint32Array(4);
  philox4x32(index, row, STREAM, 0, seed, Math.floor(seed / 2 ** 32), words);
  return ((words[0]! >>> 5) * 2 ** 26 + (words[1]! >>> 6)) / 2 ** 53;
}

// --- internal ---

interface Candidate {
  readonly id: number;
  /** e^(score - best score): the probability times a constant. */
  readonly weight: number;
}

/** What may be drawn, the most probable first, and the sum of the weights. */
function candidates(
  scores: Float32Array,
  { temperature, topK, topP, minP = 0 }: Sampling,
  exp: (x: number) => number,
): { total: number; ranked: Iterable<Candidate> } {
  const scaled = scores.map((score) => score / temperature);
  const best = scaled[argmax(scaled)]!;
  const weightOf = (id: number): number => exp(scaled[id]! - best);
  let ranked: Iterable<Candidate> = rank(scaled, best, weightOf);
  let total = 0;
  if (topK !== null) {
    const kept: Candidate[] = [];
    for (const candidate of ranked) {
      if (kept.length >= topK && scaled[candidate.id]! < scaled[kept.at(-1)!.id]!) break;
      kept.push(candidate);
    }
    ranked = kept;
    total = sumOf(kept);
  } else {
    for (let id = 0; id < scaled.length; id++) if (scaled[id]! >= best - NEGLIGIBLE) total += weightOf(id);
  }
  if ((topP === null || topP >= 1) && minP === 0) return { total, ranked };
  // a token goes when those before it already reach topP; a weight is the share of the best one's probability
  const kept: Candidate[] = [];
  let before = 0;
  for (const candidate of ranked) {
    if (kept.length > 0 && (before >= (topP ?? 1) * total || candidate.weight < minP)) break;
    kept.push(candidate);
    before += candidate.weight;
  }
  return { total: sumOf(kept), ranked: kept };
}

/**
 * Every token that is not negligible, by falling score, then by id. A vocabulary has 150,000 tokens and a draw mostly looks at
 * a few: so they are sorted band by band, as far as somebody looks.
 */
function* rank(scaled: Float32Array, best: number, weightOf: (id: number) => number): Generator<Candidate> {
  for (let depth = 0; depth < NEGLIGIBLE; depth += BAND) {
    const above = depth === 0 ? Number.POSITIVE_INFINITY : best - depth;
    const ids: number[] = [];
    for (let id = 0; id < scaled.length; id++) {
      if (scaled[id]! < above && scaled[id]! >= best - (depth + BAND)) ids.push(id);
    }
    ids.sort((a, b) => scaled[b]! - scaled[a]! || a - b);
    for (const id of ids) yield { id, weight: weightOf(id) };
  }
}

const sumOf = (kept: readonly Candidate[]): number => kept.reduce((sum, { weight }) => sum + weight, 0);

/** Width of a band of scores. */
const BAND = 4;

/** Keeps these draws apart from the bootstrap's. */
const STREAM = 0x67656e;

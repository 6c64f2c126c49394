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
 * One token by chance. A vocabulary has 150,000 tokens, and a draw looks at few of them closely: sums over all of them are first
 * taken to ten digits, and exactly only where the draw falls so near a token's border that ten digits do not tell.
 * @param scores [vocab], after penalties
 * @param row number of the prompt among the prompts
 * @param index number of the token among the row's new ones
 * @param exp e^x the same on every machine
 * @returns -1 where no token has a probability
 */
export function sample(
  scores: Float32Array,
  options: Sampling,
  row: number,
  index: number,
  exp: (x: number) => number,
): number {
  const scaled = scaledBy(scores, options.temperature);
  if (scaled.best === Number.NEGATIVE_INFINITY) return -1;
  const u = uniform(options.seed, row, index);
  const quick = options.topK === null ? drawQuickly(scaled, options, u) : null;
  if (quick !== null) return quick;
  const { total, ranked } = candidates(scaled, options, exp);
  const bound = u * total;
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
  const { total, ranked } = candidates(scaledBy(scores, options.temperature), options, exp);
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

/** Scores over temperature, and the largest and least of them that are not forbidden. */
interface Scaled {
  readonly scores: Float32Array;
  readonly best: number;
  readonly least: number;
}

/** Holds the scaled scores of the draw that is being made. */
let scratch = new Float32Array(0);

/** In fp32, as torch divides. */
function scaledBy(scores: Float32Array, temperature: number): Scaled {
  if (scratch.length < scores.length) scratch = new Float32Array(scores.length);
  const scaled = scratch.subarray(0, scores.length);
  let [best, least] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let id = 0; id < scores.length; id++) {
    const score = Math.fround(scores[id]! / temperature);
    scaled[id] = score;
    if (score > best) best = score;
    if (score < least && score !== Number.NEGATIVE_INFINITY) least = score;
  }
  return { scores: scaled, best, least };
}

/** What may be drawn, the most probable first, and the sum of the weights. */
function candidates(
  { scores: scaled, best }: Scaled,
  { topK, topP, minP = 0 }: Sampling,
  exp: (x: number) => number,
): { total: number; ranked: Iterable<Candidate> } {
  const weightOf = (id: number): number => exp(scaled[id]! - best);
  let ranked: Iterable<Candidate> = rank(scaled, best, weightOf);
  let total = 0;
  if (topK !== null) {
    const kept = bestOf(scaled, topK, best, weightOf);
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

/** The k best, and what ties with the last of them; none that is negligible. */
function bestOf(scaled: Float32Array, k: number, best: number, weightOf: (id: number) => number): Candidate[] {
  const floor = best - NEGLIGIBLE;
  const threshold = Math.max(floor, kthLargest(scaled, k));
  const ids: number[] = [];
  for (let id = 0; id < scaled.length; id++) if (scaled[id]! >= threshold) ids.push(id);
  return inOrder(ids, scaled).map((id) => ({ id, weight: weightOf(id) }));
}

/** The k-th largest score: a heap of the k best so far, the least of them on top. */
function kthLargest(scaled: Float32Array, k: number): number {
  if (k >= scaled.length) return Number.NEGATIVE_INFINITY;
  const heap = scaled.slice(0, k).sort();
  let least = heap[0]!;
  for (let id = k; id < scaled.length; id++) {
    const score = scaled[id]!;
    if (!(score > least)) continue;
    let at = 0;
    for (let child = 1; child < k; child = 2 * at + 1) {
      if (child + 1 < k && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= score) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = score;
    least = heap[0]!;
  }
  return least;
}

/** By falling score, then by id. */
const inOrder = (ids: number[], scaled: Float32Array): number[] => ids.sort((a, b) => scaled[b]! - scaled[a]! || a - b);

/** Every token that is not negligible, in order, sorted band by band as far as somebody looks. */
function* rank(scaled: Float32Array, best: number, weightOf: (id: number) => number): Generator<Candidate> {
  for (let depth = 0; depth < NEGLIGIBLE; depth += BAND) {
    const above = depth === 0 ? Number.POSITIVE_INFINITY : best - depth;
    const ids: number[] = [];
    for (let id = 0; id < scaled.length; id++) {
      if (scaled[id]! < above && scaled[id]! >= best - (depth + BAND)) ids.push(id);
    }
    for (const id of inOrder(ids, scaled)) yield { id, weight: weightOf(id) };
  }
}

const sumOf = (kept: readonly Candidate[]): number => kept.reduce((sum, { weight }) => sum + weight, 0);

/** Width of a band of scores. */
const BAND = 4;

// ---- sums to ten digits -------------------------------------------------------------------------------------------------

/** Scores are told apart by their distance from the best one in this many buckets. */
const BUCKETS = 4096;
/** Largest relative error of a sum of quick exponentials: theirs is below 1e-12, that of adding 2^20 numbers below 2e-10. */
const ERROR = 1e-9;
/** Steps of the table of exponentials, per unit. */
const STEPS = 256;

/** e^-(i / STEPS), rounded. */
let table: Float64Array | null = null;

/** e^-d for 0 <= d <= NEGLIGIBLE. */
function quickExp(d: number, values: Float64Array): number {
  const step = (d * STEPS + 0.5) | 0;
  const r = step / STEPS - d; // at most 1/512: the first dropped term is below 7e-13
  return values[step]! * (1 + r * (1 + r * (1 / 2 + r * (1 / 6))));
}

const sums = new Float64Array(BUCKETS);
/** The bucket of each token; BUCKETS for one that is negligible. */
let bucketOf = new Uint16Array(0);

/**
 * The token that `candidates` and the walk over them would draw, where ten digits tell it; null where they do not. No token is
 * kept out by its rank here.
 */
function drawQuickly({ scores: scaled, best, least }: Scaled, { topP, minP = 0 }: Sampling, u: number): number | null {
  table ??= Float64Array.from({ length: NEGLIGIBLE * STEPS + 2 }, (_, i) => Math.exp(-i / STEPS));
  const values = table;
  if (!Number.isFinite(best)) return null;
  const floor = best - NEGLIGIBLE;
  const width = Math.min(best - least, NEGLIGIBLE);
  const scale = width > 0 ? (BUCKETS - 1) / width : 0;
  if (bucketOf.length < scaled.length) bucketOf = new Uint16Array(scaled.length);
  const buckets = bucketOf;
  sums.fill(0);
  for (let id = 0; id < scaled.length; id++) {
    const score = scaled[id]!;
    if (!(score >= floor)) {
      buckets[id] = BUCKETS;
      continue;
    }
    const d = best - score;
    const bucket = (d * scale) | 0;
    buckets[id] = bucket;
    sums[bucket]! += quickExp(d, values);
  }
  let total = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket++) total += sums[bucket]!;
  // what is kept is a beginning of the order: it ends where the tokens before reach topP, or where one is too improbable
  const reach = topP === null || topP >= 1 ? Number.POSITIVE_INFINITY : topP * total;
  const cut =
    reach === Number.POSITIVE_INFINITY && minP === 0 ? total : cutAt(scaled, best, scale, total, reach, minP, values);
  if (cut === null) return null;
  const bound = u * cut;
  let [before, bucket] = [0, 0];
  while (bucket < BUCKETS && before + sums[bucket]! <= bound) before += sums[bucket++]!;
  if (bucket === BUCKETS) return null;
  let sum = before;
  for (const id of inBucket(scaled, bucket)) {
    if (Math.abs(sum - bound) < ERROR * total && sum > 0) return null;
    sum += quickExp(best - scaled[id]!, values);
    if (sum - bound > ERROR * total) return sum > cut + ERROR * total ? null : id;
  }
  return null;
}

/** The sum of what is kept; null where ten digits do not tell which token is the last. */
function cutAt(
  scaled: Float32Array,
  best: number,
  scale: number,
  total: number,
  reach: number,
  minP: number,
  values: Float64Array,
): number | null {
  const farthest = minP === 0 ? Number.POSITIVE_INFINITY : -Math.log(minP);
  let [before, bucket] = [0, 0];
  // whole buckets that end before both limits
  while (bucket < BUCKETS && before + sums[bucket]! < reach && (bucket + 1) / scale < farthest)
    before += sums[bucket++]!;
  let sum = before;
  for (; bucket < BUCKETS; bucket++) {
    for (const id of inBucket(scaled, bucket)) {
      const d = best - scaled[id]!;
      if (Math.abs(sum - reach) < ERROR * total || Math.abs(d - farthest) < ERROR) return null;
      if (sum > 0 && (sum >= reach || d > farthest)) return sum;
      sum += quickExp(d, values);
    }
  }
  return sum;
}

/** The tokens of a bucket, in order. */
function inBucket(scaled: Float32Array, bucket: number): number[] {
  const ids: number[] = [];
  if (sums[bucket] === 0) return ids; // no weight is 0
  const buckets = bucketOf;
  for (let id = 0; id < scaled.length; id++) if (buckets[id] === bucket) ids.push(id);
  return inOrder(ids, scaled);
}

/** Keeps these draws apart from the bootstrap's. */
const STREAM = 0x67656e;

/**
 * Random sampling of the next token: temperature, then top-k, then top-p (nucleus sampling, Holtzman et al. 2020), with
 * transformers' meaning of each (generation/logits_process.py).
 *
 * The draw is our own, since torch's generator needs torch: u in [0, 1) of 53 bits from Philox4x32-10 with
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
  /** An integer of up to 53 bits, as the bootstrap takes. */
  readonly seed: number;
}

/** Scores below the best one by more than this have no probability: they would add less than 1e-17 to the sum. */
const NEGLIGIBLE = 80;

/** Up to so many best tokens are found fastest with a heap and then weighed exactly. */
const SMALL_K = 256;

/** Index of the largest score, the lowest on ties, as torch's argmax; -1 when every score is NaN. */
export function argmax(scores: ArrayLike<number>): number {
  let best = -1;
  for (let i = 0; i < scores.length; i++) if (best < 0 || scores[i]! > scores[best]!) best = i;
  return best < 0 || Number.isNaN(scores[best]) ? -1 : best;
}

/**
 * Draws one token. Of a vocabulary's 150,000 tokens a draw needs few exactly: sums over all of them are first computed to nine
 * digits, and exactly only where the draw falls so close to the border between two tokens that nine digits cannot separate them.
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
  const range = rangeOf(scores, options.temperature);
  if (range.best === Number.NEGATIVE_INFINITY) return -1;
  const u = uniform(options.seed, row, index);
  const quick = options.topK !== null && options.topK <= SMALL_K ? null : drawQuickly(scores, range, options, u);
  if (quick !== null) return quick;
  const { total, ranked } = candidates(scaledBy(scores, options.temperature), range.best, options, exp);
  const bound = u * total;
  let sum = 0;
  let last = -1;
  for (const { id, weight } of ranked) {
    last = id;
    sum += weight;
    if (sum > bound) break; // if never, the last one: all weights sum to `total` up to rounding
  }
  return last;
}

/** Tokens that may be drawn, the most probable first, and their probabilities. */
export function distribution(
  scores: Float32Array,
  options: Sampling,
  exp: (x: number) => number,
): { ids: number[]; probabilities: number[] } {
  const { best } = rangeOf(scores, options.temperature);
  const { total, ranked } = candidates(scaledBy(scores, options.temperature), best, options, exp);
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

/** The largest and the least score over temperature that are not forbidden. */
interface Range {
  readonly best: number;
  readonly least: number;
}

/** Rounding is monotonic, so only the extremes need dividing. */
function rangeOf(scores: Float32Array, temperature: number): Range {
  let best = Number.NEGATIVE_INFINITY;
  let least = Number.POSITIVE_INFINITY;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id]!;
    if (score > best) best = score;
    if (score < least && score !== Number.NEGATIVE_INFINITY) least = score;
  }
  return { best: Math.fround(best / temperature), least: Math.fround(least / temperature) };
}

/** Holds the scaled scores of the current draw. */
let scratch = new Float32Array(0);

/** Scores over temperature, in fp32, as torch divides; valid until the next call. */
function scaledBy(scores: Float32Array, temperature: number): Float32Array {
  if (scratch.length < scores.length) scratch = new Float32Array(scores.length);
  const scaled = scratch.subarray(0, scores.length);
  for (let id = 0; id < scores.length; id++) scaled[id] = scores[id]! / temperature;
  return scaled;
}

/** What may be drawn, the most probable first, and the sum of the weights. */
function candidates(
  scaled: Float32Array,
  best: number,
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
  // a token is dropped when those before it already reach topP; its weight is its probability over the best one's
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

/** Every token that is not negligible, in order; sorted lazily, band by band. */
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

// ---- sums to nine digits ------------------------------------------------------------------------------------------------

/** Tokens are sorted by their distance d from the best score into buckets of width 1 / scale, this many where that suffices. */
const BUCKETS = 8192;
/** Buckets per unit at least; with them the quadratic below holds, and NEGLIGIBLE needs 20,480. */
const LEAST_SCALE = 256;
/**
 * Bound on the relative error of a difference of two sums: the quadratic is off by at most 3.2e-10, and adding 2^20 numbers by
 * 1.2e-10, here and in the exact sum.
 */
const ERROR = 2e-9;
/** Bucket of a token that is negligible. */
const NONE = 0xffff;

/** Sums of e^-d by bucket. */
const sums = new Float64Array(NEGLIGIBLE * LEAST_SCALE);
/** Tokens by bucket, NONE included. */
const counts = new Uint32Array(NONE + 1);
/** The bucket of each token. */
let bucketOf = new Uint16Array(0);

/** A histogram of the current draw: `sums` and `bucketOf` with what they were computed from. */
interface Buckets {
  readonly scores: Float32Array;
  readonly temperature: number;
  readonly best: number;
  readonly scale: number;
  readonly count: number;
  /** Sum of all weights. */
  readonly total: number;
}

/** The token that `candidates` and the walk over them would draw, where nine digits decide it; null where they do not. */
function drawQuickly(scores: Float32Array, range: Range, options: Sampling, u: number): number | null {
  if (!Number.isFinite(range.best)) return null;
  const buckets = fill(scores, range, options.temperature);
  const { best, count, total } = buckets;
  const { topK, topP, minP = 0 } = options;
  const most = topK === null ? total : sumOfBest(buckets, topK);
  // what is kept is a prefix of the order: it ends where the tokens before reach topP, or where one is too improbable
  const reach = topP === null || topP >= 1 ? Number.POSITIVE_INFINITY : topP * most;
  const end = reach === Number.POSITIVE_INFINITY && minP === 0 ? most : cutAt(buckets, reach, minP);
  if (end === null) return null;
  const cut = Math.min(end, most);
  const bound = u * cut;
  let [before, bucket] = [0, 0];
  while (bucket < count && before + sums[bucket]! <= bound) before += sums[bucket++]!;
  if (bucket === count) return null;
  let sum = before;
  for (const { id, score } of inBucket(buckets, bucket)) {
    if (Math.abs(sum - bound) < ERROR * total && sum > 0) return null;
    sum += Math.exp(score - best);
    if (sum - bound > ERROR * total) return sum > cut + ERROR * total ? null : id;
  }
  return null;
}

/** Assigns every token to its bucket and sums the weights. */
function fill(scores: Float32Array, { best, least }: Range, temperature: number): Buckets {
  const width = Math.min(best - least, NEGLIGIBLE);
  // a power of two, so that scaling is exact; not beyond what fp32 scores can differ in
  const finest = Math.min(BUCKETS / Math.max(width, 2 ** -30), 2 ** 30);
  const scale = Math.max(LEAST_SCALE, 2 ** Math.floor(Math.log2(finest)));
  if (bucketOf.length !== scores.length) bucketOf = new Uint16Array(scores.length);
  sums.fill(0);
  addAll(scores, temperature, best, scale, bucketOf, sums);
  const count = Math.min(sums.length, Math.floor(width * scale) + 1);
  const ratio = Math.exp(-1 / scale);
  let total = 0;
  let middle = Math.exp(-1 / (2 * scale));
  for (let bucket = 0; bucket < count; bucket++) {
    sums[bucket]! *= middle;
    total += sums[bucket]!;
    middle *= ratio;
  }
  return { scores, temperature, best, scale, count, total };
}

/**
 * The loop over the vocabulary, alone so that it compiles well. Within bucket b, e^-d is e^-(b + 1/2)/scale, which is left out here,
 * times a quadratic in the position f in [0, 1) within the bucket: the Taylor series of e^z at z = (1/2 - f) / scale, with z^3
 * replaced by its best linear approximation (Chebyshev), so that the error is below (1 / 2 scale)^3 / 24.
 */
function addAll(
  scores: Float32Array,
  temperature: number,
  best: number,
  scale: number,
  buckets: Uint16Array,
  into: Float64Array,
): void {
  const h = 1 / scale;
  const slope = 1 + h ** 2 / 32;
  const c0 = 1 + (slope * h) / 2 + h ** 2 / 8;
  const c1 = -slope * h - h ** 2 / 2;
  const c2 = h ** 2 / 2;
  const limit = NEGLIGIBLE * scale;
  for (let id = 0; id < scores.length; id++) {
    const position = (best - Math.fround(scores[id]! / temperature)) * scale;
    if (!(position < limit)) {
      buckets[id] = NONE;
      continue;
    }
    const bucket = position | 0;
    const f = position - bucket;
    buckets[id] = bucket;
    into[bucket]! += c0 + f * (c1 + f * c2);
  }
}

/** The sum of the k best weights, and of those that tie with the last of them. */
function sumOfBest(buckets: Buckets, k: number): number {
  const { best, count } = buckets;
  counts.fill(0);
  for (let id = 0; id < bucketOf.length; id++) counts[bucketOf[id]!]!++;
  let sum = 0;
  let seen = 0;
  let bucket = 0;
  for (; bucket < count && seen + counts[bucket]! < k; bucket++) {
    seen += counts[bucket]!;
    sum += sums[bucket]!;
  }
  if (bucket === count) return sum;
  const members = inBucket(buckets, bucket);
  const least = members[k - seen - 1]!.score;
  for (const { score } of members) if (score >= least) sum += Math.exp(score - best);
  return sum;
}

/** The sum of what is kept by probability; null where nine digits do not decide which token is the last. */
function cutAt(buckets: Buckets, reach: number, minP: number): number | null {
  const { best, scale, count, total } = buckets;
  const farthest = minP === 0 ? Number.POSITIVE_INFINITY : -Math.log(minP);
  let [before, bucket] = [0, 0];
  // whole buckets that end before both limits
  while (bucket < count && before + sums[bucket]! < reach && (bucket + 1) / scale < farthest) before += sums[bucket++]!;
  let sum = before;
  for (; bucket < count; bucket++) {
    for (const { score } of inBucket(buckets, bucket)) {
      const d = best - score;
      if (Math.abs(sum - reach) < ERROR * total || Math.abs(d - farthest) < ERROR) return null;
      if (sum > 0 && (sum >= reach || d > farthest)) return sum;
      sum += Math.exp(-d);
    }
  }
  return sum;
}

/** The tokens of a bucket with their scaled scores, the best first. */
function inBucket({ scores, temperature }: Buckets, bucket: number): { id: number; score: number }[] {
  const found: { id: number; score: number }[] = [];
  if (sums[bucket] === 0) return found; // no weight is 0
  for (let id = bucketOf.indexOf(bucket); id >= 0; id = bucketOf.indexOf(bucket, id + 1)) {
    found.push({ id, score: Math.fround(scores[id]! / temperature) });
  }
  return found.sort((a, b) => b.score - a.score || a.id - b.id);
}

/** Keeps these draws apart from the bootstrap's. */
const STREAM = 0x67656e;

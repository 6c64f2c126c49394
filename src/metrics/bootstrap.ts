/**
 * Bootstrap over rows: Hugging Face evaluate's way of aggregating ROUGE, and percentile intervals of any mean of rows.
 */

import { RandomState } from '../data/random/random-state';
import { inputError } from '../errors';

/** rouge_score's defaults. */
const SAMPLES = 1000;
const CONFIDENCE = 0.95;

export interface HfBootstrap {
  /** 2.5%, 50% and 97.5% percentile of the means over resampled rows. */
  readonly low: number;
  readonly mid: number;
  readonly high: number;
}

/**
 * rouge_score's BootstrapAggregator on one column, after `numpy.random.seed(seed)`: equal to the last bit.
 *
 * @param rows (rows,) the score of each row
 */
export function hfBootstrap(rows: Float64Array, seed: number, samples: number = SAMPLES): HfBootstrap {
  const means = resampledMeans(rows, seed, samples).sort();
  const delta = (1 - CONFIDENCE) / 2;
  const at = (share: number): number => percentile(means, 100 * share);
  return { low: at(delta), mid: at(0.5), high: at(1 - delta) };
}

/**
 * Standard deviation over seeds of {@link hfBootstrap}'s `mid`, from theory: sqrt(pi / 2 / samples) times the standard
 * deviation of a resampled mean (the variance of the median of a normal sample).
 */
export function medianSpread(rows: Float64Array, samples: number = SAMPLES): number {
  return Math.sqrt(Math.PI / 2 / samples) * standardError(rows);
}

export interface Interval {
  readonly low: number;
  readonly high: number;
  readonly samples: number;
  readonly seed: number;
}

/**
 * The 95% percentile interval of a statistic over resampled rows.
 *
 * @param count number of rows
 * @param statistic of the rows drawn, by index, with repetitions
 * @throws MedreproError `input` when there are no rows.
 */
export function bootstrapInterval(
  count: number,
  statistic: (drawn: Uint32Array) => number,
  options: { readonly samples?: number; readonly seed?: number } = {},
): Interval {
  const { samples = SAMPLES, seed = 0 } = options;
  if (count === 0) throw inputError('there are no rows to resample');
  const random = new RandomState(seed);
  const drawn = new Uint32Array(count);
  const values = new Float64Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < count; i++) drawn[i] = random.randint(0, count);
    values[sample] = statistic(drawn);
  }
  values.sort();
  return { low: percentile(values, 2.5), high: percentile(values, 97.5), samples, seed };
}

/** The standard error of the mean of rows, with the population's variance, as resampling sees it. */
export function standardError(rows: Float64Array): number {
  let sum = 0;
  for (const row of rows) sum += row;
  const centre = sum / rows.length;
  let squares = 0;
  for (const row of rows) squares += (row - centre) ** 2;
  return Math.sqrt(squares) / rows.length;
}

/** numpy.percentile of ascending values, with its rounding: the interpolation starts from the nearer end. */
export function percentile(sorted: Float64Array, percent: number): number {
  const place = (percent / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const share = place - below;
  const [a, b] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return share >= 0.5 ? b - (b - a) * (1 - share) : a + (b - a) * share;
}

// --- internal ---

/** numpy adds the rows of a drawn matrix one after the other. */
function resampledMeans(rows: Float64Array, seed: number, samples: number): Float64Array {
  if (rows.length === 0) throw inputError('there are no rows to resample');
  const random = new RandomState(seed);
  const means = new Float64Array(samples);
  for (let sample = 0; sample < samples; sample++) {
    let sum = 0;
    for (let i = 0; i < rows.length; i++) sum += rows[random.randint(0, rows.length)]!;
    means[sample] = sum / rows.length;
  }
  return means;
}

/**
 * What papers read off a training curve, as numbers: where it ends, whether it jumps early, how much it swings, whether it
 * diverged. One number per run, from the loss of every optimiser step.
 *
 * The losses of single steps are noisy, because every step has different rows; so a curve is first smoothed by the mean of a
 * centred window of a fiftieth of the steps, at least five. The signature names the window.
 */

import { type Score, signatureOf } from './metric';

/** Share of the steps that counts as early. */
const EARLY = 0.2;

/** Ids of the curve metrics, in the order `curveScores` gives them. */
export const CURVE_METRICS = ['final-train-loss', 'early-spike', 'oscillation', 'diverged'] as const;
export type CurveMetric = (typeof CURVE_METRICS)[number];

/**
 * The curve metrics of a run.
 *
 * - `final-train-loss`: mean loss of the last window.
 * - `early-spike`: over the first fifth of the steps, the highest rise of the smoothed loss above its lowest value until
 *   then, as a share of the loss at the start; 0 for a curve that only falls.
 * - `oscillation`: mean distance of the loss from the smoothed curve, as a share of the loss at the start.
 * - `diverged`: 1 when a loss is not finite or the curve ends above its start, else 0.
 *
 * @param losses of the optimiser steps, in order; a run that stopped because its loss was not finite ends with that loss
 * @throws RangeError when there is no step.
 */
export function curveScores(losses: readonly number[]): Record<CurveMetric, Score> {
  if (losses.length === 0) throw new RangeError('a training curve needs at least one step');
  const finite = losses.every(Number.isFinite);
  const window = windowOf(losses.length);
  const start = mean(losses.slice(0, window));
  const end = mean(losses.slice(-window));
  const smooth = smoothed(losses, window);
  const early = smooth.slice(0, Math.max(2, Math.ceil(losses.length * EARLY)));
  const values: Record<CurveMetric, number> = {
    'final-train-loss': end,
    'early-spike': finite ? highestRise(early) / start : Number.POSITIVE_INFINITY,
    oscillation: finite ? mean(losses.map((loss, step) => Math.abs(loss - smooth[step]!))) / start : Infinity,
    diverged: finite && end <= start ? 0 : 1,
  };
  const scores = CURVE_METRICS.map((metric): [CurveMetric, Score] => {
    const value = values[metric];
    const signature = signatureOf(metric, { steps: losses.length, window, early: EARLY, v: 1 });
    return [metric, { metric, value, printed: value.toFixed(4), signature }];
  });
  return Object.fromEntries(scores) as Record<CurveMetric, Score>;
}

/** Centred moving mean over `window` steps, over fewer at the ends. */
export function smoothed(losses: readonly number[], window: number): number[] {
  const half = Math.floor(window / 2);
  return losses.map((_, step) => mean(losses.slice(Math.max(0, step - half), step + half + 1)));
}

// --- internal ---

const windowOf = (steps: number): number => Math.min(steps, Math.max(5, Math.round(steps / 50)));

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The largest difference between a value and the lowest one before it. */
function highestRise(curve: readonly number[]): number {
  let lowest = Number.POSITIVE_INFINITY;
  let rise = 0;
  for (const value of curve) {
    lowest = Math.min(lowest, value);
    rise = Math.max(rise, value - lowest);
  }
  return rise;
}

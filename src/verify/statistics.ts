/**
 * The few statistics a verdict needs: Student's t, the prediction interval of one more value, and Holm's correction.
 */

/** Where one more value is expected, given the values seen. */
export interface PredictionInterval {
  readonly n: number;
  readonly mean: number;
  /** Sample standard deviation (n - 1). */
  readonly deviation: number;
  /** t(.975, n - 1). */
  readonly t: number;
  /** t * s * sqrt(1 + 1/n). */
  readonly half: number;
  /** With fewer than 5 values the interval is so wide that meeting it proves little. */
  readonly lowPower: boolean;
}

/** Below this number of seeds an agreement is marked as having low power. */
export const LOW_POWER_BELOW = 5;

/**
 * The 95% prediction interval of one further run.
 *
 * @param values at least 2
 */
export function predictionInterval(values: readonly number[]): PredictionInterval {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1));
  const t = tQuantile(0.975, n - 1);
  return { n, mean, deviation, t, half: t * deviation * Math.sqrt(1 + 1 / n), lowPower: n < LOW_POWER_BELOW };
}

/**
 * Holm's step-down correction: adjusted p values in the order given.
 *
 * @param family how many hypotheses there are in all; those not given count as not rejected
 */
export function holm(pValues: readonly number[], family: number = pValues.length): number[] {
  const order = pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let running = 0;
  for (const [rank, { p, index }] of order.entries()) {
    running = Math.max(running, Math.min(1, (family - rank) * p));
    adjusted[index] = running;
  }
  return adjusted;
}

/** Student's t: the value that a t variable with `freedom` degrees stays below with this probability. */
export function tQuantile(probability: number, freedom: number): number {
  if (!(probability > 0 && probability < 1) || !(freedom > 0)) return Number.NaN;
  if (probability === 0.5) return 0;
  if (probability < 0.5) return -tQuantile(1 - probability, freedom);
  let low = 0;
  let high = 1;
  while (tProbability(high, freedom) < probability) high *= 2;
  // bisection to the last bit: about 60 cheap steps, and no derivative to get wrong
  for (let step = 0; step < 200; step++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (tProbability(middle, freedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Student's t: the probability of staying below `t`. */
export function tProbability(t: number, freedom: number): number {
  const tail = incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

// --- internal ---

/** The regularised incomplete beta function I_x(a, b), by its continued fraction (modified Lentz). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  // the fraction converges fast only on this side of the mean
  return x < (a + 1) / (a + b + 2) ? (front * betaFraction(x, a, b)) / a : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    const step = d * c;
    fraction *= step;
    if (Math.abs(step - 1) < 1e-16) break;
  }
  return fraction;
}

/** log Gamma(x) for x > 0: Stirling's series above 10, reached by the recurrence below it. */
function logGamma(x: number): number {
  let shift = 0;
  while (x < 10) {
    shift -= Math.log(x);
    x += 1;
  }
  const inverse = 1 / (x * x);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / x;
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}

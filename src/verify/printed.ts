/** A value against every place where a paper prints it: for the published predictions of `score` and `verify`. */

import { type Accepted, acceptedAt, type GoldenData } from './golden';
import { checkPrinted, halfUnit, printedValue } from './tolerance';
import { isImprovement, type Outcome, type Verdict } from './verdict';

/** A printed value and the verdict on it. */
export interface PublishedVerdict {
  /** As printed. */
  readonly value: string;
  readonly where: string;
  readonly verdict: Verdict;
  readonly arithmetic: string;
}

/** A metric of published predictions, as far as its verdict depends on it. */
export interface ScoredValue {
  /** Null when it cannot be computed from predictions; `reason` says why. */
  readonly value: number | null;
  /** Standard deviation of the paper's own tool over its unseeded bootstrap; null where it has none. */
  readonly toolNoise: number | null;
  readonly reason: string | null;
}

export interface ScoredVerdict {
  readonly published: readonly PublishedVerdict[];
  /** The worst verdict of all printed values; null where none is known. */
  readonly verdict: Verdict | null;
  /** What the golden file accepts for a claim about this value at this level. */
  readonly accepted: Accepted | null;
  readonly outcome: Outcome;
}

/** Judges one metric of one experiment's published predictions. Without a golden there are no printed values. */
export function judgeScored(
  { value, toolNoise, reason }: ScoredValue,
  golden: GoldenData | null,
  experiment: string | null,
  metric: string,
): ScoredVerdict {
  const printed = (experiment === null ? undefined : golden?.published[experiment]?.[metric]) ?? [];
  const published = printed.map(({ value: text, where }): PublishedVerdict => {
    if (value === null) return { value: text, where, verdict: 'UNMEASURED', arithmetic: reason ?? 'not computed' };
    return { value: text, where, ...verdictOn(value, text, toolNoise) };
  });
  const verdict = RANKS.find((rank) => published.some((one) => one.verdict === rank)) ?? null;
  const accepted = acceptedFor(golden, experiment, metric);
  return { published, verdict, accepted, outcome: outcomeOf(verdict, accepted) };
}

// --- internal ---

/** 97.5% quantile of the normal distribution. */
const Z = 1.959963984540054;

/** From worst to best. */
const RANKS: readonly Verdict[] = ['DEVIATES', 'UNMEASURED', 'WITHIN', 'REPRODUCED'];

/** Another verdict than the accepted one differs unless it is better; without an accepted one, what deviates does. */
function outcomeOf(verdict: Verdict | null, accepted: Accepted | null): Outcome {
  if (verdict === null) return 'no-golden';
  if (accepted === null) return verdict === 'DEVIATES' ? 'differs' : 'no-golden';
  if (verdict === accepted.verdict) return 'equal';
  return isImprovement(accepted.verdict, verdict) ? 'improved' : 'differs';
}

/** By rounding; else within the known noise of the paper's own tool; else truncated instead of rounded. */
function verdictOn(
  value: number,
  text: string,
  noise: number | null,
): Pick<PublishedVerdict, 'verdict' | 'arithmetic'> {
  const { how, arithmetic } = checkPrinted(value, text);
  if (how === 'rounded') return { verdict: 'REPRODUCED', arithmetic };
  if (noise !== null) {
    const distance = Math.abs(printedValue(text) - value);
    const allowed = Z * noise + halfUnit(text);
    const line =
      `${arithmetic}; Hugging Face evaluate prints the median of 1,000 resampled means from an unseeded generator, ` +
      `whose standard deviation is ${noise.toExponential(2)}: |${text} - ${value}| = ${distance.toExponential(2)} against ` +
      `1.96 * ${noise.toExponential(2)} + half a digit = ${allowed.toExponential(2)}`;
    if (distance <= allowed) return { verdict: 'WITHIN', arithmetic: line };
    if (how === null) return { verdict: 'DEVIATES', arithmetic: line };
  }
  return { verdict: how === null ? 'DEVIATES' : 'WITHIN', arithmetic };
}

function acceptedFor(golden: GoldenData | null, experiment: string | null, metric: string): Accepted | null {
  for (const claim of Object.values(golden?.claims ?? {})) {
    if (claim.kind === 'value' && claim.experiment === experiment && claim.metric === metric) {
      const accepted = acceptedAt(claim, 'score');
      if (accepted !== null) return accepted;
    }
  }
  return null;
}

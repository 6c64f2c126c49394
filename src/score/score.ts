/**
 * Re-scoring (L2): a paper's metrics from its own predictions, each against every place where the paper prints it, and
 * what the predictions themselves show.
 */

import { CLASS_METRICS, scoreClasses, TEXT_METRICS, textMetricById } from '../metrics';
import { lowerIsBetter } from '../metrics/direction';
import type { Score } from '../metrics/metric';
import { scoreInterval, type TextScore } from '../metrics/text-metric';
import { type Accepted, acceptedAt, type Golden } from '../verify/golden';
import { checkPrinted, halfUnit, printedValue } from '../verify/tolerance';
import { isImprovement, type Verdict } from '../verify/verdict';
import { echoFinding, type Finding, findCutOff, findEcho, findOverlap, findThinking } from './findings';
import type { Pairs, QuestionAnswers } from './pairs';

/** The metrics of generated text that are computed when nobody names any. */
export const DEFAULT_METRICS = ['exact-match', 'f1', 'bleu', 'rougeL', 'meteor'] as const;

/** A printed value and what the recomputed one says about it. */
export interface PublishedVerdict {
  /** As printed. */
  readonly value: string;
  readonly where: string;
  readonly verdict: Verdict;
  readonly arithmetic: string;
}

export interface ScoredMetric {
  readonly metric: string;
  /**
   * Null when it cannot be computed from predictions; `reason` says why. Of a bootstrapped ROUGE the mean of the rows, of
   * which the tool's number is a noisy reading.
   */
  readonly value: number | null;
  /** Of a bootstrapped ROUGE the median for the seed in the signature; null for other metrics. */
  readonly toolValue: number | null;
  readonly reason: string | null;
  readonly signature: string | null;
  /** 95% bootstrap interval over rows. */
  readonly interval: {
    readonly low: number;
    readonly high: number;
    readonly samples: number;
    readonly seed: number;
  } | null;
  /** Standard deviation of Hugging Face evaluate's ROUGE over its unseeded bootstrap; null for other metrics. */
  readonly toolNoise: number | null;
  readonly details: Readonly<Record<string, number | readonly number[]>>;
  readonly published: readonly PublishedVerdict[];
  /** The worst verdict of all printed values; null where none is known. */
  readonly verdict: Verdict | null;
  /** What the golden file accepts for a claim about this value at this level. */
  readonly accepted: Accepted | null;
}

export interface ScoreResult {
  readonly rows: number;
  readonly metrics: readonly ScoredMetric[];
  readonly findings: readonly Finding[];
  /** The same metrics on predictions without a repeated prompt, and on the prompt alone; null where none was found. */
  readonly withoutEcho: Readonly<Record<string, number>> | null;
  readonly echoAlone: Readonly<Record<string, number>> | null;
  readonly warnings: readonly string[];
}

export interface ScoreOptions {
  /** Metric ids, in order. */
  readonly metrics: readonly string[];
  /** Where the experiment's printed values stand; null without a paper. */
  readonly golden: Golden | null;
  readonly experiment: string | null;
  /** Training rows, for the overlap. */
  readonly training: QuestionAnswers | null;
}

/**
 * Scores predictions against references.
 *
 * @throws MedreproError `spec` for a metric that does not exist.
 */
export function scorePairs(pairs: Pairs, options: ScoreOptions): ScoreResult {
  const { predictions, references, questions } = pairs;
  const warnings = new Set<string>();
  const metrics = options.metrics.map((id) => {
    const score = scoreOf(id, predictions, references);
    for (const warning of score !== null && 'warnings' in score ? (score.warnings ?? []) : []) warnings.add(warning);
    return judged(id, score, options);
  });
  const texts = options.metrics.filter((id) => TEXT_METRICS.some((metric) => metric.id === id));
  const values = (said: readonly string[]): Record<string, number> =>
    Object.fromEntries(texts.map((id) => [id, centreOf(textMetricById(id).score(said, references))]));
  const echo = questions === null || texts.length === 0 ? null : findEcho(predictions, questions);
  const answers = echo?.stripped ?? predictions;
  const found = texts.length === 0 ? [] : [findThinking(answers), findCutOff(answers, references)];
  const findings = [echo === null ? null : echoFinding(echo), ...found];
  if (options.training !== null && questions !== null) {
    findings.push(findOverlap(questions, references, options.training));
  }
  if (options.training !== null && questions === null) {
    warnings.add(
      'the references have no column of questions, so the overlap with the training rows was not looked for',
    );
  }
  return {
    rows: predictions.length,
    metrics,
    findings: findings.filter((finding) => finding !== null),
    withoutEcho: echo === null ? null : values(echo.stripped),
    echoAlone: echo === null ? null : values(echo.removed),
    warnings: [...warnings],
  };
}

/** Whether the verdict is another than the accepted one, and no better; without an accepted one, whether it deviates. */
export function differs({ verdict, accepted }: ScoredMetric): boolean {
  if (verdict === null) return false;
  if (accepted === null) return verdict === 'DEVIATES';
  return verdict !== accepted.verdict && !isImprovement(accepted.verdict, verdict);
}

// --- internal ---

/** 97.5% quantile of the normal distribution. */
const Z = 1.959963984540054;

/** Null for what needs the model: losses, perplexities, detectors on a loss curve, all of which are better when lower. */
function scoreOf(id: string, predictions: readonly string[], references: readonly string[]): Score | TextScore | null {
  if (CLASS_METRICS.some((metric) => metric.id === id)) {
    const labels = [...new Set([...references, ...predictions])].sort();
    const place = new Map(labels.map((label, i) => [label, i]));
    const numbers = (texts: readonly string[]): number[] => texts.map((text) => place.get(text)!);
    return scoreClasses([id], numbers(references), numbers(predictions))[id]!;
  }
  if (lowerIsBetter(id)) return null;
  return textMetricById(id).score(predictions, references);
}

function judged(id: string, score: Score | TextScore | null, options: ScoreOptions): ScoredMetric {
  const { golden, experiment } = options;
  const printed = (experiment === null ? undefined : golden?.published[experiment]?.[id]) ?? [];
  const accepted = acceptedFor(id, options);
  if (score === null) {
    const reason = `${id} needs the model's losses: predictions do not hold them`;
    const published = printed.map((one) => ({ ...one, verdict: 'UNMEASURED' as const, arithmetic: reason }));
    const nothing = { value: null, toolValue: null, signature: null, interval: null, toolNoise: null, details: {} };
    return { metric: id, reason, published, verdict: worst(published), accepted, ...nothing };
  }
  const details = 'details' in score ? (score.details ?? {}) : {};
  const noise = typeof details.hf_bootstrap_sd === 'number' ? details.hf_bootstrap_sd : null;
  const centre = centreOf(score);
  const published = printed.map(({ value, where }) => ({ value, where, ...verdictOn(centre, value, noise) }));
  return {
    metric: id,
    value: centre,
    toolValue: 'mean' in details ? score.value : null,
    reason: null,
    signature: score.signature,
    interval: 'rows' in score ? scoreInterval(score) : null,
    toolNoise: noise,
    details,
    published,
    verdict: worst(published),
    accepted,
  };
}

/** The number that a metric's tool scatters around, where it scatters; else the metric. */
function centreOf(score: Score | TextScore): number {
  const mean = 'details' in score ? score.details?.mean : undefined;
  return typeof mean === 'number' ? mean : score.value;
}

/** Rounding first; then noise that the paper's own tool is known to make; then a value cut off instead of rounded. */
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

function acceptedFor(metric: string, { golden, experiment }: ScoreOptions): Accepted | null {
  for (const claim of Object.values(golden?.claims ?? {})) {
    if (claim.kind === 'value' && claim.experiment === experiment && claim.metric === metric) {
      const accepted = acceptedAt(claim, 'score');
      if (accepted !== null) return accepted;
    }
  }
  return null;
}

/** From worst to best. */
const RANKS: readonly Verdict[] = ['DEVIATES', 'UNMEASURED', 'WITHIN', 'REPRODUCED'];

function worst(published: readonly PublishedVerdict[]): Verdict | null {
  return RANKS.find((rank) => published.some(({ verdict }) => verdict === rank)) ?? null;
}

/**
 * Re-scoring (L2): a paper's metrics from its own predictions, each against every place where the paper prints it, and
 * what the predictions themselves show.
 */

import { CLASS_METRICS, classMetricById, isTextMetric, scoreClasses, textMetricById } from '../metrics';
import { lowerIsBetter } from '../metrics/direction';
import type { Score } from '../metrics/metric';
import { type References, scoreInterval, type TextScore } from '../metrics/text-metric';
import type { Golden } from '../verify/golden';
import { judgeScored, type ScoredVerdict } from '../verify/printed';
import type { ScoreData } from '../verify/scored';
import { type Classes, classesOf } from './classes';
import {
  echoFinding,
  type Finding,
  findCutOff,
  findEcho,
  findOverlap,
  findThinking,
  type PaddedPerplexity,
  paddingFinding,
} from './findings';
import type { Pairs, QuestionAnswers } from './pairs';

/** The metrics of generated text that are computed by default. */
export const DEFAULT_METRICS = ['exact-match', 'f1', 'bleu', 'rougeL', 'meteor'] as const;

export interface ScoredMetric extends ScoredVerdict {
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
}

export interface ScoreResult {
  readonly rows: number;
  readonly metrics: readonly ScoredMetric[];
  readonly findings: readonly Finding[];
  /** The same metrics on predictions without a repeated prompt, and on the prompt alone; null where none was found. */
  readonly withoutEcho: Readonly<Record<string, number>> | null;
  readonly echoAlone: Readonly<Record<string, number>> | null;
  readonly warnings: readonly string[];
  /** The values of each row by which claims about two experiments are judged. */
  readonly perRow: Pick<ScoreData, 'test' | 'items'>;
}

export interface ScoreOptions {
  /** Metric ids, in order. */
  readonly metrics: readonly string[];
  /** Where the experiment's printed values stand; null without a paper. */
  readonly golden: Golden | null;
  readonly experiment: string | null;
  /** Training rows, for the overlap. */
  readonly training: QuestionAnswers | null;
  /** What is known of the tokens of its printed perplexity; absent = nothing. */
  readonly padded?: PaddedPerplexity | null;
}

/**
 * Scores predictions against references.
 *
 * @throws MedreproError `spec` for a metric that does not exist.
 */
export function scorePairs(pairs: Pairs, options: ScoreOptions): ScoreResult {
  const { predictions, references, questions } = pairs;
  const warnings = new Set<string>(pairs.notes);
  const classes = options.metrics.some(isClassMetric) ? classesOf(predictions, references) : null;
  for (const warning of classes?.warnings ?? []) warnings.add(warning);
  // findings about the texts themselves use the first reference
  const firsts = references.map((of) => (typeof of === 'string' ? of : of[0]!));
  const items: Record<string, ScoreData['items'][string]> = {};
  const metrics = options.metrics.map((id) => {
    const score = scoreOf(id, pairs, classes);
    if (score !== null && 'rows' in score && score.rows !== null) {
      items[id] = { kind: 'ratio', numerators: [...score.rows], denominators: Array.from(score.rows, () => 1) };
    }
    for (const warning of score !== null && 'warnings' in score ? (score.warnings ?? []) : []) warnings.add(warning);
    return judged(id, score, options);
  });
  const texts = options.metrics.filter(isTextMetric);
  const values = (said: readonly string[]): Record<string, number> =>
    Object.fromEntries(texts.map((id) => [id, centreOf(textMetricById(id).score(said, references))]));
  const echo = questions === null || texts.length === 0 ? null : findEcho(predictions, questions);
  const answers = echo?.stripped ?? predictions;
  const found = texts.length === 0 ? [] : [findThinking(answers), findCutOff(answers, firsts)];
  const findings = [echo === null ? null : echoFinding(echo), ...found];
  if (options.training !== null && questions !== null) {
    findings.push(findOverlap(questions, firsts, options.training));
  }
  if (options.padded) findings.push(paddingFinding(options.padded));
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
    perRow: { test: classes === null ? null : referencesFirst(classes, references), items },
  };
}

/** The signature of a metric of today; null for what predictions do not hold. */
export function scoreSignature(id: string): string | null {
  if (isClassMetric(id)) return classMetricById(id).signature();
  return lowerIsBetter(id) ? null : textMetricById(id).signature;
}

// --- internal ---

const isClassMetric = (id: string): boolean => CLASS_METRICS.some((metric) => metric.id === id);

/** The references' classes first, so that every predictions file of the same references numbers them equally. */
function referencesFirst(classes: Classes, references: readonly References[]): NonNullable<ScoreData['test']> {
  const { labels, gold, predicted } = classes;
  const known = new Set(references);
  const order = [...labels.filter((label) => known.has(label)), ...labels.filter((label) => !known.has(label))];
  const place = new Map(order.map((label, i) => [label, i]));
  const numbers = (ids: readonly number[]): number[] => ids.map((id) => place.get(labels[id]!)!);
  return { gold: numbers(gold), predicted: numbers(predicted), labels: order };
}

/** Null for what needs the model: losses, perplexities, detectors on a loss curve, all of which are better when lower. */
function scoreOf(id: string, { predictions, references }: Pairs, classes: Classes | null): Score | TextScore | null {
  if (isClassMetric(id)) return scoreClasses([id], classes!.gold, classes!.predicted)[id]!;
  if (lowerIsBetter(id)) return null;
  return textMetricById(id).score(predictions, references);
}

function judged(id: string, score: Score | TextScore | null, { golden, experiment }: ScoreOptions): ScoredMetric {
  if (score === null) {
    const reason = `${id} needs the model's losses: predictions do not hold them`;
    const nothing = { value: null, toolValue: null, signature: null, interval: null, toolNoise: null, details: {} };
    return { metric: id, reason, ...nothing, ...judgeScored({ ...nothing, reason }, golden, experiment, id) };
  }
  const details = 'details' in score ? (score.details ?? {}) : {};
  const toolNoise = typeof details.hf_bootstrap_sd === 'number' ? details.hf_bootstrap_sd : null;
  const value = centreOf(score);
  return {
    metric: id,
    value,
    toolValue: 'mean' in details ? score.value : null,
    reason: null,
    signature: score.signature,
    interval: 'rows' in score ? scoreInterval(score) : null,
    toolNoise,
    details,
    ...judgeScored({ value, toolNoise, reason: null }, golden, experiment, id),
  };
}

/** The number that a metric's tool scatters around, where it scatters; else the metric. */
function centreOf(score: Score | TextScore): number {
  const mean = 'details' in score ? score.details?.mean : undefined;
  return typeof mean === 'number' ? mean : score.value;
}

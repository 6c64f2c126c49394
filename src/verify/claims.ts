/**
 * One claim against the results of one level: what was measured, the arithmetic, and the verdict it leads to.
 *
 * A claim that compares two experiments is tested first (`testClaim`) and judged second (`judge...`), because Holm's
 * correction needs the p values of all of a paper's comparisons.
 */

import { isPerRow, isShare, lowerIsBetter } from '../metrics/direction';
import type { Scale } from '../paper/lists';
import { type Paper, resolveExperiment } from '../paper/load';
import { fullScaleNeeds } from '../plan/plan';
import { type Bootstrap, type BootstrapOptions, type Items, pairedBootstrap } from './bootstrap';
import { type Evidence, itemsOf, validationMetric } from './evidence';
import { type Claim, experimentsOf, type GoldenData } from './golden';
import { judgeScored } from './printed';
import type { ScoredEvidence } from './scored';
import { predictionInterval } from './statistics';
import { checkPrinted, halfUnit, printedValue } from './tolerance';
import type { Level, Verdict } from './verdict';

/** The levels at which claims are judged; the audit has items of its own. */
export type ClaimLevel = Exclude<Level, 'audit'>;

/** A verdict with everything that led to it. */
export interface Judgement {
  readonly verdict: Verdict;
  /** For UNMEASURED and NEEDS-HUMAN; null otherwise. */
  readonly reason: string | null;
  /** True when results that could exist are missing. */
  readonly missing: boolean;
  /** The measured quantity in one short string; null when nothing was measured. */
  readonly measured: string | null;
  readonly arithmetic: readonly string[];
  /** The parts of a claim that has several. */
  readonly parts: readonly { readonly name: string; readonly holds: boolean }[];
  readonly lowPower: boolean;
  readonly used: readonly Evidence[];
}

/** What comparing two experiments gave, before Holm. */
export interface ClaimTest {
  readonly higher: string;
  readonly lower: string;
  readonly bootstrap: Bootstrap;
  readonly used: readonly Evidence[];
}

/** Results by experiment id, one per seed. */
export type ResultsOf = ReadonlyMap<string, readonly Evidence[]>;

/** Why a claim cannot be measured at this level: because of what the spec is (`missing` false) or because results are missing. */
export function whyUnmeasured(
  claim: Claim,
  paper: Paper,
  level: ClaimLevel,
  results: ResultsOf,
): { readonly reason: string; readonly missing: boolean } | null {
  if (claim.kind === 'fact') return { reason: claim.unmeasured, missing: false };
  if (level === 'score') return whyNotScored(claim, paper, results);
  if (claim.kind === 'value' && level === 'mini') {
    return { reason: "a miniature's value is evidence about the engine, not about a printed number", missing: false };
  }
  const described = experimentsOf(claim).filter((id) => hasScale(paper, id, level));
  if (described.length < experimentsOf(claim).length) {
    return { reason: `the spec does not describe it at the ${level} scale`, missing: false };
  }
  for (const id of described) {
    const { unmeasured } = resolveExperiment(paper, id, level);
    if (unmeasured !== null) return { reason: `${id}: ${unmeasured}`, missing: false };
  }
  const absent = described.filter((id) => (results.get(id)?.length ?? 0) === 0);
  const [first] = absent;
  if (first === undefined) return null;
  if (level === 'mini') return { reason: `no result of ${absent.join(' and ')}`, missing: true };
  return { reason: fullScaleNeeds(paper, ...absent.map((id) => resolveExperiment(paper, id, 'full'))), missing: true };
}

export interface ComparedExperiments {
  /** The one whose value should be the larger. */
  readonly higher: string;
  readonly lower: string;
  readonly metric: string;
}

/** The comparison of two experiments that a claim makes; null for claims of another kind. */
export function comparisonOf(claim: Claim): ComparedExperiments | null {
  switch (claim.kind) {
    case 'beats':
    case 'marginal': {
      const { winner, loser, metric } = claim;
      return lowerIsBetter(metric)
        ? { higher: loser, lower: winner, metric }
        : { higher: winner, lower: loser, metric };
    }
    case 'hurts-despite-validation':
      return { higher: claim.reference, lower: claim.changed, metric: claim.metric };
    default:
      return null;
  }
}

/** Whether a claim is tested over test rows, so that its direction is a hypothesis of the paper's family; a "marginal" difference is not one. */
export function isInFamily(claim: Claim): boolean {
  return (claim.kind === 'beats' || claim.kind === 'hurts-despite-validation') && isPerRow(claim.metric);
}

/**
 * Runs the paired bootstrap of a claim that compares two experiments over test rows; null for every other claim. A string
 * is the reason why it cannot be run on these results.
 */
export function testClaim(claim: Claim, results: ResultsOf, options: BootstrapOptions): ClaimTest | string | null {
  const comparison = comparisonOf(claim);
  if (comparison === null || !isPerRow(comparison.metric)) return null;
  const { higher, lower, metric } = comparison;
  const [a, b] = [results.get(higher) ?? [], results.get(lower) ?? []];
  const used = [...a, ...b];
  const items = new Map(used.map((result) => [result, itemsOf(result, metric)]));
  const all = [...items.values()].filter((one): one is Items => one !== null);
  if (all.length < used.length) return `a result has no ${metric} per test row`;
  const keys = all.map((one, i) => `${used[i]!.rows ?? ''}${rowsKey(one)}`);
  if (keys[0] === '') return 'there are no test rows';
  if (keys.some((key) => key !== keys[0])) {
    return 'the runs were evaluated on different test rows, so their items cannot be paired';
  }
  const of = (list: readonly Evidence[]): Items[] => list.map((result) => items.get(result)!);
  return { higher, lower, bootstrap: pairedBootstrap(of(a), of(b), options), used };
}

/** Judges the direction of a tested claim and, except at the mini level, its magnitude. */
export function judgeComparison(
  claim: Claim,
  test: ClaimTest,
  level: ClaimLevel,
  golden: GoldenData,
  holmP: number,
  family: number,
): Judgement {
  const { higher, lower, bootstrap, used } = test;
  const { observed, low, high, p, items, resamples, seed } = bootstrap;
  const metric = comparisonOf(claim)?.metric ?? '';
  const arithmetic = [
    `${metric} ${higher} - ${lower} = ${signed(observed)}${points(metric, observed)} on ${items} test rows, ${pairOf(used, higher, lower)}`,
    `paired bootstrap, ${resamples} resamples, Philox seed ${seed}: 95% interval [${signed(low)}, ${signed(high)}]`,
  ];
  let direction = low > 0;
  if (claim.kind === 'marginal') {
    direction = observed > 0;
    arithmetic.push(`a marginal difference: its sign is taken from the measured difference, ${yes(direction)}`);
  } else {
    direction = low > 0 && holmP <= 0.05;
    const family_ = `Holm over ${family} comparison${family === 1 ? '' : 's'}`;
    arithmetic.push(
      `p = ${short(p)}, ${family_}: ${short(holmP)}; direction established (lower end > 0, p <= 0.05): ${yes(direction)}`,
    );
  }
  const parts: { name: string; holds: boolean }[] = [];
  if (claim.kind === 'hurts-despite-validation') {
    const validation = validationHalf(claim.changed, claim.reference, claim.metric, used);
    parts.push({ name: 'hurts on test', holds: direction }, { name: 'improves validation', holds: validation.holds });
    arithmetic.push(validation.arithmetic);
    direction &&= validation.holds;
  }
  const base = { reason: null, missing: false, measured: `${signed(observed)}`, parts, lowPower: false, used };
  const wrong = level === 'mini' && !direction ? 'the direction is not established at the mini scale' : null;
  if (level === 'mini') {
    return { ...base, verdict: direction ? 'DIRECTION-ONLY' : 'DEVIATES', reason: wrong, arithmetic };
  }
  const gain = printedGain(claim, higher, lower, golden);
  arithmetic.push(...gain.arithmetic);
  if (gain.low > gain.high) {
    // the paper prints no values to compare the size with: it claims a direction only
    const agreed: Verdict = direction ? 'REPRODUCED' : 'DEVIATES';
    return { ...base, verdict: agreed, arithmetic: [...arithmetic, 'the paper prints no size'], lowPower: false };
  }
  const meets = low <= gain.high && high >= gain.low;
  const exact = observed >= gain.low && observed <= gain.high;
  arithmetic.push(
    `the 95% interval meets the printed gain: ${yes(meets)}; the measured gain is inside it: ${yes(exact)}`,
  );
  // published predictions are the paper's own, whatever its number of seeds
  const lowPower =
    level === 'full' && [higher, lower].some((id) => used.filter(({ experiment }) => experiment === id).length < 5);
  const agreed: Verdict = exact ? 'REPRODUCED' : meets ? 'WITHIN' : 'DIRECTION-ONLY';
  return { ...base, verdict: direction ? agreed : 'DEVIATES', arithmetic, lowPower };
}

/** A printed value against one or more full runs. */
export function judgeValue(
  claim: Claim & { kind: 'value' },
  results: readonly Evidence[],
  golden: GoldenData,
): Judgement {
  const printed = golden.published[claim.experiment]?.[claim.metric] ?? [];
  const values = results.map(({ metrics }) => metrics[claim.metric]?.value ?? Number.NaN);
  const base = { reason: null, missing: false, parts: [], lowPower: false, used: results };
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const checks = printed.map(({ value, where }) => ({ value, where, ...checkPrinted(mean, value) }));
  const arithmetic = checks.map(({ arithmetic: line, where }) => `${where}: ${line}`);
  const measured = short(mean);
  if (checks.some(({ how }) => how === 'rounded')) return { ...base, verdict: 'REPRODUCED', measured, arithmetic };
  if (values.length < 2) {
    const reason = 'one seed has no spread to judge the difference by';
    return { ...base, verdict: 'NEEDS-HUMAN', reason, measured, arithmetic };
  }
  const interval = predictionInterval(values);
  let within = false;
  for (const { value } of checks) {
    const distance = Math.abs(printedValue(value) - interval.mean);
    const allowed = interval.half + halfUnit(value);
    within ||= distance <= allowed;
    arithmetic.push(
      `|${value} - ${short(interval.mean)}| = ${short(distance)} against t(.975, ${interval.n - 1}) * s * sqrt(1 + 1/n) + half a digit = ` +
        `${short(interval.t)} * ${short(interval.deviation)} * sqrt(1 + 1/${interval.n}) + ${halfUnit(value)} = ${short(allowed)}`,
    );
  }
  return { ...base, verdict: within ? 'WITHIN' : 'DEVIATES', measured, arithmetic, lowPower: interval.lowPower };
}

/** A printed value against the one that published predictions give. */
export function judgeScoredValue(
  claim: Claim & { kind: 'value' },
  results: readonly ScoredEvidence[],
  golden: GoldenData,
): Judgement {
  const { record } = results[0]!;
  const { published, verdict } = judgeScored(record.metrics[claim.metric]!, golden, claim.experiment, claim.metric);
  return {
    // the golden file does not load without a printed value
    verdict: verdict!,
    reason: null,
    missing: false,
    measured: short(record.metrics[claim.metric]!.value!),
    arithmetic: published.map(({ where, arithmetic }) => `${where}: ${arithmetic}`),
    parts: [],
    lowPower: false,
    used: results,
  };
}

// --- internal ---

/** The same for published predictions: what they cannot contain, and what is missing. */
function whyNotScored(
  claim: Claim,
  paper: Paper,
  results: ResultsOf,
): { readonly reason: string; readonly missing: boolean } | null {
  if (claim.kind === 'hurts-despite-validation') {
    return { reason: 'predictions of the test rows say nothing of the validation rows', missing: false };
  }
  if ('metric' in claim && lowerIsBetter(claim.metric)) {
    return { reason: `${claim.metric} needs the model's losses: predictions do not hold them`, missing: false };
  }
  const absent = experimentsOf(claim).filter((id) => (results.get(id)?.length ?? 0) === 0);
  if (absent.length > 0) return { reason: notGiven(paper, absent), missing: true };
  if (!('metric' in claim)) return null;
  const without = experimentsOf(claim).filter((id) =>
    results.get(id)!.some(({ metrics }) => !(claim.metric in metrics)),
  );
  return without.length === 0
    ? null
    : { reason: `the re-scored predictions of ${without.join(' and ')} have no ${claim.metric}`, missing: true };
}

/** The reason for predictions that were not given, with where they are published. */
function notGiven(paper: Paper, experiments: readonly string[]): string {
  const released = experiments.filter((id) => paper.predictions[id] !== undefined);
  const unknown = experiments.filter((id) => !released.includes(id));
  const parts = released.map(
    (id) => `the published predictions of ${id} were not given (${paper.predictions[id]!.source})`,
  );
  if (unknown.length > 0) parts.push(`no published predictions of ${unknown.join(' and ')} are known`);
  return parts.join('; ');
}

/** Equal for runs over the same test rows, as far as results show it: the gold classes, or the weights of the rows. */
function rowsKey(items: Items): string {
  return items.kind === 'classes' ? items.gold.join() : items.denominators.join();
}

function hasScale(paper: Paper, id: string, scale: Scale): boolean {
  return paper.experiments.some((experiment) => experiment.id === id && experiment.scales[scale] !== undefined);
}

/** "Improves validation": the kept step's validation value, mean over seeds, of the changed run against the reference. */
function validationHalf(
  changed: string,
  reference: string,
  metric: string,
  used: readonly Evidence[],
): { readonly holds: boolean; readonly arithmetic: string } {
  const meanOf = (id: string): number => {
    const values = used
      .filter(({ experiment }) => experiment === id)
      .map((r) => validationMetric(r, metric) ?? Number.NaN);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const [after, before] = [meanOf(changed), meanOf(reference)];
  const holds = after > before;
  const text = `validation ${metric} at the kept step: ${changed} ${short(after)}, ${reference} ${short(before)}`;
  return { holds, arithmetic: `${text}; improves: ${yes(holds)} (the validation rows differ, so no interval)` };
}

/** The gain a paper prints, widened by the rounding of both values it is the difference of, over every place that prints them. */
function printedGain(
  claim: Claim,
  higher: string,
  lower: string,
  golden: GoldenData,
): { readonly low: number; readonly high: number; readonly arithmetic: string[] } {
  const metric = comparisonOf(claim)?.metric ?? '';
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const claimed = claim.kind === 'beats' && claim.by !== undefined;
  const arithmetic: string[] = claimed ? [`claimed: by ${claim.by} ${claim.unit}`] : [];
  for (const { value: above } of golden.published[higher]?.[metric] ?? []) {
    for (const { value: below } of golden.published[lower]?.[metric] ?? []) {
      const gain = printedValue(above) - printedValue(below);
      const slack = halfUnit(above) + halfUnit(below);
      low = Math.min(low, gain - slack);
      high = Math.max(high, gain + slack);
      arithmetic.push(`printed gain ${above} - ${below} = ${short(gain)} -+ ${short(slack)} (both roundings)`);
    }
  }
  return { low, high, arithmetic };
}

/** Source of the numbers: `seed 42`, `seeds 1, 2`, `published predictions`. */
export function sourceOf(used: readonly Evidence[]): string {
  const seeds = used.flatMap(({ seed }) => seed ?? []);
  return seeds.length === 0 ? 'published predictions' : `seed${seeds.length > 1 ? 's' : ''} ${seeds.join(', ')}`;
}

function pairOf(used: readonly Evidence[], higher: string, lower: string): string {
  const of = (id: string): Evidence[] => used.filter(({ experiment }) => experiment === id);
  const seeds = (id: string): string =>
    of(id)
      .map(({ seed }) => seed)
      .join(', ');
  return of(higher)[0]!.seed === null ? sourceOf(used) : `seeds ${seeds(higher)} and ${seeds(lower)}`;
}

export function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${short(Math.abs(value))}`;
}

/** Six significant digits; `--json` has all of them. */
export function short(value: number): string {
  return Number(value.toPrecision(6)).toString();
}

/** A difference of fractions in percentage points; empty for metrics in percent and for those that are no fractions. */
function points(metric: string, value: number): string {
  return isShare(metric) ? ` (${value < 0 ? '-' : '+'}${Math.abs(value * 100).toFixed(2)} points)` : '';
}

export function yes(value: boolean): string {
  return value ? 'yes' : 'no';
}

/**
 * Claims about metrics with one value per run: a training loss, a detector, a ratio of two losses. There are no test rows to
 * resample, so values are compared directly, and a verdict on few runs is marked `lowPower`.
 */

import { lowerIsBetter } from '../metrics/direction';
import {
  type ClaimLevel,
  type ComparedExperiments,
  comparisonOf,
  type Judgement,
  type ResultsOf,
  short,
  signed,
  sourceOf,
  yes,
} from './claims';
import type { Evidence } from './evidence';
import type { Claim } from './golden';

/**
 * The verdict on a claim that is not tested over test rows. A direction that holds is DIRECTION-ONLY at the mini level and
 * REPRODUCED at the others, since these claims are about a direction or a bound, never about a size.
 */
export function judgeMeasured(claim: Claim, level: ClaimLevel, results: ResultsOf): Judgement {
  switch (claim.kind) {
    case 'ratio-below':
      return judgeRatio(claim, level, results);
    case 'changes-more':
      return judgeChanges(claim, level, results);
    case 'bound':
      return judgeBound(claim, level, results);
    case 'human':
      return {
        ...NOTHING,
        verdict: 'NEEDS-HUMAN',
        reason: claim.reason,
        used: results.get(claim.experiment) ?? [],
      };
    default: {
      const comparison = comparisonOf(claim);
      if (comparison === null) throw new Error(`unreachable: a claim of kind ${claim.kind} has no single numbers`);
      return judgeScalars(comparison, level, results);
    }
  }
}

// --- internal ---

const NOTHING = { missing: false, measured: null, arithmetic: [], parts: [], lowPower: false, used: [] } as const;

type Of<Kind extends Claim['kind']> = Extract<Claim, { kind: Kind }>;

interface Value {
  readonly mean: number;
  readonly text: string;
  readonly used: readonly Evidence[];
}

/** Mean over seeds of a metric; a string says what is missing. */
function meanOf(experiment: string, metric: string, results: ResultsOf): Value | string {
  const used = results.get(experiment) ?? [];
  const values = used.flatMap((result) => result.metrics[metric]?.value ?? []);
  if (values.length < used.length || values.length === 0) return `${experiment} has no ${metric}`;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    mean,
    text: `${metric} of ${experiment} = ${short(mean)} (${sourceOf(used)})`,
    used,
  };
}

/** Several values at once; a string as soon as one is missing. */
function meansOf(experiments: readonly string[], metric: string, results: ResultsOf): Value[] | string {
  const values = experiments.map((experiment) => meanOf(experiment, metric, results));
  return values.find((value) => typeof value === 'string') ?? (values as Value[]);
}

function verdict(
  holds: boolean,
  level: ClaimLevel,
  measured: string,
  arithmetic: string[],
  values: Value[],
): Judgement {
  const used = values.flatMap((value) => value.used);
  const lowPower = values.some((value) => value.used.length < 5);
  if (lowPower) arithmetic.push('few seeds: one number per run has no interval');
  const base = { missing: false, measured, arithmetic, parts: [], lowPower, used };
  if (!holds) {
    const reason = level === 'mini' ? 'the direction does not hold at the mini scale' : null;
    return { ...base, verdict: 'DEVIATES', reason };
  }
  return { ...base, verdict: level === 'mini' ? 'DIRECTION-ONLY' : 'REPRODUCED', reason: null };
}

const cannot = (reason: string): Judgement => ({ ...NOTHING, verdict: 'NEEDS-HUMAN', reason });

function judgeScalars(
  { higher, lower, metric }: ComparedExperiments,
  level: ClaimLevel,
  results: ResultsOf,
): Judgement {
  const values = meansOf([higher, lower], metric, results);
  if (typeof values === 'string') return cannot(values);
  const difference = values[0]!.mean - values[1]!.mean;
  const holds = difference > 0;
  const arithmetic = [
    ...values.map(({ text }) => text),
    `${higher} - ${lower} = ${signed(difference)}; above 0: ${yes(holds)}`,
  ];
  return verdict(holds, level, signed(difference), arithmetic, values);
}

function judgeRatio(
  { experiment, reference, metric, below }: Of<'ratio-below'>,
  level: ClaimLevel,
  results: ResultsOf,
): Judgement {
  const values = meansOf([experiment, reference], metric, results);
  if (typeof values === 'string') return cannot(values);
  const ratio = values[0]!.mean / values[1]!.mean;
  const holds = ratio < below;
  const arithmetic = [...values.map(({ text }) => text), `${short(ratio)} of it; below ${below}: ${yes(holds)}`];
  return verdict(holds, level, `${short(ratio)}x`, arithmetic, values);
}

function judgeChanges(
  { larger, smaller, metric, of }: Of<'changes-more'>,
  level: ClaimLevel,
  results: ResultsOf,
): Judgement {
  const values = meansOf([...larger, ...smaller], metric, results);
  if (typeof values === 'string') return cannot(values);
  const [a, b, c, d] = values as [Value, Value, Value, Value];
  const better = lowerIsBetter(metric) ? -1 : 1;
  const change = (from: Value, to: Value): number =>
    of === 'size' ? Math.abs(to.mean - from.mean) : better * (to.mean - from.mean);
  const [large, small] = [change(a, b), change(c, d)];
  const holds = large > small;
  const what = of === 'size' ? 'change' : 'improvement';
  const arithmetic = [
    ...new Set(values.map(({ text }) => text)),
    `${what} ${larger.join(' to ')}: ${short(large)}; ${smaller.join(' to ')}: ${short(small)}; larger: ${yes(holds)}`,
  ];
  return verdict(holds, level, `${short(large)} against ${short(small)}`, arithmetic, values);
}

function judgeBound(
  { experiment, metric, relation, bound, because }: Of<'bound'>,
  level: ClaimLevel,
  results: ResultsOf,
): Judgement {
  const values = meansOf([experiment], metric, results);
  if (typeof values === 'string') return cannot(values);
  const { mean, text } = values[0]!;
  const holds = relation === 'at-most' ? mean <= bound : mean >= bound;
  const arithmetic = [text, `${relation.replace('-', ' ')} ${bound} (${because}): ${yes(holds)}`];
  return verdict(holds, level, short(mean), arithmetic, values);
}

/**
 * Results against a golden file: one row per claim and level, one row per exact value, and the exit code.
 *
 * Equal to what was accepted is 0. Any change is 1, unless it goes toward REPRODUCED. A run with another seed, data file
 * or setting than the golden's has no golden verdict and cannot fail. Something required that was not measured is 4.
 */

import { EXIT, type ExitCode } from '../errors';
import { specSha256 } from '../paper/canonical';
import type { Paper } from '../paper/load';
import { withOverrides } from '../paper/override';
import { type ExperimentResult, numericPath } from '../run/result';
import { type AuditedItem, type AuditRow, auditRows } from './audited';
import type { BootstrapOptions } from './bootstrap';
import {
  type ClaimLevel,
  type ClaimTest,
  comparisonOf,
  isInFamily,
  type Judgement,
  judgeComparison,
  judgeScoredValue,
  judgeValue,
  type ResultsOf,
  testClaim,
  whyUnmeasured,
} from './claims';
import { type Evidence, isRun } from './evidence';
import { type Accepted, acceptedAt, type Claim, experimentsOf, type Golden, type Measured } from './golden';
import { judgeMeasured } from './measured';
import { describeScore, evidenceOf, type ScoredEvidence, type ScoreRecord, type ScoreRow, scoreRows } from './scored';
import { holm } from './statistics';
import { bitsOf } from './tolerance';
import { isImprovement, LEVEL_CODE, type Outcome } from './verdict';

export interface ClaimRow extends Omit<Judgement, 'used'> {
  readonly paper: string;
  readonly claim: string;
  readonly says: string;
  readonly where: string;
  readonly level: ClaimLevel;
  readonly accepted: Accepted | null;
  readonly outcome: Outcome;
  /** The reason for the outcome, where the two verdicts do not show it. */
  readonly note: string | null;
  /** Which runs and which printed digits were compared. */
  readonly provenance: readonly string[];
}

/** One metric of one run against its exact golden value. */
export interface ValueRow {
  readonly paper: string;
  readonly experiment: string;
  readonly metric: string;
  readonly seed: number;
  readonly path: string;
  readonly value: number | null;
  readonly golden: number | null;
  readonly outcome: Outcome;
  readonly arithmetic: string;
  readonly provenance: string;
}

export interface Comparison {
  readonly paper: string;
  readonly title: string;
  readonly disclaimers: readonly string[];
  readonly golden: string | null;
  /** Non-null when the golden file was changed without a recorded reason. */
  readonly tampered: string | null;
  readonly claims: readonly ClaimRow[];
  readonly values: readonly ValueRow[];
  /** Metrics of published predictions against every place where the paper prints them. */
  readonly scores: readonly ScoreRow[];
  /** Items that the audit finds inconsistent, or that were accepted as such. */
  readonly audit: readonly AuditRow[];
  /** Items that the audit checked; null where it was not asked for. */
  readonly audited: number | null;
  /** Lines for the reader: what to accept, what could not be required. */
  readonly notes: readonly string[];
  readonly exitCode: ExitCode;
}

export interface CompareOptions {
  /** Only claims about one of these; null = all. */
  readonly experiments?: readonly string[] | null;
  /** The level every claim must have been checked at. */
  readonly require?: 'L1' | 'L2' | 'L3' | null;
  /** Experiments that were asked for and have no finished run: their claims are unmeasured. */
  readonly absent?: readonly string[];
  /** What the audit found; absent = the audit level is not compared. */
  readonly findings?: readonly AuditedItem[];
  /** Re-scored predictions, at most one per experiment; absent = the score level is not compared. */
  readonly scores?: readonly ScoreRecord[];
  readonly bootstrap?: BootstrapOptions;
}

/**
 * Compares the results of one paper's runs with its golden file.
 *
 * @param results of this paper, at any scale; at most one per experiment, seed and scale is used, the first
 */
export function compare(
  paper: Paper,
  golden: Golden | null,
  results: readonly ExperimentResult[],
  options: CompareOptions = {},
): Comparison {
  const own = results.filter((result) => result.paper === paper.id);
  const values = own.flatMap((result) => (result.scale === 'mini' ? valueRows(paper, golden, result) : []));
  // required but not given: the level is compared, with nothing scored
  const given = options.scores ?? (options.require === 'L2' ? [] : undefined);
  const scored = given?.filter((record) => record.paper === paper.id);
  const evidence: Record<ClaimLevel, readonly Evidence[] | undefined> = {
    mini: own.filter(({ scale }) => scale === 'mini'),
    score: scored?.map(evidenceOf),
    full: own.filter(({ scale }) => scale === 'full'),
  };
  const claims = LEVELS.flatMap((level) => {
    const here = evidence[level];
    return golden === null || here === undefined ? [] : claimRows(paper, golden, here, level, options);
  });
  const scores = (scored ?? []).flatMap((record) => scoreRows(record, golden));
  const audit = options.findings === undefined ? [] : auditRows(paper.id, options.findings, golden);
  const notes: string[] = [];
  if (golden === null) notes.push('no golden file: nothing to compare with');
  if (golden?.tampered) notes.push(`${golden.file}: ${golden.tampered}; accept it with a reason`);
  const improved = claims.filter(({ outcome }) => outcome === 'improved');
  for (const { claim, level, accepted, verdict } of improved) {
    notes.push(
      `${claim} at ${level}: ${accepted?.verdict} was accepted and it is ${verdict} now; accept it with a reason`,
    );
  }
  const required = requiredLevel(options.require ?? null);
  const unmet = required === null ? [] : unmetClaims(claims, required, golden);
  for (const line of unmet) notes.push(line);
  const absent = options.absent ?? [];
  if (absent.length > 0) {
    notes.push(
      `no finished run of this build and these settings: ${absent.join(', ')}; verify runs them without --no-run`,
    );
  }
  const differs =
    Boolean(golden?.tampered) ||
    [...claims, ...values, ...scores, ...audit].some(({ outcome }) => outcome === 'differs');
  return {
    paper: paper.id,
    title: paper.title,
    disclaimers: paper.disclaimers,
    golden: golden?.file ?? null,
    tampered: golden?.tampered ?? null,
    claims,
    values,
    scores,
    audit,
    audited: options.findings?.length ?? null,
    notes,
    exitCode: differs ? EXIT.differs : unmet.length + absent.length > 0 ? EXIT.unmeasured : EXIT.ok,
  };
}

/** One exit code for several papers: a difference outweighs something unmeasured. */
export function worstExit(comparisons: readonly Pick<Comparison, 'exitCode'>[]): ExitCode {
  const codes = comparisons.map(({ exitCode }) => exitCode);
  if (codes.includes(EXIT.differs)) return EXIT.differs;
  return codes.includes(EXIT.unmeasured) ? EXIT.unmeasured : EXIT.ok;
}

// --- internal ---

const LEVELS = ['mini', 'score', 'full'] as const satisfies readonly ClaimLevel[];

function claimRows(
  paper: Paper,
  golden: Golden,
  evidence: readonly Evidence[],
  level: ClaimLevel,
  options: CompareOptions,
): ClaimRow[] {
  const here = group(evidence);
  const claims = Object.entries(golden.claims);
  const tests = new Map<string, ClaimTest | string>();
  const reasons = new Map<string, { reason: string; missing: boolean }>();
  for (const [id, claim] of claims) {
    const reason = whyUnmeasured(claim, paper, level, here);
    if (reason !== null) {
      reasons.set(id, reason);
      continue;
    }
    const test = testClaim(claim, here, options.bootstrap ?? {});
    if (test !== null) tests.set(id, test);
  }
  const corrected = correct(claims, tests, reasons);
  const wanted = options.experiments ?? null;
  return claims.flatMap(([id, claim]) => {
    const named = experimentsOf(claim);
    if (wanted !== null && named.length > 0 && !named.some((experiment) => wanted.includes(experiment))) return [];
    const judgement = judge(
      claim,
      reasons.get(id),
      tests.get(id),
      level,
      golden,
      here,
      corrected.get(id),
      corrected.family,
    );
    const accepted = acceptedAt(claim, level);
    // what a level can never measure is shown only where the golden file has a verdict on it
    if (reasons.get(id)?.missing === false && claim.accepted?.[level] === undefined) return [];
    const [outcome, note] = outcomeOf(judgement, accepted, paper, golden, level, corrected.undecided(id));
    const row = { paper: paper.id, claim: id, says: claim.says, where: claim.where, level, accepted, outcome, note };
    const { used: _, ...judged } = judgement;
    return [{ ...row, ...judged, provenance: provenanceOf(claim, judgement, golden) }];
  });
}

function judge(
  claim: Claim,
  unmeasured: { reason: string; missing: boolean } | undefined,
  test: ClaimTest | string | undefined,
  level: ClaimLevel,
  golden: Golden,
  results: ResultsOf,
  holmP: number | undefined,
  family: number,
): Judgement {
  const nothing = { measured: null, arithmetic: [], parts: [], lowPower: false, used: [] };
  if (unmeasured !== undefined) return { verdict: 'UNMEASURED', ...unmeasured, ...nothing };
  if (claim.kind === 'value') {
    const own = results.get(claim.experiment) ?? [];
    return level === 'score'
      ? judgeScoredValue(claim, own as ScoredEvidence[], golden)
      : judgeValue(claim, own, golden);
  }
  if (typeof test === 'string') return { verdict: 'NEEDS-HUMAN', reason: test, missing: false, ...nothing };
  if (test === undefined) return judgeMeasured(claim, level, results);
  return judgeComparison(claim, test, level, golden, holmP ?? 1, family);
}

/** Holm's correction over the claims of a paper; and which of it is certain while some of them have not been run. */
function correct(
  claims: readonly (readonly [string, Claim])[],
  tests: ReadonlyMap<string, ClaimTest | string>,
  reasons: ReadonlyMap<string, { missing: boolean }>,
): { get(id: string): number | undefined; family: number; undecided(id: string): boolean } {
  // a claim that cannot be measured at all is not a hypothesis; one that was not run yet is
  const members = claims
    .filter(([id, claim]) => isInFamily(claim) && reasons.get(id)?.missing !== false)
    .map(([id]) => id);
  const tested = members.flatMap((id) => {
    const test = tests.get(id);
    return test === undefined || typeof test === 'string' ? [] : [{ id, p: test.bootstrap.p }];
  });
  const adjusted = holm(
    tested.map(({ p }) => p),
    members.length,
  );
  const byId = new Map(tested.map(({ id }, index) => [id, adjusted[index] ?? 1]));
  const complete = tested.length === members.length;
  const undecided = (id: string): boolean => {
    const p = tested.find((test) => test.id === id)?.p;
    return !complete && p !== undefined && p <= 0.05 && p * members.length > 0.05;
  };
  return { get: (id) => byId.get(id), family: members.length, undecided };
}

function outcomeOf(
  { verdict, missing, used }: Judgement,
  accepted: Accepted | null,
  paper: Paper,
  golden: Golden,
  level: ClaimLevel,
  undecided: boolean,
): [Outcome, string | null] {
  if (missing && accepted?.verdict !== 'UNMEASURED') return ['not-run', null];
  if (accepted === null) return ['no-golden', `nothing is accepted at the ${level} level yet`];
  const foreign = used.find((result) => isRun(result) && !isGoldenSetting(paper, golden, result));
  if (foreign !== undefined)
    return ['no-golden', `${foreign.experiment} was run with another setting than the golden's`];
  if (undecided) return ['no-golden', "Holm's correction needs the paper's other comparisons too"];
  if (verdict === accepted.verdict) return ['equal', null];
  return [isImprovement(accepted.verdict, verdict) ? 'improved' : 'differs', null];
}

/**
 * Whether a result has the golden's settings. Mini: exactly the seed, spec, data and path that were accepted,
 * or the paper's own spec, which then counts as changed. Full: the paper's own spec at any seed.
 */
function isGoldenSetting(paper: Paper, golden: Golden, result: ExperimentResult): boolean {
  if (result.overrides.length > 0) return false;
  if (result.scale === 'full') return result.specSha256 === ownSpec(paper, result, result.seed);
  return entryFor(golden, result) !== null || isStale(paper, golden, result);
}

function entryFor(golden: Golden, result: ExperimentResult): Measured | null {
  const found = entriesOf(golden, result).find(
    ({ seed, specSha256: spec, dataSha256: data }) =>
      seed === result.seed && spec === result.specSha256 && data === result.dataSha256,
  );
  return found ?? null;
}

/**
 * Whether a result has the paper's own settings and the values accepted on this path are of another spec or other data. Accepted
 * values are of a paper's default reading; the other reading is another setting.
 */
function isStale(paper: Paper, golden: Golden, result: ExperimentResult): boolean {
  if (paper.reading !== paper.readings.at(-1)) return false;
  const own = result.overrides.length === 0 && result.specSha256 === ownSpec(paper, result, null);
  return own && entryFor(golden, result) === null && entriesOf(golden, result).length > 0;
}

function entriesOf(golden: Golden, result: ExperimentResult): Measured[] {
  return golden.mini.filter(({ experiment, path }) => experiment === result.experiment && path === numericPath(result));
}

/** The hash of the paper's own spec of a result's experiment; null when the paper has no such experiment or scale. */
function ownSpec(paper: Paper, { experiment, scale }: ExperimentResult, seed: number | null): string | null {
  const spec = paper.experiments.find(({ id }) => id === experiment)?.scales[scale];
  return spec === undefined ? null : specSha256(withOverrides(spec, { seed }));
}

function valueRows(paper: Paper, golden: Golden | null, result: ExperimentResult): ValueRow[] {
  const entry = golden === null ? null : entryFor(golden, result);
  const stale = golden !== null && isStale(paper, golden, result);
  const measured = result.overrides.length === 0 && entry !== null ? entry : null;
  const ids = new Set([...Object.keys(result.metrics), ...Object.keys(measured?.metrics ?? {})]);
  return [...ids].sort().map((metric) => {
    const value = result.metrics[metric]?.value ?? null;
    const accepted = measured?.metrics[metric] ?? null;
    const [outcome, arithmetic] = compareValue(value, accepted, stale);
    return {
      paper: paper.id,
      experiment: result.experiment,
      metric,
      seed: result.seed,
      path: numericPath(result),
      value,
      golden: accepted?.value ?? null,
      outcome,
      arithmetic,
      provenance: describe(result),
    };
  });
}

function compareValue(
  value: number | null,
  accepted: Measured['metrics'][string] | null,
  stale: boolean,
): [Outcome, string] {
  if (stale) return ['differs', 'the spec or its data changed since the golden values were accepted'];
  if (accepted === null) return ['no-golden', 'no value is accepted for this seed, data, setting and path'];
  if (value === null) return ['differs', `the run has no such metric; accepted is ${accepted.value}`];
  const { value: golden, bits, tolerance } = accepted;
  if (tolerance !== undefined) {
    const distance = Math.abs(value - golden);
    const text = `|${value} - ${golden}| = ${distance}, tolerance ${tolerance}`;
    return [distance <= tolerance ? 'equal' : 'differs', text];
  }
  const equal = value === golden && bitsOf(value) === bits;
  return equal
    ? ['equal', `bit-equal: ${value} (${bits})`]
    : ['differs', `${value} (${bitsOf(value)}) is not ${golden} (${bits})`];
}

/** The first result per experiment and seed. */
function group(results: readonly Evidence[]): ResultsOf {
  const groups = new Map<string, Evidence[]>();
  for (const result of results) {
    const list = groups.get(result.experiment) ?? [];
    if (!list.some(({ seed }) => seed === result.seed)) list.push(result);
    groups.set(result.experiment, list);
  }
  return groups;
}

function provenanceOf(claim: Claim, { used }: Judgement, golden: Golden): string[] {
  const comparison = comparisonOf(claim);
  const metric = comparison?.metric ?? ('metric' in claim ? claim.metric : '');
  const printed = experimentsOf(claim).flatMap((id) =>
    (golden.published[id]?.[metric] ?? []).map(({ value, where }) => `paper, ${where}: ${id} ${value}`),
  );
  return [...used.map(sourceFile), ...printed];
}

function sourceFile(evidence: Evidence): string {
  return isRun(evidence) ? describe(evidence) : describeScore((evidence as ScoredEvidence).record);
}

function describe(result: ExperimentResult): string {
  const { file, seed, kernelPath, precision, specSha256: spec, dataSha256: data } = result;
  return `${file} (seed ${seed}, ${kernelPath} ${precision}, spec ${spec.slice(0, 12)}, data ${data.slice(0, 12)})`;
}

function requiredLevel(code: 'L1' | 'L2' | 'L3' | null): ClaimLevel | null {
  return LEVELS.find((level) => LEVEL_CODE[level] === code) ?? null;
}

/** What is missing for a required level; claims that can never be measured there are not missing. */
function unmetClaims(claims: readonly ClaimRow[], required: ClaimLevel, golden: Golden | null): string[] {
  const code = LEVEL_CODE[required];
  if (golden === null) return [`${code} is required, but there is no golden file to hold the claims`];
  return claims
    .filter(({ level, missing }) => level === required && missing)
    .map(({ claim, reason }) => `${claim}: ${code} is required; ${reason}`);
}

/** A comparison as text for people: a table of claims, the exact values, then the arithmetic behind each verdict. */

import { table } from '../text-table';
import type { ClaimRow, Comparison, ValueRow } from './compare';
import type { ScoreRow } from './scored';
import { LEVEL_CODE, OUTCOME_WORDS, type Outcome } from './verdict';

export interface TextOptions {
  /** ANSI colours. */
  readonly colour?: boolean;
  /** The arithmetic and provenance of each verdict. */
  readonly details?: boolean;
}

/** The comparisons of one or more papers with one table of all their claims, without a final newline. */
export function renderComparisons(comparisons: readonly Comparison[], options: TextOptions = {}): string {
  const paint = painter(options.colour ?? false);
  const [only] = comparisons.length === 1 ? comparisons : [];
  const claims = comparisons.flatMap((one) => one.claims);
  const blocks = comparisons.filter(({ audited }) => audited !== null).map((one) => auditBlock(one, paint));
  // a miniature's reasons are in the table; what is missing for the other levels is printed once for all claims
  const measured = claims.filter(({ verdict, level }) => level === 'mini' || verdict !== 'UNMEASURED');
  const title = only === undefined ? 'claims' : `${only.paper}: claims`;
  if (measured.length > 0) blocks.push(`${title}\n${claimTable(measured, only === undefined, paint)}`);
  for (const { claims: own } of comparisons) {
    const unmeasured = own.filter((row) => !measured.includes(row));
    if (unmeasured.length > 0) blocks.push(unmeasuredLines(unmeasured));
  }
  for (const { paper, values } of comparisons) {
    if (values.length > 0) blocks.push(`${paper}: values at the mini scale\n${valueTable(values, paint)}`);
  }
  for (const { paper, scores } of comparisons) {
    if (scores.length > 0) blocks.push(`${paper}: published predictions, re-scored\n${scoreTable(scores, paint)}`);
  }
  if (options.details ?? true) {
    const details = measured.filter(({ arithmetic }) => arithmetic.length > 0).map(detail);
    if (details.length > 0) blocks.push(['arithmetic', ...details].join('\n'));
  }
  const prefix = (paper: string): string => (only === undefined ? `${paper}: ` : '');
  const notes = comparisons.flatMap(({ paper, notes: own }) => own.map((note) => `note: ${prefix(paper)}${note}`));
  if (notes.length > 0) blocks.push(notes.join('\n'));
  const summaries = comparisons.map((one) => `${prefix(one.paper)}${summary(one, paint)}`);
  const disclaimers = new Set(comparisons.flatMap((one) => one.disclaimers));
  blocks.push([...summaries, ...disclaimers].join('\n'));
  return blocks.join('\n\n');
}

// --- internal ---

/** As `score` shows them. */
const SCORE_DIGITS = 6;

type Paint = (text: string, outcome: Outcome) => string;

const COLOURS: Readonly<Record<Outcome, string>> = {
  equal: '32',
  improved: '32',
  differs: '31',
  'no-golden': '2',
  'not-run': '33',
};

function painter(colour: boolean): Paint {
  return (text, outcome) => (colour ? `\x1b[${COLOURS[outcome]}m${text}\x1b[0m` : text);
}

function claimTable(rows: readonly ClaimRow[], several: boolean, paint: Paint): string {
  const head = ['claim', 'level', 'measured', 'verdict', 'accepted', 'golden'];
  const cells = rows.map((row) => [
    ...(several ? [row.paper] : []),
    row.claim,
    `${LEVEL_CODE[row.level]} ${row.level}`,
    row.measured ?? '-',
    `${row.verdict}${row.lowPower ? ' (low power)' : ''}`,
    row.accepted?.verdict ?? '-',
    isColoured(row) ? paint(OUTCOME_WORDS[row.outcome], row.outcome) : OUTCOME_WORDS[row.outcome],
  ]);
  return table(several ? ['paper', ...head] : head, cells);
}

/** Agreement of few seeds, or on UNMEASURED, has no colour. */
function isColoured({ outcome, lowPower, verdict }: ClaimRow): boolean {
  return outcome !== 'equal' || !(lowPower || verdict === 'UNMEASURED');
}

/** Unmeasured claims, grouped by the reason. */
function unmeasuredLines(rows: readonly ClaimRow[]): string {
  const byReason = new Map<string, string[]>();
  for (const { paper, level, reason, claim, outcome } of rows) {
    const key = `${paper}: ${LEVEL_CODE[level]} ${level}: UNMEASURED (${reason ?? 'no reason'}), ${OUTCOME_WORDS[outcome]}`;
    byReason.set(key, [...(byReason.get(key) ?? []), claim]);
  }
  return [...byReason].map(([reason, claims]) => `${reason}\n  ${claims.join(', ')}`).join('\n');
}

function auditBlock({ paper, audit, audited }: Comparison, paint: Paint): string {
  const inconsistent = audit.filter(({ verdict }) => verdict === 'INCONSISTENT').length;
  const head = `${paper}: audit of ${audited} items, ${inconsistent} INCONSISTENT`;
  if (audit.length === 0) return head;
  const rows = audit.map(({ item, verdict, claim, message, outcome }) => [
    item,
    `${verdict}${claim === null ? '' : `, changes ${claim}`}`,
    message,
    paint(OUTCOME_WORDS[outcome], outcome),
  ]);
  return `${head}\n${table(['item', 'L0 audit', 'because', 'golden'], rows)}`;
}

function valueTable(rows: readonly ValueRow[], paint: Paint): string {
  return table(
    ['experiment', 'metric', 'seed', 'path', 'value', 'golden'],
    rows.map(({ experiment, metric, seed, path, value, outcome, golden }) => [
      experiment,
      metric,
      String(seed),
      path,
      value === null ? '-' : String(value),
      `${paint(OUTCOME_WORDS[outcome], outcome)}${outcome === 'differs' && golden !== null ? `: ${golden}` : ''}`,
    ]),
  );
}

function scoreTable(rows: readonly ScoreRow[], paint: Paint): string {
  const cells = rows.flatMap(({ experiment, metric, value, reason, published, accepted, outcome }) => {
    const own = [experiment, metric, value === null ? '-' : value.toFixed(SCORE_DIGITS)];
    const known = outcome === 'differs' ? `: ${accepted?.verdict ?? 'nothing'} is accepted` : '';
    const golden = `${paint(OUTCOME_WORDS[outcome], outcome)}${known}`;
    if (published.length === 0) return [[...own, '-', reason ?? '-', golden]];
    return published.map(({ value: printed, where, verdict }, i) => {
      return [...(i === 0 ? own : ['', '', '']), `${printed} (${where})`, verdict, i === 0 ? golden : ''];
    });
  });
  return table(['experiment', 'metric', 'value', 'printed', 'verdict', 'golden'], cells);
}

function detail(row: ClaimRow): string {
  const { claim, level, verdict, reason, says, where, arithmetic, provenance, parts } = row;
  const halves = parts.map(({ name, holds }) => `${name}: ${holds ? 'holds' : 'does not hold'}`);
  const lines = [`"${says}" (${where})`, ...halves, ...arithmetic, ...provenance.map((source) => `from ${source}`)];
  const head = `  ${claim} at ${level}: ${verdict}${reason === null ? '' : ` (${reason})`}`;
  return [head, ...lines.map((text) => `    ${text}`)].join('\n');
}

function summary({ claims, values, scores, audit, tampered, exitCode }: Comparison, paint: Paint): string {
  // what was not measured is never counted among what agrees
  const isUnmeasured = ({ verdict, outcome }: { verdict: string | null; outcome: Outcome }): boolean =>
    verdict === 'UNMEASURED' && outcome === 'equal';
  const unmeasured = [...claims, ...scores].filter(isUnmeasured);
  const rows = [...[...claims, ...scores].filter((row) => !isUnmeasured(row)), ...values, ...audit];
  const count = (outcome: Outcome): number => rows.filter((row) => row.outcome === outcome).length;
  const parts = (Object.keys(OUTCOME_WORDS) as Outcome[]).flatMap((outcome) =>
    count(outcome) === 0 ? [] : [paint(`${count(outcome)} ${OUTCOME_WORDS[outcome]}`, outcome)],
  );
  if (unmeasured.length > 0) parts.push(`${unmeasured.length} unmeasured, as accepted`);
  if (tampered !== null) parts.push(paint('golden file changed without a reason', 'differs'));
  return `${parts.length === 0 ? 'nothing compared' : parts.join(', ')}; exit ${exitCode}`;
}

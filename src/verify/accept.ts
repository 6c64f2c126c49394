/**
 * Accepting: writes measured values, the verdicts they lead to, a reason and a hash into a golden file. Nothing else changes accepted values.
 *
 * Comments and order of the YAML are preserved.
 */

import { type Document, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { inputError, usageError } from '../errors';
import { specSha256 } from '../paper/canonical';
import type { Paper } from '../paper/load';
import { accepts, type Fault } from '../paper/validate';
import { type ExperimentResult, numericPath } from '../run/result';
import type { AuditedItem } from './audited';
import { type CompareOptions, compare } from './compare';
import { type Golden, goldenSha256, loadGolden, type Measured } from './golden';
import { GoldenFile } from './golden-schema';
import { bitsOf } from './tolerance';

export interface Acceptance {
  /** Why the new values are right. */
  readonly reason: string;
  /** `2026-01-31`. */
  readonly date: string;
  /** Absolute tolerances of paths that are not exact: numeric path -> metric -> tolerance. */
  readonly tolerances?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly bootstrap?: CompareOptions['bootstrap'];
  /** What the audit finds now; absent leaves what was accepted of it. */
  readonly findings?: CompareOptions['findings'];
}

/** The new text of a golden file, and what changed, one line each. */
export interface Accepted {
  readonly text: string;
  readonly changes: readonly string[];
}

/**
 * Accepts the mini values of finished runs, the mini verdicts they lead to, and whatever else was edited by hand.
 *
 * @param results of this paper; runs with overridden inputs or settings other than the paper's own are rejected
 */
export function acceptGolden(
  text: string,
  file: string,
  paper: Paper,
  results: readonly ExperimentResult[],
  acceptance: Acceptance,
): Accepted {
  const reason = acceptance.reason.trim();
  if (reason === '') throw usageError('a golden file changes only with a reason', "say why: --reason '…'");
  const before = loadGolden(text, file, paper);
  const mini = results.filter(({ scale }) => scale === 'mini');
  for (const result of mini) refuseForeign(paper, result);
  const document = parseDocument(text, { version: '1.2', schema: 'core' });
  const changes: string[] = [];

  const entries = mergeEntries(paper, before.mini, mini, acceptance, changes);
  if (mini.length > 0) document.setIn(['mini'], document.createNode(entries));
  // judged with the new values in place, so that every result has the golden's setting
  const between: Golden = { ...before, mini: entries, tampered: null };
  const { claims } = compare(paper, between, mini, { bootstrap: acceptance.bootstrap ?? {} });
  for (const row of claims) {
    // without the rest of a paper's comparisons Holm's correction is only a bound
    if (row.level !== 'mini' || row.missing || row.outcome === 'equal' || row.note?.startsWith('Holm')) continue;
    const why = row.reason ?? row.arithmetic.at(-1) ?? 'measured';
    document.setIn(
      ['claims', row.claim, 'accepted', 'mini'],
      document.createNode({ verdict: row.verdict, reason: why }),
    );
    changes.push(`${row.claim} at mini: ${row.accepted?.verdict ?? 'nothing'} -> ${row.verdict}`);
  }
  if (acceptance.findings !== undefined) acceptAudit(document, before, acceptance.findings, changes);
  appendLog(document, reason, acceptance.date);
  const written = document.toString({ lineWidth: 0, flowCollectionPadding: true });
  loadGolden(written, file, paper);
  return { text: written, changes };
}

// --- internal ---

/** The items that are inconsistent now, with the audit's message on each. */
function acceptAudit(document: Document, before: Golden, findings: readonly AuditedItem[], changes: string[]): void {
  const inconsistent = findings.filter(({ consistent }) => !consistent);
  const now = Object.fromEntries(inconsistent.map(({ item, message }) => [item, message]));
  for (const item of new Set([...Object.keys(before.audit ?? {}), ...Object.keys(now)])) {
    const [was, is] = [before.audit?.[item] !== undefined, now[item] !== undefined];
    if (was !== is) changes.push(`audit of ${item}: ${is ? 'INCONSISTENT' : 'no longer inconsistent'}`);
  }
  if (document.has('audit') || !isMap(document.contents)) {
    document.set('audit', document.createNode(now));
    return;
  }
  // measurements and the log come last
  const { items } = document.contents;
  const at = items.findIndex(({ key }) => isScalar(key) && key.value === 'mini');
  items.splice(at < 0 ? items.length : at, 0, document.createPair('audit', now));
}

function refuseForeign(paper: Paper, result: ExperimentResult): void {
  const own = paper.experiments.find(({ id }) => id === result.experiment)?.scales.mini;
  if (result.overrides.length > 0 || own === undefined || specSha256(own) !== result.specSha256) {
    throw inputError(`${result.file}: ${result.experiment} was not run with the paper's own settings`, {
      remedy: 'accept only runs without --seed, --data and other overrides, made with the current spec',
    });
  }
}

/** Removes entries of other specs or data of the same experiment and path: they can never match again. */
function mergeEntries(
  paper: Paper,
  old: readonly Measured[],
  results: readonly ExperimentResult[],
  { tolerances }: Acceptance,
  changes: string[],
): Measured[] {
  const fresh = results.map((result): Measured => {
    const path = numericPath(result);
    const sorted = Object.entries(result.metrics).sort(([a], [b]) => (a < b ? -1 : 1));
    const metrics = Object.fromEntries(
      sorted.map(([id, { value }]) => {
        const tolerance = tolerances?.[path]?.[id];
        return [id, { value, bits: bitsOf(value), ...(tolerance === undefined ? {} : { tolerance }) }];
      }),
    );
    const { experiment, seed, specSha256: spec, dataSha256: data } = result;
    return { experiment, seed, path, specSha256: spec, dataSha256: data, metrics };
  });
  const sameRun = (a: Measured, b: Measured): boolean => a.experiment === b.experiment && a.path === b.path;
  const kept = old.filter((entry) => !fresh.some((next) => sameRun(entry, next)));
  const order = paper.experiments.map(({ id }) => id);
  for (const next of fresh) {
    const last = old.find((entry) => sameRun(entry, next) && entry.seed === next.seed);
    for (const [metric, { value }] of Object.entries(next.metrics)) {
      const was = last?.metrics[metric]?.value;
      if (was !== value) changes.push(`${next.experiment} ${metric} (${next.path}): ${was ?? 'nothing'} -> ${value}`);
    }
  }
  return [...kept, ...fresh].sort(
    (a, b) =>
      order.indexOf(a.experiment) - order.indexOf(b.experiment) || (a.path < b.path ? -1 : 1) || a.seed - b.seed,
  );
}

/** A new last entry, hashed over the document as it is now. */
function appendLog(document: Document, reason: string, date: string): void {
  const placeholder = '0'.repeat(64);
  const log = document.get('log');
  if (isSeq(log)) log.flow = false;
  document.addIn(['log'], document.createNode({ date, reason, sha256: placeholder }));
  const data: unknown = document.toJS();
  const faults: Fault[] = [];
  if (!accepts(GoldenFile, data, faults)) throw new Error(`an accepted golden file is none: ${JSON.stringify(faults)}`);
  document.setIn(['log', data.log.length - 1, 'sha256'], goldenSha256(data));
}

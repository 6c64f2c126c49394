/**
 * Golden files: the values a paper prints, its claims, and the accepted verdicts, with reasons.
 *
 * The last entry of `log` holds a hash over the whole file but itself. Editing a digit by hand breaks it, and a broken
 * hash fails verification; only accepting, which takes a reason, writes a new one.
 */

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasAsset, readAssetText } from '../assets';
import { inputError } from '../errors';
import { readText } from '../files';
import { canonicalJson } from '../paper/canonical';
import { type FileOrigin, fileOf, type Paper } from '../paper/load';
import { type Problem, suggest, throwProblems } from '../paper/problems';
import { checked, parseYaml, problemAt, withoutPrototypes, type YamlSource } from '../paper/source';
import { sha256 } from '../sha256';
import { type Accepted, type Claim, GOLDEN_VERSION, type GoldenData, GoldenFile, type Measured } from './golden-schema';
import { bitsOf, parsePrinted } from './tolerance';
import type { Level } from './verdict';

export type { Accepted, Claim, GoldenData, Measured };

export interface Golden extends GoldenData {
  readonly file: string;
  /** Null when the log's hash is that of the content; else the problem, in one line. */
  readonly tampered: string | null;
}

/**
 * Reads a golden file and checks it against its paper.
 *
 * @throws MedreproError `spec` with one line per problem.
 */
export function loadGolden(text: string, file: string, paper: Paper): Golden {
  const source = parseYaml(text, file);
  const golden = checked(GoldenFile, source, { field: 'golden', version: GOLDEN_VERSION }, REMEDY);
  throwProblems(crossCheck(golden, source, paper), REMEDY);
  return { ...golden, file, tampered: tampered(golden) };
}

/** The stored form of an embedded golden file ({@link storePaper}) by asset name. */
export const storeGolden = (text: string, paper: Paper): { readonly name: string; readonly text: string } => ({
  name: storedName(paper.id),
  text: JSON.stringify(loadGolden(text, nameOf(paper.id), paper)),
});

/** A golden file out of its stored form. */
export function restoreGolden(text: string): Golden {
  // what `storeGolden` wrote: checked when it was built
  const stored: Golden = JSON.parse(text);
  return { ...withoutPrototypes(stored) };
}

/**
 * The golden file of a paper: in `directory` when one is given, else embedded or where the spec says.
 *
 * @returns null when the paper has none.
 */
export function findGolden(paper: Paper, directory: string | null = null): Golden | null {
  const origin = goldenOrigin(paper, directory);
  if (origin === null) return null;
  if (origin.kind === 'embedded') return embeddedGolden(paper);
  const golden = loadGolden(readText(origin.path), origin.path, paper);
  if (golden.tampered === null || !hasAsset(nameOf(paper.id))) return golden;
  const change = firstDifference(embeddedGolden(paper), golden);
  return change === null ? golden : { ...golden, tampered: `${golden.tampered}: ${change}` };
}

/** Where the golden file of a paper is; null when the paper has none. */
export function goldenOrigin(paper: Paper, directory: string | null = null): FileOrigin | null {
  if (directory !== null) {
    const path = join(directory, `${paper.id}.yaml`);
    if (!existsSync(path))
      throw inputError(`${directory} holds no golden file ${paper.id}.yaml`, { remedy: 'check --golden' });
    return { kind: 'file', path };
  }
  if (paper.origin.kind === 'embedded') {
    const name = nameOf(paper.id);
    return hasAsset(name) ? { kind: 'embedded', name } : null;
  }
  if (paper.golden === null) return null;
  const path = join(dirname(paper.origin.path), paper.golden);
  if (!existsSync(path)) {
    throw inputError(`the golden file ${path} does not exist`, { remedy: `check 'golden' in ${paper.origin.path}` });
  }
  return { kind: 'file', path };
}

/** The content hash of a golden file: everything but the hash of the last log entry. */
export function goldenSha256(golden: GoldenData): string {
  const log = golden.log.map(({ date, reason, sha256: hash }, index) =>
    index === golden.log.length - 1 ? { date, reason } : { date, reason, sha256: hash },
  );
  const { paper, published, context, claims, audit, mini } = golden;
  return sha256(canonicalJson({ paper, published, context, claims, audit, mini, log }));
}

/** The accepted verdict of a claim at a level; null when nothing was accepted. Until a full-scale run is accepted, there is none. */
export function acceptedAt(claim: Claim, level: Exclude<Level, 'audit'>): Accepted | null {
  return claim.accepted?.[level] ?? (level === 'full' ? NOT_RUN : null);
}

/** The experiments a claim speaks of. */
export function experimentsOf(claim: Claim): string[] {
  switch (claim.kind) {
    case 'value':
    case 'bound':
    case 'human':
      return [claim.experiment];
    case 'ratio-below':
      return [claim.experiment, claim.reference];
    case 'changes-more':
      return [...new Set([...claim.larger, ...claim.smaller])];
    case 'beats':
    case 'marginal':
      return [claim.winner, claim.loser];
    case 'hurts-despite-validation':
      return [claim.changed, claim.reference];
    case 'fact':
      return [];
  }
}

// --- internal ---

const NOT_RUN: Accepted = { verdict: 'UNMEASURED', reason: 'default: no full-scale run was accepted' };

const REMEDY = 'golden files are checked against papers/schema/golden.schema.json';

const nameOf = (id: string): string => `golden/${id}.yaml`;

const storedName = (id: string): string => `golden/${id}.json`;

/** As the build stored it, or out of the YAML where it stored none. */
function embeddedGolden(paper: Paper): Golden {
  const name = nameOf(paper.id);
  const stored = storedName(paper.id);
  return hasAsset(stored) ? restoreGolden(readAssetText(stored)) : loadGolden(readAssetText(name), name, paper);
}

function tampered(golden: GoldenData): string | null {
  const last = golden.log.at(-1);
  if (last === undefined) return 'no acceptance is recorded: its values have no reason';
  if (goldenSha256(golden) !== last.sha256) {
    return `it was changed after its last acceptance (${last.date}) and no reason is recorded`;
  }
  for (const { experiment, metrics } of golden.mini) {
    for (const [metric, { value, bits }] of Object.entries(metrics)) {
      if (bitsOf(value) !== bits)
        return `${metric} of ${experiment}: ${value} and the bits ${bits} are two different numbers`;
    }
  }
  return null;
}

/** The first place where a golden file differs from the embedded one: most tampered files are copies of it. */
function firstDifference(ours: Golden, theirs: Golden): string | null {
  const find = (a: unknown, b: unknown, path: string): string | null => {
    if (!isBranch(a) || !isBranch(b)) {
      return a === b ? null : `${path} is ${brief(b)}, and in the embedded file ${brief(a)}`;
    }
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = find(a[key], b[key], path === '' ? key : `${path}.${key}`);
      if (found !== null) return found;
    }
    return null;
  };
  const content = ({ published, context, claims, audit, mini, log }: Golden): unknown => {
    return { published, context, claims, audit, mini, log };
  };
  return find(content(ours), content(theirs), '');
}

const isBranch = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const brief = (value: unknown): string =>
  value === undefined ? 'missing' : isBranch(value) ? 'something else' : JSON.stringify(value);

/** What the schema cannot check: names that must exist in the paper, strings that must be numbers. */
function crossCheck(golden: GoldenData, source: YamlSource, paper: Paper): Problem[] {
  const problems: Problem[] = [];
  const ids = paper.experiments.map(({ id }) => id);
  const known = (id: string, path: readonly (string | number)[]): void => {
    if (ids.includes(id)) return;
    const expected = `must be an experiment of ${fileOf(paper.origin)}`;
    problems.push(problemAt(source, path, expected, { actual: `'${id}'`, suggestion: suggest(id, ids) }));
  };
  const printed = (text: string, path: readonly (string | number)[]): void => {
    try {
      parsePrinted(text);
    } catch {
      problems.push(problemAt(source, path, "must be a number as printed, such as '0.444'", { actual: `'${text}'` }));
    }
  };
  if (golden.paper !== paper.id) {
    problems.push(problemAt(source, ['paper'], `must be '${paper.id}'`, { actual: `'${golden.paper}'` }));
  }
  for (const [id, metrics] of Object.entries(golden.published)) {
    known(id, ['published', id]);
    for (const [metric, values] of Object.entries(metrics)) {
      for (const [i, { value }] of values.entries()) printed(value, ['published', id, metric, i, 'value']);
    }
  }
  for (const [id, claim] of Object.entries(golden.claims)) {
    for (const field of ['experiment', 'winner', 'loser', 'changed', 'reference'] as const) {
      const named = (claim as Partial<Record<typeof field, string>>)[field];
      if (named !== undefined) known(named, ['claims', id, field]);
    }
    if (claim.kind === 'changes-more') {
      for (const field of ['larger', 'smaller'] as const) {
        for (const [i, named] of claim[field].entries()) known(named, ['claims', id, field, i]);
      }
    }
    if (claim.kind === 'beats' && claim.by !== undefined) printed(claim.by, ['claims', id, 'by']);
    if (claim.kind === 'beats' && (claim.by === undefined) !== (claim.unit === undefined)) {
      problems.push(problemAt(source, ['claims', id], "needs both 'by' and 'unit', or neither"));
    }
    if (!restsOnPrintedValues(claim)) continue;
    for (const experiment of experimentsOf(claim)) {
      if (golden.published[experiment]?.[claim.metric]?.length) continue;
      const expected = `needs a printed ${claim.metric} of ${experiment} under 'published'`;
      if (ids.includes(experiment)) problems.push(problemAt(source, ['claims', id], expected));
    }
  }
  for (const [i, entry] of golden.mini.entries()) {
    known(entry.experiment, ['mini', i, 'experiment']);
  }
  return problems;
}

/** Whether a claim is about numbers that the paper must print somewhere. */
function restsOnPrintedValues(claim: Claim): claim is Extract<Claim, { metric: string }> {
  if (claim.kind === 'beats') return claim.by !== undefined;
  return ['value', 'marginal', 'hurts-despite-validation', 'ratio-below'].includes(claim.kind);
}

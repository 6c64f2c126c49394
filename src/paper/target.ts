/**
 * Targets of the command line: `abjadmed`, `abjadmed/all-linear`, `path/other.yaml`, `path/other.yaml/experiment`.
 */

import { listAssets, readAssetText } from '../assets';
import { usageError } from '../errors';
import { readText } from '../files';
import { SCALES } from './lists';
import { loadPaper, type Paper, resolveExperiment } from './load';
import { suggest } from './problems';
import { storedPaper } from './stored';
import type { Reading } from './types';

export interface Target {
  readonly paper: Paper;
  /** The experiments asked for, in the paper's order. */
  readonly experiments: readonly string[];
  /** Whether the whole paper was asked for rather than one experiment. */
  readonly whole: boolean;
}

/** The ids of the papers that are part of this build, sorted. */
export function embeddedPapers(): string[] {
  return listAssets('papers/').flatMap((name) => /^papers\/([^/]+)\.yaml$/.exec(name)?.[1] ?? []);
}

/** An embedded paper by id; a reading of null is as-released where the paper has one. */
export function loadEmbedded(id: string, reading: Reading | null = null): Paper {
  const name = `papers/${id}.yaml`;
  return storedPaper(id, reading) ?? loadPaper(readAssetText(name), { kind: 'embedded', name }, reading);
}

/**
 * Finds what a target names.
 *
 * @throws MedreproError `usage` for an unknown paper or experiment, `input` for a file that cannot be read, `spec` for a
 * file that is not a paper.
 */
export function loadTarget(target: string, reading: Reading | null = null): Target {
  const asFile = /^(.*\.ya?ml)(?:\/([^/]*))?$/i.exec(target);
  const [paper, experiment] = asFile
    ? [loadFile(asFile[1] ?? '', reading), asFile[2]]
    : [
        loadEmbeddedOrSuggest(target, reading),
        target.includes('/') ? target.slice(target.indexOf('/') + 1) : undefined,
      ];
  const ids = paper.experiments.map(({ id }) => id);
  if (experiment === undefined) return { paper, experiments: ids, whole: true };
  if (!ids.includes(experiment)) resolveExperiment(paper, experiment, SCALES[0]);
  return { paper, experiments: [experiment], whole: false };
}

/** Every target, or with `all` every embedded paper; a paper named twice is loaded once and its experiments joined. */
export function loadTargets(targets: readonly string[], all: boolean, reading: Reading | null = null): Target[] {
  const loaded = (all ? embeddedPapers() : targets).map((target) => loadTarget(target, reading));
  const merged: Target[] = [];
  for (const target of loaded) {
    const index = merged.findIndex(({ paper }) => paper.id === target.paper.id && sameFile(paper, target.paper));
    const known = merged[index];
    if (known === undefined) {
      merged.push(target);
      continue;
    }
    const wanted = new Set([...known.experiments, ...target.experiments]);
    const experiments = known.paper.experiments.map(({ id }) => id).filter((id) => wanted.has(id));
    merged[index] = { paper: known.paper, experiments, whole: known.whole || target.whole };
  }
  return merged;
}

// --- internal ---

function loadEmbeddedOrSuggest(target: string, reading: Reading | null): Paper {
  const id = target.split('/')[0] ?? '';
  const papers = embeddedPapers();
  if (papers.includes(id)) return loadEmbedded(id, reading);
  const near = suggest(id, papers);
  throw usageError(
    `there is no paper '${id}'`,
    near === null ? `papers: ${papers.join(', ')}; or give the path of a spec file (.yaml)` : `did you mean '${near}'?`,
  );
}

function loadFile(path: string, reading: Reading | null): Paper {
  return loadPaper(readText(path), { kind: 'file', path }, reading);
}

function sameFile(a: Paper, b: Paper): boolean {
  return JSON.stringify(a.origin) === JSON.stringify(b.origin);
}

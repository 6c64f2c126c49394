/**
 * What there is: papers, experiments, claims, and what each scale of an experiment would need.
 */

import type { Paper } from '../paper/load';
import { embeddedPapers, loadEmbedded } from '../paper/target';
import type { Scale } from '../paper/types';
import { fullScaleNeeds } from './plan';

export interface ListedScale {
  readonly scale: Scale;
  /** What it needs beyond this binary and a CPU, or why it cannot run; null when nothing is missing. */
  readonly needs: string | null;
  readonly runnable: boolean;
}

export interface ListedExperiment {
  readonly target: string;
  readonly title: string;
  readonly scales: readonly ListedScale[];
}

export interface ListedClaim {
  readonly id: string;
  readonly says: string;
}

export interface ListedPaper {
  readonly id: string;
  readonly title: string;
  readonly citation: string;
  readonly experiments: readonly ListedExperiment[];
  readonly claims: readonly ListedClaim[];
}

/** How `list` gets the claims, which are in golden files: passed in, because those belong to a later room. */
export type ClaimsOf = (paper: Paper) => readonly ListedClaim[];

/** What the machine offers, as `list` needs to know it. */
export interface Machine {
  /** Why the CUDA back end cannot be used; null when it can. */
  readonly noCuda: string | null;
}

/** Every embedded paper. */
export function listPapers(machine: Machine, claimsOf: ClaimsOf = () => []): ListedPaper[] {
  return embeddedPapers().map((id) => listPaper(loadEmbedded(id), machine, claimsOf));
}

export function listPaper(paper: Paper, machine: Machine, claimsOf: ClaimsOf = () => []): ListedPaper {
  const { id, title, citation } = paper;
  const experiments = paper.experiments.map((experiment) => {
    const scales: ListedScale[] = [];
    const { mini, full } = experiment.scales;
    if (mini) scales.push({ scale: 'mini', needs: mini.unmeasured, runnable: mini.unmeasured === null });
    if (full) {
      const needs = full.unmeasured ?? fullScaleNeeds(paper, full);
      const blocked = full.unmeasured !== null || machine.noCuda !== null;
      const here = machine.noCuda === null ? '' : ` (here: ${machine.noCuda})`;
      scales.push({ scale: 'full', needs: `${needs}${here}`, runnable: !blocked });
    }
    return { target: `${id}/${experiment.id}`, title: experiment.title, scales };
  });
  return { id, title, citation, experiments, claims: claimsOf(paper) };
}

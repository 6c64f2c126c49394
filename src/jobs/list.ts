/** `medrepro list`: papers, experiments, claims, and what runs on this machine. */
import { EXIT } from '../errors';
import type { JobResult } from '../job';
import { listPapers } from '../plan/list';
import { renderList } from '../plan/text';
import { findGolden } from '../verify/golden';

/** Why the CUDA back end cannot be used: this version has none. */
export const NO_CUDA = 'this build has no CUDA kernels';

export async function listJob(): Promise<JobResult> {
  const papers = listPapers({ noCuda: NO_CUDA }, (paper) =>
    Object.entries(findGolden(paper)?.claims ?? {}).map(([id, { says }]) => ({ id, says })),
  );
  return { exitCode: EXIT.ok, text: renderList(papers), document: { papers } };
}

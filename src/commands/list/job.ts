/** `medrepro list`: papers, experiments, claims, and what runs on this machine. */
import { EXIT } from '../../errors';
import type { JobResult } from '../../job';
import { cudaState } from '../../native/choose';
import { listPapers } from '../../plan/list';
import { renderList } from '../../plan/text';
import { findGolden } from '../../verify/golden';
import type { ListDocument } from './request';

export async function listJob(): Promise<JobResult<ListDocument>> {
  const { usable, reason } = cudaState();
  const papers = listPapers({ noCuda: usable ? null : reason }, (paper) =>
    Object.entries(findGolden(paper)?.claims ?? {}).map(([id, { says }]) => ({ id, says })),
  );
  return { exitCode: EXIT.ok, text: renderList(papers), document: { papers } };
}

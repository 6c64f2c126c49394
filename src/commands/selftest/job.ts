/** `medrepro selftest`: every kernel against its reference. */
import { EXIT } from '../../errors';
import type { JobContext, JobResult } from '../../job';
import { Device } from '../../native/device';
import { reportText } from '../../selftest/report';
import { runSelftest, type SelftestReport } from '../../selftest/run';
import type { SelftestRequest } from './request';

/** Far more than the largest case needs. */
const CUDA_CAPACITY = 2 ** 30;
/** Few, so that cases of a few rows cross the boundary between two chunks. */
export const CUDA_TOKENS = 1024;

export async function selftestJob(
  { device, threads, isa, only }: SelftestRequest,
  { emit, cancelled }: JobContext,
): Promise<JobResult<SelftestReport>> {
  const began = performance.now();
  const open =
    device === 'cuda'
      ? (): Device => Device.cuda({ capacity: CUDA_CAPACITY, separate: true, tokensPerPass: CUDA_TOKENS, cancelled })
      : Device.cpu;
  const options = { open, cancelled, isa: isa ?? undefined, threads: threads ?? undefined };
  const report = runSelftest({ ...options, only: only ?? undefined }, emit);
  emit({ kind: 'done', seconds: (performance.now() - began) / 1000 });
  return {
    exitCode: report.failed === 0 ? EXIT.ok : EXIT.differs,
    text: reportText(report),
    document: report,
  };
}

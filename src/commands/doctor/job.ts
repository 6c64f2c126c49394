/** `medrepro doctor`: this machine, and the reason for every choice on it. */
import { EXIT } from '../../errors';
import type { JobResult } from '../../job';
import { examine, renderReport } from './examine';
import type { DoctorDocument, DoctorRequest } from './request';

export async function doctorJob(asked: DoctorRequest): Promise<JobResult<DoctorDocument>> {
  const report = examine(asked);
  return { exitCode: report.ready ? EXIT.ok : EXIT.error, text: renderReport(report), document: report };
}

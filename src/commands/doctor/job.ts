/** `medrepro doctor` as a job. */
import { EXIT } from '../../errors';
import type { JobResult } from '../../job';
import { type ExamineOptions, examine, renderReport } from './examine';

export async function doctorJob(request: unknown): Promise<JobResult> {
  const report = examine(request as ExamineOptions);
  return { exitCode: report.ready ? EXIT.ok : EXIT.error, text: renderReport(report), document: report };
}

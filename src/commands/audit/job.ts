/** `medrepro audit`: what the papers state, checked by arithmetic alone. */
import { version } from '../../../package.json';
import { auditPaper } from '../../audit/both-readings';
import { renderAnnotations, renderSarif } from '../../audit/sarif';
import { renderAudit } from '../../audit/text';
import { EXIT } from '../../errors';
import { writeWhole } from '../../files';
import type { JobResult } from '../../job';
import { loadTargets } from '../../paper/target';
import type { AuditDocument, AuditRequest } from './request';

export async function auditJob(asked: AuditRequest): Promise<JobResult<AuditDocument>> {
  const papers = loadTargets(asked.targets, asked.all, 'as-written').map(({ paper }) => paper);
  const findings = papers.flatMap(auditPaper);
  if (asked.sarif !== null) {
    writeWhole(asked.sarif, renderSarif(findings, version), { elsewhere: 'check --sarif' });
  }
  const inconsistent = findings.filter(({ consistent }) => !consistent).length;
  const ids = papers.map(({ id }) => id);
  return {
    exitCode: inconsistent > 0 && !asked.exitZero ? EXIT.differs : EXIT.ok,
    text: asked.github ? renderAnnotations(findings) : renderAudit(findings, ids),
    document: { papers: ids, inconsistent, consistent: findings.length - inconsistent, findings },
  };
}

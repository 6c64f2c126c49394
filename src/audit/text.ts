/** The audit for people: what does not agree, with its arithmetic; what does, in one line. */

import { count } from '../units';
import type { Finding } from './audit';

export function renderAudit(findings: readonly Finding[], papers: readonly string[]): string {
  return papers
    .map((paper) =>
      renderPaper(
        paper,
        findings.filter((finding) => finding.paper === paper),
      ),
    )
    .join('\n\n');
}

// --- internal ---

function renderPaper(paper: string, findings: readonly Finding[]): string {
  const wrong = findings.filter(({ consistent }) => !consistent);
  const right = findings.length - wrong.length;
  if (findings.length === 0) return `${paper}: nothing stated that arithmetic can check`;
  const head = `${paper}: ${count(wrong.length)} inconsistent, ${count(right)} consistent`;
  const blocks = wrong.map(({ rule, item, where, message, arithmetic, claim, note }) => {
    const lines = [`  ${rule}  ${item} (${where})`, `    ${message}`, ...arithmetic.map((step) => `      ${step}`)];
    lines.push(claim === null ? '    changes no claim' : `    changes the claim ${claim}`);
    if (note !== null) lines.push(`    ${note}`);
    return lines.join('\n');
  });
  const good = findings.filter(({ consistent }) => consistent).map(({ item }) => item);
  const agreed = good.length === 0 ? [] : [`  consistent: ${good.join(', ')}`];
  return [head, ...blocks, ...agreed].join('\n');
}

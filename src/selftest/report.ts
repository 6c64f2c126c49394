/** The self-test's report as text and as a document. */
import type { CaseResult } from './compare';
import type { SelftestReport } from './run';

/** One line per op, then every failed case, then what was compared. */
export function reportText(report: SelftestReport): string {
  const width = Math.max(0, ...report.ops.map(({ op }) => op.length));
  const lines = [`${'op'.padEnd(width)}  cases  worst share of tolerance`];
  for (const { op, cases, failed, worstShare, results } of report.ops) {
    const exact = results.every(({ outputs }) => outputs.every(({ tolerance }) => tolerance === 0));
    const share = failed === 0 && exact ? 'exact' : percent(worstShare);
    const verdict = failed === 0 ? 'ok' : `${failed} FAILED`;
    lines.push(`${op.padEnd(width)}  ${String(cases).padStart(5)}  ${share.padStart(24)}  ${verdict}`);
  }
  for (const { results } of report.ops) {
    for (const result of results) if (!result.passed) lines.push('', ...failureLines(result));
  }
  const { device, threads, otherPaths, otherThreads, passed, failed } = report;
  const also = [
    `with ${otherThreads} thread${otherThreads === 1 ? '' : 's'}`,
    ...otherPaths.map((path) => `on ${path}`),
  ];
  const repeated = device.startsWith('cuda')
    ? `${device}, ${report.hardware}; each case twice`
    : `${device}, ${threads} thread${threads === 1 ? '' : 's'}; repeated ${also.join(', ')}`;
  lines.push('', repeated);
  lines.push(`${passed} cases passed, ${failed} failed`);
  return lines.join('\n');
}

// --- internal ---

const percent = (share: number): string => (Number.isNaN(share) ? 'NaN' : `${(100 * share).toPrecision(3)}%`);

function failureLines({ op, shape, dtype, outputs, problems }: CaseResult): string[] {
  const wrong = outputs.filter(({ error, tolerance }) => !(error <= tolerance));
  return [
    `${op} ${shape} ${dtype}`,
    ...problems.map((line) => `  ${line}`),
    ...wrong.map(({ name, error, tolerance, reason }) =>
      tolerance === 0
        ? `  ${name}: ${error} elements are wrong (${reason})`
        : `  ${name}: error ${error.toExponential(2)}, tolerance ${tolerance.toExponential(2)} (${reason})`,
    ),
  ];
}

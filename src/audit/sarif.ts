/** Findings as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), and as annotations of GitHub Actions. */

import type { Finding } from './audit';
import { RULES } from './rules';

/** One run; inconsistent findings are warnings, consistent ones pass. */
export function renderSarif(findings: readonly Finding[], version: string): string {
  const rules = RULES.map(({ id, title }) => ({
    id,
    shortDescription: { text: title },
    defaultConfiguration: { level: 'warning' },
  }));
  const results = findings.map((finding) => ({
    ruleId: finding.rule,
    ruleIndex: RULES.findIndex(({ id }) => id === finding.rule),
    kind: finding.consistent ? 'pass' : 'fail',
    level: finding.consistent ? 'none' : 'warning',
    message: { text: textOf(finding) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: encodeURI(finding.file.replaceAll('\\', '/')) },
          region: { startLine: finding.line },
        },
        logicalLocations: [{ fullyQualifiedName: `${finding.paper}/${finding.item}` }],
      },
    ],
    partialFingerprints: { 'statement/v1': `${finding.paper}/${finding.item}` },
    properties: {
      arithmetic: finding.arithmetic,
      raw: finding.raw,
      rounded: finding.rounded,
      printed: finding.printed,
      claim: finding.claim,
    },
  }));
  const driver = { name: 'medrepro', version, rules };
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, columnKind: 'utf16CodeUnits', results }],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** One `::warning` line for each inconsistent finding. */
export function renderAnnotations(findings: readonly Finding[]): string {
  return findings
    .filter(({ consistent }) => !consistent)
    .map((finding) => {
      const properties = [
        `file=${property(finding.file)}`,
        `line=${finding.line}`,
        `title=${property(`${finding.paper}: ${finding.rule}`)}`,
      ];
      return `::warning ${properties.join(',')}::${escaped(textOf(finding))}`;
    })
    .join('\n');
}

// --- internal ---

function textOf({ message, where, claim }: Finding): string {
  return `${message} (${where})${claim === null ? '' : `; changes the claim ${claim}`}`;
}

const escaped = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const property = (text: string): string => escaped(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

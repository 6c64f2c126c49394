/**
 * A comparison as JUnit XML: one test case per claim and level, one per exact value and per metric
 * that was scored again.
 *
 * What was not measured is `skipped`, never passed; a change is a failure.
 */

import type { Comparison } from './compare';
import type { Outcome } from './verdict';

export function renderJunit(comparisons: readonly Comparison[]): string {
  const suites = comparisons.map(suite);
  const total = { tests: 0, failures: 0, skipped: 0 };
  for (const { cases } of suites) for (const one of cases) add(total, one);
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="medrepro" ${counts(total)}>`];
  for (const { name, cases } of suites) {
    const own = { tests: 0, failures: 0, skipped: 0 };
    for (const one of cases) add(own, one);
    lines.push(`  <testsuite name="${escapeXml(name)}" ${counts(own)}>`);
    for (const one of cases) lines.push(...testCase(one));
    lines.push('  </testsuite>');
  }
  lines.push('</testsuites>', '');
  return lines.join('\n');
}

/** Text for XML: escaped, and without the control characters XML 1.0 has no way to write. */
export function escapeXml(text: string): string {
  return text.replace(CONTROL, '\ufffd').replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

// --- internal ---

interface Case {
  readonly group: string;
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly message: string;
  readonly output: readonly string[];
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

const CONTROL = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

function suite(comparison: Comparison): { name: string; cases: Case[] } {
  const { paper, tampered } = comparison;
  const claims = comparison.claims.map((row): Case => {
    const { verdict, accepted, outcome, reason, note, level, claim, says, arithmetic, provenance } = row;
    const because = [reason, note].filter((text) => text !== null).join('; ');
    const message = `${verdict}${because === '' ? '' : ` (${because})`}, accepted: ${accepted?.verdict ?? 'nothing'}`;
    const unmeasured = verdict === 'UNMEASURED' || outcome === 'no-golden';
    return {
      group: `${paper}.${level}`,
      name: claim,
      status: outcome === 'differs' ? 'failed' : unmeasured ? 'skipped' : statusOf(outcome),
      message,
      output: [says, ...arithmetic, ...provenance],
    };
  });
  const values = comparison.values.map(
    ({ experiment, metric, seed, path, outcome, arithmetic, provenance }): Case => ({
      group: `${paper}.mini.values`,
      name: `${experiment} ${metric} (seed ${seed}, ${path})`,
      status: statusOf(outcome),
      message: arithmetic,
      output: [arithmetic, provenance],
    }),
  );
  const scores = comparison.scores.map(
    ({ experiment, metric, value, reason, verdict, accepted, outcome, published, provenance }): Case => ({
      group: `${paper}.score.values`,
      name: `${experiment} ${metric}`,
      status: verdict === 'UNMEASURED' && outcome !== 'differs' ? 'skipped' : statusOf(outcome),
      message: `${verdict ?? 'nothing is printed'}${reason === null ? '' : ` (${reason})`}, accepted: ${accepted?.verdict ?? 'nothing'}`,
      output: [`${value}`, ...published.map(({ where, arithmetic }) => `${where}: ${arithmetic}`), provenance],
    }),
  );
  const audit = comparison.audit.map(
    ({ item, rule, outcome, message, where, arithmetic, accepted }): Case => ({
      group: `${paper}.audit`,
      name: `${item} (${rule})`,
      status: statusOf(outcome),
      message: accepted === null ? `${message}; not accepted` : message,
      output: [where, ...arithmetic],
    }),
  );
  const golden: Case = {
    group: `${paper}.golden`,
    name: 'every golden value has a recorded reason',
    status: comparison.golden === null ? 'skipped' : tampered === null ? 'passed' : 'failed',
    message: tampered ?? (comparison.golden === null ? 'no golden file' : 'the hash of the last acceptance matches'),
    output: [],
  };
  return { name: paper, cases: [golden, ...audit, ...claims, ...values, ...scores] };
}

function statusOf(outcome: Outcome): Case['status'] {
  if (outcome === 'differs') return 'failed';
  return outcome === 'equal' || outcome === 'improved' ? 'passed' : 'skipped';
}

function add(total: { tests: number; failures: number; skipped: number }, { status }: Case): void {
  total.tests++;
  if (status === 'failed') total.failures++;
  if (status === 'skipped') total.skipped++;
}

function counts({ tests, failures, skipped }: { tests: number; failures: number; skipped: number }): string {
  return `tests="${tests}" failures="${failures}" errors="0" skipped="${skipped}"`;
}

function testCase({ group, name, status, message, output }: Case): string[] {
  const attributes = `classname="${escapeXml(group)}" name="${escapeXml(name)}"`;
  const inside: string[] = [];
  if (status === 'failed') inside.push(`      <failure message="${escapeXml(message)}"/>`);
  if (status === 'skipped') inside.push(`      <skipped message="${escapeXml(message)}"/>`);
  if (output.length > 0) inside.push(`      <system-out>${escapeXml(output.join('\n'))}</system-out>`);
  if (inside.length === 0) return [`    <testcase ${attributes}/>`];
  return [`    <testcase ${attributes}>`, ...inside, '    </testcase>'];
}

/** The audit level of a verification: what was accepted, what is new, what went away. */
import { describe, expect, test } from 'bun:test';
import { acceptGolden } from '../../src/verify/accept';
import { type AuditedItem, auditRows } from '../../src/verify/audited';
import { compare } from '../../src/verify/compare';
import { loadGolden } from '../../src/verify/golden';
import { renderJunit } from '../../src/verify/junit';
import { renderComparisons } from '../../src/verify/text';
import { accept, BOOTSTRAP, GOLDEN_FILE, GOLDEN_TEXT, paper } from './support';

const finding = (item: string, consistent: boolean): AuditedItem => ({
  item,
  rule: 'ratio',
  where: 'section 1',
  consistent,
  message: `${item} ${consistent ? 'agrees' : 'does not agree'}`,
  arithmetic: ['1 / 2 = 0.5'],
  claim: null,
});

const FINDINGS = [finding('size', false), finding('steps', true)];

/** The golden file with the audit of `findings` accepted. */
function withAudit(findings: readonly AuditedItem[]) {
  const acceptance = { reason: 'test', date: '2026-01-31', bootstrap: BOOTSTRAP, findings };
  const { text, changes } = acceptGolden(GOLDEN_TEXT, GOLDEN_FILE, paper, [], acceptance);
  return { golden: loadGolden(text, GOLDEN_FILE, paper), text, changes };
}

const outcomes = (findings: readonly AuditedItem[], golden: ReturnType<typeof withAudit>['golden']) =>
  Object.fromEntries(auditRows('p', findings, golden).map(({ item, outcome }) => [item, outcome]));

/** When a JUnit file says that it began. */
const NOW = { began: new Date(0), seconds: [] };

describe('an accepted inconsistency', () => {
  const { golden, text, changes } = withAudit(FINDINGS);

  test('is written with its reason, before the measurements, and vouched for', () => {
    expect(golden.audit).toEqual({ size: 'size does not agree' });
    expect(golden.tampered).toBeNull();
    expect(text.indexOf('\naudit:')).toBeLessThan(text.indexOf('\nmini:'));
    expect(changes).toContain('audit of size: INCONSISTENT');
  });

  test.each([
    ['as it was', FINDINGS, { size: 'equal' }],
    ['a new one', [...FINDINGS, finding('new', false)], { size: 'equal', new: 'differs' }],
    ['now consistent', [finding('size', true), finding('steps', true)], { size: 'improved' }],
    ['no longer stated', [finding('steps', true)], { size: 'differs' }],
  ] as const)('%s', (_, findings, expected) => {
    expect(outcomes(findings, golden)).toEqual(expected);
  });

  test('editing it breaks the hash', () => {
    const edited = text.replace('size: size does not agree', 'size: all is well');
    expect(loadGolden(edited, GOLDEN_FILE, paper).tampered).toContain('changed after its last acceptance');
  });
});

test('a golden file that never accepted an audit cannot fail for one', () => {
  const { audit: _, ...never } = accept([]).golden;
  expect(outcomes(FINDINGS, never)).toEqual({ size: 'no-golden' });
});

describe('a comparison', () => {
  const { golden } = withAudit(FINDINGS);

  test('exits 1 for an inconsistency that was not accepted, and shows it', () => {
    const findings = [...FINDINGS, finding('new', false)];
    const comparison = compare(paper, golden, [], { findings, bootstrap: BOOTSTRAP });
    expect(comparison.exitCode).toBe(1);
    expect(renderComparisons([comparison])).toContain('audit of 3 items, 2 INCONSISTENT');
    expect(renderJunit([comparison], NOW)).toMatch(
      /<testcase classname="abjadmed\.audit" name="new \(ratio\)" time="0">\s*<failure/,
    );
  });

  test('exits 0 when everything is as accepted; without findings the level is left out', () => {
    expect(compare(paper, golden, [], { findings: FINDINGS }).exitCode).toBe(0);
    const without = compare(paper, golden, []);
    expect([without.audited, without.audit]).toEqual([null, []]);
    expect(renderComparisons([without])).not.toContain('audit of');
  });
});

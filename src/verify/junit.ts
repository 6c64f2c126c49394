/**
 * A comparison as JUnit XML: one test case per claim and level, one per exact value and per metric that was scored again.
 *
 * What was not measured is `skipped`, never passed; a change is a failure. The file is valid by Ant's schema, the
 * strictest, and by those that Jenkins takes: only suites have totals, a test case contains nothing but its failure or the reason
 * why it was skipped, and the arithmetic of all cases is the suite's output.
 */

import { version } from '../../package.json';
import { escapeMarkup } from '../escape';
import type { Comparison } from './compare';
import type { Outcome } from './verdict';

export interface JunitOptions {
  /** When the verification began. */
  readonly began: Date;
  /** Seconds that each comparison took, with the runs it needed. */
  readonly seconds: readonly number[];
}

export function renderJunit(comparisons: readonly Comparison[], { began, seconds }: JunitOptions): string {
  const timestamp = began.toISOString().slice(0, 19);
  const suites = comparisons.map((comparison, id) => {
    const cases = casesOf(comparison);
    const attributes = {
      name: comparison.paper,
      package: 'medrepro',
      id,
      timestamp,
      // host names are not disclosed
      hostname: 'localhost',
      tests: cases.length,
      failures: cases.filter(({ status }) => status === 'failed').length,
      errors: 0,
      skipped: cases.filter(({ status }) => status === 'skipped').length,
      time: (seconds[id] ?? 0).toFixed(3),
    };
    const properties = { version, golden: comparison.golden ?? 'none' };
    return element('testsuite', attributes, [
      ...element(
        'properties',
        {},
        Object.entries(properties).flatMap(([name, value]) => element('property', { name, value })),
      ),
      ...cases.flatMap(testCase),
      ...element('system-out', {}, [...cases.flatMap(told), ...comparison.notes, ...comparison.disclaimers].join('\n')),
      ...element('system-err', {}),
    ]);
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element('testsuites', {}, suites.flat()).join('\n')}\n`;
}

// --- internal ---

interface Case {
  readonly group: string;
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly message: string;
  readonly output: readonly string[];
}

function casesOf(comparison: Comparison): Case[] {
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
  return [golden, ...audit, ...claims, ...values, ...scores];
}

function statusOf(outcome: Outcome): Case['status'] {
  if (outcome === 'differs') return 'failed';
  return outcome === 'equal' || outcome === 'improved' ? 'passed' : 'skipped';
}

/** A case has no time of its own: the runs are counted in the suite. */
function testCase({ group, name, status, message, output }: Case): string[] {
  const text = [message, ...output.filter((line) => line !== message)].join('\n');
  const inside = {
    passed: [],
    failed: element('failure', { type: 'differs', message }, text),
    // no message attribute: the oldest of the schemas has none
    skipped: element('skipped', {}, message),
  }[status];
  return element('testcase', { classname: group, name, time: 0 }, inside);
}

/** A case's lines in its suite's output. */
function told({ group, name, output }: Case): string[] {
  return output.length === 0 ? [] : [`${group}: ${name}`, ...output.map((line) => `  ${line}`)];
}

/** Lines of an element with text or elements inside. */
function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  inside: string | readonly string[] = [],
): string[] {
  const open = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escapeMarkup(`${value}`)}"`)].join(
    ' ',
  );
  if (inside.length === 0) return [`<${open}/>`];
  if (typeof inside === 'string') return [`<${open}>${escapeMarkup(inside)}</${name}>`];
  return [`<${open}>`, ...inside.map((line) => `  ${line}`), `</${name}>`];
}

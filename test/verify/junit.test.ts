/** The JUnit file: what the schemas of Ant and of Jenkins ask of it, checked here in words of our own. */

import { describe, expect, it, test } from 'bun:test';
import { parseXml, type XmlElement } from '../../src/data/formats/xml';
import { loadEmbedded } from '../../src/paper/target';
import { type Comparison, compare } from '../../src/verify/compare';
import { findGolden } from '../../src/verify/golden';
import { renderJunit } from '../../src/verify/junit';
import { accept, BOOTSTRAP, holding, paper } from './support';

const { golden } = accept(holding());
const comparisonOf = (results = holding()): Comparison =>
  compare(paper, golden, results, { bootstrap: BOOTSTRAP, scores: [] });
const broken = comparisonOf(holding().map((result, i) => (i === 0 ? { ...result, metrics: {} } : result)));
const OPTIONS = { began: new Date('2026-01-31T23:59:59.999Z'), seconds: [1.2345, 70_000] };

/** Every rule the file breaks, with the line; empty when it is valid. */
function violations(root: XmlElement): string[] {
  const found: string[] = [];
  const rule = (holds: boolean, { name, line }: XmlElement, what: string): void => {
    if (!holds) found.push(`line ${line}: ${name} ${what}`);
  };
  const attributes = (one: XmlElement, required: Readonly<Record<string, RegExp>>): void => {
    for (const [name, pattern] of Object.entries(required)) {
      rule(pattern.test(one.attributes.get(name) ?? ''), one, `has ${name}="${one.attributes.get(name)}"`);
    }
    for (const name of one.attributes.keys()) rule(Object.hasOwn(required, name), one, `may not have ${name}`);
  };
  const empty = (one: XmlElement): void => rule(one.children.length === 0, one, 'may hold text alone');
  const [whole, seconds, text] = [/^\d+$/, /^\d+(\.\d{1,3})?$/, /\S/];

  rule(root.name === 'testsuites', root, 'is not the root');
  attributes(root, {});
  for (const [id, suite] of root.children.entries()) {
    rule(suite.name === 'testsuite', suite, 'is no suite');
    attributes(suite, {
      name: text,
      package: text,
      id: new RegExp(`^${id}$`),
      timestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/,
      hostname: text,
      tests: whole,
      failures: whole,
      errors: whole,
      skipped: whole,
      time: seconds,
    });
    const names = suite.children.map(({ name }) => name).join(' ');
    rule(
      /^properties( testcase)* system-out system-err$/.test(names),
      suite,
      `has children in the wrong order: ${names}`,
    );
    for (const out of suite.children.filter(({ name }) => name.startsWith('system-'))) {
      attributes(out, {});
      empty(out);
    }
    for (const property of suite.children[0]?.children ?? []) {
      rule(property.name === 'property', property, 'is no property');
      attributes(property, { name: text, value: /^/ });
    }
    const cases = suite.children.filter(({ name }) => name === 'testcase');
    const inside = cases.flatMap(({ children }) => children);
    const count = (name: string): string => String(inside.filter((one) => one.name === name).length);
    rule(suite.attributes.get('tests') === String(cases.length), suite, 'miscounts its tests');
    rule(suite.attributes.get('failures') === count('failure'), suite, 'miscounts its failures');
    rule(suite.attributes.get('errors') === count('error'), suite, 'miscounts its errors');
    rule(suite.attributes.get('skipped') === count('skipped'), suite, 'miscounts what it skipped');
    for (const one of cases) {
      attributes(one, { name: text, classname: text, time: seconds });
      rule(one.children.length <= 1, one, 'ends in more than one way');
    }
    for (const one of inside) {
      rule(one.name === 'failure' || one.name === 'skipped', one, 'is no way for a test case to end');
      attributes(one, one.name === 'failure' ? { type: text, message: text } : {});
      empty(one);
    }
  }
  return found;
}

const parsed = (comparisons: readonly Comparison[]): XmlElement =>
  parseXml(renderJunit(comparisons, OPTIONS), 'junit.xml');

describe('the JUnit file is valid', () => {
  it.each<[string, Comparison[]]>([
    ['without a paper', []],
    ['as accepted', [comparisonOf()]],
    ['with failures', [broken, comparisonOf()]],
    [
      'with scores and everything unmeasured',
      ['qwen3-medquad', 'tinyllama-ablations'].map((id) => {
        const embedded = loadEmbedded(id);
        return compare(embedded, findGolden(embedded), [], { scores: [] });
      }),
    ],
  ])('%s', (_, comparisons) => {
    const root = parsed(comparisons);
    expect(violations(root)).toEqual([]);
    expect(root.children).toHaveLength(comparisons.length);
  });

  test('and what checks it sees what is wrong', () => {
    const wrong = (change: (xml: string) => string): string[] =>
      violations(parseXml(change(renderJunit([broken], OPTIONS)), 'junit.xml'));
    expect(wrong((xml) => xml.replace('<testsuites>', '<testsuites tests="1">'))).toHaveLength(1);
    expect(wrong((xml) => xml.replace('id="0"', 'id="7"'))).toHaveLength(1);
    expect(wrong((xml) => xml.replace(/ failures="\d+"/, ' failures="0"'))).toHaveLength(1);
    expect(wrong((xml) => xml.replace(/<system-err\/>/, ''))).toHaveLength(1);
    expect(wrong((xml) => xml.replace('<skipped>', '<skipped message="x">'))).toHaveLength(1);
    expect(wrong((xml) => xml.replace(' type="differs"', ''))).toHaveLength(1);
    expect(wrong((xml) => xml.replace('T23:59:59"', 'T23:59:59Z"'))).toHaveLength(1);
  });
});

test('unmeasured is skipped with its reason, a change fails with its arithmetic, hostile names are text', () => {
  const name = `<x a="1">&'\u0000`;
  const evil = { ...broken.claims[0]!, claim: name, outcome: 'differs' as const, arithmetic: ['1 < 2'] };
  const [suite] = parsed([{ ...broken, claims: [evil, ...broken.claims.slice(1)] }]).children;
  const cases = suite!.children.filter((one) => one.name === 'testcase');
  const named = (id: string) => cases.find(({ attributes }) => attributes.get('name') === id)!;
  const [failure] = named(name.replace('\u0000', '\ufffd')).children;
  expect(failure!.name).toBe('failure');
  expect(failure!.text).toContain('1 < 2');
  for (const { claim, level, verdict, reason } of broken.claims.slice(1)) {
    if (verdict !== 'UNMEASURED') continue;
    const one = cases.find(
      ({ attributes }) => attributes.get('name') === claim && attributes.get('classname') === `abjadmed.${level}`,
    )!;
    expect(one.children.map((child) => child.name)).toEqual(['skipped']);
    expect(one.children[0]!.text).toStartWith(`UNMEASURED (${reason}`);
  }
  const out = suite!.children.at(-2)!.text;
  expect(out).toContain('abjadmed.mini: dice-ce-beats-focal\n');
  expect(out).toContain('Nothing here is medical advice.');
  expect([suite!.attributes.get('time'), suite!.attributes.get('timestamp')]).toEqual(['1.234', '2026-01-31T23:59:59']);
});

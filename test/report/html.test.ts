/** The report: self-contained, escaped, and honest about what it shows. */

import { expect, test } from 'bun:test';
import fc from 'fast-check';
import { escapeMarkup } from '../../src/escape';
import { lineChart } from '../../src/report/curve';
import { type ReportInput, renderReport } from '../../src/report/html';
import { html } from '../../src/report/markup';
import { compare } from '../../src/verify/compare';
import { accept, BOOTSTRAP, fake, holding, paper } from '../verify/support';

const ARABIC = 'أمراض الأسنان';
const { golden } = accept(holding());
const results = holding();
const result = results[1]!;

function input(change: Partial<ReportInput> = {}): ReportInput {
  return {
    paper,
    title: 'Qwen3-8B, Dice+CE',
    result: { ...result, test: { ...result.test!, labels: result.test!.labels.map((name) => `${ARABIC} ${name}`) } },
    log: [3, 2, 1.5, 1.2].map((loss, i) => ({ step: i + 1, loss })),
    comparison: compare(paper, golden, results, { bootstrap: BOOTSTRAP }),
    published: golden.published['all-linear']!,
    assumed: [{ path: 'training.seed', reason: 'not given' }],
    manifest: { kernels: { isa: 'avx2' } },
    ...change,
  };
}

test('needs nothing from outside and runs no script', () => {
  const page = renderReport(input());
  expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|javascript:| on\w+=/i);
  expect(page.match(/https?:\/\//g)).toBeNull();
  expect(page).toContain("default-src 'none'");
});

test('says in words what a miniature shows, and that it is no advice', () => {
  const page = renderReport(input());
  expect(page).toContain('synthetic miniature');
  expect(page).toContain('never about the paper');
  expect(page).toMatch(/not(hing here is)? medical advice/i);
  const bare = renderReport(input({ paper: { ...paper, disclaimers: [] } }));
  expect(bare).toContain('Nothing here is medical advice.');
});

test('shows claims, digits, classes, confusions and provenance', () => {
  const page = renderReport(input());
  for (const part of [
    'DIRECTION-ONLY',
    '0.4441 (abstract',
    ARABIC,
    '<polyline',
    'class="matrix"',
    'dir="auto"',
    'training.seed',
  ]) {
    expect(page).toContain(part);
  }
  expect(page).toContain(result.specSha256);
  expect(page).toContain('&quot;isa&quot;: &quot;avx2&quot;');
});

test('is the same for the same run', () => {
  expect(renderReport(input())).toBe(renderReport(input()));
});

test('a run without test rows, steps or golden file is still a report', () => {
  const page = renderReport(
    input({
      result: { ...result, test: null, metrics: {}, validation: [] },
      log: [],
      comparison: null,
      published: null,
      assumed: [],
    }),
  );
  expect(page).toContain('No test rows were evaluated');
  expect(page).toContain('No step was recorded');
});

test('a perfect run has no confusions, a diverged one no curve', () => {
  const perfect = fake({ experiment: 'all-linear', wrongEvery: 1e9, seed: 1 });
  expect(renderReport(input({ result: perfect, log: [{ step: 1, loss: Number.NaN }] }))).toContain('classified right');
});

test('whatever a label says, the markup stays the same', () => {
  const tags = (page: string): string => page.replace(/>[^<]*</g, '><').replace(/="[^"]*"/g, '');
  const plain = tags(renderReport(input({ title: 'x' })));
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
      const labels = result.test!.labels.map(() => text);
      const page = renderReport(input({ title: text, result: { ...result, test: { ...result.test!, labels } } }));
      expect(tags(page)).toBe(plain);
    }),
    { numRuns: 30 },
  );
});

test('escaping', () => {
  expect(escapeMarkup(`<a href="x" b='y'>&\u0000\ud800`)).toBe(
    '&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;\ufffd\ufffd',
  );
  expect(html`<p>${'<b>'}${html`<i>${1}</i>`}</p>`.text).toBe('<p>&lt;b&gt;<i>1</i></p>');
});

test('a chart of one point, of equal points and of none', () => {
  expect(lineChart('t', 'x', 'y', [{ name: 'a', points: [{ x: 1, y: 1 }] }]).text).not.toMatch(/NaN|Infinity/);
  const flat = [1, 2, 3].map((x) => ({ x, y: 0 }));
  expect(lineChart('t', 'x', 'y', [{ name: 'a', points: flat }]).text).not.toMatch(/NaN|Infinity/);
  expect(lineChart('t', 'x', 'y', [{ name: 'a', points: [{ x: 1, y: Number.NaN }] }]).text).toBe('');
});

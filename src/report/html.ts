/**
 * The report of one run: one HTML file without scripts, fonts or images of its own, readable offline and on paper.
 *
 * It says what was measured and at which level, and never more: mini results are shown beside the paper's printed values
 * with the sentence that they are no evidence for them.
 */

import { confusionMatrix } from '../metrics/confusion';
import { perClass } from '../metrics/per-class';
import type { ExperimentResult } from '../run/result';
import type { ClaimRow, Comparison } from '../verify/compare';
import type { GoldenData } from '../verify/golden';
import { LEVEL_CODE, OUTCOME_WORDS } from '../verify/verdict';
import { type Curve, lineChart } from './curve';
import { html, htmlTable, type Markup } from './markup';
import { STYLE } from './style';

export interface ReportInput {
  readonly paper: { readonly title: string; readonly citation: string; readonly disclaimers: readonly string[] };
  /** The experiment's title. */
  readonly title: string;
  readonly result: ExperimentResult;
  /** Every optimiser step. */
  readonly log: readonly { readonly step: number; readonly loss: number }[];
  readonly comparison: Comparison | null;
  /** What the paper printed for this experiment. */
  readonly published: GoldenData['published'][string] | null;
  /** The assumptions of the spec: path and reason. */
  readonly assumed: readonly { readonly path: string; readonly reason: string }[];
  /** The manifest, shown as it is. */
  readonly manifest: unknown;
}

/** A whole HTML document. */
export function renderReport(input: ReportInput): string {
  const { paper, title, result } = input;
  const name = `${result.paper}/${result.experiment}`;
  const sections = [
    warning(input),
    doubts(input),
    numbers(input),
    audited(input),
    claims(input),
    curve(input),
    classTable(result),
    confusion(result),
    assumptions(input),
    provenance(input),
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${name} (${result.scale})</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${name} <small>${result.scale} scale</small></h1>
<p dir="auto">${title}</p>
<p class="quiet" dir="auto">${paper.title}. ${paper.citation}</p>
</header>
${sections}
</body>
</html>
`;
  return page.text;
}

// --- internal ---

/** Most classes in the heat map: as many as fit on a page. */
const CONFUSED_CLASSES = 14;

function warning({ result, paper }: ReportInput): Markup {
  const sentences = [
    ...(result.scale === 'mini' ? [miniature(result)] : []),
    ...paper.disclaimers,
    ...(paper.disclaimers.some((text) => /medical advice/i.test(text)) ? [] : ['Nothing here is medical advice.']),
  ];
  return html`<section class="warning" role="note">${sentences.map((text) => html`<p dir="auto">${text}</p>`)}</section>`;
}

/** What was run at the mini scale: flags may name other rows or weights than the miniature's. */
function miniature({ overrides }: ExperimentResult): string {
  const given = (flag: string): boolean => overrides.some((text) => text.startsWith(`${flag} `));
  const model = given('--model') ? 'the weights named with --model' : 'a tiny model';
  const rows = given('--data') ? 'the rows named with --data' : 'made-up rows';
  return `This run is of the mini scale: ${model}, trained on ${rows}.`;
}

/** The warnings of the run's record. */
function doubts({ result: { warnings = [] } }: ReportInput): Markup {
  if (warnings.length === 0) return html``;
  const lines = warnings.map(({ id, message }) => html`<li dir="auto"><code>${id}</code> ${message}</li>`);
  return html`<section><h2>Warnings</h2><ul>${lines}</ul></section>`;
}

function numbers({ result, published }: ReportInput): Markup {
  const rows = Object.entries(result.metrics).map(([id, { value, printed, signature }]) => {
    const paper = (published?.[id] ?? []).map(({ value: text, where }) => `${text} (${where})`).join('; ');
    return [id, printed, String(value), paper === '' ? '-' : paper, html`<code>${signature}</code>`];
  });
  const note =
    result.scale === 'mini'
      ? html`<p class="quiet">This run and the paper are not comparable: the miniature's values show that the engine works, not whether the paper's numbers hold.</p>`
      : html``;
  const table = htmlTable(['metric', 'this run', 'unrounded', 'paper', 'signature'], rows);
  return html`<section><h2>Test rows</h2>${rows.length === 0 ? html`<p>No test rows were evaluated.</p>` : table}${note}</section>`;
}

function audited({ comparison }: ReportInput): Markup {
  if (comparison === null || comparison.audit.length === 0) return html``;
  const rows = comparison.audit.map(({ item, verdict: word, where, message, outcome }) => [
    html`${item} <small>(${where})</small>`,
    word,
    message,
    OUTCOME_WORDS[outcome],
  ]);
  return html`<section><h2>Audit</h2>${htmlTable(['item', 'L0 audit', 'because', 'golden'], rows)}</section>`;
}

function claims({ comparison }: ReportInput): Markup {
  if (comparison === null || comparison.claims.length === 0) return html``;
  const rows = comparison.claims.map((row) => [
    html`<span title="${row.claim}">${row.says}</span> <small>(${row.where})</small>`,
    `${LEVEL_CODE[row.level]} ${row.level}`,
    row.measured ?? '-',
    verdict(row),
    row.accepted?.verdict ?? '-',
    OUTCOME_WORDS[row.outcome],
  ]);
  const details = comparison.claims
    .filter(({ arithmetic }) => arithmetic.length > 0)
    .map((row) => {
      const halves = row.parts.map(({ name, holds }) => `${name}: ${holds ? 'holds' : 'does not hold'}`);
      const lines = [...halves, ...row.arithmetic, ...row.provenance.map((source) => `from ${source}`)];
      return html`<details><summary>${row.claim}: the arithmetic</summary><ul>${lines.map((line) => html`<li dir="auto">${line}</li>`)}</ul></details>`;
    });
  const notes = comparison.notes.map((note) => html`<p dir="auto">${note}</p>`);
  const table = htmlTable(['claim', 'level', 'measured', 'verdict', 'accepted', 'golden'], rows);
  return html`<section><h2>Claims</h2>${table}${notes}${details}</section>`;
}

function verdict({ verdict: word, reason, lowPower, outcome }: ClaimRow): Markup {
  const quiet = word === 'UNMEASURED' || word === 'NEEDS-HUMAN' || lowPower;
  const kind = outcome === 'differs' ? 'bad' : quiet ? 'quiet' : word === 'DEVIATES' ? 'bad' : 'good';
  const why = reason === null ? html`` : html` <small dir="auto">(${reason})</small>`;
  return html`<b class="${kind}">${word}</b>${lowPower ? html` <small>low power</small>` : html``}${why}`;
}

function curve({ log, result }: ReportInput): Markup {
  const curves: Curve[] = [
    {
      name: 'training loss',
      points: log.flatMap(({ step, loss }) => (Number.isFinite(loss) ? [{ x: step, y: loss }] : [])),
    },
  ];
  const chart = lineChart('Training loss by step', 'optimiser step', 'loss', curves);
  const ids = [...new Set(result.validation.flatMap(({ metrics }) => Object.keys(metrics)))];
  const rows = result.validation.map(({ step, epoch, metrics }) => [
    step === result.selectedStep ? `${step} (kept)` : String(step),
    epoch.toFixed(2),
    ...ids.map((id) => metrics[id]?.toFixed(4) ?? '-'),
  ]);
  const table =
    rows.length === 0 ? html`` : html`<h3>Validation rows</h3>${htmlTable(['step', 'epoch', ...ids], rows)}`;
  return html`<section><h2>Training</h2>${chart.text === '' ? html`<p>No step was recorded.</p>` : chart}${table}</section>`;
}

function classTable({ test }: ExperimentResult): Markup {
  if (test === null || test.gold.length === 0) return html``;
  const { labels, precision, recall, f1, support } = perClass(test.gold, test.predicted);
  const rows = labels
    .map((label, i) => ({ label, p: precision[i] ?? 0, r: recall[i] ?? 0, f: f1[i] ?? 0, n: support[i] ?? 0 }))
    .sort((a, b) => b.f - a.f || a.label - b.label)
    .map(({ label, p, r, f, n }) => [
      className(test.labels, label),
      n,
      p.toFixed(3),
      r.toFixed(3),
      html`<span class="bar" style="--share:${Math.round(f * 100)}%">${f.toFixed(3)}</span>`,
    ]);
  const table = htmlTable(['class', 'rows', 'precision', 'recall', 'F1'], rows);
  return html`<section><h2>Classes</h2><details open><summary>${rows.length} classes by F1</summary>${table}</details></section>`;
}

function confusion({ test }: ExperimentResult): Markup {
  if (test === null || test.gold.length === 0) return html``;
  const { labels, counts } = confusionMatrix(test.gold, test.predicted);
  const cell = (row: number, column: number): number => counts[row]?.[column] ?? 0;
  const all = labels.map((_, i) => i);
  const errors = all.map((i) => all.reduce((sum, j) => (i === j ? sum : sum + cell(i, j) + cell(j, i)), 0));
  const shown = all
    .filter((i) => (errors[i] ?? 0) > 0)
    .sort((a, b) => (errors[b] ?? 0) - (errors[a] ?? 0) || a - b)
    .slice(0, CONFUSED_CLASSES)
    .sort((a, b) => a - b);
  if (shown.length === 0)
    return html`<section><h2>Confusions</h2><p>Every test row was classified right.</p></section>`;
  const nameOf = (i: number): string => className(test.labels, labels[i] ?? -1);
  const most = Math.max(1, ...shown.flatMap((i) => shown.filter((j) => j !== i).map((j) => cell(i, j))));
  const heads = shown.map((i) => html`<th scope="col" class="tilt"><span dir="auto">${nameOf(i)}</span></th>`);
  const rows = shown.map((i) => {
    const cells = shown.map((j) => {
      const value = cell(i, j);
      const shade = i === j || value === 0 ? 0 : 0.15 + (0.75 * value) / most;
      const kind = i === j ? 'right' : shade > 0.6 ? 'heat dark' : 'heat';
      return html`<td class="number ${kind}" style="--heat:${shade.toFixed(2)}" title="${nameOf(i)} → ${nameOf(j)}">${value === 0 ? '' : value}</td>`;
    });
    return html`<tr><th scope="row" dir="auto">${nameOf(i)}</th>${cells}</tr>\n`;
  });
  const lead = `The ${shown.length} classes with the most confusions, and how often each was taken for another.`;
  const table = html`<table class="matrix"><thead><tr><td class="right">true class ↓, predicted →</td>${heads}</tr></thead><tbody>\n${rows}</tbody></table>`;
  return html`<section><h2>Confusions</h2><p class="quiet">${lead}</p><div class="scroll">${table}</div></section>`;
}

function assumptions({ assumed }: ReportInput): Markup {
  if (assumed.length === 0) return html``;
  const table = htmlTable(
    ['setting', 'why this value'],
    assumed.map(({ path, reason }) => [html`<code>${path}</code>`, reason]),
  );
  const lead = 'The paper does not give these values; they are our own choices.';
  return html`<section><h2>Assumed</h2><details><summary>${lead}</summary>${table}</details></section>`;
}

function provenance({ result, manifest }: ReportInput): Markup {
  const { seed, specSha256, dataSha256, kernelPath, precision, overrides, selectedStep } = result;
  const rows: [string, string][] = [
    ['seed', String(seed)],
    ['spec sha256', specSha256],
    ['data sha256', dataSha256],
    ['kernels', `${kernelPath}, ${precision}`],
    ['changed by flags', overrides.length === 0 ? 'nothing' : overrides.join(', ')],
    ['weights kept from step', String(selectedStep)],
  ];
  const table = htmlTable(
    ['what', 'value'],
    rows.map(([name, value]) => [name, html`<code dir="ltr">${value}</code>`]),
  );
  const text = JSON.stringify(manifest, null, 2) ?? '';
  const raw = html`<details><summary>manifest.json</summary><pre dir="ltr">${text}</pre></details>`;
  return html`<section><h2>Provenance</h2>${table}${raw}</section>`;
}

function className(names: readonly string[], label: number): string {
  return names[label] ?? String(label);
}

/** A re-scoring as text for people: values and verdicts, findings, then arithmetic and signatures. */

import { table } from '../text-table';
import { count } from '../units';
import { OUTCOME_WORDS } from '../verify/verdict';
import type { SourceFile } from './pairs';
import type { ScoredMetric, ScoreResult } from './score';

export interface ScoreText {
  /** `qwen3-medquad/baseline`; null without a paper. */
  readonly target: string | null;
  readonly files: readonly SourceFile[];
  readonly disclaimers: readonly string[];
  readonly notes: readonly string[];
}

/** The whole result, without a final newline. */
export function renderScore(result: ScoreResult, { target, files, disclaimers, notes }: ScoreText): string {
  const { metrics, findings, warnings } = result;
  const head = `${target ?? 'metrics'}: ${count(result.rows)} predictions${target === null ? '' : ', re-scored (L2 score)'}`;
  const blocks = [`${head}\n${valueTable(metrics)}`];
  // first the findings that make the numbers meaningless, then those that explain them
  if (warnings.length > 0) blocks.push(warnings.map((line) => `warning: ${line}`).join('\n'));
  if (findings.length > 0) {
    const lines = findings.map(({ id, says, means }) => `  ${id}: ${says}\n    ${means}`);
    blocks.push(['findings', ...lines].join('\n'));
  }
  if (result.withoutEcho !== null) blocks.push(echoTable(result));
  const arithmetic = metrics.flatMap(({ metric, published }) =>
    published.map(({ where, verdict, arithmetic: line }) => `  ${metric}, ${where}: ${verdict}\n    ${line}`),
  );
  if (arithmetic.length > 0) blocks.push(['arithmetic', ...arithmetic].join('\n'));
  const signatures = metrics.flatMap(({ signature }) => (signature === null ? [] : [`  ${signature}`]));
  blocks.push(['signatures', ...signatures].join('\n'));
  const sources = files.map(
    ({ role, name, rows, sha256 }) => `  ${role}: ${name}, ${count(rows)} rows, sha256 ${sha256}`,
  );
  blocks.push(['files', ...sources].join('\n'));
  if (notes.length > 0) blocks.push(notes.map((line) => `note: ${line}`).join('\n'));
  if (disclaimers.length > 0) blocks.push(disclaimers.join('\n'));
  return blocks.join('\n\n');
}

// --- internal ---

const DIGITS = 6;

function valueTable(metrics: readonly ScoredMetric[]): string {
  const rows = metrics.flatMap((scored) => {
    const { metric, value, toolValue, reason, interval, toolNoise, published } = scored;
    const noise =
      toolNoise === null
        ? ''
        : ` (evaluate's bootstrap: ${toolValue === null ? '' : `${toolValue.toFixed(DIGITS)}, `}sd ${toolNoise.toFixed(DIGITS)})`;
    const shown = value === null ? '-' : `${value.toFixed(DIGITS)}${noise}`;
    const range = interval === null ? '-' : `${interval.low.toFixed(4)} to ${interval.high.toFixed(4)}`;
    if (published.length === 0) return [[metric, shown, range, '-', reason ?? '-', '-']];
    return published.map(({ value: printed, where, verdict }, i) => {
      const own = i === 0 ? [metric, shown, range] : ['', '', ''];
      return [...own, `${printed} (${where})`, verdict, i === 0 ? acceptance(scored) : ''];
    });
  });
  return table(['metric', 'value', '95% interval', 'printed', 'verdict', 'golden'], rows);
}

function acceptance({ accepted, outcome }: ScoredMetric): string {
  const words = OUTCOME_WORDS[outcome];
  return outcome === 'differs' ? `${words}: ${accepted === null ? 'nothing' : accepted.verdict} is accepted` : words;
}

function echoTable({ metrics, withoutEcho, echoAlone }: ScoreResult): string {
  const rows = metrics.flatMap(({ metric, value }) => {
    const [without, alone] = [withoutEcho?.[metric], echoAlone?.[metric]];
    if (value === null || without === undefined || alone === undefined) return [];
    return [[metric, value.toFixed(DIGITS), without.toFixed(DIGITS), alone.toFixed(DIGITS)]];
  });
  return `what the repeated prompt is worth\n${table(['metric', 'as published', 'without it', 'it alone'], rows)}`;
}

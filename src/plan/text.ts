/** Lists and plans as text for people. Numbers are rounded here and nowhere else. */

import { bytes, count } from '../units';
import type { CardPlan } from './card';
import type { ListedPaper } from './list';
import type { ExperimentPlan, Range } from './plan';

/** `medrepro list`. */
export function renderList(papers: readonly ListedPaper[]): string {
  const blocks = papers.map(({ id, title, experiments, claims }) => {
    const width = Math.max(...experiments.map(({ target }) => target.length));
    const lines = experiments.map((experiment) => {
      const can = experiment.scales.filter(({ runnable }) => runnable).map(({ scale }) => scale);
      const what = can.length === 0 ? 'nothing' : can.join(', ');
      return `  ${experiment.target.padEnd(width)}  ${experiment.title}\n  ${' '.repeat(width)}  runs here: ${what}`;
    });
    const missing = experiments.flatMap(({ target, scales }) =>
      scales.filter(({ runnable }) => !runnable).map(({ scale, needs }) => ({ target, scale, needs })),
    );
    const why = grouped(missing.map(({ target, scale, needs }) => [`${scale}: ${needs}`, target]));
    const claimed = claims.map((claim) => `    ${claim.id}: ${claim.says}`);
    if (claimed.length > 0) lines.push('  claims:', ...claimed);
    return [`${id}  ${title}`, ...lines, ...(why.length > 0 ? ['  not here:', ...why] : [])].join('\n');
  });
  return blocks.join('\n\n');
}

/** `medrepro plan`. */
export function renderPlans(plans: readonly ExperimentPlan[]): string {
  const blocks = plans.map((plan) => {
    const rows: [string, string][] = [['model', plan.model]];
    if (plan.unmeasured !== null) return `${plan.target} (${plan.scale})\n  cannot run: ${plan.unmeasured}`;
    if (plan.parameters) {
      const whose = plan.scale === 'mini' ? 'miniature' : 'published model';
      rows.push(['parameters', `${count(plan.parameters.total)} in the ${whose}`]);
    }
    if (plan.trainable !== null && plan.parameters) {
      const { adapter, head } = plan.parameters;
      const parts =
        plan.trainable === adapter + head ? `adapter ${count(adapter)} + head ${count(head)}` : 'every weight';
      rows.push(['trainable', `${count(plan.trainable)} = ${parts}`]);
    }
    if (plan.rows) {
      const { train, validation, test } = plan.rows;
      rows.push(['rows', `${count(train)} train, ${count(validation)} validation, ${count(test)} test`]);
    }
    if (plan.steps) rows.push(['steps', `${count(plan.steps.total)} (${count(plan.steps.perEpoch)} an epoch)`]);
    if (plan.flops) {
      const { training, evaluation } = plan.flops;
      const tokens = `${Math.round(plan.tokensPerRow ?? 0)} tokens a row`;
      rows.push(['FLOPs', `${flops(training)} training, ${flops(evaluation)} evaluation, at ${tokens}`]);
    }
    if (plan.peakBytes !== null) rows.push(['memory', `peak ${bytes(plan.peakBytes)}, planned by running a step dry`]);
    else if (plan.memory) {
      const { total, base, trainable, activations } = plan.memory;
      const parts = `base ${bytes(base)}, trainable ${bytes(trainable)}, activations ${bytes(activations)}`;
      rows.push(['memory', `about ${bytes(total)}: ${parts}`]);
    }
    if (plan.gpu) rows.push(['GPU', card(plan.gpu)]);
    if (plan.hours) rows.push(['time', hours(plan.hours)]);
    for (const download of plan.downloads) rows.push(['download', `${download.what}, ${bytes(download.bytes)}`]);
    for (const terms of plan.gated) rows.push(['to ask for', terms]);
    if (plan.disk !== null) rows.push(['disk', `about ${bytes(plan.disk)}`]);
    rows.push(['assumed', `${plan.assumed} values the paper does not give; the spec has the reasons`]);
    const defaults = Object.entries(plan.defaults).map(([owner, paths]) => `${paths.length} of ${owner}`);
    if (defaults.length > 0) rows.push(['defaults', `${defaults.join(', ')}; --json names them`]);
    const lines = rows.map(([name, text]) => `  ${name.padEnd(10)}  ${text}`);
    return [`${plan.target} (${plan.scale})  ${plan.title}`, ...lines].join('\n');
  });
  return blocks.join('\n\n');
}

// --- internal ---

function flops(value: number): string {
  return `${value.toExponential(1).replace('e+', 'e')}`;
}

function card({ card, peakBytes, resident, checkpointing, tokensPerPass, offloaded }: CardPlan): string {
  const how = [
    resident ? 'dense weights' : '4-bit weights restored as they are used',
    checkpointing ? 'activations computed again' : 'activations kept',
    `passes of ${count(tokensPerPass)} tokens`,
    ...(offloaded ? ["the optimiser's state in the host's memory"] : []),
  ];
  return `${count(card / 1e9)} GB are enough: peak ${bytes(peakBytes)} at full-length rows (${how.join(', ')})`;
}

function hours({ low, high }: Range): string {
  if (high < 1 / 60) return `about ${Math.max(1, Math.round(high * 3600))} s or less`;
  const card = 'on one H100-80GB, at 45% down to 5% of its peak';
  if (high < 1) return `${Math.round(low * 60)} to ${Math.round(high * 60)} min ${card}`;
  return `${low.toFixed(1)} to ${high.toFixed(1)} h ${card}`;
}

/** `reason` lines, each with the targets it holds for. */
function grouped(pairs: readonly (readonly [string, string])[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const [reason, target] of pairs) byReason.set(reason, [...(byReason.get(reason) ?? []), target]);
  return [...byReason].map(([reason, targets]) => `    ${reason}\n      ${targets.join(', ')}`);
}

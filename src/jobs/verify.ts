/** `medrepro verify`: every claim against the golden files; runs at the mini scale what is missing. */
import { writeFileSync } from 'node:fs';
import { auditPaper } from '../audit/both-readings';
import { inputError } from '../errors';
import type { JobContext, JobResult } from '../job';
import { execute } from '../run/execute';
import { applyRequest, obstacle } from '../run/inputs';
import type { RunRequest, VerifyRequest } from '../run/request';
import { resolveExperiment } from '../spec/load';
import { loadTargets, type Target } from '../spec/target';
import type { Experiment } from '../spec/types';
import { type Comparison, compare, worstExit } from '../verify/compare';
import { findResults, type WantedResult } from '../verify/find';
import { findGolden } from '../verify/golden';
import { renderJunit } from '../verify/junit';
import { renderComparison } from '../verify/text';
import { checkDevice } from './scale';
import { wantedResult } from './wanted';

export async function verifyJob(request: unknown, context: JobContext): Promise<JobResult> {
  const asked = request as VerifyRequest;
  const device = checkDevice(asked);
  if (device !== null) return device;
  const comparisons: Comparison[] = [];
  for (const target of loadTargets(asked.targets, asked.all, asked.reading))
    comparisons.push(await verifyTarget(target, asked, context));
  if (asked.junit !== null) {
    try {
      writeFileSync(asked.junit, renderJunit(comparisons));
    } catch (error) {
      throw inputError(`cannot write ${asked.junit}: ${(error as Error).message}`, { remedy: 'check --junit' });
    }
  }
  return {
    exitCode: worstExit(comparisons),
    text: comparisons.map((one) => renderComparison(one)).join('\n\n'),
    document: { comparisons },
  };
}

async function verifyTarget(
  { paper, experiments, whole }: Target,
  request: VerifyRequest,
  context: JobContext,
): Promise<Comparison> {
  const golden = findGolden(paper, request.golden);
  // the full scale comes on top of the miniature, not in its place
  const scales = request.scale === 'full' ? (['mini', 'full'] as const) : (['mini'] as const);
  const runs: { readonly experiment: Experiment; readonly wanted: WantedResult }[] = [];
  for (const id of experiments) {
    for (const scale of scales) {
      if (!paper.experiments.find((experiment) => experiment.id === id)?.scales[scale]) continue;
      const experiment = resolveExperiment(paper, id, scale);
      const requested = applyRequest(experiment, request);
      if (obstacle(requested.experiment, request) !== null) continue;
      runs.push({ experiment, wanted: await wantedResult(requested, request) });
    }
  }
  const { found, missing, unreadable } = findResults(
    request.out,
    runs.map(({ wanted }) => wanted),
  );
  for (const { file, reason } of unreadable) context.emit({ kind: 'warning', message: `${file}: ${reason}` });
  const results = [...found];
  const run: RunRequest = { ...request, seeds: 1, resume: true };
  if (request.run) {
    for (const { experiment, wanted } of runs) {
      if (missing.includes(wanted)) results.push((await execute(experiment, run, 0, context)).result);
    }
  }
  return compare(paper, golden, results, {
    experiments: whole ? null : experiments,
    require: request.require,
    absent: request.run ? [] : missing.map(({ experiment }) => experiment),
    ...(whole ? { findings: auditPaper(paper) } : {}),
  });
}

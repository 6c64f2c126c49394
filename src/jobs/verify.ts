/** `medrepro verify`: every claim against the golden files; runs at the mini scale what is missing. */
import { writeFileSync } from 'node:fs';
import { inputError } from '../errors';
import type { JobContext, JobResult } from '../job';
import { hostLibrary, ISA_NAMES } from '../native/device';
import { buildId, execute } from '../run/execute';
import { applyRequest, obstacle, readData } from '../run/inputs';
import type { RunRequest, VerifyRequest } from '../run/request';
import { specSha256 } from '../spec/canonical';
import { resolveExperiment } from '../spec/load';
import { loadTargets, type Target } from '../spec/target';
import { type Comparison, compare, worstExit } from '../verify/compare';
import { findResults, type WantedResult } from '../verify/find';
import { findGolden } from '../verify/golden';
import { renderJunit } from '../verify/junit';
import { numericPath } from '../verify/result';
import { renderComparison } from '../verify/text';
import { checkDevice } from './scale';

export async function verifyJob(request: unknown, context: JobContext): Promise<JobResult> {
  const asked = request as VerifyRequest;
  const device = checkDevice(asked);
  if (device !== null) return device;
  const comparisons = loadTargets(asked.targets, asked.all).map((target) => verifyTarget(target, asked, context));
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

function verifyTarget({ paper, experiments, whole }: Target, request: VerifyRequest, context: JobContext): Comparison {
  const golden = findGolden(paper, request.golden);
  const isa = request.isa ?? ISA_NAMES[hostLibrary().cpuBestIsa()]!;
  const scale = request.scale === 'full' ? 'full' : 'mini';
  const runs = experiments.flatMap((id) => {
    const experiment = resolveExperiment(paper, id, scale);
    const requested = applyRequest(experiment, request);
    if (obstacle(requested.experiment, request) !== null) return [];
    const wanted: WantedResult = {
      paper: paper.id,
      experiment: id,
      specSha256: specSha256(requested.experiment),
      seed: requested.experiment.training.seed,
      dataSha256: readData(requested, request).data.sha256,
      build: buildId(),
      path: numericPath({ precision: requested.experiment.training.precision, kernelPath: isa }),
    };
    return [{ experiment, wanted }];
  });
  const { found, missing, unreadable } = findResults(
    request.out,
    runs.map(({ wanted }) => wanted),
  );
  for (const { file, reason } of unreadable) context.emit({ kind: 'warning', message: `${file}: ${reason}` });
  const results = [...found];
  const run: RunRequest = { ...request, seeds: 1, resume: true };
  if (request.run) {
    for (const { experiment, wanted } of runs) {
      if (missing.includes(wanted)) results.push(execute(experiment, run, 0, context).result);
    }
  }
  return compare(paper, golden, results, { experiments: whole ? null : experiments, require: request.require });
}

/** `medrepro plan`: what a target would take, before anything runs. */
import { EXIT } from '../errors';
import type { JobResult } from '../job';
import { backendOf } from '../native/choose';
import { embeddedFacts } from '../plan/embedded';
import { type ExperimentPlan, planCard, planExperiment } from '../plan/plan';
import { renderPlans } from '../plan/text';
import { applyRequest, obstacle, type Requested, readInputs } from '../run/inputs';
import { checkMetrics } from '../run/metrics';
import { prepareRun } from '../run/prepare';
import type { RunRequest } from '../run/request';
import { resolveExperiment } from '../spec/load';
import { loadTargets } from '../spec/target';
import { chooseScale } from './scale';

export async function planJob(request: unknown): Promise<JobResult> {
  const asked = request as RunRequest;
  const plans: ExperimentPlan[] = [];
  for (const { paper, experiments } of loadTargets(asked.targets, asked.all, asked.reading)) {
    for (const id of experiments) {
      const { scale } = chooseScale(paper, id, asked);
      const requested = applyRequest(resolveExperiment(paper, id, scale), asked);
      const { experiment } = requested;
      checkMetrics(experiment);
      const plan = planExperiment(paper, experiment, embeddedFacts([experiment]));
      if (obstacle(experiment, asked) === null) plans.push({ ...plan, peakBytes: await peakOf(requested, asked) });
      else plans.push({ ...plan, gpu: scale === 'full' ? planCard(paper, experiment) : null });
    }
  }
  return { exitCode: EXIT.ok, text: renderPlans(plans), document: { plans } };
}

/** The peak of the run itself: its rows are read and its code is run dry. */
async function peakOf(requested: Requested, request: RunRequest): Promise<number> {
  const inputs = await readInputs(requested, request, () => {});
  try {
    return prepareRun(requested.experiment, inputs, backendOf(request, requested.experiment.scale)).memory.peakBytes;
  } finally {
    inputs.files.tensors.close();
  }
}

/** `medrepro plan`: what a target would take, before anything runs. */
import { EXIT } from '../errors';
import type { JobResult } from '../job';
import { embeddedFacts } from '../plan/embedded';
import { planExperiment } from '../plan/plan';
import { renderPlans } from '../plan/text';
import { applyRequest } from '../run/inputs';
import type { RunRequest } from '../run/request';
import { resolveExperiment } from '../spec/load';
import { loadTargets } from '../spec/target';
import { chooseScale } from './scale';

export async function planJob(request: unknown): Promise<JobResult> {
  const asked = request as RunRequest;
  const plans = loadTargets(asked.targets, asked.all).flatMap(({ paper, experiments }) =>
    experiments.map((id) => {
      const { scale } = chooseScale(paper, id, asked);
      const { experiment } = applyRequest(resolveExperiment(paper, id, scale), asked);
      return planExperiment(paper, experiment, embeddedFacts([experiment]));
    }),
  );
  return { exitCode: EXIT.ok, text: renderPlans(plans), document: { plans } };
}

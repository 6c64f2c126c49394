/** `medrepro plan`: what a target would take, before anything runs. */
import { EXIT } from '../../errors';
import type { JobResult } from '../../job';
import { backendOf } from '../../native/choose';
import { resolveExperiment } from '../../paper/load';
import { loadTargets } from '../../paper/target';
import { embeddedFacts } from '../../plan/embedded';
import { type ExperimentPlan, type MeasuredRows, planCard, planExperiment } from '../../plan/plan';
import { renderPlans } from '../../plan/text';
import { applyRequest, obstacle, type Requested, readInputs } from '../../run/inputs';
import { checkMetrics } from '../../run/metrics';
import { prepareRun } from '../../run/prepare';
import type { RunRequest } from '../../run/request';
import { chooseScale } from '../../run/scale';

export async function planJob(request: unknown): Promise<JobResult> {
  const asked = request as RunRequest;
  const plans: ExperimentPlan[] = [];
  for (const { paper, experiments } of loadTargets(asked.targets, asked.all, asked.reading)) {
    for (const id of experiments) {
      const { scale } = chooseScale(paper, id, asked);
      const requested = applyRequest(resolveExperiment(paper, id, scale), asked);
      const { experiment } = requested;
      checkMetrics(experiment);
      const facts = embeddedFacts([experiment]);
      if (obstacle(experiment, asked) === null) {
        const { measured, peakBytes } = await readAndRunDry(requested, asked);
        plans.push({ ...planExperiment(paper, experiment, { ...facts, measured }), peakBytes });
      } else {
        const gpu = scale === 'full' ? planCard(paper, experiment) : null;
        plans.push({ ...planExperiment(paper, experiment, facts), gpu });
      }
    }
  }
  return { exitCode: EXIT.ok, text: renderPlans(plans), document: { plans } };
}

/** The rows of the run itself, and its peak: its rows are read and its code is run dry. */
async function readAndRunDry(
  requested: Requested,
  request: RunRequest,
): Promise<{ readonly measured: MeasuredRows; readonly peakBytes: number }> {
  const inputs = await readInputs(requested, request, () => {});
  try {
    const { splits, classes } = inputs.data;
    const rows = { train: splits.train.length, validation: splits.validation.length, test: splits.test.length };
    const { memory } = prepareRun(requested.experiment, inputs, backendOf(request, requested.experiment.scale));
    return { measured: { ...rows, classes: classes.length }, peakBytes: memory.peakBytes };
  } finally {
    inputs.files.tensors.close();
  }
}

/** `medrepro plan`: what a target would take, before anything runs. */
import { EXIT } from '../../errors';
import type { JobResult } from '../../job';
import { resolveExperiment } from '../../paper/load';
import { loadTargets } from '../../paper/target';
import { embeddedFacts } from '../../plan/embedded';
import { type ExperimentPlan, type MeasuredRows, planCard, planExperiment } from '../../plan/plan';
import { renderPlans } from '../../plan/text';
import { readInputs } from '../../run/inputs';
import { checkMetrics } from '../../run/metrics';
import { type Opened, opener } from '../../run/open';
import { prepareRun } from '../../run/prepare';
import type { TargetRequest } from '../../run/request';
import { obstacle } from '../../run/requested';
import { chooseScale } from '../../run/scale';
import type { PlanDocument } from './request';

export async function planJob(asked: TargetRequest): Promise<JobResult<PlanDocument>> {
  const plans: ExperimentPlan[] = [];
  for (const { paper, experiments } of loadTargets(asked.targets, asked.all, asked.reading)) {
    const open = opener(asked);
    for (const id of experiments) {
      const { scale } = chooseScale(paper, id, asked);
      const opened = open(resolveExperiment(paper, id, scale));
      const { experiment } = opened;
      checkMetrics(experiment);
      const facts = embeddedFacts([experiment]);
      if (obstacle(experiment, asked) === null) {
        const { measured, peakBytes } = await readAndRunDry(opened);
        plans.push({ ...planExperiment(paper, experiment, { ...facts, measured }), peakBytes });
      } else {
        const gpu = scale === 'full' ? planCard(paper, experiment) : null;
        plans.push({ ...planExperiment(paper, experiment, facts), gpu });
      }
    }
  }
  return { exitCode: EXIT.ok, text: renderPlans(plans), document: { plans } };
}

/** Rows and peak memory of the run: its rows are read and its code runs on a planned device. */
async function readAndRunDry(opened: Opened): Promise<{ readonly measured: MeasuredRows; readonly peakBytes: number }> {
  const inputs = await readInputs(opened, () => {});
  try {
    const { splits, classes } = inputs.data;
    const rows = { train: splits.train.length, validation: splits.validation.length, test: splits.test.length };
    const { memory } = prepareRun(opened, inputs);
    return { measured: { ...rows, classes: classes.length }, peakBytes: memory.peakBytes };
  } finally {
    inputs.files.tensors.close();
  }
}

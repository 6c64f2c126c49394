/** The rows, model, trainer and memory of a run: all that is known before a device is opened. */
import { epochOrder } from '../data/batches';
import { inputError } from '../errors';
import { adapterOptions } from '../nn/adapter';
import type { ModelOptions } from '../nn/model';
import { type Budget, fittingBatch, type MemoryPlan, type Planned, planMemory } from '../plan/memory';
import type { Row } from '../train/pass';
import { countSteps } from '../train/schedule';
import type { TrainerOptions } from '../train/trainer';
import { bytes } from '../units';
import { scoredRows } from './choices';
import { type Inputs, trainingRows } from './inputs';
import type { Opened } from './open';

export interface Prepared {
  readonly rows: readonly Row[];
  readonly model: ModelOptions;
  /** The model that is tested; null = the trained one. */
  readonly tested: ModelOptions | null;
  readonly trainer: TrainerOptions;
  readonly memory: MemoryPlan;
  /** What would fit instead, where `memory` does not; null where it does. */
  readonly remedy: string | null;
}

/**
 * Plans an experiment by running it dry.
 * @throws MedreproError `input` when there are no training rows.
 */
export function prepareRun(opened: Opened, { data, files, choices }: Omit<Inputs, 'tokenizer'>): Prepared {
  const { experiment } = opened;
  if (data.splits.train.length === 0 && experiment.training.epochs > 0) {
    throw inputError('--data names no training rows', { remedy: 'add train=FILE to it' });
  }
  const rows = trainingRows(data, 'train', experiment.data);
  const { adapter, training } = experiment;
  const model: Omit<ModelOptions, 'resident'> = {
    task: experiment.task,
    classes: data.classes.length,
    compute: experiment.training.precision,
    quantisation: experiment.quantisation,
    adapter: adapter && adapterOptions(adapter, countSteps(rows.length, training).steps),
    fullParameter: adapter === null && training.epochs > 0,
    seed: experiment.training.seed,
  };
  const trainer: TrainerOptions = {
    task: experiment.task,
    training: experiment.training,
    loss: experiment.loss,
    order: (epoch) => epochOrder(rows.length, experiment.training.seed, epoch),
  };
  const splits = (['validation', 'test'] as const).flatMap((split) => trainingRows(data, split, experiment.data));
  const evaluated = [...splits, ...scoredRows(choices ?? [])];
  const { generation } = experiment;
  const lengths = trainingRows(data, 'test', experiment.data).map(({ ids }) => ids.length);
  const generated = generation === null ? null : { lengths, maxNewTokens: generation.maxNewTokens };
  const unquantised = experiment.quantisation?.tested === 'unquantised';
  const tested = unquantised ? { ...model, quantisation: null, fullParameter: false, resident: false } : null;
  const backend = opened.backend();
  const planned = { backend, files, model, rows, evaluationRows: evaluated, options: trainer, generated, tested };
  const budget = opened.budget();
  const memory = planMemory(planned, budget);
  const used = { ...experiment.training, gradientCheckpointing: memory.checkpointing };
  return {
    rows,
    model: { ...model, resident: memory.resident },
    tested,
    trainer: { ...trainer, training: used },
    memory,
    remedy: memory.peakBytes <= budget.total ? null : remedyOf(planned, budget),
  };
}

// --- internal ---

function remedyOf(planned: Planned, budget: Budget): string {
  const smaller = fittingBatch(planned, budget);
  const advice = smaller && `training.batchSize: ${smaller.batchSize} takes ${bytes(smaller.peakBytes)}`;
  const { gradientCheckpointing } = planned.options.training;
  const checkpointing = planned.backend === 'cpu' && !gradientCheckpointing ? 'gradientCheckpointing: true, ' : '';
  return `set ${checkpointing}${advice ?? 'a smaller data.maxLength'} in the spec, or use a machine with more memory`;
}

import { stepTotals } from '../../paper/sizes';
import type { Training } from '../../paper/types';
import { exact } from '../interval';
import { compare, experimentOf, rule } from '../rule';

/** Optimiser steps: micro-batches of an epoch, grouped, times the epochs. */
export const steps = rule({
  id: 'step-count',
  title: 'the number of optimiser steps follows from rows, batch, accumulation and epochs',
  kind: 'steps',
  check: ({ experiment, trainRows, perEpoch = false, value }, context) => {
    const { training } = experimentOf(context, experiment);
    const { total, epoch, arithmetic } = stepsOf(training, trainRows);
    const count = perEpoch ? epoch : total;
    const what = `steps of ${perEpoch ? 'an epoch of ' : ''}${experiment}:`;
    return [compare(what, exact(count), count, value, arithmetic)];
  },
});

export const warmUpSteps = rule({
  id: 'warm-up-count',
  title: 'the number of warm-up steps follows from the steps and the ratio',
  kind: 'warm-up-steps',
  check: ({ experiment, trainRows, value }, context) => {
    const { training } = experimentOf(context, experiment);
    const { total, arithmetic } = stepsOf(training, trainRows);
    const { warmup } = training.schedule;
    const count = 'steps' in warmup ? warmup.steps : Math.ceil(total * warmup.ratio);
    const how = 'steps' in warmup ? 'given as steps' : `ceil(${total} * ${warmup.ratio}) = ${count}`;
    return [compare(`warm-up steps of ${experiment}:`, exact(count), count, value, [...arithmetic, how])];
  },
});

/** Steps of a training on `rows` rows, and how they come about. */
export function stepsOf(training: Training, rows: number): { total: number; epoch: number; arithmetic: string[] } {
  const { batchSize, accumulation, stepsPerEpoch, epochs } = training;
  const { microBatchesPerEpoch: micro, perEpoch, total } = stepTotals(rows, training);
  const times = Number.isInteger(epochs) ? `* ${epochs}` : `ceil(* ${epochs})`;
  const arithmetic = [
    `ceil(${rows} / ${batchSize}) = ${micro} micro-batches`,
    `${stepsPerEpoch}(${micro} / ${accumulation}) = ${perEpoch} steps an epoch, ${times} = ${total}`,
  ];
  return { total, epoch: perEpoch, arithmetic };
}

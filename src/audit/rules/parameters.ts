import type { Adapter } from '../../paper/types';
import { countParameters, type Parameters } from '../../plan/size';
import { exact } from '../interval';
import { architectureOf, type Context, compare, experimentOf, rule, scaleOf } from '../rule';

/** Adapter and head weights follow from the architecture, the rank and the targets. */
export const trainableParameters = rule({
  id: 'trainable-parameters',
  title: 'the number of trainable parameters follows from architecture and adapter',
  kind: 'trainable-parameters',
  check: ({ experiment, value, unit }, context) => {
    const { adapter, head, total } = sizes(experiment, context);
    const trained = adapter === 0 ? total : adapter + head;
    const steps = [`${adapter} adapter weights + ${head} of the head = ${trained}`];
    return [compare(`trainable parameters of ${experiment}:`, exact(trained), trained, value, steps, scaleOf(unit))];
  },
});

export const trainableShare = rule({
  id: 'trainable-share',
  title: 'the share of trainable parameters is of all parameters, base and adapter',
  kind: 'trainable-share',
  check: ({ experiment, percent }, context) => {
    const { adapter, head, total } = sizes(experiment, context);
    const [trained, all] = [adapter + head, total + adapter + head];
    const raw = (100 * trained) / all;
    const steps = [`100 * ${trained} / (${total} + ${trained}) = ${raw}`];
    return [compare(`trainable share of ${experiment} in percent:`, exact(raw), raw, percent, steps)];
  },
});

/** numel() of 4-bit tensors counts bytes, and a byte holds two weights. */
export const packedParameters = rule({
  id: 'packed-parameters',
  title: 'a count of 4-bit parameters is that of their packed storage, two in a byte',
  kind: 'packed-parameters',
  check: ({ experiment, value, unit }, context) => {
    const { adapter, linear, total } = sizes(experiment, context);
    const packed = linear / 2 + (total - linear) + adapter;
    const steps = [`${linear} / 2 + ${total - linear} not quantised + ${adapter} adapter weights = ${packed}`];
    return [compare(`packed parameters of ${experiment}:`, exact(packed), packed, value, steps, scaleOf(unit))];
  },
});

export const modelParameters = rule({
  id: 'model-parameters',
  title: "a model's number of parameters follows from its architecture",
  kind: 'model-parameters',
  check: ({ model, value, unit }, context) => {
    const { total, linear, embedding } = parametersOf(model, null, context);
    const steps = [`${linear} in the blocks' linear layers, ${embedding} in an embedding, ${total} in all`];
    return [compare(`parameters of ${model}:`, exact(total), total, value, steps, scaleOf(unit))];
  },
});

/** Sizes of a model of the spec, with an adapter that no experiment needs to have. */
export function parametersOf(model: string, adapter: Adapter | null, context: Context): Parameters {
  return countParameters(architectureOf(context, model), { adapter, head: { kind: 'causal' } }, null);
}

// --- internal ---

function sizes(id: string, context: Context): Parameters {
  const experiment = experimentOf(context, id);
  const classes = context.paper.datasets[experiment.data.source]?.classes ?? null;
  return countParameters(architectureOf(context, experiment.model.id), experiment, classes);
}

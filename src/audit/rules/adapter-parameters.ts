import { exact } from '../interval';
import { compare, rule, scaleOf } from '../rule';
import { parametersOf } from './parameters';

/** LoRA on any model of the spec: rank * (inputs + outputs) for each adapted linear. */
export const adapterParameters = rule({
  id: 'adapter-parameters',
  title: 'the number of adapter weights follows from architecture, rank and targets',
  kind: 'adapter-parameters',
  check: ({ model, rank, targets, value, unit }, context) => {
    const { adapter } = parametersOf(model, { kind: 'lora', rank, alpha: 1, dropout: 0, targets }, context);
    const on = typeof targets === 'string' ? targets : targets.join(', ');
    const name = `adapter weights of rank ${rank} on ${model} (${on}):`;
    return [compare(name, exact(adapter), adapter, value, [`rank ${rank} on ${on} = ${adapter}`], scaleOf(unit))];
  },
});

import { exact } from '../interval';
import { compare, rule } from '../rule';
import { parametersOf } from './parameters';

export const modelRatio = rule({
  id: 'model-size-ratio',
  title: 'how many times larger a model is follows from both architectures',
  kind: 'model-ratio',
  check: ({ of, to, times }, context) => {
    const [a, b] = [parametersOf(of, null, context).total, parametersOf(to, null, context).total];
    return [compare(`${of} / ${to} in parameters:`, exact(a / b), a / b, times, [`${a} / ${b} = ${a / b}`])];
  },
});

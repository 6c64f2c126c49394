/** medrepro's side of `train-step.ts`: one JSON line. */
import { parseArgs } from 'node:util';
import { benchTrainStep } from '../src/bench/train-step';

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'mini' },
    precision: { type: 'string', default: 'fp32' },
    threads: { type: 'string', default: '2' },
  },
});
const precision = values.precision === 'bf16' ? 'bf16' : 'fp32';
console.log(JSON.stringify(benchTrainStep(values.shape, precision, { threads: Number(values.threads) })));

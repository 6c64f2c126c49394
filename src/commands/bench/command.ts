/** `medrepro bench` */

import { DEVICE_FLAGS, JSON_FLAG, readDevice } from '../flags';
import { jobCommand } from '../job-command';

export const bench = jobCommand({
  name: 'bench',
  description: "kernels and train steps: tokens/s, TFLOP/s, share of this machine's measured peak",
  flags: {
    ...DEVICE_FLAGS,
    only: { type: 'string', valueHint: 'name', description: 'only measurements whose name contains this' },
    ...JSON_FLAG,
  },
  words: null,
  examples: ['medrepro bench', 'medrepro bench --only gemm --threads 1'],
  request: (flags) => ({ ...readDevice(flags), only: flags.text('only') }),
  job: async () => (await import('./job')).benchJob,
  device: ({ device }) => device,
});

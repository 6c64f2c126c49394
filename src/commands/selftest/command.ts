/** `medrepro selftest` */

import { DEVICE_FLAGS, JSON_FLAG, readDevice } from '../flags';
import { jobCommand } from '../job-command';

export const selftest = jobCommand({
  name: 'selftest',
  description: 'every kernel on this machine against a float64 reference',
  flags: {
    ...DEVICE_FLAGS,
    only: { type: 'string', valueHint: 'op', description: 'only ops whose name contains this' },
    ...JSON_FLAG,
  },
  words: null,
  examples: ['medrepro selftest', 'medrepro selftest --isa avx2 --only gemm'],
  request: (flags) => ({ ...readDevice(flags), only: flags.text('only') }),
  job: async () => (await import('./job')).selftestJob,
  device: ({ device }) => device,
});

/** `medrepro doctor` */

import { JSON_FLAG, OUT_FLAG } from '../flags';
import { jobCommand } from '../job-command';

export const doctor = jobCommand({
  name: 'doctor',
  description: 'machine, GPU, kernels and the reason each was chosen, cache, disk, token present or not',
  flags: { ...OUT_FLAG, ...JSON_FLAG },
  words: null,
  request: (flags) => ({ out: flags.text('out') ?? 'runs' }),
  job: async () => (await import('./job')).doctorJob,
  saves: false,
});

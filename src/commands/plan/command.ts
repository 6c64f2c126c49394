/** `medrepro plan` */

import { JSON_FLAG, OUT_FLAG, TARGET_FLAGS, TARGETS } from '../flags';
import { jobCommand } from '../job-command';
import { readRun, SEEDS_FLAG } from '../run/command';

export const plan = jobCommand({
  name: 'plan',
  description: 'before anything runs: downloads, memory, steps, FLOPs, hours, disk',
  flags: { ...TARGET_FLAGS, ...SEEDS_FLAG, ...OUT_FLAG, ...JSON_FLAG },
  words: TARGETS,
  examples: ['medrepro plan abjadmed', 'medrepro plan abjadmed --scale full --json'],
  request: readRun,
  job: async () => (await import('./job')).planJob,
  saves: false,
});

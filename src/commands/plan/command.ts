/** `medrepro plan` */

import type { Command } from '../../cli/command';
import type { RunRequest } from '../../run/request';
import { JSON_FLAG, OUT_FLAG, TARGET_FLAGS, TARGETS } from '../flags';
import { readRun, SEEDS_FLAG } from '../run/command';
import { runAndShow } from '../show';

export const plan: Command = {
  name: 'plan',
  description: 'before anything runs: downloads, memory, steps, FLOPs, hours, disk',
  flags: { ...TARGET_FLAGS, ...SEEDS_FLAG, ...OUT_FLAG, ...JSON_FLAG },
  words: TARGETS,
  examples: ['medrepro plan abjadmed', 'medrepro plan abjadmed --scale full --json'],
  run: (flags, globals) => {
    const request: RunRequest = readRun(flags);
    return runAndShow('plan', request, { ...globals, json: flags.is('json') }, false);
  },
};

/** `medrepro run` */

import type { FlagDefs } from '../../cli/command';
import type { Flags } from '../../cli/flags';
import { JSON_FLAG, OUT_FLAG, readTargets, TARGET_FLAGS, TARGETS } from '../flags';
import { jobCommand } from '../job-command';
import type { RunRequest } from './request';

export const SEEDS_FLAG = {
  seeds: { type: 'string', valueHint: 'n', default: '1', description: 'how many seeds, counting up from the first' },
} satisfies FlagDefs;

export const run = jobCommand({
  name: 'run',
  description: 'plan, data, train, evaluate, record, compare',
  flags: {
    ...TARGET_FLAGS,
    ...SEEDS_FLAG,
    ...OUT_FLAG,
    resume: { type: 'boolean', description: 'continue the newest unfinished run of the same target and settings' },
    ...JSON_FLAG,
  },
  words: TARGETS,
  examples: ['medrepro run abjadmed', 'medrepro run abjadmed/all-linear --seed 7 --out /tmp/runs'],
  request: readRun,
  job: async () => (await import('./job')).runJob,
  device: ({ device }) => device,
});

/** @throws MedreproError `usage` */
export function readRun(flags: Flags): RunRequest {
  return {
    ...readTargets(flags),
    seeds: flags.integer('seeds', { min: 1, max: 1000 }) ?? 1,
    out: flags.text('out') ?? 'runs',
    resume: flags.is('resume'),
  };
}

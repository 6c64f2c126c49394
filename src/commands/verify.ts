/** `medrepro verify` */

import type { Command } from '../cli/command';
import type { VerifyRequest } from '../run/request';
import { runAndShow } from './job';
import { JSON_FLAG, OUT_FLAG, readTargets, TARGET_FLAGS, TARGETS } from './targets';

const LEVELS = ['L1', 'L2', 'L3'] as const;

export const verify: Command = {
  name: 'verify',
  description: 'every claim against the golden files, at every level reached',
  flags: {
    ...TARGET_FLAGS,
    ...OUT_FLAG,
    run: { type: 'boolean', default: true, negativeDescription: 'compare what is there, run nothing' },
    require: { type: 'enum', options: [...LEVELS], description: 'exit 4 when a claim was not checked at this level' },
    junit: { type: 'string', valueHint: 'file', description: 'write a JUnit file' },
    ...JSON_FLAG,
  },
  words: TARGETS,
  examples: ['medrepro verify --all --junit verify.xml', 'medrepro verify abjadmed --no-run'],
  run: async (flags, globals) => {
    const request: VerifyRequest = {
      ...readTargets(flags),
      out: flags.text('out') ?? 'runs',
      run: flags.is('run'),
      junit: flags.text('junit'),
      require: flags.choice('require', LEVELS),
    };
    return runAndShow('verify', request, { ...globals, json: flags.is('json') });
  },
};

/** `medrepro data` */

import { JSON_FLAG, readTargets, TARGET_FLAGS, TARGETS } from '../flags';
import { jobCommand } from '../job-command';

const SPLITS = { train: 'train', val: 'validation', test: 'test' } as const;

export const data = jobCommand({
  name: 'data',
  description: 'exactly what a target trains and evaluates on: rows, prompts, token ids, labels',
  flags: {
    ...TARGET_FLAGS,
    split: { type: 'enum', options: Object.keys(SPLITS), default: 'train', description: 'which rows' },
    limit: { type: 'string', valueHint: 'n', description: 'how many rows (all)' },
    json: {
      ...JSON_FLAG.json,
      description: 'JSON Lines on stdout: index, input_ids, labels, attention_mask',
    },
  },
  words: TARGETS,
  examples: ['medrepro data abjadmed/all-linear --limit 3', 'medrepro data abjadmed/all-linear --split test --json'],
  request: (flags) => ({
    ...readTargets(flags),
    split: SPLITS[flags.choice('split', ['train', 'val', 'test']) ?? 'train'],
    limit: flags.integer('limit', { min: 1 }),
  }),
  job: async () => (await import('./job')).dataJob,
  saves: false,
  jsonLines: true,
});

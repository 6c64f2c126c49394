/** `medrepro list` */

import { JSON_FLAG } from '../flags';
import { jobCommand } from '../job-command';

export const list = jobCommand({
  name: 'list',
  description: 'papers, experiments, claims, what this machine can run and why not',
  flags: JSON_FLAG,
  words: null,
  request: () => null,
  job: async () => (await import('./job')).listJob,
  saves: false,
});

/** `medrepro audit` */

import { usageError } from '../../errors';
import { JSON_FLAG, TARGETS } from '../flags';
import { jobCommand } from '../job-command';
import type { AuditRequest } from './request';

export const audit = jobCommand({
  name: 'audit',
  description: "whether a paper's own numbers agree with each other: arithmetic alone, no compute",
  flags: {
    all: { type: 'boolean', description: 'every embedded paper' },
    ...JSON_FLAG,
    sarif: { type: 'string', valueHint: 'file', description: 'write the findings as SARIF 2.1.0' },
    github: { type: 'boolean', description: 'annotations of GitHub Actions instead of text' },
    'exit-zero': { type: 'boolean', description: 'exit with 0 whatever is found' },
  },
  words: TARGETS,
  examples: ['medrepro audit qwen3-medquad', 'medrepro audit my-paper.yaml --sarif findings.sarif'],
  request: (flags): AuditRequest => {
    const all = flags.is('all');
    const targets = [...flags.words];
    if (all && targets.length > 0) throw usageError(`--all already means '${targets[0]}'`, 'name targets or say --all');
    if (!all && targets.length === 0) {
      throw usageError(
        'no target was named',
        "name a paper, such as qwen3-medquad, or say --all; 'medrepro list' shows them",
      );
    }
    return {
      targets,
      all,
      sarif: flags.text('sarif'),
      github: flags.is('github'),
      exitZero: flags.is('exit-zero'),
    };
  },
  job: async () => (await import('./job')).auditJob,
  saves: false,
});

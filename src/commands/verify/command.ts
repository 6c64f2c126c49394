/** `medrepro verify` */

import { usageError } from '../../errors';
import { JSON_FLAG, OUT_FLAG, readTargets, TARGET_FLAGS, TARGETS } from '../flags';
import { jobCommand } from '../job-command';
import type { VerifyRequest } from './request';

const LEVELS = ['L1', 'L2', 'L3'] as const;

export const verify = jobCommand({
  name: 'verify',
  description: 'every claim against the golden files, at every level reached',
  flags: {
    ...TARGET_FLAGS,
    ...OUT_FLAG,
    run: { type: 'boolean', default: true, negativeDescription: 'compare what is there, run nothing' },
    require: { type: 'enum', options: [...LEVELS], description: 'exit 4 when a claim was not checked at this level' },
    predictions: {
      type: 'string',
      valueHint: 'target=file',
      description:
        'published predictions to score again: paper/experiment=F,…; verify also finds what score --out kept',
    },
    references: {
      type: 'string',
      valueHint: 'file',
      description: 'what the predictions are scored against: one file, or paper/experiment=F,…',
    },
    junit: { type: 'string', valueHint: 'file', description: 'write a JUnit file' },
    ...JSON_FLAG,
  },
  words: TARGETS,
  examples: [
    'medrepro verify --all --junit verify.xml',
    'medrepro verify abjadmed --no-run',
    'medrepro verify qwen3-medquad --predictions qwen3-medquad/baseline=predictions.jsonl.gz --references test.jsonl.gz',
  ],
  request: (flags) => {
    const request: VerifyRequest = {
      ...readTargets(flags),
      out: flags.text('out') ?? 'runs',
      run: flags.is('run'),
      junit: flags.text('junit'),
      require: flags.choice('require', LEVELS),
      scored: readScored(flags.text('predictions'), flags.text('references')),
    };
    if (!request.run && request.scored.length > 0) {
      throw usageError('--no-run scores nothing again', 'leave --no-run out, or --predictions');
    }
    return request;
  },
  job: async () => (await import('./job')).verifyJob,
  device: ({ device }) => device,
});

// --- internal ---

/** @throws MedreproError `usage` */
function readScored(predictions: string | null, references: string | null): VerifyRequest['scored'] {
  if (predictions === null) {
    if (references === null) return [];
    throw usageError('--references stand without --predictions', 'name them too: --predictions paper/experiment=FILE');
  }
  if (references === null) throw usageError('no references were named', 'name them with --references FILE');
  const said = readFiles('predictions', predictions);
  const one = !said.some(({ target }) => references.startsWith(`${target}=`));
  const gold = one ? [] : readFiles('references', references);
  return said.map(({ target, file }) => {
    const own = one ? references : gold.find((other) => other.target === target)?.file;
    if (own === undefined) throw usageError(`--references name no file for ${target}`, `add ${target}=FILE`);
    return { target, predictions: file, references: own };
  });
}

/** `paper/experiment=FILE,paper/experiment=FILE`; a comma that no `name=` follows is part of the file's name. */
function readFiles(flag: string, text: string): { target: string; file: string }[] {
  return text.split(/,(?=[^,=]+=)/).map((pair) => {
    const [, target, file] = /^([^=]+\/[^=/]+)=(.+)$/s.exec(pair) ?? [];
    if (target === undefined || file === undefined) {
      throw usageError(`--${flag}: '${pair}' is not paper/experiment=FILE`, `write --${flag} paper/experiment=FILE`);
    }
    return { target, file };
  });
}

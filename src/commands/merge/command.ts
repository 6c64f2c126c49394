/** `medrepro merge` */

import { usageError } from '../../errors';
import { DEVICE_FLAGS, JSON_FLAG, readDevice } from '../flags';
import { jobCommand } from '../job-command';
import { MODEL_FLAGS } from '../local-model/flags';
import type { MergeRequest } from './request';

export const merge = jobCommand({
  name: 'merge',
  description: 'fold an adapter into its base, and measure how far the merged model is from base + adapter',
  flags: {
    model: MODEL_FLAGS.model,
    adapter: MODEL_FLAGS.adapter,
    out: { type: 'string', valueHint: 'dir', description: 'where the merged checkpoint goes: a new or empty folder' },
    ids: {
      type: 'string',
      valueHint: 'file',
      description: 'rows to compare on, {"ids": [[...], ...]} (four fixed rows of 32 tokens)',
    },
    quantise: MODEL_FLAGS.quantise,
    ...DEVICE_FLAGS,
    ...JSON_FLAG,
  },
  words: null,
  examples: [
    'medrepro merge --model Qwen3-8B --adapter runs/adapter --out merged',
    'medrepro merge --model Qwen3-8B --adapter runs/adapter --quantise nf4 --ids rows.json --out merged --json',
  ],
  request: (flags): MergeRequest => {
    const folder = (name: 'model' | 'adapter' | 'out'): string => {
      const value = flags.text(name);
      if (value === null) throw usageError(`--${name} is needed`, `name a folder with --${name} DIR`);
      return value;
    };
    const quantise = flags.choice('quantise', ['none', 'nf4', 'fp4']);
    return {
      model: folder('model'),
      adapter: folder('adapter'),
      out: folder('out'),
      ids: flags.text('ids'),
      precision: 'fp32',
      quantise: quantise === 'none' ? null : quantise,
      ...readDevice(flags),
    };
  },
  job: async () => (await import('./job')).mergeJob,
  device: ({ device }) => device,
});

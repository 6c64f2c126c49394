/** `medrepro merge` */

import type { Command } from '../../cli/command';
import { usageError } from '../../errors';
import type { MergeRequest } from '../../run/request';
import { DEVICE_FLAGS, JSON_FLAG, readDevice } from '../flags';
import { MODEL_FLAGS } from '../local-model/flags';
import { runAndShow } from '../show';

export const merge: Command = {
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
  run: async (flags, globals) => {
    const [model, adapter, out] = ['model', 'adapter', 'out'].map((name) => {
      const value = flags.text(name);
      if (value === null) throw usageError(`--${name} is needed`, `name a folder with --${name} DIR`);
      return value;
    }) as [string, string, string];
    const quantise = flags.choice('quantise', ['none', 'nf4', 'fp4']);
    const request: MergeRequest = {
      model,
      adapter,
      out,
      ids: flags.text('ids'),
      precision: 'fp32',
      quantise: quantise === 'none' ? null : quantise,
      ...readDevice(flags),
    };
    return runAndShow('merge', request, { ...globals, json: flags.is('json') });
  },
};

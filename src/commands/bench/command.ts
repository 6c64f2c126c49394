/** `medrepro bench` */

import type { Command } from '../../cli/command';
import type { BenchRequest } from '../../run/request';
import { DEVICE_FLAGS, JSON_FLAG, readDevice } from '../flags';
import { runAndShow } from '../show';

export const bench: Command = {
  name: 'bench',
  description: "kernels and train steps: tokens/s, TFLOP/s, share of this machine's measured peak",
  flags: {
    ...DEVICE_FLAGS,
    only: { type: 'string', valueHint: 'name', description: 'only measurements whose name contains this' },
    ...JSON_FLAG,
  },
  words: null,
  examples: ['medrepro bench', 'medrepro bench --only gemm --threads 1'],
  run: async (flags, globals) => {
    const request: BenchRequest = { ...readDevice(flags), only: flags.text('only') };
    return runAndShow('bench', request, { ...globals, json: flags.is('json') });
  },
};

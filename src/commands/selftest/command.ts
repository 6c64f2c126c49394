/** `medrepro selftest` */

import type { Command } from '../../cli/command';
import type { SelftestRequest } from '../../run/request';
import { DEVICE_FLAGS, JSON_FLAG, readDevice } from '../flags';
import { runAndShow } from '../show';

export const selftest: Command = {
  name: 'selftest',
  description: 'every kernel on this machine against a float64 reference',
  flags: {
    ...DEVICE_FLAGS,
    only: { type: 'string', valueHint: 'op', description: 'only ops whose name contains this' },
    ...JSON_FLAG,
  },
  words: null,
  examples: ['medrepro selftest', 'medrepro selftest --isa avx2 --only gemm'],
  run: async (flags, globals) => {
    const request: SelftestRequest = { ...readDevice(flags), only: flags.text('only') };
    return runAndShow('selftest', request, { ...globals, json: flags.is('json') });
  },
};

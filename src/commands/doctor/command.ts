/** `medrepro doctor` */

import type { Command } from '../../cli/command';
import { JSON_FLAG, OUT_FLAG } from '../flags';
import { runAndShow } from '../show';

export const doctor: Command = {
  name: 'doctor',
  description: 'machine, GPU, kernels and the reason each was chosen, cache, disk, token present or not',
  flags: { ...OUT_FLAG, ...JSON_FLAG },
  words: null,
  run: (flags, globals) =>
    runAndShow('doctor', { out: flags.text('out') ?? 'runs' }, { ...globals, json: flags.is('json') }, false),
};

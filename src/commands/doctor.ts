/** `medrepro doctor` */

import type { Command } from '../cli/command';
import { print, printJson } from '../cli/output';
import { EXIT } from '../errors';
import { JSON_FLAG, OUT_FLAG } from './targets';

export const doctor: Command = {
  name: 'doctor',
  description: 'machine, GPU, kernels and the reason each was chosen, cache, disk, token present or not',
  flags: { ...OUT_FLAG, ...JSON_FLAG },
  words: null,
  run: async (flags) => {
    const { examine, renderReport } = await import('../doctor/examine');
    const report = examine({ out: flags.text('out') ?? 'runs' });
    if (flags.is('json')) printJson(report);
    else print(renderReport(report));
    return report.ready ? EXIT.ok : EXIT.error;
  },
};

/** `medrepro list` */

import type { Command } from '../../cli/command';
import { JSON_FLAG } from '../flags';
import { runAndShow } from '../show';

export const list: Command = {
  name: 'list',
  description: 'papers, experiments, claims, what this machine can run and why not',
  flags: JSON_FLAG,
  words: null,
  run: (flags, globals) => runAndShow('list', {}, { ...globals, json: flags.is('json') }, false),
};

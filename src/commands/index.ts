/** The commands, in the order the help lists them. What they need is imported when they run. */

import type { Command } from '../cli/command';
import { audit } from './audit';
import { bench } from './bench';
import { data } from './data';
import { doctor } from './doctor';
import { evaluate } from './eval';
import { generate } from './generate';
import { list } from './list';
import { merge } from './merge';
import { plan } from './plan';
import { run } from './run';
import { score } from './score';
import { selftest } from './selftest';
import { verify } from './verify';

export const commands: readonly Command[] = [
  list,
  plan,
  data,
  run,
  verify,
  score,
  audit,
  generate,
  evaluate,
  merge,
  doctor,
  selftest,
  bench,
];

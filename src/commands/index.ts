/** The commands, in the order the help lists them. What they need is imported when they run. */

import type { Command } from '../cli/command';
import type { AnyTask } from '../serve';
import { audit } from './audit/command';
import { bench } from './bench/command';
import { data } from './data/command';
import { doctor } from './doctor/command';
import { evaluate } from './eval/command';
import { generate } from './generate/command';
import { list } from './list/command';
import { merge } from './merge/command';
import { plan } from './plan/command';
import { run } from './run/command';
import { score } from './score/command';
import { selftest } from './selftest/command';
import { verify } from './verify/command';

export const commands: readonly (Command & { readonly task: AnyTask })[] = [
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

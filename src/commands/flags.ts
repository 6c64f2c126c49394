/** The flags `data`, `plan`, `run` and `verify` have in common, and how they become a `TargetRequest`. */

import { existsSync } from 'node:fs';
import type { FlagDefs, Words } from '../cli/command';
import type { Flags } from '../cli/flags';
import type { DataFiles } from '../data/sources';
import { usageError } from '../errors';
import type { DeviceRequest } from '../native/choose';
import { ISAS } from '../native/isa';
import { READINGS } from '../paper/lists';
import type { TargetRequest } from '../run/request';

export const SCALES = ['auto', 'mini', 'full'] as const;
export const DEVICES = ['auto', 'cpu', 'cuda'] as const;

/** An upper bound on targets. */
const MANY = 1000;

export const TARGETS: Words = {
  name: 'target',
  min: 0,
  max: MANY,
  description: 'a paper (abjadmed), an experiment of it (abjadmed/all-linear), or the path of a spec file',
};

/** Where and how fast it runs. */
export const DEVICE_FLAGS = {
  device: { type: 'enum', options: [...DEVICES], default: 'auto', description: 'where the kernels run' },
  threads: { type: 'string', valueHint: 'n', description: 'CPU threads (all cores this process may use)' },
  isa: { type: 'enum', options: [...ISAS], description: 'force a CPU path (the best one this CPU runs)' },
} satisfies FlagDefs;

/** What is read. */
export const DATA_FLAGS = {
  data: {
    type: 'string',
    valueHint: 'file',
    description:
      "a data file to split as the spec says, or given splits: train=F,validation=F,test=F, or the spec's parts: NAME=F",
  },
  map: { type: 'string', valueHint: 'text=…,label=…', description: "the data's column names" },
  model: { type: 'string', valueHint: 'dir', description: 'a local folder instead of the hub model' },
  tokenizer: { type: 'string', valueHint: 'dir', description: 'a local folder instead of the hub tokeniser' },
  reading: {
    type: 'enum',
    options: [...READINGS],
    description: "the paper's text or its code, where they differ (as-released where there is one)",
  },
} satisfies FlagDefs;

export const TARGET_FLAGS = {
  all: { type: 'boolean', description: 'every embedded paper' },
  scale: {
    type: 'enum',
    options: [...SCALES],
    default: 'auto',
    description: 'mini: the embedded miniature; full: real weights and data; auto: full where this machine can',
  },
  ...DEVICE_FLAGS,
  seed: { type: 'string', valueHint: 'n', description: "the seed (the spec's)" },
  ...DATA_FLAGS,
  golden: { type: 'string', valueHint: 'dir', description: 'golden files instead of the embedded ones' },
} satisfies FlagDefs;

export const OUT_FLAG = {
  out: { type: 'string', valueHint: 'dir', default: 'runs', description: 'the parent of the run directories' },
} satisfies FlagDefs;

export const JSON_FLAG = {
  json: { type: 'boolean', description: 'one JSON document on stdout, numbers unrounded' },
} satisfies FlagDefs;

/** Seeds are 32 bits: what numpy, torch and scikit-learn accept alike. */
const MAX_SEED = 2 ** 32 - 1;
const MAX_THREADS = 1024;

/** @throws MedreproError `usage` */
export function readTargets(flags: Flags): TargetRequest {
  const all = flags.is('all');
  const targets = [...flags.words];
  if (all && targets.length > 0) throw usageError(`--all already means '${targets[0]}'`, 'name targets or say --all');
  if (!all && targets.length === 0) {
    throw usageError('no target was named', "name a paper, such as abjadmed, or say --all; 'medrepro list' shows them");
  }
  const data = flags.text('data');
  const map = flags.text('map');
  return {
    targets,
    all,
    scale: flags.choice('scale', SCALES) ?? 'auto',
    ...readDevice(flags),
    seed: flags.integer('seed', { min: 0, max: MAX_SEED }),
    data: data === null ? null : parseData(data),
    map: map === null ? {} : Object.fromEntries(parsePairs('map', map)),
    model: flags.text('model'),
    tokenizer: flags.text('tokenizer'),
    reading: flags.choice('reading', READINGS),
    golden: flags.text('golden'),
  };
}

/** @throws MedreproError `usage` */
export function readDevice(flags: Flags): DeviceRequest {
  const device = flags.choice('device', DEVICES) ?? 'auto';
  const isa = flags.choice('isa', ISAS);
  if (device === 'cuda' && isa !== null) throw usageError('--isa is a CPU path and --device says cuda');
  return { device, isa, threads: flags.integer('threads', { min: 1, max: MAX_THREADS }) };
}

/**
 * `FILE`, or `train=F,validation=F,test=F` and the spec's parts `NAME=F`, in any order and number. One pair of another name is a file
 * until the spec is known.
 */
export function parseData(text: string): DataFiles {
  const split = /^(train|val|validation|test)=/.test(text);
  const several = /^[A-Za-z_][\w-]*=.+,[A-Za-z_][\w-]*=./s.test(text) && !existsSync(text);
  if (!split && !several) return { kind: 'file', path: text };
  const splits: Record<'train' | 'validation' | 'test', string | null> = { train: null, validation: null, test: null };
  const parts: Record<string, string> = {};
  for (const [given, path] of parsePairs('data', text)) {
    const name = given === 'val' ? 'validation' : given;
    if (name === 'train' || name === 'validation' || name === 'test') {
      if (splits[name] !== null) throw usageError(`--data names ${name} twice`);
      splits[name] = path;
    } else {
      if (Object.hasOwn(parts, name)) throw usageError(`--data names ${name} twice`);
      parts[name] = path;
    }
  }
  return { kind: 'splits', ...splits, ...(Object.keys(parts).length === 0 ? {} : { parts }) };
}

/** `a=x,b=y`; a comma inside a value is part of it unless `name=` follows. @throws MedreproError `usage` */
export function parsePairs(flag: string, text: string): [string, string][] {
  return text.split(/,(?=[A-Za-z_][\w-]*=)/).map((pair) => {
    const [, name, value] = /^([A-Za-z_][\w-]*)=(.+)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) {
      throw usageError(`--${flag}: '${pair}' is not name=value`, `write --${flag} name=value,name=value`);
    }
    return [name, value];
  });
}

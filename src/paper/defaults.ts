/**
 * What a spec that does not name a setting means. Every value that is filled in is marked `assumed: default of …`.
 *
 * The settings of the DEFAULT_… objects came after the first papers were published as specs. The canonical form leaves such a
 * setting out while it has this value, so a new setting never changes the hash of an old experiment. A new setting goes there,
 * with the value that keeps the engine doing what it did; a default of a setting that was always there goes to {@link DEFAULTS}.
 */

import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../json';
import { leafPaths, matches, valueAt, type When } from './paths';
import { ADAFACTOR_VALUES, ADALORA_VALUES, ADAMW_VALUES, PEER_DEFAULTS, type PeerVersions, peerDefault } from './peers';
import type { Choices, DataSpec, Experiment, Mark, Quantisation, Training } from './types';

export const DEFAULT_TRAINING = {
  lastAccumulation: 'step',
  lossScaling: { initial: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000 },
  evaluationBatchSize: 8,
  evaluateEvery: 'epoch',
  earlyStopping: null,
  onDivergence: 'stop',
} as const satisfies Partial<Training>;

export const DEFAULT_DATA = {
  parts: [],
  optional: [],
  separator: null,
  missingTexts: 'missing',
  filter: {},
  rows: [],
  splitMethod: 'stratified',
  train: null,
  rest: 'train',
  folds: null,
  stratifyBy: 'label',
  trainRows: null,
  testRows: 'held-out',
  truncationSide: 'right',
  addSpecialTokens: true,
  response: null,
  appendEos: false,
  transformers: 4,
  labels: {
    prompt: 'labelled',
    responseTemplate: null,
    padding: 'left-out',
    paddingAttention: 'masked',
    padToken: null,
    eos: 'labelled',
  },
  testLabels: null,
  testData: null,
} as const satisfies Partial<DataSpec>;

export const DEFAULT_QUANTISATION = {
  kbitPreparation: 'none',
  skipModules: null,
  tested: 'quantised',
} as const satisfies Partial<Quantisation>;

export const DEFAULT_CHOICES = {
  texts: null,
  delimiter: ' ',
  goldIs: 'name',
  pattern: null,
  take: 'first',
  maxLength: null,
} as const satisfies Partial<Choices>;

type Json = Readonly<Record<string, unknown>>;

/** A value of a setting that nothing names, and whose default it is. */
interface Default {
  readonly path: string;
  readonly value: unknown;
  /** The settings it holds for; absent = all. */
  readonly when?: When;
  /** The library that has it, or `medrepro`. */
  readonly of: string;
}

const ours = (block: string, values: Json): Default[] => of('medrepro', flat(block, values));

/** The kind that an object without one is of: naming it keeps the other fields of the object. */
export const DEFAULT_KINDS: Readonly<Record<string, string>> = {
  loss: 'cross-entropy',
  'training.optimiser': 'adamw',
  'training.schedule': 'linear',
};

/** In this order, so that a value can depend on those above it. An object is filled field by field. */
export const DEFAULTS: readonly Default[] = [
  ...of('transformers', { head: { kind: 'causal' } }, { task: ['causal-lm'] }),
  ...of(
    'transformers',
    { head: { kind: 'classification', pooling: 'last-token' } },
    { task: ['sequence-classification'] },
  ),
  ...of('transformers', { 'loss.kind': DEFAULT_KINDS.loss }),
  ...of('the HF Trainer', {
    'training.optimiser.kind': DEFAULT_KINDS['training.optimiser'],
    'training.schedule.kind': DEFAULT_KINDS['training.schedule'],
  }),

  ...of('transformers', { quantisation: null }),
  ...of('medrepro', { generation: null, choices: null }),
  ...of('transformers', { 'quantisation.doubleQuant': false }, { 'quantisation.kind': ['nf4', 'fp4'] }),
  ...of('bitsandbytes', { 'quantisation.blockSize': 64 }, { 'quantisation.kind': ['nf4', 'fp4'] }),
  ...of('transformers', { 'quantisation.threshold': 6 }, { 'quantisation.kind': ['int8'] }),
  ...ours('quantisation', DEFAULT_QUANTISATION),

  ...of('PEFT', { 'adapter.dropout': 0 }, { 'adapter.kind': ['lora', 'adalora'] }),
  ...of('PEFT', ADALORA_VALUES, { 'adapter.kind': ['adalora'] }),

  ...of('medrepro', { 'data.extraTrain': [], 'data.splitSeed': 42 }),
  ...of('medrepro', { 'data.template': '{text}' }, { task: ['sequence-classification'] }),
  ...ours('data', DEFAULT_DATA),

  ...of('the HF Trainer', {
    'training.accumulation': 1,
    'training.optimiser.weightDecay': 0,
    'training.schedule.warmup': { steps: 0 },
    'training.clip': 1,
    'training.gradientCheckpointing': false,
    'training.selection': 'last',
    'training.evaluationBatchSize': DEFAULT_TRAINING.evaluationBatchSize,
    'training.seed': 42,
  }),
  ...of('the HF Trainer', ADAMW_VALUES, { 'training.optimiser.kind': ['adamw', 'adamw-8bit'] }),
  ...of('the HF Trainer', ADAFACTOR_VALUES, { 'training.optimiser.kind': ['adafactor'] }),
  ...of('torch', flat('training.lossScaling', DEFAULT_TRAINING.lossScaling)),
  // what depends on the Trainer's release where `peers` names none
  ...of('medrepro', { 'training.stepsPerEpoch': 'ceil' }),
  ...of('medrepro', { 'training.lossNormalisation': 'mean-of-means' }, { task: ['sequence-classification'] }),
  ...of('medrepro', { 'training.lossNormalisation': 'sum-over-tokens-unshifted' }, { task: ['causal-lm'] }),
  ...ours('training', DEFAULT_TRAINING),

  ...of('transformers', {
    'generation.sampling': null,
    'generation.repetitionPenalty': 1,
    'generation.noRepeatNgramSize': 0,
  }),
  ...of('medrepro', { 'generation.batchSize': 1, 'generation.rows': null, 'generation.echo': false }),
  ...ours('choices', DEFAULT_CHOICES),
];

/** What every report of a paper says whose file has no `disclaimers`. */
export const DEFAULT_DISCLAIMERS: readonly string[] = [
  "Results at the mini scale come from a synthetic miniature; they are evidence about the engine, never about the paper's numbers.",
  'Nothing here is medical advice.',
];

type Marks = Readonly<Record<string, { readonly mark: Mark; readonly reason: string }>>;

/** Why an embedded miniature is there, of those that a block names without a reason. */
export function miniatureMarks(settings: Json): Marks {
  const isMini = (path: string): boolean => String(valueAt(settings, path)).startsWith('mini/');
  return {
    ...(isMini('model') && {
      model: { mark: 'assumed', reason: "an embedded miniature stands in for the paper's model" },
    }),
    ...(isMini('data.source') && {
      'data.source': { mark: 'assumed', reason: "synthetic rows in the shape of the paper's" },
    }),
  };
}

/** Whose default a reason says it is; null for any other reason. */
export function defaultOwner(reason: string): string | null {
  return /^default of ([^;]+)/.exec(reason)?.[1] ?? null;
}

export interface Filled {
  readonly settings: Record<string, unknown>;
  /** Dotted path of every value that was filled in -> that it is assumed, and whose default it is. */
  readonly marks: Marks;
}

/** `settings` with a default wherever they have nothing: of the named releases of the peers, else of {@link DEFAULTS}. */
export function withDefaults(settings: Json, task: Experiment['task'], peers: PeerVersions = {}): Filled {
  const filled: Record<string, unknown> = structuredClone({ ...settings });
  const marks: Record<string, { mark: Mark; reason: string }> = {};
  for (const path of PATHS) {
    if (!isOpen(filled, path)) continue;
    const known = { task, ...filled };
    const own = DEFAULTS.find((row) => row.path === path && matches(row.when, known));
    const assumed = peerDefault(path, peers, known) ?? (own && { value: own.value, reason: `default of ${own.of}` });
    if (!assumed) continue;
    put(filled, path, structuredClone(assumed.value));
    const leaves = leafPaths(assumed.value, path);
    for (const leaf of leaves.length === 0 ? [path] : leaves) marks[leaf] = { mark: 'assumed', reason: assumed.reason };
  }
  return { settings: filled, marks };
}

/** `settings` without the later ones that have their default: what the hash is of. */
export function withoutDefaults(settings: Json, defaults: Json = LEFT_OUT): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...settings };
  for (const [key, value] of Object.entries(defaults)) {
    const own = kept[key];
    if (own === undefined) continue;
    if (own === null && defaults === LEFT_OUT && NEW_BLOCKS.includes(key)) delete kept[key];
    else if (isRecord(own) && isRecord(value)) {
      const rest = withoutDefaults(own, value);
      if (Object.keys(rest).length === 0) delete kept[key];
      else kept[key] = rest;
    } else if (isDeepStrictEqual(own, value)) delete kept[key];
  }
  return kept;
}

// --- internal ---

const LEFT_OUT: Json = {
  training: DEFAULT_TRAINING,
  data: DEFAULT_DATA,
  quantisation: DEFAULT_QUANTISATION,
  generation: null,
  choices: DEFAULT_CHOICES,
};

/** Blocks that came later: a spec without one has none. */
const NEW_BLOCKS: readonly string[] = ['choices'];

/** Blocks that an experiment may not have: nothing is filled into one that is absent. */
const OPTIONAL: readonly string[] = ['quantisation', 'adapter', 'generation', 'choices'];

/** Every path with a default; kinds and blocks before what depends on them. */
const PATHS: readonly string[] = [...new Set([...DEFAULTS, ...PEER_DEFAULTS].map(({ path }) => path))];

function of(owner: string, values: Json, when?: When): Default[] {
  return Object.entries(values).map(([path, value]) => ({ path, value, of: owner, ...(when && { when }) }));
}

/** Values by dotted path; an object without fields is one. */
function flat(prefix: string, values: Json): Json {
  const entries = Object.entries(values).flatMap(([key, value]) => {
    const path = `${prefix}.${key}`;
    return isRecord(value) && Object.keys(value).length > 0 ? Object.entries(flat(path, value)) : [[path, value]];
  });
  return Object.fromEntries(entries);
}

/** Whether `path` has no value and can have one: what is above it is an object, or nothing yet. */
function isOpen(settings: Json, path: string): boolean {
  const [block = '', ...rest] = path.split('.').slice(0, -1);
  if (OPTIONAL.includes(block) && settings[block] === undefined) return false;
  const above = ['', ...rest].map((_, index) => valueAt(settings, [block, ...rest.slice(0, index)].join('.')));
  return valueAt(settings, path) === undefined && above.every((one) => one === undefined || isRecord(one));
}

function put(settings: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let holder = settings;
  for (const key of keys) {
    const inner = holder[key];
    const next: Record<string, unknown> = isRecord(inner) ? inner : {};
    holder[key] = next;
    holder = next;
  }
  holder[last] = value;
}

/**
 * Settings that came after the first papers were published as specs: what a spec that does not name one means.
 *
 * The canonical form leaves such a setting out while it has this value, so a new setting never changes the hash of an old
 * experiment. A new setting goes here with the value that keeps the engine doing what it did.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Choices, DataSpec, Quantisation, Training } from './types';

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

const DEFAULTS: Json = {
  training: DEFAULT_TRAINING,
  data: DEFAULT_DATA,
  quantisation: DEFAULT_QUANTISATION,
  generation: null,
  choices: DEFAULT_CHOICES,
};

/** Blocks that came later: a spec without one has none. */
const NEW_BLOCKS: readonly string[] = ['choices'];

/** `settings` with every default filled in where there is nothing. Objects are filled field by field. */
export function withDefaults(settings: Json, defaults: Json = DEFAULTS): Record<string, unknown> {
  const filled: Record<string, unknown> = { ...settings };
  for (const [key, value] of Object.entries(defaults)) {
    const own = filled[key];
    if (own === undefined) {
      // a whole block that is missing is an error of the spec, not a default
      if (defaults !== DEFAULTS) filled[key] = value;
    } else if (isRecord(own) && isRecord(value)) filled[key] = withDefaults(own, value);
  }
  return filled;
}

/** `settings` without what has its default: the inverse of `withDefaults`. */
export function withoutDefaults(settings: Json, defaults: Json = DEFAULTS): Record<string, unknown> {
  const kept: Record<string, unknown> = { ...settings };
  for (const [key, value] of Object.entries(defaults)) {
    const own = kept[key];
    if (own === undefined) continue;
    if (own === null && defaults === DEFAULTS && NEW_BLOCKS.includes(key)) delete kept[key];
    else if (isRecord(own) && isRecord(value)) {
      const rest = withoutDefaults(own, value);
      if (Object.keys(rest).length === 0) delete kept[key];
      else kept[key] = rest;
    } else if (isDeepStrictEqual(own, value)) delete kept[key];
  }
  return kept;
}

// --- internal ---

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

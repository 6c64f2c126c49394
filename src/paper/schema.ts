/**
 * The schema of a paper file, in arktype. `papers/schema/paper.schema.json` is made from it, for editors.
 *
 * A paper file says once what its experiments share (`defaults`) and, per experiment, only what differs. A block of
 * settings holds any part of `settings`; `layers.ts` lays the blocks over each other and the result must be complete.
 */

import { Statement } from './statements';
import { part, type } from './type';

const count = 'number.integer >= 1';
/** Blocks are listed one by one where targets are counted; the deepest published models have about 130. */
const layerCount = '1 <= number.integer <= 10000';
const share = '0 <= number < 1';
const shareOrRows = '0 <= number < 1 | number.integer >= 2';

// --- settings: what an experiment needs, every field present ---

const prepared = {
  kbitPreparation: "'peft' | 'trl-norms' | 'none'",
  skipModules: 'string[] | null',
  tested: "'quantised' | 'unquantised'",
} as const;
const fourBit = {
  kind: "'nf4' | 'fp4'",
  doubleQuant: 'boolean',
  blockSize: '32 | 64 | 128 | 256 | 512 | 1024 | 2048 | 4096',
  ...prepared,
} as const;
const int8 = { kind: "'int8'", threshold: 'number >= 0', ...prepared } as const;

const steps = part({ steps: 'number.integer >= 0' }).or({ ratio: share });

/** Which modules an adapter changes; what is not named is PEFT's default. */
const modules = {
  targets: 'string >= 1 | string[]',
  'exclude?': 'string >= 1 | string[]',
  'layers?': '(number.integer >= 0)[]',
  'modulesToSave?': 'string[]',
} as const;

const lora = {
  kind: "'lora'",
  rank: count,
  alpha: 'number > 0',
  dropout: share,
  ...modules,
  'rslora?': 'boolean',
  'rankPattern?': `Record<string, ${count}>`,
  'alphaPattern?': 'Record<string, number > 0>',
} as const;

const adalora = {
  kind: "'adalora'",
  initialRank: count,
  targetRank: count,
  alpha: 'number > 0',
  dropout: share,
  ...modules,
  warmup: steps,
  final: steps,
  interval: count,
  'totalSteps?': count,
  beta1: '0 < number < 1',
  beta2: '0 < number < 1',
  orthogonalWeight: 'number >= 0',
  budget: "'scheduled' | 'never-updated'",
} as const;

const adamw = {
  kind: "'adamw' | 'adamw-8bit'",
  learningRate: 'number > 0',
  beta1: share,
  beta2: share,
  epsilon: 'number > 0',
  weightDecay: 'number >= 0',
} as const;

const adafactor = {
  kind: "'adafactor'",
  learningRate: 'number > 0 | null',
  relativeStep: 'boolean',
  scaleParameter: 'boolean',
  warmupInit: 'boolean',
  beta1: '0 <= number < 1 | null',
  decayRate: 'number < 0',
  epsilon: ['number > 0', 'number >= 0'],
  clipThreshold: 'number > 0',
  weightDecay: 'number >= 0',
} as const;

const labels = {
  prompt: "'labelled' | 'masked' | 'response-template'",
  responseTemplate: 'string >= 1 | null',
  padding: "'left-out' | 'labelled'",
  paddingAttention: "'masked' | 'full'",
  padToken: 'string >= 1 | null',
  eos: "'labelled' | 'masked' | 'as-pad'",
} as const;

const seed = 'number.integer >= 0';

// one flat object: what each kind has is checked in `check.ts`, in fewer words than a union in every block
const rowStep = part({
  kind: "'drop-missing' | 'drop-blank' | 'drop-duplicates' | 'shuffle' | 'sample' | 'slice'",
  'columns?': 'string[] >= 1',
  'keep?': "'first' | 'last' | 'none'",
  'by?': "'datasets' | 'pandas'",
  'seed?': seed,
  'size?': '0 < number < 1 | number.integer >= 1',
  'begin?': 'number.integer >= 0',
  'end?': part(count).or('null'),
});
const rows = rowStep.array();

/** The name of a file among several, as `--data NAME=FILE` has it. */
const fileName = /^[A-Za-z_][\w-]*$/;

/** What test rows may have of their own. */
const ofTest = {
  source: 'string >= 1',
  parts: part({ name: fileName, 'rows?': rows }).array(),
  columns: part('Record<string, string >= 1>'),
  optional: 'string[]',
  filter: part('Record<string, string>'),
  rows,
  maxLength: count,
  truncationSide: "'right' | 'left'",
  addSpecialTokens: 'boolean',
  template: 'string >= 1',
  response: 'string >= 1 | null',
  appendEos: 'boolean',
} as const;

const data = {
  ...ofTest,
  extraTrain: 'string[]',
  separator: "',' | ';' | '|' | 'tab' | null",
  missingTexts: "'missing' | 'text'",
  splitMethod: part.enumerated(
    'stratified',
    'sklearn',
    'datasets',
    'datasets-stratified',
    'datasets-shuffle',
    'unshuffled',
    'torch-random-split',
    'pandas-sample-train',
    'pandas-sample-held-out',
    'k-fold',
    'stratified-k-fold',
  ),
  train: part('0 < number < 1 | number.integer >= 2').or('null'),
  rest: "'train' | 'held-out' | 'unused' | 'dealt'",
  folds: part({ of: 'number.integer >= 2', take: count, shuffle: 'boolean' }).or('null'),
  stratifyBy: 'string >= 1',
  trainRows: part(count).or('null'),
  validation: shareOrRows,
  splitSeed: seed,
  test: shareOrRows,
  testRows: "'held-out' | 'all'",
  transformers: '4 | 5',
  labels,
  testLabels: part(optional(labels)).or('null'),
  testData: part(optional(ofTest)).or('null'),
} as const;

const lossScaling = {
  initial: 'number > 0',
  growthFactor: 'number > 1',
  backoffFactor: '0 < number < 1',
  growthInterval: count,
} as const;

const evaluateEvery = part("'epoch'").or({ steps: count });
const earlyStopping = part({ patience: count, threshold: 'number >= 0' }).or('null');

const training = {
  /** 0: the base is evaluated as it is. */
  epochs: 'number >= 0',
  batchSize: count,
  accumulation: count,
  stepsPerEpoch: "'ceil' | 'floor'",
  lastAccumulation: "'carried' | 'miscounted' | 'step' | 'rescaled'",
  clip: 'number > 0 | null',
  lossNormalisation: "'mean-of-means' | 'sum-over-tokens-unshifted' | 'sum-over-tokens-shifted' | 'undivided'",
  precision: "'fp32' | 'bf16' | 'fp16'",
  lossScaling,
  gradientCheckpointing: 'boolean',
  selection: part("'last'").or(part(/^best-[a-z0-9-]+$/).as<`best-${string}`>()),
  evaluationBatchSize: count,
  evaluateEvery,
  earlyStopping,
  onDivergence: "'stop' | 'record'",
  seed: 'number.integer >= 0',
} as const;

const schedule = part({
  kind: "'linear' | 'cosine' | 'constant'",
  warmup: steps,
});

const head = part({ kind: "'classification'", pooling: "'last-token'" }).or({ kind: "'causal'" });

const loss = part.or(
  { kind: "'cross-entropy'" },
  { kind: "'focal'", gamma: 'number >= 0', alpha: 'number > 0' },
  {
    kind: "'dice-ce'",
    diceWeight: 'number >= 0',
    ceWeight: 'number >= 0',
    exponent: 'number >= 0',
    smoothing: 'number >= 0',
    reduction: "'example' | 'class'",
  },
);

const generation = {
  maxNewTokens: count,
  sampling: part({ temperature: 'number > 0', topK: part(count).or('null'), topP: '0 < number <= 1 | null' }).or(
    'null',
  ),
  repetitionPenalty: 'number > 0',
  noRepeatNgramSize: 'number.integer >= 0',
  batchSize: count,
  rows: part(count).or('null'),
  reference: 'string >= 1',
  echo: 'boolean',
} as const;

const choices = {
  by: "'log-likelihood' | 'generated'",
  names: 'string[] >= 2',
  texts: part('string[] >= 2').or('null'),
  delimiter: 'string',
  gold: 'string >= 1',
  goldIs: "'name' | 'index' | 'text'",
  pattern: 'string >= 1 | null',
  take: "'first' | 'last'",
  maxLength: part(count).or('null'),
} as const;

/** The settings of one experiment at one scale, complete. `model` is an id; its revision stands under `models`. */
export const Settings = type({
  unmeasured: 'string >= 1 | null',
  model: 'string >= 1',
  quantisation: part(fourBit).or(int8).or('null'),
  adapter: part(lora).or(adalora).or('null'),
  head,
  loss,
  data: part(data),
  training: part({ ...training, optimiser: part(adamw).or(adafactor), schedule }),
  generation: part(generation).or('null'),
  choices: part(choices).or('null'),
  metrics: 'string[] >= 1',
});
export type Settings = typeof Settings.infer;

// --- blocks: any part of the settings, with where the values come from ---

const Notes = part('Record<string, string >= 1>');

/** A block: settings as far as it changes them, and the provenance of exactly those. */
const Block = part({
  'unmeasured?': 'string >= 1',
  'model?': 'string >= 1',
  'quantisation?': part(optional({ ...fourBit, ...int8, kind: "'nf4' | 'fp4' | 'int8'" })).or('null'),
  // flat for the reason given for the loss
  'adapter?': part({ ...optional(adalora), ...optional(lora), 'kind?': "'lora' | 'adalora'" }).or('null'),
  'head?': head,
  // one flat object rather than a union: a block may change one number of the loss below it
  'loss?': {
    'kind?': "'cross-entropy' | 'focal' | 'dice-ce'",
    'gamma?': 'number >= 0',
    'alpha?': 'number > 0',
    'diceWeight?': 'number >= 0',
    'ceWeight?': 'number >= 0',
    'exponent?': 'number >= 0',
    'smoothing?': 'number >= 0',
    'reduction?': "'example' | 'class'",
  },
  'data?': optional({ ...data, labels: part(optional(labels)) }),
  'training?': optional({
    ...training,
    lossScaling: part(optional(lossScaling)),
    // flat for the same reason as the loss
    optimiser: {
      ...optional({ ...adafactor, epsilon: adamw.epsilon }),
      'kind?': "'adamw' | 'adamw-8bit' | 'adafactor'",
      'epsilon?': part(adamw.epsilon).or(adafactor.epsilon),
      'beta1?': adafactor.beta1,
      'beta2?': adamw.beta2,
    },
    schedule: part({
      'kind?': "'linear' | 'cosine' | 'constant'",
      'warmup?': steps,
    }),
  }),
  'generation?': part(optional(generation)).or('null'),
  'choices?': part(optional(choices)).or('null'),
  'metrics?': 'string[] >= 1',
  /** Dotted path -> the section of the paper that says so. */
  'section?': Notes,
  /** Dotted path -> where the released code, logs or adapter say so. */
  'released?': Notes,
  /** Dotted path -> why we chose this value: the paper does not give it. */
  'assumed?': Notes,
});
export type Block = typeof Block.infer;

// --- facts about what an experiment uses, for plans ---

const Architecture = part({
  family: "'qwen3' | 'qwen2' | 'llama' | 'gemma3'",
  hiddenSize: count,
  layers: layerCount,
  heads: count,
  kvHeads: count,
  headDim: count,
  intermediateSize: count,
  vocabulary: count,
  tiedEmbeddings: 'boolean',
});
export type Architecture = typeof Architecture.infer;

const ModelFacts = part({
  /** Pinned revision; null when the paper names none and the files could not be looked at. */
  revision: 'string >= 1 | null',
  licence: 'string >= 1',
  /** The terms that must be accepted first; null when anyone can download it. */
  gated: 'string >= 1 | null',
  architecture: Architecture,
});
export type ModelFacts = typeof ModelFacts.infer;

const DatasetFacts = part({
  train: count,
  test: count,
  classes: count,
  /** Rows of each file that `data.extraTrain` can add. */
  'extra?': part(`Record<string, ${count}>`),
  /** Who must be asked for it; null when anyone can download it. */
  gated: 'string >= 1 | null',
  /** Mean tokens of a row, or null when nothing is known. */
  'meanTokens?': 'number > 0 | null',
});
export type DatasetFacts = typeof DatasetFacts.infer;

// --- the file ---

const Blocks = {
  'both?': Block,
  /** What the released code and logs did, where that differs: laid over `both` in the as-released reading only. */
  'as-released?': Block,
  'full?': Block,
  'mini?': Block,
} as const;

/** A whole paper file. */
export const PaperFile = type({
  id: /^[a-z0-9][a-z0-9-]*$/,
  title: 'string >= 1',
  citation: 'string >= 1',
  task: "'sequence-classification' | 'causal-lm'",
  disclaimers: 'string[] >= 1',
  /** The golden file, relative to this one; the embedded papers have theirs under `golden/`. */
  'golden?': 'string >= 1',
  'models?': part({ '[string]': ModelFacts }),
  'datasets?': part({ '[string]': DatasetFacts }),
  /** Predictions that the authors published, by experiment: where they are, for `score` and `verify --predictions`. */
  'predictions?': { '[string]': { source: 'string >= 1' } },
  /** What the paper states that arithmetic can check, by a name of its own: `medrepro audit`. */
  'statements?': part({ '[string]': Statement }),
  defaults: Blocks,
  experiments: { '[string]': { title: 'string >= 1', ...Blocks } },
  /**
   * Experiments that change one factor of the defaults at a time: `warmup` with the level `'200'` is the experiment
   * `warmup-200`. The level that the defaults already are is not listed.
   */
  'matrix?': { '[string]': { title: 'string >= 1', levels: { '[string]': { 'title?': 'string >= 1', ...Blocks } } } },
});
export type PaperFile = typeof PaperFile.infer;

/** The schema of paper files as JSON Schema (draft 2020-12), for editors and for field names in messages. */
export function paperJsonSchema(): object {
  return { title: 'medrepro paper', ...PaperFile.toJsonSchema() };
}

// --- internal ---

type Optional<D> = { [K in keyof D & string as K extends `${string}?` ? K : `${K}?`]: D[K] };

/** Every field of an object definition optional, for blocks. */
function optional<const D extends Record<string, unknown>>(definition: D): Optional<D> {
  const entries = Object.entries(definition).map(([key, value]) => [key.endsWith('?') ? key : `${key}?`, value]);
  return Object.fromEntries(entries) as Optional<D>;
}

/**
 * The schema of a paper file. `papers/schema/paper.schema.json` and docs/spec.md are made from it.
 *
 * A paper file says once what its experiments share (`defaults`) and, per experiment, only what differs. A block of
 * settings holds any part of `settings`; `layers.ts` lays the blocks over each other and the result must be complete.
 */

import { choices, choicesBlock, generation, generationBlock } from './schema/answers';
import { data, dataBlock } from './schema/data';
import { adapter, adapterBlock, head, loss, lossBlock, quantisation, quantisationBlock } from './schema/model';
import { count, text, textOrNull, truth } from './schema/numbers';
import { training, trainingBlock } from './schema/training';
import { list, map, nullable, object, partial, pattern, value, words } from './schema-part';
import { Statement } from './statements';

export const task = words('sequence-classification', 'causal-lm');

const fields = {
  model: text
    .examples('hub:Qwen/Qwen3-8B', 'mini/base-small', 'mini/base-large')
    .describe('Weights and tokeniser: `mini/base-large` (embedded), `hub:Qwen/Qwen3-8B`, or a folder.'),
  metrics: list(value('string').named('metric'), 1).describe('Metrics of the test split, by id.'),
};

/** The settings of one experiment at one scale, complete. `model` is an id; its revision stands under `models`. */
export const Settings = object({
  ...fields,
  unmeasured: textOrNull.describe('Why it cannot run at this scale; null when it can.'),
  quantisation: nullable(quantisation),
  adapter: nullable(adapter),
  head,
  loss,
  data,
  training,
  generation: nullable(generation),
  choices: nullable(choices),
}).named('settings', 'The settings of one experiment at one scale.');
export type Settings = typeof Settings.infer;

// --- blocks: any part of the settings, with where the values come from ---

const notes = map(text);

/** In quotes, because 0.10 is a number that equals 0.1. */
const release = pattern(/^\d+\.\d+(\.\d+)?$/);

const peers = partial({
  transformers: release.examples('4.46', '4.57.6').describe('Hugging Face transformers, with its Trainer.'),
  peft: release.examples('0.13').describe('PEFT.'),
  trl: release.examples('0.16.1').describe('TRL: the training is its SFTTrainer.'),
  bitsandbytes: release.examples('0.45.5').describe('bitsandbytes.'),
}).named(
  'peers',
  'Releases of the libraries, in quotes. What they did is taken where no block says otherwise, and marked as assumed.',
);

/** A block: settings as far as it changes them, and the provenance of exactly those. */
const Block = partial({
  ...fields,
  unmeasured: text.describe('Why it cannot run at this scale.'),
  quantisation: nullable(quantisationBlock).named(
    'quantisation-block',
    'How the frozen linears are stored, in the formats of bitsandbytes: any part of it; null = in the precision of training.',
  ),
  adapter: nullable(adapterBlock).named(
    'adapter-block',
    'The adapter: any part of it; null = the base is evaluated as it is.',
  ),
  head,
  loss: lossBlock.named('loss-block', 'What is minimised: any part of it.'),
  data: dataBlock.named('data-block', 'Rows, splits and templates: any part of them.'),
  training: trainingBlock.named('training-block', 'The training loop: any part of it.'),
  generation: nullable(generationBlock).named(
    'generation-block',
    'How test rows are answered, for metrics over generated texts: any part of it; null when no metric reads any.',
  ),
  choices: nullable(choicesBlock).named(
    'choices-block',
    'How a causal LM answers questions with given choices: any part of it; null when test rows have none.',
  ),
  section: notes.describe('As written: dotted path -> the section of the paper that says so.'),
  released: notes.describe('As released: dotted path -> where the released code, logs or adapter say so.'),
  peers,
  assumed: notes.describe('Our choice: dotted path -> why we chose this value; the paper does not give it.'),
}).named('block', 'Settings as far as this block changes them, and where exactly those come from.');
export type Block = typeof Block.infer;

// --- facts about what an experiment uses, for plans ---

const Architecture = object({
  family: words('qwen3', 'qwen2', 'llama', 'gemma3').describe('Kind of decoder.'),
  hiddenSize: count.describe('`hidden_size`.'),
  /** Blocks are listed one by one where targets are counted; the deepest published models have about 130. */
  layers: value('1 <= number.integer <= 10000').describe('Decoder blocks (`num_hidden_layers`).'),
  heads: count.describe('Query heads (`num_attention_heads`).'),
  kvHeads: count.describe('Key and value heads (`num_key_value_heads`).'),
  headDim: count.describe('Width of a head (`head_dim`).'),
  intermediateSize: count.describe('Width of the gated unit (`intermediate_size`).'),
  vocabulary: count.describe('Rows of the embedding (`vocab_size`).'),
  tiedEmbeddings: truth.describe('The head is the embedding (`tie_word_embeddings`).'),
}).named('architecture', 'The sizes of a decoder, from its config.json.');
export type Architecture = typeof Architecture.infer;

const ModelFacts = object({
  revision: textOrNull.describe(
    'Pinned revision; null when the paper names none and the files could not be looked at.',
  ),
  licence: text.describe('The licence of the weights.'),
  gated: textOrNull.describe('The terms that must be accepted first; null when anyone can download it.'),
  architecture: Architecture,
}).named('model-facts', 'What is known of a model.');
export type ModelFacts = typeof ModelFacts.infer;

const DatasetFacts = object({
  train: count.describe('Training rows.'),
  test: count.describe('Test rows.'),
  classes: count.describe('Classes of the labels; 1 where there are none.'),
  'extra?': map(count).describe('Rows of each file that `data.extraTrain` can add.'),
  gated: textOrNull.describe('Who must be asked for it; null when anyone can download it.'),
  'meanTokens?': value('number > 0 | null').describe('Mean tokens of a row; null when nothing is known.'),
}).named('dataset-facts', 'What is known of a data set.');
export type DatasetFacts = typeof DatasetFacts.infer;

// --- the file ---

/** The version of the format of paper files that this release reads. */
export const SPEC_VERSION = 1;

const Blocks = {
  'both?': Block.describe('At either scale.'),
  'as-released?': Block.describe(
    'What the released code and logs did, where that differs: laid over `both` in the as-released reading only.',
  ),
  'full?': Block.describe("The paper's own set-up."),
  'mini?': Block.describe('The embedded miniature.'),
};

const base = text.describe('An experiment of this file, by id: its blocks apply below those that stand here.');

/** A whole paper file. */
export const PaperFile = object({
  spec: value('1').describe('The version of this format.'),
  id: pattern(/^[a-z0-9][a-z0-9-]*$/).describe('What commands call the paper: lower-case letters, digits and hyphens.'),
  title: text.describe('The title of the paper.'),
  citation: text.describe('Authors, title, venue and year, in one line.'),
  task: task.describe('What the model is trained for.'),
  'disclaimers?': list(value('string'), 1).describe(
    'Sentences that every report must show; absent = that a miniature is no evidence about the paper and nothing is medical advice.',
  ),
  'golden?': text.describe('The golden file, relative to this one; the embedded papers have theirs under `golden/`.'),
  'models?': map(ModelFacts).describe('What is known of each model that `model` names.'),
  'datasets?': map(DatasetFacts).describe('What is known of each data set that `data.source` names.'),
  'predictions?': map(
    object({ source: text.describe('Where they are.') }).named(
      'predictions',
      'Predictions that the authors published.',
    ),
  ).describe('Predictions that the authors published, by experiment, for `score` and `verify --predictions`.'),
  'statements?': map(Statement).describe(
    'What the paper states that arithmetic can check, by a name of its own: `medrepro audit`.',
  ),
  defaults: object(Blocks).named('blocks').describe('What all experiments share.'),
  experiments: map(
    object({ title: text.describe('The experiment in a few words.'), 'extends?': base, ...Blocks }).named(
      'experiment',
      'An experiment: what differs from the defaults.',
    ),
  ).describe('The experiments by id.'),
  'matrix?': map(
    object({
      title: text.describe('The factor in a few words; a level without a title is `title: level`.'),
      levels: map(
        object({ 'title?': text.describe('The experiment in a few words.'), 'extends?': base, ...Blocks }).named(
          'level',
          'One level of a factor: what differs from the defaults.',
        ),
      ).describe('The levels by name; the one that the defaults already are is not listed.'),
    }).named('factor', 'One factor of the defaults.'),
  ).describe(
    "Experiments that change one factor of the defaults at a time: `warmup` with the level `'200'` is the experiment `warmup-200`.",
  ),
});
export type PaperFile = typeof PaperFile.infer;

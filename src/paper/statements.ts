/**
 * What a paper states that arithmetic can check: `statements` of a paper file. A kind says which arithmetic; numbers are
 * kept as the printed strings, because the number of digits is part of the statement.
 */

import { READINGS } from './lists';
import { count, text, truth, whole } from './schema/numbers';
import { type Fields, list, object, union, value, words } from './schema-part';

const printed = text;
const range = value(['string >= 1', 'string >= 1']);

/** What every kind has. */
const common = {
  where: printed.describe('Section or table.'),
  'claim?': printed.describe('The claim that changes when this is inconsistent; absent = none.'),
  'note?': printed.describe('What a reader should know about it.'),
  'reading?': words(...READINGS).describe("Only in one reading of the spec; absent = checked with the text's."),
};

/** A kind of statement with its fields; `example` is one of it, without `kind` and `where`. */
const kind = <const K extends string, const F extends Fields>(
  name: K,
  description: string,
  fields: F,
  example: Readonly<Record<string, unknown>>,
) =>
  object({ kind: words(name).describe(description), ...common, ...fields })
    .named(`statement-${name}`, description)
    .examples({ kind: name, where: 'table 1', ...example });

const unit = { 'unit?': words('million', 'billion').describe('The unit of `value`; absent = ones.') };
const counts = {
  'counts?': truth.describe('Whole numbers are counts, which are exact; absent = measured values, which were rounded.'),
};
const experiment = { experiment: printed.describe('The experiment, by id.') };
const trainRows = { trainRows: count.describe('Training rows.') };
const model = printed.describe('A model of `models`.');

/** A statement; its kinds are listed here and nowhere else. */
export const Statement = union(
  kind(
    'perplexity',
    'exp(loss) is the perplexity.',
    { loss: printed.describe('The printed loss.'), perplexity: printed.describe('The printed perplexity.') },
    { loss: '1.20', perplexity: '3.32' },
  ),
  kind(
    'text-perplexity',
    'The most that a perplexity over tokens of which some are padding can be on the others, as if padding cost nothing.',
    {
      ...experiment,
      perplexity: printed.describe('The printed perplexity.'),
      tokens: count.describe('Tokens it is over.'),
      padding: whole.describe('Tokens of these that are padding.'),
      atMost: printed.describe('The bound that follows for the others.'),
    },
    { experiment: 'short', perplexity: '1.5', tokens: 100, padding: 50, atMost: '2.25' },
  ),
  kind(
    'relative-change',
    '(to - from) / from in percent.',
    {
      from: printed.describe('The value before.'),
      to: printed.describe('The value after.'),
      percent: printed.describe('The printed change in percent.'),
      'beyond?': truth.describe('"more than": the change goes further than the percentage, in its direction.'),
      ...counts,
      'released?': object({
        from: printed.describe('The value before.'),
        to: printed.describe('The value after.'),
      }).describe('The same numbers with more digits, from logs.'),
    },
    { from: '0.50', to: '0.60', percent: '20' },
  ),
  kind(
    'difference',
    'to - from.',
    {
      from: printed.describe('The value before.'),
      to: printed.describe('The value after.'),
      by: printed.describe('The printed difference.'),
      'points?': truth.describe('The difference is in points, and the values are shares.'),
      ...counts,
    },
    { from: '0.404', to: '0.444', by: '4.0', points: true },
  ),
  kind(
    'ratio',
    'of / to.',
    {
      of: printed.describe('The numerator.'),
      to: printed.describe('The denominator.'),
      times: printed.describe('The printed quotient.'),
      ...counts,
    },
    { of: '600', to: '7', times: '85', counts: true },
  ),
  kind(
    'share',
    'part / whole in percent; two whole numbers are counts, and `~3` is one that was rounded.',
    {
      part: printed.describe('The part.'),
      whole: printed.describe('The whole.'),
      percent: printed.describe('The printed percentage.'),
    },
    { part: '12', whole: '60', percent: '20' },
  ),
  kind(
    'bound',
    'A value lies over or under a limit.',
    {
      what: printed.describe('What the value is.'),
      value: union(printed, range).describe('The value; a pair is the range that is known of it.'),
      beyond: words('over', 'under').describe('The side of the limit.'),
      limit: printed.describe('The printed limit.'),
    },
    { what: 'accuracy', value: '0.92', beyond: 'over', limit: '0.9' },
  ),
  kind(
    'sum',
    'The parts add up to the total.',
    { parts: list(value('string'), 2).describe('The printed parts.'), total: printed.describe('The printed total.') },
    { parts: ['80', '10', '10'], total: '100' },
  ),
  kind(
    'product',
    'The factors multiply to the product: effective batch sizes, counts of groups.',
    {
      factors: list(value('string'), 2).describe('The printed factors.'),
      product: printed.describe('The printed product.'),
    },
    { factors: ['4', '8'], product: '32' },
  ),
  kind(
    'trainable-parameters',
    "Weights of adapter and head of an experiment, from its model's architecture.",
    { ...experiment, value: printed.describe('The printed number.'), ...unit },
    { experiment: 'short', value: '12.5', unit: 'million' },
  ),
  kind(
    'trainable-share',
    'Trainable weights in percent of the weights of base and adapter.',
    { ...experiment, percent: printed.describe('The printed percentage.') },
    { experiment: 'short', percent: '0.52' },
  ),
  kind(
    'packed-parameters',
    'Elements of the tensors that a 4-bit model stores: two quantised weights in one, the rest and the adapter in full.',
    { ...experiment, value: printed.describe('The printed number.'), ...unit },
    { experiment: 'short', value: '4.2', unit: 'billion' },
  ),
  kind(
    'model-parameters',
    'Weights of a model.',
    { model, value: printed.describe('The printed number.'), ...unit },
    { model: 'hub:Qwen/Qwen3-8B', value: '8.2', unit: 'billion' },
  ),
  kind(
    'model-ratio',
    'How many times the parameters of `to` the model `of` has.',
    { of: model, to: model, times: printed.describe('The printed quotient.') },
    { of: 'hub:Qwen/Qwen3-8B', to: 'hub:Qwen/Qwen3-4B', times: '2' },
  ),
  kind(
    'adapter-parameters',
    'Weights of LoRA on a model, for a rank and targets that no experiment of the spec has.',
    {
      model,
      rank: count.describe('Rank of the two matrices.'),
      targets: union(list(value('string'), 1), printed.examples('all-linear')).describe('As of an adapter.'),
      value: printed.describe('The printed number.'),
      ...unit,
    },
    { model: 'hub:Qwen/Qwen3-8B', rank: 8, targets: ['q_proj', 'v_proj'], value: '3.8', unit: 'million' },
  ),
  kind(
    'final-rank',
    'Experiments that are said to end with the same capacity: the mean rank of their adapters after the last step.',
    { experiments: list(value('string'), 2).describe('The experiments, by id.') },
    { experiments: ['short', 'long'] },
  ),
  kind(
    'steps',
    'Optimiser steps that follow from the training rows, of all epochs or of one.',
    {
      ...experiment,
      ...trainRows,
      'perEpoch?': truth.describe('The steps of one epoch.'),
      value: printed.describe('The printed number.'),
    },
    { experiment: 'short', trainRows: 8000, value: '1000' },
  ),
  kind(
    'warm-up-steps',
    'Warm-up steps that follow from the training rows.',
    { ...experiment, ...trainRows, value: printed.describe('The printed number.') },
    { experiment: 'short', trainRows: 8000, value: '100' },
  ),
  kind(
    'duration',
    'Hours of an experiment from its steps, at the pace of another run on the same machine.',
    {
      ...experiment,
      ...trainRows,
      hours: range.describe('The printed hours, from and to, ends included.'),
      pace: object({
        steps: printed.describe('Steps of the other run.'),
        hours: range.describe('Hours of the other run, from and to, ends included.'),
      }).describe('The other run.'),
    },
    { experiment: 'short', trainRows: 8000, hours: ['3', '4'], pace: { steps: '2000', hours: ['7', '8'] } },
  ),
  kind(
    'split',
    "Sizes of the training, validation and test rows, from the spec's shares.",
    {
      ...experiment,
      rows: count.describe('All rows.'),
      train: printed.describe('The printed number of training rows.'),
      validation: printed.describe('The printed number of validation rows.'),
      test: printed.describe('The printed number of test rows.'),
    },
    { experiment: 'short', rows: 1000, train: '720', validation: '80', test: '200' },
  ),
  kind(
    'deduplicated',
    'What removing duplicates from `rows`, of which `distinct` differ, may leave.',
    {
      rows: count.describe('All rows.'),
      distinct: count.describe('Rows that differ from each other.'),
      value: printed.describe('The printed number of rows that are left.'),
    },
    { rows: 1000, distinct: 900, value: '900' },
  ),
  kind(
    'grid',
    'A claim about a setting that was or was not tried.',
    {
      factor: printed.describe('The setting.'),
      value: printed.describe('The value that the claim is about; `>8` and `<1` are values beyond.'),
      tried: list(value('string'), 1).describe('The values that were tried.'),
    },
    { factor: 'rank', value: '8', tried: ['4', '8', '16'] },
  ),
  kind(
    'equal',
    'Values that are equal by construction.',
    {
      values: list(
        object({ what: printed.describe('What the value is.'), value: printed.describe('The printed value.') }),
        2,
      ).describe('The values.'),
      because: printed.describe('Why they are equal.'),
    },
    {
      values: [
        { what: 'micro F1', value: '0.81' },
        { what: 'accuracy', value: '0.81' },
      ],
      because: 'every row has one class',
    },
  ),
  kind(
    'restated',
    'The same thing stated in several places.',
    {
      what: printed.describe('What is stated.'),
      places: list(
        object({ value: printed.describe('The printed value.'), where: printed.describe('Section or table.') }),
        2,
      ).describe('The places.'),
    },
    {
      what: 'macro F1',
      places: [
        { value: '0.44', where: 'abstract' },
        { value: '0.444', where: 'table 1' },
      ],
    },
  ),
  kind(
    'number',
    'A number that should be there, and one only.',
    { what: printed.describe('What the number is.'), value: printed.describe('What is printed in its place.') },
    { what: 'seed', value: '42' },
  ),
  kind(
    'ids',
    'Identifiers that should differ, exist where a list of those that do is given, and be as many as is stated.',
    {
      what: printed.describe('What they identify.'),
      ids: list(value('string'), 1).describe('The printed identifiers.'),
      'existing?': list(value('string')).describe('Those that exist.'),
      'count?': printed.describe('The printed number of them.'),
    },
    { what: 'GPUs', ids: ['A100', 'H100'], count: '2' },
  ),
  kind(
    'sourced',
    'What only a source can tell: what the paper says, and what is so.',
    {
      says: printed.describe('What the paper says.'),
      but: printed.describe('What is so.'),
      source: printed.describe('Who says that.'),
    },
    { says: 'the data are public', but: 'they must be asked for', source: "the data's own page" },
  ),
).named('statement', 'Something the paper prints that arithmetic can check.');
export type Statement = typeof Statement.infer;

/** A statement with its name and place in the file. */
export interface StatedItem {
  readonly id: string;
  readonly line: number;
  readonly statement: Statement;
}

/** How test rows are answered: generated texts, and questions with given choices. */

import { list, nullable, object, partial, value, words } from '../schema-part';
import { count, countOrNull, positive, text, textOrNull, truth, whole } from './numbers';

const generationFields = {
  maxNewTokens: count.describe('The most tokens of an answer (`max_new_tokens`).'),
  sampling: nullable(
    object({
      temperature: positive.describe('Divides the logits.'),
      topK: countOrNull.describe('Tokens that are drawn from; null = all.'),
      topP: value('0 < number <= 1 | null').describe('The share of probability that is drawn from; null = all.'),
    }),
  ).describe('How tokens are drawn; null = greedy.'),
  repetitionPenalty: positive.describe('`repetition_penalty`; 1 = none.'),
  noRepeatNgramSize: whole.describe('`no_repeat_ngram_size`; 0 = none.'),
  batchSize: count.describe('Rows of a left-padded batch of the peers, whose penalties also see the padding.'),
  rows: countOrNull.describe('Test rows that are answered, from the front; null = all.'),
  reference: text.describe('Template, over the columns of the data, of the text that an answer is compared with.'),
  echo: truth.describe('Predictions still begin with the prompt, as when all ids of a row are decoded.'),
};
export const generation = object(generationFields).named(
  'generation',
  'How test rows are answered, for metrics over generated texts; null when no metric reads any.',
);
export type Generation = typeof generation.infer;
/** Any part of a generation. */
export const generationBlock = partial(generationFields);

const names = list(value('string'), 2);

const choicesFields = {
  by: words('log-likelihood', 'generated').describe(
    '`log-likelihood`: the choice whose text is the most likely continuation of the prompt, as lm-evaluation-harness scores `multiple_choice`. `generated`: the choice that the generated answer names.',
  ),
  names: names.describe('Names of the choices, in order: what `gold` and answers call them.'),
  texts: nullable(names).describe(
    "The continuation that each choice is, templates over the columns of the test rows or plain text; null = its name. A choice whose text is empty for a row is none of that row's. Of `log-likelihood` alone.",
  ),
  delimiter: value('string').describe(
    'Put between prompt and continuation: `target_delimiter` of lm-evaluation-harness. Of `log-likelihood` alone.',
  ),
  gold: text.describe('Template of the right choice.'),
  goldIs: words('name', 'index', 'text').describe("What `gold` gives: a choice's name, its place from 0, or its text."),
  pattern: textOrNull.describe(
    "A Python expression that finds a choice's name in an answer, its first group where it has one, as `re.search` or `re.findall` does; null = a name at the start of the answer that no letter or digit follows. Of `generated` alone.",
  ),
  take: words('first', 'last').describe('The first match or the last.'),
  maxLength: countOrNull.describe(
    'Tokens of prompt and continuation that the model sees, cut on the left; null = as many as the model has positions.',
  ),
};
export const choices = object(choicesFields).named(
  'choices',
  'How a causal LM answers questions with given choices, for the metrics `choice-…`; null when test rows have none.',
);
export type Choices = typeof choices.infer;
/** Any part of the choices. */
export const choicesBlock = partial(choicesFields);

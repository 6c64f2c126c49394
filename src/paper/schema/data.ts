/** Which rows there are, how they are split, and what a model sees of them. */

import { list, map, nullable, object, partial, pattern, value, words } from '../schema-part';
import { count, countOrNull, shareOrRows, text, textOrNull, truth, whole } from './numbers';

const labelFields = {
  prompt: words('labelled', 'masked', 'response-template').describe(
    "`masked`: as many tokens as the prompt alone has. `response-template`: everything up to and including the last occurrence of `responseTemplate` (TRL's completion-only collator), the whole row when it does not occur.",
  ),
  responseTemplate: textOrNull.describe('The text after which labels begin; of `prompt: response-template`.'),
  padding: words('left-out', 'labelled').describe(
    '`left-out`: rows are not padded, or their padding is -100, which is the same. `labelled`: rows are padded to `maxLength` on the right and their padding is learnt.',
  ),
  paddingAttention: words('masked', 'full').describe(
    'Whether other padding is seen by padded positions: `full` when no attention_mask was passed.',
  ),
  padToken: textOrNull.describe("The padding token; null = the tokeniser's own."),
  eos: words('labelled', 'masked', 'as-pad').describe(
    '`labelled`: like any token. `masked`: every end-of-text token is -100. `as-pad`: every token equal to the padding token is, as in DataCollatorForLanguageModeling, so eos is never learnt when it is also the padding.',
  ),
};
const labels = object(labelFields).named(
  'labels',
  'Which tokens of a causal-LM row are labels; the others are -100. A classifier ignores all of it.',
);
export type LabelMask = typeof labels.infer;
const labelsBlock = partial(labelFields).named('labels-block', 'Any part of the labels.');

// one flat object, whose fields are checked by kind in `check.ts`
const rowStep = object({
  kind: words('drop-missing', 'drop-blank', 'drop-duplicates', 'shuffle', 'sample', 'slice').describe(
    `What is done, equal row for row to the library:
- \`drop-missing\`: pandas \`dropna(subset)\`: rows without a value in one of the columns (null; in CSV an empty cell);
- \`drop-blank\`: rows with nothing but white space in one of the columns, or no value;
- \`drop-duplicates\`: pandas \`drop_duplicates(subset, keep)\`; no value equals no value;
- \`shuffle\`: \`datasets\`, Dataset.shuffle(seed); \`pandas\`, sample(frac=1, random_state=seed);
- \`sample\`: pandas \`sample(n | frac, random_state=seed)\`;
- \`slice\`: the rows from \`begin\` up to \`end\`, as \`select(range(begin, end))\` and \`head\` take them.`,
  ),
  'columns?': list(value('string'), 1).describe("Columns by the spec's names; of the `drop-…`."),
  'keep?': words('first', 'last', 'none').describe('Which of equal rows stays; of `drop-duplicates`.'),
  'by?': words('datasets', 'pandas').describe('The library; of `shuffle`.'),
  'seed?': whole.describe('Of `shuffle` and `sample`.'),
  'size?': value('0 < number < 1 | number.integer >= 1').describe('A share below 1, or a number of rows; of `sample`.'),
  'begin?': whole.describe('The first row, from 0; of `slice`.'),
  'end?': countOrNull.describe('The row after the last, or null for all; of `slice`.'),
}).named('row-step', 'One thing that is done to rows.');
export type RowStep = typeof rowStep.infer;
const rows = list(rowStep);

const dataPart = object({
  name: pattern(/^[A-Za-z_][\w-]*$/).describe(
    '`--data NAME=FILE` names it; of an embedded source it is the file `NAME.csv`.',
  ),
  'rows?': rows.describe('What is done to its rows before the files are concatenated.'),
}).named('data-part', 'One file of several.');
export type DataPart = typeof dataPart.infer;

/** What test rows may have of their own. */
const testFields = {
  source: text.describe('`mini/abjadmed` (embedded), `hub:…`, or `given/…` when only `--data` can name it.'),
  parts: list(dataPart).describe('Files whose rows are concatenated in this order; empty = the source is one file.'),
  columns: map(text).describe(
    "The spec's name of a column -> the file's. A classifier has `text` and `label`; templates name any.",
  ),
  optional: list(value('string')).describe(
    "Columns, by the spec's name, that may be empty or absent: they are empty text there.",
  ),
  filter: map(value('string')).describe("Only rows whose columns hold these texts, by the spec's name of the column."),
  rows: rows.describe(
    'What is done, in this order, to the rows that are to be split (after `parts` are concatenated); to given splits of `--data` too, except validation and test.',
  ),
  maxLength: count.describe('Tokens that a row may have; longer rows are truncated.'),
  truncationSide: words('right', 'left').describe(
    'Where a row that is too long loses tokens of its text; special tokens around it stay, and labels go with their tokens.',
  ),
  addSpecialTokens: truth.describe('Whether the tokeniser adds its special tokens to a text (`add_special_tokens`).'),
  template: text.describe("Template of the prompt: `{text}` is the row's column `text`; or Jinja."),
  response: textOrNull.describe('Template of what follows the prompt of a causal-LM row; null for a classifier.'),
  appendEos: truth.describe('Append an end-of-text token to the response.'),
};

const folds = object({
  of: value('number.integer >= 2').describe('Folds in all: `n_splits`.'),
  take: count.describe('The fold that is held out, from 1.'),
  shuffle: truth.describe('Rows are shuffled by `splitSeed` before they are dealt to folds.'),
});
export type Folds = typeof folds.infer;

const testData = partial(testFields).named(
  'test-data',
  'Test rows of another kind: from a source of their own, with other columns, another template. What is not named is as in `data`, except `parts` and `rows`, which are then empty, and `filter` and `optional`, which go with `columns`.',
);
export type TestData = typeof testData.infer;

const fields = {
  ...testFields,
  extraTrain: list(value('string')).describe('Extra training files (an augmentation), by name inside the source.'),
  separator: value("',' | ';' | '|' | 'tab' | null").describe(
    'What separates the columns of a CSV; null = commas, or what the header has instead of them.',
  ),
  missingTexts: words('missing', 'text').describe(
    'What NA, None, null and the like mean in a CSV: `missing`, as pandas and datasets read them (`keep_default_na=True`), or the `text` that they are.',
  ),
  splitMethod: words(
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
  ).describe(
    `How rows are held out:
- scikit-learn's train_test_split: \`sklearn\`, \`stratified\` (small classes do not stop the latter);
- datasets' train_test_split: \`datasets\`, \`datasets-stratified\`;
- \`datasets-shuffle\`: shuffle(seed), then the first \`trainRows\` for training and the next ones held out;
- \`unshuffled\`: either library's with shuffle=False: the first rows for training, the next ones held out;
- \`torch-random-split\`: torch's random_split, one permutation for training, validation and test rows; shares are rounded down as \`int()\` does, or \`dealt\` as random_split does with fractions;
- \`pandas-sample-train\`, \`pandas-sample-held-out\`: that side is sample(frac | n, random_state=seed), the other is what drop(index) leaves, in its order;
- \`k-fold\`, \`stratified-k-fold\`: scikit-learn's, one fold held out, both sides in the order of the rows.`,
  ),
  train: value('0 < number < 1 | number.integer >= 2 | null').describe(
    'Share (below 1) or number (from 2) of rows for training in the last split that is made: `train_size`; null = not given.',
  ),
  rest: words('train', 'held-out', 'unused', 'dealt').describe(
    'Who has the rows that the given sizes leave over: `train`, where only the held-out side was given; `held-out`, where only `train` was; `unused`, where both were; `dealt`, one each in turn, as random_split does with fractions.',
  ),
  folds: nullable(folds).describe('Of `k-fold` and `stratified-k-fold`; null otherwise.'),
  stratifyBy: text.describe("The column (the spec's name) whose values a stratified split keeps in proportion."),
  trainRows: countOrNull.describe('Training rows that are used, from the front; null = all.'),
  validation: shareOrRows.describe(
    'Share (below 1) or number (from 2) of the training rows held out for validation; 0 = none.',
  ),
  splitSeed: whole.describe('Seed of the splits.'),
  test: shareOrRows.describe('Share or number held out as test rows when the data names no test file; 0 = none.'),
  testRows: words('held-out', 'all').describe(
    'Rows that are tested: `held-out`, or `all`, every row that the filter keeps in the order of the files, those that were trained on included, as by a script that reads its file again. Rows of `extraTrain` are never tested.',
  ),
  transformers: value('4 | 5').describe(
    'Release of transformers whose reading of tokenizer_config.json counts. 4: Llama, Code Llama, Gemma and Cohere tokenisers add begin and end of text by `add_bos_token` and `add_eos_token`, and generated texts lose spaces before punctuation where `clean_up_tokenization_spaces` says so. 5: tokenizer.json decides, and texts of a BPE tokeniser stay as they are.',
  ),
  testLabels: nullable(labelsBlock).describe('What of `labels` is otherwise for test rows; null = nothing.'),
  testData: nullable(testData).describe('What of `data` is otherwise for test rows; null = nothing.'),
};

export const data = object({ ...fields, labels }).named('data', 'Rows, splits and templates.');
export type DataSpec = typeof data.infer;

/** Any part of the data. */
export const dataBlock = partial({ ...fields, labels: labelsBlock });

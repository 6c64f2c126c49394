/**
 * What the rest of the program sees of a spec: one experiment of one paper at one scale, every field present and typed.
 * `load.ts` makes these from YAML; nothing after `paper/` reads YAML, and nothing here has a default left to fill.
 */

import type { ModuleSelection } from './targets';

/** Where a value comes from: the paper's text, its released code, or our own choice with a reason. */
export type Mark = 'as-written' | 'as-released' | 'assumed';

export type Scale = 'mini' | 'full';

/** What the paper's text says, or what its released code and logs did. */
export const READINGS = ['as-written', 'as-released'] as const;
export type Reading = (typeof READINGS)[number];

/** Weights and tokeniser: an embedded miniature, a folder, or (full scale) a hub repository. */
export interface ModelSource {
  /** `mini/base-large` (embedded), `hub:Qwen/Qwen3-8B`, or a folder. */
  readonly id: string;
  /** Pinned revision for hub models, null otherwise. */
  readonly revision: string | null;
}

/** How the frozen linears are stored: bitsandbytes' formats. */
export type Quantisation = (
  | {
      readonly kind: 'nf4' | 'fp4';
      readonly doubleQuant: boolean;
      /** Weights per absmax, 64 in bitsandbytes. */
      readonly blockSize: number;
    }
  | {
      readonly kind: 'int8';
      /** Columns of a linear's input with a magnitude of at least this are multiplied in 16 bits; 6 in bitsandbytes, 0 = none. */
      readonly threshold: number;
    }
) & {
  /** What was done to the other parameters before training: decides where the residual stream is fp32. */
  readonly kbitPreparation: 'peft' | 'trl-norms' | 'none';
  /** `llm_int8_skip_modules`, of 4-bit models too: linears left as they are, in the place of the default (the head). */
  readonly skipModules: readonly string[] | null;
  /** What the test rows meet: the base as it was trained on, or its weights as published with the adapter on top. */
  readonly tested: 'quantised' | 'unquantised';
};

export interface LoraAdapter extends ModuleSelection {
  readonly kind: 'lora';
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** alpha / sqrt(rank) instead of alpha / rank (Kalajdzievski 2023). */
  readonly rslora?: boolean;
  /** Ranks and alphas of single modules, by expressions for the end of their names (PEFT's rank_pattern, alpha_pattern). */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
}

/** A number of steps, or a share of all of them. */
export type StepCount = { readonly steps: number } | { readonly ratio: number };

/** AdaLoRA (Zhang et al. 2023) with PEFT's settings; shares of steps are rounded down. */
export interface AdaLoraAdapter extends ModuleSelection {
  readonly kind: 'adalora';
  readonly initialRank: number;
  /** Mean rank of a module at the end. */
  readonly targetRank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** Steps with the whole budget at the start (PEFT: tinit). */
  readonly warmup: StepCount;
  /** Steps at the end during which the ranks stay as they are (PEFT: tfinal). */
  readonly final: StepCount;
  /** Steps between two allocations (PEFT: deltaT). */
  readonly interval: number;
  /** Steps the schedule is laid out for (PEFT: total_step); the run's own where absent. */
  readonly totalSteps?: number;
  /** Averaging of importance and of its uncertainty. */
  readonly beta1: number;
  readonly beta2: number;
  /**
   * Weight of the orthogonal loss, which PEFT adds to the model's own loss in every forward pass; 0 for a script that takes
   * the logits and computes its own.
   */
  readonly orthogonalWeight: number;
  /**
   * `scheduled`: the allocator runs after every step; `never-updated`: nothing calls it, as under the HF Trainer without a
   * callback, so that every module keeps the initial rank.
   */
  readonly budget: 'scheduled' | 'never-updated';
}

export type Adapter = LoraAdapter | AdaLoraAdapter;

export type Head =
  /** Classes come from the data; no bias; the hidden state of the last real token is scored. */
  { readonly kind: 'classification'; readonly pooling: 'last-token' } | { readonly kind: 'causal' };

export type Loss =
  | { readonly kind: 'cross-entropy' }
  | { readonly kind: 'focal'; readonly gamma: number; readonly alpha: number }
  | {
      readonly kind: 'dice-ce';
      readonly diceWeight: number;
      readonly ceWeight: number;
      /** Exponent of the self-adjusting factor (1-p)^exponent (Li et al. 2020). */
      readonly exponent: number;
      readonly smoothing: number;
      readonly reduction: 'example' | 'class';
    };

export interface AdamWSettings {
  /** `adamw-8bit`: moments in 8 bits as bitsandbytes keeps them (the Trainer's `adamw_8bit`, `adamw_bnb_8bit`, `paged_adamw_8bit`). */
  readonly kind: 'adamw' | 'adamw-8bit';
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/**
 * Adafactor (Shazeer and Stern 2018) as in transformers. The Trainer's `optim="adafactor"` is `relativeStep: false,
 * scaleParameter: false` with a learning rate; the class default is both true and no learning rate.
 */
export interface AdafactorSettings {
  readonly kind: 'adafactor';
  /** null exactly when `relativeStep` is true: the step size is then min(1e-2, 1/sqrt(t)). */
  readonly learningRate: number | null;
  readonly relativeStep: boolean;
  /** Steps are multiples of the parameter's own root mean square. */
  readonly scaleParameter: boolean;
  /** With `relativeStep`: min(1e-6 t, 1/sqrt(t)). */
  readonly warmupInit: boolean;
  /** First moment; null keeps none. */
  readonly beta1: number | null;
  /** beta2 of step t is 1 - t^decayRate. */
  readonly decayRate: number;
  /** Added to squared gradients, and the least root mean square of a parameter. */
  readonly epsilon: readonly [number, number];
  /** Bound of an update's root mean square. */
  readonly clipThreshold: number;
  readonly weightDecay: number;
}

export type Optimiser = AdamWSettings | AdafactorSettings;

export interface Schedule {
  readonly kind: 'linear' | 'cosine' | 'constant';
  /** Warm-up steps, or a share of all steps (rounded up, as the HF Trainer does). */
  readonly warmup: { readonly steps: number } | { readonly ratio: number };
}

/**
 * What a step's gradient is divided by, which the HF Trainer changed four times:
 * - `mean-of-means` (up to 4.45, and later for models whose forward takes no further arguments): the mean of each
 *   micro-batch, divided by the accumulation;
 * - `sum-over-tokens-unshifted` (4.48.1 to 5.9): the sum over the step's tokens, divided by its labels other than -100, the
 *   first one of a row included although nothing predicts it;
 * - `sum-over-tokens-shifted` (4.46.0, and from 5.10): the same without the first label of each row;
 * - `undivided`: the mean of each micro-batch, summed: a custom compute_loss from 4.46 on, the sequence classifiers since
 *   their forward takes any argument (4.54), and causal LMs in 4.47 and 4.48.0, which did not hand them the count.
 *
 * For a classifier, whose labels have no shift, both sums are the mean over the step's rows.
 */
export type LossNormalisation = 'mean-of-means' | 'sum-over-tokens-unshifted' | 'sum-over-tokens-shifted' | 'undivided';

/** Dynamic loss scaling of fp16, as torch.amp.GradScaler. */
export interface LossScaling {
  readonly initial: number;
  readonly growthFactor: number;
  readonly backoffFactor: number;
  /** Steps without an overflow before the scale grows. */
  readonly growthInterval: number;
}

export interface Training {
  /** 0: nothing is trained, the base is evaluated as it is. A fraction ends within an epoch, after the steps it rounds up to. */
  readonly epochs: number;
  /** Rows per micro-batch. */
  readonly batchSize: number;
  /** Micro-batches per optimiser step. */
  readonly accumulation: number;
  readonly stepsPerEpoch: 'ceil' | 'floor';
  /**
   * Micro-batches left at the end of an epoch, which every era of the HF Trainer treats in its own way:
   * - `carried` (4.27 to 4.45): they begin the next epoch's first step;
   * - `miscounted` (4.47 to 4.51): rows modulo accumulation of them are taken; when that is all of them, they are a step;
   *   else their gradients, normalised on their own, are added to the next epoch's first step and the others are left out;
   * - `step` (4.52 to 4.54): a step of their own, where means are still divided by the accumulation;
   * - `rescaled` (from 4.55): a step of their own, where means are divided by their number.
   */
  readonly lastAccumulation: 'carried' | 'miscounted' | 'step' | 'rescaled';
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  /** Global gradient norm bound; null switches clipping off. */
  readonly clip: number | null;
  readonly lossNormalisation: LossNormalisation;
  readonly precision: 'fp32' | 'bf16' | 'fp16';
  /** Used by fp16 alone. */
  readonly lossScaling: LossScaling;
  readonly gradientCheckpointing: boolean;
  /**
   * Which weights training returns: the last ones, or the best validation value of a metric (`best-loss`,
   * `best-macro-f1`, ...). Losses and perplexities are best when low, everything else when high.
   */
  readonly selection: 'last' | `best-${string}`;
  /** Rows of an evaluation batch: the HF Trainer's evaluation loss is a mean of batch means. */
  readonly evaluationBatchSize: number;
  /** When the validation rows are evaluated. */
  readonly evaluateEvery: 'epoch' | { readonly steps: number };
  /** Stops when `patience` evaluations in a row did not improve the selection's metric by more than `threshold`. */
  readonly earlyStopping: { readonly patience: number; readonly threshold: number } | null;
  /**
   * What a loss or gradient that is not a number means: `stop`, an error; `record`, a result. Training ends there, the curve
   * until then is kept, the metric `diverged` is 1, and nothing is evaluated: such weights have no other metric.
   */
  readonly onDivergence: 'stop' | 'record';
  readonly seed: number;
}

/** Which tokens of a causal-LM row are labels; the others are -100. A classifier ignores all of it. */
export interface LabelMask {
  /**
   * `labelled`; `masked`: as many tokens as the prompt alone has; `response-template`: everything up to and including the
   * last occurrence of `responseTemplate` (TRL's completion-only collator), the whole row when it does not occur.
   */
  readonly prompt: 'labelled' | 'masked' | 'response-template';
  readonly responseTemplate: string | null;
  /**
   * `left-out`: rows are not padded, or their padding is -100, which is the same; `labelled`: rows are padded to
   * `maxLength` on the right and their padding is learnt.
   */
  readonly padding: 'left-out' | 'labelled';
  /** Whether other padding is seen by padded positions: `full` when no attention_mask was passed. */
  readonly paddingAttention: 'masked' | 'full';
  /** The padding token; null is the tokeniser's own. */
  readonly padToken: string | null;
  /**
   * `labelled`: like any token; `masked`: every end-of-text token is -100; `as-pad`: every token equal to the padding token
   * is, as in DataCollatorForLanguageModeling, so eos is never learnt when it is also the padding.
   */
  readonly eos: 'labelled' | 'masked' | 'as-pad';
}

/** One file of several that are put one behind the other, and what is done to its rows before. */
export interface DataPart {
  /** `--data NAME=FILE` names it; of an embedded source it is the file `NAME.csv`. */
  readonly name: string;
  readonly rows?: readonly RowStep[];
}

/**
 * One thing done to rows, equal row for row to what the library does:
 * - `drop-missing`: pandas `dropna(subset)`: rows without a value in one of the columns (null; in CSV an empty cell);
 * - `drop-blank`: rows with nothing but white space in one of the columns, or no value;
 * - `drop-duplicates`: pandas `drop_duplicates(subset, keep)`; no value equals no value;
 * - `shuffle`: `datasets`, Dataset.shuffle(seed); `pandas`, sample(frac=1, random_state=seed);
 * - `sample`: pandas `sample(n | frac, random_state=seed)`;
 * - `slice`: the rows from `begin` up to `end` (null = the last), as `select(range(begin, end))` and `head` take them.
 */
export interface RowStep {
  readonly kind: 'drop-missing' | 'drop-blank' | 'drop-duplicates' | 'shuffle' | 'sample' | 'slice';
  /** By the spec's names; of the `drop-…`. */
  readonly columns?: readonly string[];
  /** Which of equal rows stays; of `drop-duplicates`. */
  readonly keep?: 'first' | 'last' | 'none';
  /** Of `shuffle`. */
  readonly by?: 'datasets' | 'pandas';
  /** Of `shuffle` and `sample`. */
  readonly seed?: number;
  /** Of `sample`: a share below 1, or a number of rows. */
  readonly size?: number;
  /** Of `slice`, from 0. */
  readonly begin?: number;
  readonly end?: number | null;
}

/** Which rows of n folds are held out: scikit-learn's KFold and StratifiedKFold. */
export interface Folds {
  /** Folds in all: `n_splits`. */
  readonly of: number;
  /** The fold that is held out, from 1. */
  readonly take: number;
  /** Rows are shuffled by `splitSeed` before they are dealt to folds. */
  readonly shuffle: boolean;
}

export interface DataSpec {
  /** `mini/abjadmed` (embedded), `hub:…`, `given/…` when only `--data` can name it, `files:…` once it has. */
  readonly source: string;
  /** The files whose rows are put one behind the other, in this order; empty = the source is one file. */
  readonly parts: readonly DataPart[];
  /** Extra training files (an augmentation), by name inside the source. */
  readonly extraTrain: readonly string[];
  /** The spec's name of a column -> the file's. A classifier has `text` and `label`; templates name any. */
  readonly columns: Readonly<Record<string, string>>;
  /** Columns, by the spec's name, that may be empty or absent: they are empty text there. */
  readonly optional: readonly string[];
  /** What separates the columns of a CSV; null = commas, or what the header has instead of them. */
  readonly separator: ',' | ';' | '|' | 'tab' | null;
  /**
   * What NA, None, null and the like mean in a CSV: `missing`, as pandas and datasets read them (`keep_default_na=True`), or the
   * `text` they are.
   */
  readonly missingTexts: 'missing' | 'text';
  /** Only rows whose columns hold these texts, by the spec's name of the column. */
  readonly filter: Readonly<Record<string, string>>;
  /** What is done, in this order, to the rows that are to be split (after `parts` are put together); given splits of `--data` too, but for validation and test. */
  readonly rows: readonly RowStep[];
  /**
   * How rows are held out:
   * - scikit-learn's train_test_split: `sklearn`, `stratified` (small classes do not stop the latter);
   * - datasets' train_test_split: `datasets`, `datasets-stratified`;
   * - `datasets-shuffle`: shuffle(seed), then the first `trainRows` for training and the next ones held out;
   * - `unshuffled`: either library's with shuffle=False: the first rows for training, the next ones held out;
   * - `torch-random-split`: torch's random_split, one permutation for training, validation and test rows; shares are rounded
   *   down as `int()` does, or `dealt` as random_split does with fractions;
   * - `pandas-sample-train`, `pandas-sample-held-out`: that side is sample(frac | n, random_state=seed), the other is what
   *   drop(index) leaves, in its order;
   * - `k-fold`, `stratified-k-fold`: scikit-learn's, one fold held out, both sides in the order of the rows.
   */
  readonly splitMethod:
    | 'stratified'
    | 'sklearn'
    | 'datasets'
    | 'datasets-stratified'
    | 'datasets-shuffle'
    | 'unshuffled'
    | 'torch-random-split'
    | 'pandas-sample-train'
    | 'pandas-sample-held-out'
    | 'k-fold'
    | 'stratified-k-fold';
  /** Share (below 1) or number (from 2) of rows for training in the last split that is made: `train_size`; null = not given. */
  readonly train: number | null;
  /**
   * Who has the rows that the given sizes leave over: `train`, where only the held-out side was given; `held-out`, where only
   * `train` was; `unused`, where both were; `dealt`, one each in turn, as random_split does with fractions.
   */
  readonly rest: 'train' | 'held-out' | 'unused' | 'dealt';
  /** Of `k-fold` and `stratified-k-fold`; null otherwise. */
  readonly folds: Folds | null;
  /** The column (the spec's name) whose values a stratified split keeps in proportion. */
  readonly stratifyBy: string;
  /** Training rows that are used, from the front; null = all. */
  readonly trainRows: number | null;
  /** Share (below 1) or number (from 2) of the training rows held out for validation. */
  readonly validation: number;
  readonly splitSeed: number;
  /** Share or number held out as test rows when the data names no test file. */
  readonly test: number;
  /**
   * Rows that are tested: `held-out`, or `all`, every row that the filter keeps in the order of the files, those that were
   * trained on included, as by a script that reads its file again. Rows of `extraTrain` are never tested.
   */
  readonly testRows: 'held-out' | 'all';
  /** Tokens a row may have; longer rows are truncated. */
  readonly maxLength: number;
  /** Where a row that is too long loses tokens of its text; special tokens around it stay, and labels go with their tokens. */
  readonly truncationSide: 'right' | 'left';
  /** Whether the tokeniser puts its special tokens around a text: `add_special_tokens`. */
  readonly addSpecialTokens: boolean;
  /** Prompt template: `{text}` is the row's column `text`; or Jinja (`data/template.ts`). */
  readonly template: string;
  /** Template of what follows the prompt of a causal-LM row. null for a classifier. */
  readonly response: string | null;
  /** Put an end-of-text token behind the response. */
  readonly appendEos: boolean;
  /**
   * Release of transformers whose reading of tokenizer_config.json counts. 4: Llama, Code Llama, Gemma and Cohere tokenisers
   * put begin and end of text by `add_bos_token` and `add_eos_token`, and generated texts lose spaces before punctuation
   * where `clean_up_tokenization_spaces` says so. 5: tokenizer.json decides, and texts of a BPE tokeniser stay as they are.
   */
  readonly transformers: 4 | 5;
  readonly labels: LabelMask;
  /** What of `labels` is otherwise for test rows; null = nothing. */
  readonly testLabels: Partial<LabelMask> | null;
  /** What of `data` is otherwise for test rows; null = nothing. */
  readonly testData: TestData | null;
}

/**
 * Test rows of another kind: from a source of their own, with other columns, another template. What is not named is as in
 * `data`, but for `parts` and `rows`, which are then empty, and for `filter` and `optional`, which go with `columns`.
 */
export type TestData = Partial<
  Pick<
    DataSpec,
    | 'source'
    | 'parts'
    | 'columns'
    | 'optional'
    | 'filter'
    | 'rows'
    | 'maxLength'
    | 'truncationSide'
    | 'addSpecialTokens'
    | 'template'
    | 'response'
    | 'appendEos'
  >
>;

/** How a causal LM answers questions with given choices, for the metrics `choice-…`. */
export interface Choices {
  /**
   * `log-likelihood`: the choice whose text is the most likely continuation of the prompt, as lm-evaluation-harness scores
   * `multiple_choice`; `generated`: the choice that the generated answer names.
   */
  readonly by: 'log-likelihood' | 'generated';
  /** Names of the choices, in order: what `gold` and answers call them. */
  readonly names: readonly string[];
  /**
   * The continuation that each choice is, templates over the test rows' columns or plain text; null = its name. A choice
   * whose text is empty for a row is none of that row's. Of `log-likelihood` alone.
   */
  readonly texts: readonly string[] | null;
  /** Put between prompt and continuation: lm-eval's `target_delimiter`. Of `log-likelihood` alone. */
  readonly delimiter: string;
  /** Template of the right choice. */
  readonly gold: string;
  /** What `gold` gives: a choice's name, its place from 0, or its text. */
  readonly goldIs: 'name' | 'index' | 'text';
  /**
   * A Python expression that finds a choice's name in an answer, its first group where it has one, as `re.search` or
   * `re.findall` does; null = a name at the start of the answer that no letter or digit follows. Of `generated` alone.
   */
  readonly pattern: string | null;
  /** The first match or the last. */
  readonly take: 'first' | 'last';
  /** Tokens of prompt and continuation that the model sees, cut on the left; null = as many as the model has positions. */
  readonly maxLength: number | null;
}

/** How test rows are answered, for metrics over generated texts. */
export interface Generation {
  readonly maxNewTokens: number;
  /** null = greedy. */
  readonly sampling: {
    readonly temperature: number;
    readonly topK: number | null;
    readonly topP: number | null;
  } | null;
  /** 1 = none. */
  readonly repetitionPenalty: number;
  /** 0 = none. */
  readonly noRepeatNgramSize: number;
  /** Rows of a left-padded batch of the peers, whose penalties also see the padding. */
  readonly batchSize: number;
  /** Test rows that are answered, from the front; null = all. */
  readonly rows: number | null;
  /** Template, over the data's columns, of the text an answer is compared with. */
  readonly reference: string;
  /** Predictions still begin with the prompt, as when all ids of a row are decoded. */
  readonly echo: boolean;
}

/** One experiment, ready to run or to be reported as unmeasured. */
export interface Experiment {
  readonly paper: string;
  readonly id: string;
  readonly scale: Scale;
  readonly title: string;
  /** Why it cannot run at this scale; null when it can. */
  readonly unmeasured: string | null;
  readonly task: 'sequence-classification' | 'causal-lm';
  readonly model: ModelSource;
  readonly quantisation: Quantisation | null;
  readonly adapter: Adapter | null;
  readonly head: Head;
  readonly loss: Loss;
  readonly data: DataSpec;
  readonly training: Training;
  /** null when no metric reads generated texts. */
  readonly generation: Generation | null;
  /** null when test rows have no choices. */
  readonly choices: Choices | null;
  /** Metrics to compute on the test split, by id (`macro-f1`, `accuracy`). */
  readonly metrics: readonly string[];
  /** Fields that are our own choice, by dotted path, with the reason; everything else is as written or as released. */
  readonly marks: Readonly<Record<string, { readonly mark: Mark; readonly reason: string }>>;
}

/** What a run reads besides its rows: the base model and its settings. Checks that rows and model fit each other. */
import { cpus } from 'node:os';
import { hasAsset } from '../assets';
import { judgeLabels, summariseLabels } from '../data/label-summary';
import { labelsOf, type PreparedData, rowsOf, SPLITS, type SplitName } from '../data/prepare';
import type { Tokenizer } from '../data/tokenizer';
import { inputError, specError } from '../errors';
import type { OnEvent, RunWarning } from '../events';
import {
  type AskedGeneration,
  type CheckpointGeneration,
  plainGeneration,
  readCheckpointGeneration,
  resolveGeneration,
} from '../generate/checkpoint';
import type { GenerationOptions } from '../generate/generate';
import { classMetricById } from '../metrics/index';
import { beyondPositions } from '../nn/config';
import { type ModelFiles, openEmbeddedModel, openModelFolder } from '../nn/model';
import type { AdafactorSettings, DataSpec, Experiment, Generation, Training } from '../paper/types';
import type { Row } from '../train/pass';
import { selectionMetric } from '../train/selection';
import { type ChoiceRow, choiceRows, scoredRows } from './choices';
import { checkMetrics } from './metrics';
import type { Opened, Rows } from './open';
import { isEmbedded } from './requested';

export interface Inputs {
  readonly tokenizer: Tokenizer;
  readonly data: PreparedData;
  readonly files: ModelFiles;
  /** The checkpoint's generation settings. */
  readonly generation: CheckpointGeneration;
  /** The choices of the test rows; null where they have none. */
  readonly choices: readonly ChoiceRow[] | null;
  /** Warnings that the run's record names. */
  readonly warnings: readonly RunWarning[];
}

/**
 * Warnings about the rows, for before step 1: the notes made while they were read, and what their labels teach.
 *
 * @throws MedreproError `input` when the labels of the training rows teach nothing
 */
export function dataWarnings(
  { data: spec, training }: Experiment,
  data: PreparedData,
  { eosId }: Tokenizer,
): RunWarning[] {
  const warnings: RunWarning[] = data.summary.notes.map((message) => ({ id: 'data', message }));
  const taught = summariseLabels(rowsOf(data, 'train'), eosId);
  if (taught !== null) warnings.push(...judgeLabels(taught, spec.labels));
  if (training.selection !== 'last' && data.splits.validation.length === 0) {
    const message = `there are no validation rows to select weights by (${training.selection}): the last are kept`;
    warnings.push({ id: 'no-validation-rows', message });
  }
  return warnings;
}

/**
 * Opens the base model of an experiment and reads its rows. Emits a summary of each split as the model will see it.
 *
 * @returns with `files` open: the caller closes their tensors
 * @throws MedreproError with nothing left open: settings that would be ignored, damaged files, a tokeniser of another model, labels
 *   that teach nothing
 */
export async function readInputs(opened: Opened, onEvent: OnEvent): Promise<Inputs> {
  const { experiment } = opened;
  rejectIgnored(experiment);
  checkMetrics(experiment);
  const rows = await opened.rows();
  if (isEmbedded(experiment) && !hasAsset(`papers/${experiment.model.id}/config.json`)) {
    throw inputError(`this build has no miniature ${experiment.model.id}`);
  }
  const files = isEmbedded(experiment) ? openEmbeddedModel(experiment.model.id) : openModelFolder(experiment.model.id);
  try {
    return joinInputs(experiment, rows, files, onEvent);
  } catch (error) {
    files.tensors.close();
    throw error;
  }
}

function joinInputs(experiment: Experiment, { tokenizer, data }: Rows, files: ModelFiles, onEvent: OnEvent): Inputs {
  const tokens = usedTokens(tokenizer, data, experiment);
  if (tokens > files.config.vocabSize) {
    throw inputError(
      `the tokeniser has ${tokens} tokens and the model ${files.config.vocabSize}: they do not belong together`,
      { remedy: 'name the tokeniser of that model with --tokenizer' },
    );
  }
  for (const split of SPLITS) {
    const { rows, tokens, truncated, bosPerRow: bos } = data.summary.splits[split];
    const labels = summariseLabels(rowsOf(data, split), tokenizer.eosId);
    const eosLabelled = labels && labels.eosLabelled > 0;
    onEvent({ kind: 'dataSummary', split, rows, tokens, truncated, ignored: labels?.ignored ?? 0, bos, eosLabelled });
  }
  const warnings: RunWarning[] = files.warnings.map((message) => ({ id: 'model-files', message }));
  warnings.push(...dataWarnings(experiment, data, tokenizer));
  const generation = isEmbedded(experiment)
    ? plainGeneration(files.config)
    : readCheckpointGeneration(experiment.model.id, files.config);
  warnings.push(...generationWarnings(experiment, generation, tokenizer));
  const choices =
    experiment.choices === null
      ? null
      : choiceRows(experiment.data, experiment.choices, data, tokenizer, files.config.maxPositions);
  const beyond = beyondPositions(files.config, longestRow(data, experiment, choices ?? []));
  if (beyond !== null) warnings.push({ id: 'beyond-positions', message: beyond });
  for (const warning of warnings) onEvent({ kind: 'warning', ...warning });
  return { tokenizer, data, files, generation, choices, warnings };
}

/** Tokens of the longest row, with the answer generated for a test row; the last token of a choice is no input. */
function longestRow(data: PreparedData, { generation }: Experiment, choices: readonly ChoiceRow[]): number {
  const lengths = SPLITS.flatMap((split) => {
    const answer = split === 'test' ? (generation?.maxNewTokens ?? 0) : 0;
    return rowsOf(data, split).map(({ ids }) => ids.length + answer);
  });
  const scored = scoredRows(choices).map(({ ids }) => ids.length - 1);
  return [...lengths, ...scored].reduce((most, length) => Math.max(most, length), 0);
}

/** Checkpoint settings that answers do not follow, and an end-of-text token that does not end an answer. */
function generationWarnings(
  { generation: asked, training }: Experiment,
  checkpoint: CheckpointGeneration,
  { eosId }: Tokenizer,
): RunWarning[] {
  if (asked === null) return [];
  const { options, warnings } = resolveGeneration(checkpoint, askedGeneration(asked, training));
  const messages = [...warnings];
  if (eosId !== null && !options.eosTokenIds.includes(eosId)) {
    const ends = options.eosTokenIds.length === 0 ? 'none' : options.eosTokenIds.join(', ');
    messages.push(`the tokeniser's end of text, ${eosId}, does not end an answer: the checkpoint names ${ends}`);
  }
  return messages.map((message) => ({ id: 'generation', message }));
}

/** How test rows are answered; null where they are not. */
export function answerOptions(
  { generation, training }: Experiment,
  inputs: Pick<Inputs, 'generation'>,
): GenerationOptions | null {
  if (generation === null) return null;
  return resolveGeneration(inputs.generation, askedGeneration(generation, training)).options;
}

/** The spec's generation settings; where it has none, the checkpoint's apply. */
const askedGeneration = (
  { maxNewTokens, sampling, repetitionPenalty, noRepeatNgramSize }: Generation,
  { precision, seed }: Training,
): AskedGeneration => ({
  compute: precision,
  maxNewTokens,
  eosTokenIds: null,
  repetitionPenalty,
  noRepeatNgramSize,
  // the spec's null is "all", not "as the checkpoint has it"
  sampling:
    sampling === null
      ? null
      : { temperature: sampling.temperature, topK: sampling.topK ?? 0, topP: sampling.topP ?? 1, seed },
});

/** Rejects settings that this version would have to ignore: such a run would not do what its spec says. */
function rejectIgnored({ adapter, quantisation, training, task, metrics }: Experiment): void {
  if (adapter === null && quantisation !== null && training.epochs > 0) {
    throw specError('quantisation without an adapter: quantised weights are not trained', {
      remedy: 'give an adapter, or set quantisation: null',
    });
  }
  const metric = selectionMetric(training);
  if (training.earlyStopping !== null && metric === null) {
    throw specError('training.earlyStopping needs a metric', { remedy: 'set training.selection to best-<metric>' });
  }
  if (training.onDivergence === 'record' && training.epochs > 0 && !metrics.includes('diverged')) {
    throw specError("training.onDivergence: record needs the metric 'diverged', which is all a diverged run has", {
      remedy: 'add it to metrics, or set onDivergence: stop',
    });
  }
  if (metric !== null && metric !== 'loss' && task === 'sequence-classification') classMetricById(metric);
  if (training.optimiser.kind === 'adafactor') checkAdafactor(training.optimiser);
}

/** Rejects the combinations that transformers' own class rejects. */
function checkAdafactor({ learningRate, relativeStep, warmupInit }: AdafactorSettings): void {
  if (relativeStep === (learningRate !== null)) {
    throw specError('training.optimiser: Adafactor takes a learningRate exactly when relativeStep is false', {
      remedy: relativeStep ? 'set learningRate: null' : 'give learningRate, or set relativeStep: true',
    });
  }
  if (warmupInit && !relativeStep) throw specError('training.optimiser.warmupInit needs relativeStep: true');
}

/** The rows of a split, as the trainer takes them: without an attention mask, padding attends to the padding that precedes it. */
export function trainingRows(data: PreparedData, split: SplitName, spec: DataSpec): Row[] {
  const rows: readonly Row[] = rowsOf(data, split);
  const { paddingAttention } = labelsOf(spec, split);
  return rows.map((row) => {
    if (paddingAttention === 'masked') return row;
    const { attended: _attended, ...seeing } = row;
    return seeing;
  });
}

/** The processor's name, for manifests. */
export const processor = (): string => cpus()[0]?.model.trim() ?? 'unknown';

// --- internal ---

/**
 * Tokens that the model must have: those of tokenizer.json, and those of tokenizer_config.json that the rows use. A padding token
 * that only the configuration names is often beyond the model's vocabulary, which does no harm where nothing is padded.
 */
function usedTokens(tokenizer: Tokenizer, data: PreparedData, { generation }: Experiment): number {
  if (tokenizer.vocabSize === tokenizer.ownSize) return tokenizer.ownSize;
  let most = tokenizer.ownSize;
  if (generation !== null && generation.batchSize > 1) most = Math.max(most, (tokenizer.padId ?? -1) + 1);
  for (const { ids } of data.rows) for (const id of ids) if (id >= most) most = id + 1;
  return most;
}

/** A causal LM: losses of the labelled tokens, and, where the spec generates, answers compared with references. */

import { groupsOf } from '../data/batches';
import { referenceTexts } from '../data/causal';
import { labelsOf, type SplitName } from '../data/prepare';
import { testSpec } from '../data/test-form';
import { inputError, specError } from '../errors';
import type { OnEvent } from '../events';
import { type GenerationOptions, generate } from '../generate/generate';
import { choiceMetricOf } from '../metrics/choices';
import { curveScores } from '../metrics/curve';
import { textMetricById } from '../metrics/index';
import { type Score, signatureOf } from '../metrics/metric';
import { batchMeanLoss, meanLoss, type TokenLoss, trainerLoss } from '../metrics/perplexity';
import type { Device } from '../native/device';
import type { Model } from '../nn/model';
import type { Choices, Experiment, Generation } from '../paper/types';
import { causalRowLosses } from '../train/evaluate';
import type { Row } from '../train/pass';
import { evaluationOptions, type StepResult } from '../train/trainer';
import { type Answers, annotationSheet, lengthHistogram } from './answers';
import {
  type ChoiceOutcome,
  likelihoodOutcomes,
  namedOutcomes,
  partsOf,
  recordOf,
  scoredRows,
  scoreOutcomes,
} from './choices';
import { answerOptions, type Inputs, trainingRows } from './inputs';
import { includes, LOSS_METRICS, TRAINING_METRICS, testParts } from './metrics';
import type { Task, TestOutcome } from './task';

export class CausalTask implements Task {
  constructor(
    private readonly experiment: Experiment,
    private readonly inputs: Inputs,
    private readonly device: Device,
    private readonly model: Model,
    private readonly onEvent: OnEvent,
  ) {}

  trainsOn(rows: number): string {
    const all = trainingRows(this.inputs.data, 'train', this.experiment.data);
    const tokens = all.reduce((sum, row) => sum + row.ids.length, 0);
    const labels = all.reduce((sum, row) => sum + labelled(row), 0);
    return `${rows} training rows of ${tokens} tokens, ${((100 * labels) / tokens).toFixed(1)}% of them labelled`;
  }

  validate(selection: string | null): Record<string, number> {
    const losses = this.losses('validation');
    const metrics = Object.fromEntries(
      ['loss', 'perplexity'].map((id) => [id, this.lossScore(id, losses, 'validation').value]),
    );
    if (selection !== null && metrics[selection] === undefined) {
      if (!includes(LOSS_METRICS, selection)) {
        throw specError(`training.selection best-${selection}: texts are generated for test rows only`, {
          remedy: 'use best-loss or last',
        });
      }
      metrics[selection] = this.lossScore(selection, losses, 'validation').value;
    }
    return metrics;
  }

  test(log: readonly StepResult[]): TestOutcome {
    const { metrics: ids, generation, choices, data } = this.experiment;
    const parts = testParts(data);
    // a diverged run has its loss curve and nothing else
    const rows = log.at(-1)?.diverged ? 0 : this.inputs.data.splits.test.length;
    const wanted = rows === 0 ? ids.filter((id) => includes(TRAINING_METRICS, id)) : ids;
    const losses = rows === 0 ? [] : this.losses('test');
    const metrics: Record<string, TestOutcome['metrics'][string]> = {};
    const items: Record<string, NonNullable<TestOutcome['items']>[string]> = {};
    const curve = log.length === 0 ? null : curveScores(log.map(({ loss }) => loss));
    const answers = generation === null || rows === 0 ? null : this.answer(generation);
    const outcomes = choices === null || rows === 0 ? null : this.choose(choices, answers);
    for (const id of wanted) {
      if (includes(TRAINING_METRICS, id)) {
        if (curve === null) continue;
        const score = id === 'train-loss' ? trainLoss(log) : curve[id];
        if (Number.isFinite(score.value)) metrics[id] = plain(score);
        else
          this.onEvent({
            kind: 'warning',
            message: `${id} is ${score.value}, and not recorded: a loss of training is not finite`,
          });
        continue;
      }
      if (includes(LOSS_METRICS, id)) {
        metrics[id] = plain(this.lossScore(id, losses, 'test'));
        if (id === 'loss' || id === 'perplexity') {
          items[id] = {
            kind: id === 'loss' ? 'ratio' : 'exp-ratio',
            numerators: losses.map(({ sum }) => sum),
            denominators: losses.map(({ tokens }) => tokens),
          };
        }
        continue;
      }
      const choice = choiceMetricOf(id, parts);
      if (choice !== null) {
        const { score, hits } = scoreOutcomes(choice, outcomes!, choices!);
        metrics[id] = plain(score);
        items[id] = { kind: 'ratio', numerators: [...hits], denominators: hits.map(() => 1) };
        continue;
      }
      const score = textMetricById(id).score(answers!.predictions, answers!.references);
      for (const warning of score.warnings ?? []) this.onEvent({ kind: 'warning', message: `${id}: ${warning}` });
      metrics[id] = plain(score);
      if (score.rows !== null) {
        items[id] = { kind: 'ratio', numerators: [...score.rows], denominators: Array.from(score.rows, () => 1) };
      }
    }
    const count = answers?.predictions.length ?? 0;
    const predictions = losses.map(({ sum, tokens }, index) => ({
      index,
      loss: tokens === 0 ? null : sum / tokens,
      tokens,
      ...(answers !== null && index < count
        ? {
            prediction: answers.predictions[index],
            reference: answers.references[index],
            finish: answers.finish[index],
          }
        : {}),
      ...(outcomes?.[index] === undefined ? {} : { choice: recordOf(outcomes[index], choices!) }),
    }));
    const files =
      answers === null ? {} : { 'annotation.csv': annotationSheet(answers), 'lengths.json': lengthHistogram(answers) };
    return { metrics, classes: null, items, predictions, files, tables: null };
  }

  // --- internal ---

  private losses(split: 'validation' | 'test'): TokenLoss[] {
    const rows = trainingRows(this.inputs.data, split, this.experiment.data);
    const options = evaluationOptions(this.experiment.training);
    const losses = causalRowLosses(this.device, this.model, rows, options, this.progress(split, rows.length));
    if (losses.every(({ tokens }) => tokens === 0)) {
      throw inputError(`no ${split} row has a label, so its loss has no meaning`, {
        remedy: 'check data.template, data.response and data.labels of the spec',
      });
    }
    return losses;
  }

  private lossScore(id: string, losses: readonly TokenLoss[], split: SplitName): Score {
    if (id.startsWith('trainer-')) return this.trainerScore(id, losses, split);
    const labels = labelsOf(this.experiment.data, split);
    const exponential = id.endsWith('perplexity');
    const { evaluationBatchSize } = this.experiment.training;
    const text = id.startsWith('text-');
    const weight = id.startsWith('batch-mean') ? `batch-means-of-${evaluationBatchSize}` : 'tokens';
    const parts = { weight, prompt: labels.prompt, padding: text ? 'left-out' : labels.padding, eos: labels.eos };
    const own = text ? this.textLosses(split) : losses;
    const loss = id.startsWith('batch-mean') ? batchMeanLoss(own, evaluationBatchSize) : meanLoss(own);
    const value = exponential ? Math.exp(loss) : loss;
    const unit = exponential ? 'exp' : 'nats';
    refuseInfinite(id, value, loss);
    return { metric: id, value, printed: value.toFixed(4), signature: signatureOf(id, { ...parts, unit, v: 1 }) };
  }

  private trainerScore(id: string, losses: readonly TokenLoss[], split: SplitName): Score {
    const { data, training } = this.experiment;
    const size = training.evaluationBatchSize;
    const loss = trainerEvaluationLoss(this.model, losses, size);
    const value = id === 'trainer-loss' ? loss : Math.exp(loss);
    refuseInfinite(id, value, loss);
    const { prompt, padding, eos } = labelsOf(data, split);
    const parts = {
      weight: `rows-of-batches-of-${size}`,
      orthogonal: this.model.adalora === null ? 'none' : 'added',
      prompt,
      padding,
      eos,
      unit: id === 'trainer-loss' ? 'nats' : 'exp',
      v: 1,
    };
    return { metric: id, value, printed: value.toFixed(4), signature: signatureOf(id, parts) };
  }

  /** Losses of the rows without the padding that the spec leaves labelled. */
  private textLosses(split: SplitName): TokenLoss[] {
    const rows = trainingRows(this.inputs.data, split, this.experiment.data).map((row, index): Row => {
      const { attended } = this.inputs.data.rows[this.inputs.data.splits[split][index]!]!;
      const text = <T>(values: ArrayLike<T>): T[] => Array.from(values).slice(0, attended);
      return { ...row, ids: text(row.ids), labels: row.labels && text(row.labels) };
    });
    return causalRowLosses(this.device, this.model, rows, evaluationOptions(this.experiment.training));
  }

  /** How each test row's choice is answered. */
  private choose(choices: Choices, answers: Answers | null): ChoiceOutcome[] {
    const { data } = this.inputs;
    const rows = this.inputs.choices!;
    if (choices.by === 'generated') return namedOutcomes(rows, answers!.predictions, choices, partsOf(data));
    const scored = scoredRows(rows);
    this.onEvent({ kind: 'stage', name: 'choices', detail: `${scored.length} choices of ${rows.length} rows` });
    const options = evaluationOptions(this.experiment.training);
    const losses = causalRowLosses(this.device, this.model, scored, options, this.progress('choices', scored.length));
    return likelihoodOutcomes(
      rows,
      losses.map(({ sum }) => sum),
      partsOf(data),
    );
  }

  /** Generates an answer to the prompt of each test row. */
  private answer(generation: Generation): Answers {
    const { data, tokenizer } = this.inputs;
    const { rows: wanted, batchSize, echo } = generation;
    const test = [...data.splits.test].slice(0, wanted ?? undefined).map((index) => data.rows[index]!);
    const spec = testSpec(this.experiment.data);
    const references = referenceTexts(spec, generation.reference, test);
    const prompts = test.map((row) => tokenizer.encode(row.text, spec.addSpecialTokens));
    const pad = tokenizer.padId;
    const options: GenerationOptions = {
      ...answerOptions(this.experiment, this.inputs)!,
      ...(pad === null || batchSize === 1 ? {} : { padding: { tokenId: pad, batchSize } }),
    };
    this.onEvent({ kind: 'stage', name: 'generate', detail: `${prompts.length} answers` });
    let done = 0;
    const progress = this.progress('generate', prompts.length);
    const generated = generate(this.device, this.model, prompts, options, { onRow: () => progress(++done) });
    const texts = generated.map(({ ids }) => tokenizer.decode(ids, true));
    return {
      prompts: test.map((row) => row.text),
      references,
      predictions: echo
        ? generated.map(({ ids }, i) => tokenizer.decode([...prompts[i]!, ...ids], true))
        : texts.map((text) => text.trim()),
      tokens: generated.map(({ ids }) => ids.length),
      finish: generated.map(({ finish }) => finish),
    };
  }

  private progress(name: string, total: number): (done: number) => void {
    const began = performance.now();
    return (done) => {
      const rate = done / ((performance.now() - began) / 1e3);
      this.onEvent({ kind: 'progress', name, done, total, unit: 'rows', rate, eta: (total - done) / rate });
    };
  }
}

/**
 * `eval_loss` of a causal LM as the HF Trainer's `evaluate` reports it: the mean over the labels of each batch of `batchSize`
 * rows, counted once a row, plus AdaLoRA's orthogonal loss where the model has that adapter. PEFT adds it to the model's loss in
 * evaluation too, so the losses of AdaLoRA and of other adapters are not comparable. A batch without a label is left out.
 *
 * @param losses of the rows, as {@link causalRowLosses} gives them
 * @throws MedreproError `input` when nothing is labelled.
 */
export function trainerEvaluationLoss(model: Model, losses: readonly TokenLoss[], batchSize: number): number {
  const batches = groupsOf(losses, batchSize)
    .map((batch) => ({
      sum: batch.reduce((total, row) => total + row.sum, 0),
      tokens: batch.reduce((total, row) => total + row.tokens, 0),
      rows: batch.length,
    }))
    .filter(({ tokens }) => tokens > 0);
  return trainerLoss(batches) + (model.adalora?.orthogonalLoss(null) ?? 0);
}

const plain = ({ value, printed, signature }: Score): { value: number; printed: string; signature: string } => ({
  value,
  printed,
  signature,
});

const labelled = ({ labels }: Row): number => Array.from(labels ?? []).filter((label) => label >= 0).length;

/** The exponential of a finite loss may overflow. */
function refuseInfinite(id: string, value: number, loss: number): void {
  if (Number.isFinite(value)) return;
  throw inputError(`${id} is ${value}: the mean loss is ${loss}`, { remedy: 'the model knows nothing of these rows' });
}

/** The Trainer's `train_loss`: the mean of all steps' losses. */
function trainLoss(log: readonly StepResult[]): Score {
  const value = log.reduce((sum, { loss }) => sum + loss, 0) / log.length;
  const signature = signatureOf('train-loss', { mean: 'steps', steps: log.length, v: 1 });
  return { metric: 'train-loss', value, printed: value.toFixed(4), signature };
}

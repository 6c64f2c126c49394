/** A sequence classifier: predicted classes against gold ones. */
import type { PreparedData } from '../data/prepare';
import type { OnEvent } from '../events';
import { confusionMatrix } from '../metrics/confusion';
import { classMetricById, scoreClasses } from '../metrics/index';
import { perClass } from '../metrics/per-class';
import type { Device } from '../native/device';
import type { Model } from '../nn/model';
import type { Experiment } from '../paper/types';
import { classifierEvaluationLoss, predictClasses } from '../train/evaluate';
import { evaluationOptions } from '../train/trainer';
import { type Inputs, trainingRows } from './inputs';
import type { ClassTables, Task, TestOutcome } from './task';

export class ClassifierTask implements Task {
  constructor(
    private readonly experiment: Experiment,
    private readonly inputs: Inputs,
    private readonly device: Device,
    private readonly model: Model,
    private readonly onEvent: OnEvent,
  ) {}

  trainsOn(rows: number): string {
    const { classes, summary } = this.inputs.data;
    const counts = summary.splits.train.classCounts.filter((count) => count > 0);
    const range = `${Math.min(...counts)} to ${Math.max(...counts)} a class`;
    return `${rows} training rows of ${classes.length} classes (${range}), every row supervised by one label`;
  }

  validate(selection: string | null): Record<string, number> {
    const gold = this.gold('validation');
    const predicted = this.predict('validation');
    const scores = Object.entries(scoreClasses(this.experiment.metrics, gold, predicted));
    const metrics = Object.fromEntries(scores.map(([id, { value }]) => [id, value]));
    if (selection !== null) metrics[selection] ??= this.selectionValue(selection, gold, predicted);
    return metrics;
  }

  test(): TestOutcome {
    const { data } = this.inputs;
    const gold = this.gold('test');
    const predicted = this.predict('test');
    const scores = gold.length === 0 ? [] : Object.entries(scoreClasses(this.experiment.metrics, gold, predicted));
    const tables = tablesOf(data, gold, predicted);
    return {
      metrics: Object.fromEntries(
        scores.map(([id, { value, printed, signature }]) => [id, { value, printed, signature }]),
      ),
      classes: { gold, predicted, labels: [...data.classes] },
      items: null,
      predictions: gold.map((label, index) => ({
        index,
        gold: data.classes[label],
        predicted: data.classes[predicted[index]!],
      })),
      files: { 'per-class.json': tables },
      tables,
    };
  }

  // --- internal ---

  /** The selection's metric on the validation rows, where it is not among the experiment's own. */
  private selectionValue(metric: string, gold: readonly number[], predicted: readonly number[]): number {
    if (metric !== 'loss') return classMetricById(metric).score(gold, predicted).value;
    const { training, loss } = this.experiment;
    const rows = trainingRows(this.inputs.data, 'validation', this.experiment.data);
    const options = evaluationOptions(training);
    return classifierEvaluationLoss(this.device, this.model, rows, loss, training.evaluationBatchSize, options);
  }

  private gold(split: 'validation' | 'test'): number[] {
    return trainingRows(this.inputs.data, split, this.experiment.data).map((row) => row.label);
  }

  private predict(split: 'validation' | 'test'): number[] {
    const rows = trainingRows(this.inputs.data, split, this.experiment.data);
    const began = performance.now();
    const options = evaluationOptions(this.experiment.training);
    const predicted = predictClasses(this.device, this.model, rows, options, (done) => {
      const rate = done / ((performance.now() - began) / 1e3);
      const eta = (rows.length - done) / rate;
      this.onEvent({ kind: 'progress', name: split, done, total: rows.length, unit: 'rows', rate, eta });
    });
    return [...predicted];
  }
}

function tablesOf(data: PreparedData, gold: readonly number[], predicted: readonly number[]): ClassTables | null {
  if (gold.length === 0) return null;
  const { labels, precision, recall, f1, support, signature } = perClass(gold, predicted);
  return {
    classes: data.classes,
    scores: {
      labels,
      precision: [...precision],
      recall: [...recall],
      f1: [...f1],
      support: [...support],
      signature,
    },
    confusion: confusionMatrix(gold, predicted),
  };
}

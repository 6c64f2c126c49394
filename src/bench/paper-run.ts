/**
 * A paper's own training at the full scale, as far as a benchmark can go: its spec's adapter, loss, optimiser and batches, on
 * random weights of its model's shape and rows of its data's lengths. A number of steps and of evaluated rows is timed; the whole
 * run is projected from them.
 */
import { epochOrder } from '../data/batches';
import type { Device } from '../native/device';
import { adapterOptions } from '../nn/adapter';
import { initialise } from '../nn/initialise';
import { loadModel } from '../nn/model';
import { resolveExperiment } from '../paper/load';
import { loadEmbedded } from '../paper/target';
import { stepsAfterSplit } from '../plan/size';
import { predictClasses } from '../train/evaluate';
import type { Row } from '../train/pass';
import { evaluationOptions, Trainer } from '../train/trainer';
import { meanContext, ROWS_OF_118, sum } from './rows';
import { SHAPES, type ShapeName } from './shapes';
import { peakOf, usefulPerToken } from './train-step';

/** One run that is projected. */
export interface PaperSetup {
  /** What `--only` looks for. */
  readonly name: string;
  readonly paper: string;
  readonly experiment: string;
  readonly shape: ShapeName;
  /** Tokens of its rows, which repeat. */
  readonly rows: readonly number[];
  /** Steps that are timed, after ten others. */
  readonly steps: number;
}

export const PAPER_SETUPS: readonly PaperSetup[] = [
  {
    name: 'paper abjadmed all-linear',
    paper: 'abjadmed',
    experiment: 'all-linear',
    shape: 'qwen3-8b',
    rows: ROWS_OF_118,
    steps: 500,
  },
];

export interface PaperRunResult {
  readonly name: string;
  readonly steps: number;
  readonly tokensPerSecond: number;
  /** Of the peak measured in the same run. */
  readonly share: number | null;
  readonly evaluationTokensPerSecond: number;
  readonly peakBytes: number;
  readonly firstLoss: number;
  readonly lastLoss: number;
  /** The whole run: rows of the paper, tokens of these rows. Loading, tokenising and writing checkpoints are left out. */
  readonly projected: {
    readonly trainRows: number;
    readonly epochs: number;
    readonly trainingSeconds: number;
    /** Rows of all evaluations: the validation rows after each epoch, and the test rows. */
    readonly evaluationRows: number;
    readonly evaluationSeconds: number;
    readonly seconds: number;
  };
}

const WARMUP = 10;
const EVALUATED = 1024;

/** @throws MedreproError of the spec, or `interrupted` when the device's user asked to stop. */
export function benchPaper(setup: PaperSetup, open: () => Device, peak: number): PaperRunResult {
  const paper = loadEmbedded(setup.paper);
  const experiment = resolveExperiment(paper, setup.experiment, 'full');
  const { training, loss, quantisation, adapter } = experiment;
  const facts = paper.datasets[experiment.data.source]!;
  const { trainRows, validationRows, total } = stepsAfterSplit(experiment, facts.train);
  const config = SHAPES[setup.shape];
  const device = open();
  try {
    const files = initialise(device, config, 0.02, 1, 'bf16', { transient: quantisation !== null });
    const model = loadModel(device, files, {
      task: experiment.task,
      classes: facts.classes,
      compute: training.precision,
      quantisation,
      resident: true,
      adapter: adapter && adapterOptions(adapter, total),
      fullParameter: adapter === null,
      seed: training.seed,
    });
    files.tensors.close();
    device.resetPeak();
    const rows = Array.from({ length: trainRows }, (_, row): Row => {
      const length = setup.rows[row % setup.rows.length]!;
      const ids = Int32Array.from({ length }, (_, t) => (row * 7919 + t * 104729) % config.vocabSize);
      return { ids, label: row % facts.classes, labels: null };
    });
    const trainer = new Trainer(device, model, rows, {
      task: experiment.task,
      // a card of this size keeps the activations; with and without, the gradients are the same
      training: { ...training, gradientCheckpointing: false },
      loss,
      order: (epoch) => epochOrder(trainRows, training.seed, epoch),
    });
    const losses: number[] = [];
    const run = (steps: number): number => {
      let tokens = 0;
      for (let step = 0; step < steps; step++) {
        device.checkCancelled();
        const result = trainer.run();
        losses.push(result.loss);
        tokens += result.tokens;
      }
      device.synchronise();
      return tokens;
    };
    run(WARMUP);
    let began = performance.now();
    const tokensPerSecond = run(setup.steps) / ((performance.now() - began) / 1e3);
    const evaluated = rows.slice(0, EVALUATED);
    const evaluate = (): Int32Array => predictClasses(device, model, evaluated, evaluationOptions(training));
    evaluate();
    began = performance.now();
    evaluate();
    const evaluationTokensPerSecond = sum(evaluated.map(({ ids }) => ids.length)) / ((performance.now() - began) / 1e3);

    const meanTokens = sum(setup.rows) / setup.rows.length;
    const trainingSeconds = (trainRows * training.epochs * meanTokens) / tokensPerSecond;
    const evaluationRows = validationRows * training.epochs + facts.test;
    const evaluationSeconds = (evaluationRows * meanTokens) / evaluationTokensPerSecond;
    const trainable = sum([...model.trainable.values()].map(({ size }) => size));
    const usefulFlops = usefulPerToken(config, trainable, 0, meanContext(setup.rows)) * tokensPerSecond;
    return {
      name: setup.name,
      steps: setup.steps,
      tokensPerSecond,
      share: peak > 0 ? usefulFlops / peak : null,
      evaluationTokensPerSecond,
      peakBytes: peakOf(device),
      firstLoss: losses[0]!,
      lastLoss: losses.at(-1)!,
      projected: {
        trainRows,
        epochs: training.epochs,
        trainingSeconds,
        evaluationRows,
        evaluationSeconds,
        seconds: trainingSeconds + evaluationSeconds,
      },
    };
  } finally {
    device.destroy();
  }
}

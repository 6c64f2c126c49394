/** Memory before it is used: the training code itself, run dry on a device that only counts. */

import { packsOf } from '../data/batches';
import { planGeneration } from '../generate/generate';
import { Device } from '../native/device';
import { loadModel, type ModelFiles, type ModelOptions } from '../nn/model';
import { causalRowLosses, predictClasses } from './evaluate';
import type { Row } from './pass';
import { evaluationOptions, TOKENS_PER_PASS, Trainer, type TrainerOptions, tokensOf } from './trainer';

export interface MemoryPlan {
  /** Weights, adapters, gradients and optimiser moments. */
  readonly persistentBytes: number;
  /** The most that is in use at any moment. */
  readonly peakBytes: number;
  /** The dense copies of 4-bit weights stay in memory. */
  readonly resident: boolean;
  /** The optimiser's state lies in files. */
  readonly offloaded: boolean;
}

/** What is generated after training. */
export interface PlannedGeneration {
  /** Tokens of each prompt, at most. */
  readonly lengths: readonly number[];
  readonly maxNewTokens: number;
}

/** Steps that are run dry: those whose largest pass has the most tokens, over all epochs. */
const STEPS_TRIED = 8;

/** Bytes that may be used. */
export interface Budget {
  /** Above this, dense copies of 4-bit weights are not kept. */
  readonly resident: number;
  /** Above this, the optimiser's state is kept in files. */
  readonly total: number;
}

/**
 * The peak of training on `rows` and of evaluating `evaluationRows`, with what of the choices fits into the budget. None of
 * them changes a bit of the result.
 *
 * @param tested the model that the test rows meet, loaded beside the trained one; null = the trained one.
 */
export function planMemory(
  files: ModelFiles,
  model: Omit<ModelOptions, 'resident'>,
  rows: readonly Row[],
  evaluationRows: readonly Row[],
  options: TrainerOptions,
  budget: Budget,
  generated: PlannedGeneration | null = null,
  tested: ModelOptions | null = null,
): MemoryPlan {
  const plan = (resident: boolean, offload: string | null): MemoryPlan =>
    dryRun(files, { ...model, resident }, rows, evaluationRows, { ...options, offload }, generated, tested);
  const roomy = plan(true, null);
  if (roomy.peakBytes <= (model.quantisation === null ? budget.total : budget.resident)) return roomy;
  const packed = model.quantisation === null ? roomy : plan(false, null);
  if (packed.peakBytes <= budget.total) return packed;
  const offloaded = plan(model.quantisation === null, 'files');
  return offloaded.peakBytes < packed.peakBytes ? offloaded : packed;
}

function dryRun(
  files: ModelFiles,
  modelOptions: ModelOptions,
  rows: readonly Row[],
  evaluationRows: readonly Row[],
  options: TrainerOptions,
  generated: PlannedGeneration | null,
  tested: ModelOptions | null,
): MemoryPlan {
  const device = Device.plan();
  const trained = loadModel(device, files, modelOptions);
  const trainer = new Trainer(device, trained, rows, options);
  const persistentBytes = device.bytesInUse;
  const largestPass = Array.from({ length: trainer.counts.steps }, (_, step) =>
    Math.max(...trainer.passesOf(trainer.batchesOf(step)).map((pass) => tokensOf(pass.flat()))),
  );
  const heaviest = [...largestPass.keys()].sort((a, b) => largestPass[b]! - largestPass[a]!).slice(0, STEPS_TRIED);
  for (const step of heaviest) {
    trainer.resumeAt({ step, updates: step, scaler: null });
    trainer.run();
  }
  const model = tested === null ? trained : loadModel(device, files, tested);
  const packs = packsOf(evaluationRows, (row) => row.ids.length, TOKENS_PER_PASS);
  const largest = packs.reduce<readonly Row[]>((most, pack) => (tokensOf(pack) > tokensOf(most) ? pack : most), []);
  if (largest.length > 0) {
    const evaluate = options.task === 'sequence-classification' ? predictClasses : causalRowLosses;
    evaluate(device, model, largest, evaluationOptions(options.training));
  }
  if (generated !== null && generated.lengths.length > 0) {
    planGeneration(device, model, generated.lengths, { ...generated, compute: options.training.precision });
  }
  return {
    persistentBytes,
    peakBytes: device.peakBytes,
    resident: modelOptions.resident,
    offloaded: (options.offload ?? null) !== null,
  };
}

/** Plans memory: the training code itself runs dry on a device that only counts allocations. */

import { packsOf } from '../data/batches';
import { planGeneration } from '../generate/generate';
import { CPU_TOKENS_PER_PASS, CUDA_TOKENS_PER_PASS, CUDA_WORKSPACE_BYTES, Device } from '../native/device';
import type { Backend } from '../native/library';
import { loadModel, type ModelFiles, type ModelOptions } from '../nn/model';
import { causalRowLosses, predictClasses } from '../train/evaluate';
import type { Row } from '../train/pass';
import { evaluationOptions, Trainer, type TrainerOptions, tokensOf } from '../train/trainer';

/** How a run uses memory. On the CPU nothing here changes a bit of the result; on a GPU `tokensPerPass` changes the order of sums. */
export interface MemoryUse {
  /** The dense copies of 4-bit weights stay in memory. */
  readonly resident: boolean;
  /** Activations of a block are recomputed for its backward. */
  readonly checkpointing: boolean;
  /** Tokens one pass may hold. */
  readonly tokensPerPass: number;
  /** The optimiser's state is stored in files, or with a GPU in host memory. */
  readonly offloaded: boolean;
}

export interface MemoryPlan extends MemoryUse {
  readonly backend: Backend;
  /** Weights, adapters, gradients and optimiser moments. */
  readonly persistentBytes: number;
  /** The most that is in use at any moment. */
  readonly peakBytes: number;
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

/** What is planned, apart from how memory is used. */
export interface Planned {
  readonly backend: Backend;
  readonly files: ModelFiles;
  readonly model: Omit<ModelOptions, 'resident'>;
  readonly rows: readonly Row[];
  readonly evaluationRows: readonly Row[];
  readonly options: TrainerOptions;
  readonly generated: PlannedGeneration | null;
  /** The model that the test rows meet, loaded beside the trained one; null = the trained one. */
  readonly tested: ModelOptions | null;
}

/** The peak of training and evaluating, in the fastest way of using memory that fits into the budget; else the smallest. */
export function planMemory(planned: Planned, budget: Budget): MemoryPlan {
  let smallest: MemoryPlan | null = null;
  for (const way of waysOf(planned)) {
    const plan = dryRun(planned, way);
    const limit = way.resident && planned.model.quantisation !== null ? budget.resident : budget.total;
    if (plan.peakBytes <= limit) return plan;
    if (smallest === null || plan.peakBytes < smallest.peakBytes) smallest = plan;
  }
  return smallest!;
}

/** Every way of using memory, fastest first. */
export const allPlans = (planned: Planned): MemoryPlan[] => waysOf(planned).map((way) => dryRun(planned, way));

/** The largest batchSize below the spec's with which training fits, and what it takes then; null when none does. */
export function fittingBatch(planned: Planned, budget: Budget): { batchSize: number; peakBytes: number } | null {
  const { training } = planned.options;
  for (let batchSize = Math.floor(training.batchSize / 2); batchSize >= 1; batchSize = Math.floor(batchSize / 2)) {
    const options = { ...planned.options, training: { ...training, batchSize } };
    const { peakBytes } = planMemory({ ...planned, options }, budget);
    if (peakBytes <= budget.total) return { batchSize, peakBytes };
  }
  return null;
}

// --- internal ---

const waysOf = (planned: Planned): MemoryUse[] => (planned.backend === 'cuda' ? cudaWays(planned) : cpuWays(planned));

/** Fastest first. */
function cpuWays({ model, options }: Planned): MemoryUse[] {
  const tokensPerPass = CPU_TOKENS_PER_PASS;
  const way = { checkpointing: options.training.gradientCheckpointing, tokensPerPass };
  const roomy = { ...way, resident: true, offloaded: false };
  if (model.quantisation === null) return [roomy, { ...roomy, offloaded: true }];
  return [roomy, { ...roomy, resident: false }, { ...roomy, resident: false, offloaded: true }];
}

/** Fastest first: large passes, then dense weights, then stored activations; host memory is the slowest. */
function cudaWays({ model, options }: Planned): MemoryUse[] {
  const ways: MemoryUse[] = [];
  const dense = model.quantisation === null ? [true] : [true, false];
  for (const checkpointing of [false, true])
    for (const tokensPerPass of [CUDA_TOKENS_PER_PASS, CUDA_TOKENS_PER_PASS / 4])
      for (const resident of dense) ways.push({ resident, checkpointing, tokensPerPass, offloaded: false });
  // one micro-batch at a time: the least that a pass can hold
  const least = {
    resident: model.quantisation === null,
    checkpointing: true,
    tokensPerPass: options.training.batchSize,
  };
  return [...ways, { ...least, offloaded: false }, { ...least, offloaded: true }];
}

function dryRun(planned: Planned, use: MemoryUse): MemoryPlan {
  const { backend, files, rows, evaluationRows, generated, tested } = planned;
  const options: TrainerOptions = {
    ...planned.options,
    training: { ...planned.options.training, gradientCheckpointing: use.checkpointing },
    offload: use.offloaded ? 'elsewhere' : null,
  };
  const device = Device.plan(backend, use.tokensPerPass);
  const trained = loadModel(device, files, { ...planned.model, resident: use.resident });
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
  const packs = packsOf(evaluationRows, (row) => row.ids.length, device.tokensPerPass);
  const largest = packs.reduce<readonly Row[]>((most, pack) => (tokensOf(pack) > tokensOf(most) ? pack : most), []);
  if (largest.length > 0) {
    const evaluate = options.task === 'sequence-classification' ? predictClasses : causalRowLosses;
    evaluate(device, model, largest, evaluationOptions(options.training));
  }
  if (generated !== null && generated.lengths.length > 0) {
    planGeneration(device, model, generated.lengths, { ...generated, compute: options.training.precision });
  }
  const extra = backend === 'cuda' ? CUDA_WORKSPACE_BYTES : 0;
  return { backend, ...use, persistentBytes, peakBytes: device.peakBytes + extra };
}

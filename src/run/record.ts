/** What a run directory holds of its run: manifest, result, predictions, and the weights that were tested. */
import { version } from '../../package.json';
import type { OnEvent, RunWarning } from '../events';
import { CUDA_WORKSPACE_BYTES, type Device, hostLibrary } from '../native/device';
import type { AdapterOptions } from '../nn/adapter';
import type { Model } from '../nn/model';
import type { MemoryPlan } from '../plan/memory';
import { type Best, type Evaluation, writeWeights } from '../train/checkpoint';
import type { StepResult, Trainer } from '../train/trainer';
import type { RunDirectory } from './directory';
import type { Identity } from './identity';
import { answerOptions, type Inputs, processor } from './inputs';
import { type Kept, writeAdapter, writeModel } from './kept';
import type { Opened } from './open';
import type { ExperimentResult } from './result';
import type { TestOutcome } from './task';

/** A run, ready for its first step. */
export interface Begun {
  readonly opened: Opened;
  readonly identity: Identity;
  /** The key by which it is resumed while it is unfinished. */
  readonly resumeKey: string;
  readonly inputs: Inputs;
  readonly memory: MemoryPlan;
  readonly device: Device;
  readonly model: Model;
  readonly adapter: AdapterOptions | null;
  readonly trainer: Trainer;
}

/** The results of a run. */
export interface Outcome {
  readonly tested: TestOutcome;
  readonly log: readonly StepResult[];
  readonly evaluations: readonly Evaluation[];
  /** The weights that were tested; null = the last. */
  readonly best: Best | null;
  readonly warnings: RunWarning[];
}

export type Manifest = ReturnType<typeof manifestOf>;

/** The manifest, as it is before the first step. */
export function manifestOf({ opened, identity, resumeKey, inputs, memory, device }: Begun) {
  const { experiment, overrides } = opened;
  const { data, files, tokenizer } = inputs;
  return {
    format: 'medrepro-manifest-1',
    identity: resumeKey,
    medrepro: version,
    bun: Bun.version,
    target: `${experiment.paper}/${experiment.id}`,
    scale: experiment.scale,
    seed: experiment.training.seed,
    overrides,
    settingsSha256: identity.specSha256,
    kernels: {
      sha256: identity.kernelSha256,
      isa: device.path,
      path: identity.path,
      threads: device.threads,
      processor: device.backend === 'cpu' ? processor() : device.hardware,
    },
    model: { id: experiment.model.id, sha256: files.sha256 },
    ...(experiment.generation === null ? {} : { generation: answerOptions(experiment, inputs) }),
    tokenizer: { sha256: tokenizer.sha256 },
    data: { sha256: identity.dataSha256, files: data.files, hashes: data.hashes },
    memory: {
      plannedPeakBytes: memory.peakBytes,
      denseCopiesResident: memory.resident,
      gradientCheckpointing: memory.checkpointing,
      tokensPerPass: memory.tokensPerPass,
      optimiserState: !memory.offloaded ? 'memory' : memory.backend === 'cpu' ? 'files' : 'host memory',
    },
  };
}

/**
 * Completes a run directory. Everything but `metrics.json` is written first: that file says that the run has finished.
 * @param manifest as it was before the first step
 * @throws MedreproError `input` on a full disk
 */
export function record(
  begun: Begun,
  outcome: Outcome,
  manifest: Manifest,
  directory: RunDirectory,
  onEvent: OnEvent,
): ExperimentResult {
  const { device, model, trainer } = begun;
  const { tested, log, warnings } = outcome;
  const { file, ...stored } = resultOf(begun, outcome, directory);
  directory.writeLines('predictions.jsonl', tested.predictions);
  for (const [name, content] of Object.entries(tested.files)) {
    if (typeof content === 'string') directory.write(name, content);
    else directory.writeJson(name, content);
  }
  const weights = keepWeights(begun, outcome, directory, onEvent);
  const finished = {
    ...manifest,
    status: 'finished',
    steps: log.length,
    weights,
    ...(model.adalora === null ? {} : { ranks: model.adalora.ranks() }),
    skippedSteps: trainer.skipped,
    warnings,
    signatures: Object.fromEntries(Object.entries(stored.metrics).map(([id, { signature }]) => [id, signature])),
    memory: {
      ...manifest.memory,
      measuredPeakBytes: device.peakBytes + (device.backend === 'cuda' ? CUDA_WORKSPACE_BYTES : 0),
      processPeakBytes: hostLibrary().peakMemory(),
    },
  };
  directory.complete(finished, 'metrics.json', stored);
  directory.remove('checkpoint');
  return { ...stored, file };
}

/** The step whose weights are tested. */
export const selectedStep = (trainer: Trainer, best: Best | null): number => best?.step ?? trainer.step;

// --- internal ---

function resultOf(begun: Begun, outcome: Outcome, directory: RunDirectory): ExperimentResult {
  const { opened, identity, device, trainer } = begun;
  const { experiment, overrides } = opened;
  const { metrics, classes, items } = outcome.tested;
  return {
    format: 'medrepro-result-1',
    paper: identity.paper,
    experiment: identity.experiment,
    scale: experiment.scale,
    seed: identity.seed,
    specSha256: identity.specSha256,
    dataSha256: identity.dataSha256,
    build: identity.build,
    precision: experiment.training.precision,
    kernelPath: device.path,
    overrides: [...overrides],
    metrics,
    test: classes,
    ...(items === null ? {} : { items }),
    validation: outcome.evaluations.map(({ step, metrics: values }) => ({
      step,
      epoch: trainer.epochAt(step),
      metrics: { ...values },
    })),
    warnings: outcome.warnings,
    selectedStep: selectedStep(trainer, outcome.best),
    file: directory.file('metrics.json'),
  };
}

/** Writes the weights that were tested; null where nothing was trained, or the training diverged. */
function keepWeights(begun: Begun, { best, log }: Outcome, directory: RunDirectory, onEvent: OnEvent): Kept | null {
  const { opened, device, model, inputs, adapter } = begun;
  const { experiment, request } = opened;
  // the tested model may be a second one, on the unquantised base
  if (best !== null) writeWeights(device, model.trainable, best.weights);
  if (adapter !== null) return writeAdapter(directory, experiment, adapter, inputs, device, model);
  if (model.trainable.size === 0) return null;
  if (log.at(-1)?.diverged) {
    onEvent({ kind: 'info', message: 'the weights of a run that diverged are not kept' });
    return null;
  }
  const kept = writeModel(directory, experiment, request.tokenizer, inputs, device, model);
  const message = `the trained model is in ${directory.file(kept)}, for transformers or --model`;
  onEvent({ kind: 'info', message });
  return kept;
}

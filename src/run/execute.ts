/** One experiment with one seed: data, plan, train, evaluate, record. */

import { join } from 'node:path';
import { version } from '../../package.json';
import { inputError, interruptedError, MedreproError } from '../errors';
import type { RunWarning, StepEvent } from '../events';
import type { JobContext } from '../job';
import { openDevice } from '../native/choose';
import { CUDA_WORKSPACE_BYTES, type Device, hostLibrary } from '../native/device';
import type { AdapterOptions } from '../nn/adapter';
import { loadModel, type Model, type ModelOptions } from '../nn/model';
import { canonicalYaml } from '../paper/canonical';
import type { Experiment } from '../paper/types';
import type { MemoryPlan } from '../plan/memory';
import { sha256 } from '../sha256';
import {
  type Best,
  type Evaluation,
  loadCheckpoint,
  readWeights,
  saveCheckpoint,
  writeWeights,
} from '../train/checkpoint';
import { judge, selectionMetric, type Verdict } from '../train/selection';
import { DivergedError, type StepResult, Trainer } from '../train/trainer';
import { bytes } from '../units';
import { CausalTask } from './causal';
import { ClassifierTask } from './classifier';
import { documentText, type LineLog, makeFolder, RunDirectory } from './directory';
import { type Identity, resumeKey } from './identity';
import { answerOptions, type Inputs, processor, readInputs } from './inputs';
import { type Kept, writeAdapter, writeModel } from './kept';
import type { Opened } from './open';
import { type Prepared, prepareRun } from './prepare';
import type { ExperimentResult } from './result';
import type { ClassTables, Task, TestOutcome } from './task';

/** Seconds between checkpoints. */
const CHECKPOINT_SECONDS = 60;
/** Address space per planned byte: the plan is a bound, and unused pages cost nothing. */
const RESERVED = 1.5;
/** A GPU's memory per planned byte, where it has that much: steps in another order than the plan's leave other gaps. */
const SLACK = 1.05;

const CHECKPOINT = join('checkpoint', 'state.safetensors');

export interface Executed {
  readonly result: ExperimentResult;
  readonly directory: RunDirectory;
  readonly seconds: number;
  readonly log: readonly StepResult[];
  readonly tables: ClassTables | null;
}

export interface ExecuteOptions {
  /** The parent of the run directories. */
  readonly out: string;
  /** Continue the newest unfinished run of the same identity under `out`. */
  readonly resume: boolean;
}

/**
 * Runs one experiment and writes its run directory. Nothing that it opened is open afterwards, however it ends.
 * @throws MedreproError `interrupted` after saving a checkpoint when the user asked to stop; `input` when memory is short.
 */
export async function execute(opened: Opened, options: ExecuteOptions, context: JobContext): Promise<Executed> {
  const started = performance.now();
  const { experiment } = opened;
  const target = `${experiment.paper}/${experiment.id}`;
  context.emit({ kind: 'stage', name: 'data', detail: `${target} (${experiment.scale})` });
  const inputs = await readInputs(opened, context.emit);
  try {
    const identity = await opened.identity();
    const prepared = prepareRun(opened, inputs);
    const device = deviceFor(opened, prepared, context);
    try {
      const run = new Run(opened, identity, inputs, prepared, device, options, context);
      const { result, log, tables } = run.execute();
      const seconds = (performance.now() - started) / 1e3;
      context.emit({ kind: 'done', seconds, path: run.directory.path });
      return { result, directory: run.directory, seconds, log, tables };
    } finally {
      device.destroy();
    }
  } finally {
    inputs.files.tensors.close();
  }
}

/** A device with the memory that was planned. @throws MedreproError `input` when there is less. */
function deviceFor({ request, backend, budget }: Opened, { memory, remedy }: Prepared, context: JobContext): Device {
  const { peakBytes, tokensPerPass } = memory;
  const { total } = budget();
  if (remedy !== null) {
    throw inputError(`training needs ${bytes(peakBytes)} and ${bytes(total)} are free`, { remedy });
  }
  // the workspace is the stream's own
  const tensors = peakBytes - CUDA_WORKSPACE_BYTES;
  return openDevice(request, backend(), {
    capacity:
      backend() === 'cpu'
        ? Math.ceil(peakBytes * RESERVED) + 2 ** 28
        : Math.max(tensors, Math.floor(Math.min(tensors * SLACK, total - CUDA_WORKSPACE_BYTES))),
    tokensPerPass,
    cancelled: context.cancelled,
  });
}

class Run {
  readonly directory: RunDirectory;
  private readonly experiment: Experiment;
  private readonly model: Model;
  private readonly adapter: AdapterOptions | null;
  private readonly trainer: Trainer;
  private readonly task: Task;
  private readonly tested: ModelOptions | null;
  /** Of this run while it is unfinished. */
  private readonly key: string;
  private readonly resumed: boolean;
  private readonly manifest: Record<string, unknown>;
  private readonly log: StepResult[] = [];
  private readonly warnings: RunWarning[];
  private readonly evaluations: Evaluation[] = [];
  private best: Best | null = null;

  constructor(
    private readonly opened: Opened,
    private readonly identity: Identity,
    private readonly inputs: Inputs,
    { rows, model, tested, trainer, memory }: Prepared,
    private readonly device: Device,
    { out, resume }: ExecuteOptions,
    private readonly context: JobContext,
  ) {
    const { experiment } = opened;
    const { backend } = device;
    this.experiment = experiment;
    this.warnings = [...inputs.warnings];
    this.model = loadModel(device, inputs.files, model);
    this.adapter = model.adapter;
    if (memory.offloaded && backend === 'cpu') makeFolder(out);
    this.trainer = new Trainer(device, this.model, rows, { ...trainer, offload: memory.offloaded ? out : null });
    if (memory.offloaded) {
      const where = backend === 'cpu' ? `files of ${out}` : "the host's memory";
      const message = `memory is short: the optimiser's state lies in ${where}; the result is the same`;
      context.emit({ kind: 'info', message });
    }
    this.task = this.taskOf(this.model);
    this.tested = tested;
    // on a GPU the tokens of a pass decide the order of sums
    const passes = backend === 'cuda' ? [`passes of ${memory.tokensPerPass}`] : [];
    const answers = experiment.generation === null ? [] : [answersId(experiment, inputs)];
    this.key = resumeKey(identity, inputs.files.sha256, [...passes, ...answers]);
    const { paper, id } = experiment;
    const unfinished = resume ? RunDirectory.findUnfinished(out, paper, id, this.key) : null;
    this.resumed = unfinished !== null;
    this.manifest = this.describe(memory);
    const begun = {
      'spec.yaml': canonicalYaml(experiment),
      'manifest.json': documentText({ ...this.manifest, status: 'unfinished' }),
    };
    this.directory = unfinished ?? RunDirectory.create(out, paper, id, identity.specSha256, begun);
    if (unfinished !== null) for (const [name, text] of Object.entries(begun)) unfinished.write(name, text);
    this.announce(rows.length, memory.peakBytes);
    if (resume && !this.resumed) {
      context.emit({ kind: 'info', message: 'there is no unfinished run of these settings: starting a new one' });
    }
  }

  execute(): Pick<Executed, 'result' | 'log' | 'tables'> {
    try {
      this.train();
      this.sayWhatWasSkipped();
      const { log, evaluations, best } = this;
      const selectedStep = best?.step ?? this.trainer.step;
      const detail = `${this.inputs.data.splits.test.length} test rows, weights of step ${selectedStep}`;
      this.context.emit({ kind: 'stage', name: 'evaluate', detail });
      const tested = this.test();
      const result = this.result(tested, evaluations, selectedStep);
      this.record(result, tested);
      return { result, log, tables: tested.tables };
    } catch (error) {
      if (!(error instanceof MedreproError) || error.code !== 'interrupted') throw error;
      this.save();
      throw interruptedError(`stopped after step ${this.trainer.step}`, 'go on with the same command and --resume');
    }
  }

  // ---- training --------------------------------------------------------------------------------------------------

  private train(): void {
    const { trainer, device, directory, context, log, evaluations } = this;
    if (this.resumed) {
      const state = loadCheckpoint(directory.file(CHECKPOINT), device, trainer, this.key);
      log.push(...(state?.log ?? []));
      evaluations.push(...(state?.evaluations ?? []));
      this.best = state?.best ?? null;
      context.emit({ kind: 'info', message: `resuming ${directory.path} after step ${trainer.step}` });
    }
    context.emit({ kind: 'stage', name: 'train', detail: `${trainer.counts.steps} steps` });
    const lines = directory.openLog('log.jsonl', log);
    try {
      this.trainSteps(lines);
    } finally {
      lines.close();
    }
  }

  private trainSteps(lines: LineLog): void {
    const { trainer, device, context, log, evaluations } = this;
    const clock = new StepClock(trainer.counts.steps);
    let saved = performance.now();
    while (!trainer.finished) {
      device.checkCancelled();
      if (!this.evaluatedAt(evaluations, trainer.step)) this.best = this.validate(evaluations, this.best);
      if (this.stopsEarly()) return;
      const began = performance.now();
      const step = this.step();
      log.push(step);
      lines.append({ ...step, seconds: Number(((performance.now() - began) / 1e3).toFixed(4)) });
      context.emit({ kind: 'step', ...clock.tick(step) });
      if (step.diverged) {
        this.sayThatItDiverged(step);
        return;
      }
      if (performance.now() - saved > CHECKPOINT_SECONDS * 1e3) {
        this.save();
        saved = performance.now();
      }
    }
    if (!this.evaluatedAt(evaluations, trainer.step)) this.best = this.validate(evaluations, this.best);
  }

  /** The next step; one that diverged is a result where the spec says so. */
  private step(): StepResult {
    try {
      return this.trainer.run();
    } catch (error) {
      if (this.experiment.training.onDivergence === 'record' && error instanceof DivergedError) return error.result;
      throw error;
    }
  }

  private sayThatItDiverged({ step, loss, gradNorm }: StepResult): void {
    const message = `diverged in step ${step} (loss ${loss}, gradient norm ${gradNorm}): nothing is evaluated`;
    this.warnings.push({ id: 'diverged', message });
    this.context.emit({ kind: 'warning', id: 'diverged', message });
  }

  private sayWhatWasSkipped(): void {
    const { trainer } = this;
    if (trainer.skipped === 0) return;
    const message = `${trainer.skipped} of ${trainer.step} steps overflowed in fp16 and changed nothing`;
    this.warnings.push({ id: 'loss-scale-skips', message });
    this.context.emit({ kind: 'warning', id: 'loss-scale-skips', message });
  }

  /** Writes the state after the last whole step, for `--resume`. */
  private save(): void {
    const { directory, device, trainer, key, log, evaluations, best } = this;
    const path = directory.file(CHECKPOINT);
    directory.write(join('checkpoint', 'README'), 'State of an unfinished run: go on with medrepro run --resume.\n');
    saveCheckpoint(path, device, trainer, { identity: key, log, evaluations, best });
    this.context.emit({ kind: 'checkpoint', step: trainer.step, path });
  }

  /**
   * Evaluates the test rows, with the best weights where the spec keeps them, on the base that the spec names. The last step's
   * come back when this is interrupted: they belong to the moments in the checkpoint.
   */
  private test(): TestOutcome {
    const { device, model, best, task, tested } = this;
    if (tested !== null) {
      const whole = loadModel(device, this.inputs.files, tested);
      writeWeights(device, whole.trainable, best?.weights ?? readWeights(device, model.trainable));
      return this.taskOf(whole).test(this.log);
    }
    if (best === null) return task.test(this.log);
    const last = readWeights(device, model.trainable);
    writeWeights(device, model.trainable, best.weights);
    try {
      return task.test(this.log);
    } catch (error) {
      writeWeights(device, model.trainable, last);
      throw error;
    }
  }

  private taskOf(model: Model): Task {
    const OwnTask = this.experiment.task === 'causal-lm' ? CausalTask : ClassifierTask;
    return new OwnTask(this.experiment, this.inputs, this.device, model, this.context.emit);
  }

  /** Whether nothing is to be evaluated after `step` steps, or it has been done already (before an interruption). */
  private evaluatedAt(evaluations: readonly Evaluation[], step: number): boolean {
    const { evaluateEvery } = this.experiment.training;
    const due =
      this.inputs.data.splits.validation.length > 0 &&
      (evaluateEvery === 'epoch' ? this.trainer.atEpochEnd : step > 0 && step % evaluateEvery.steps === 0);
    return !due || evaluations.some((one) => one.step === step);
  }

  /** Whether the evaluations so far end the training; says so. */
  private stopsEarly(): boolean {
    const { earlyStopping } = this.experiment.training;
    if (earlyStopping === null || !this.verdict(this.evaluations).stop) return false;
    const times =
      earlyStopping.patience === 1 ? 'the last evaluation' : `${earlyStopping.patience} evaluations in a row`;
    const message = `stopped after step ${this.trainer.step} of ${this.trainer.counts.steps}: no improvement in ${times}`;
    this.context.emit({ kind: 'info', message });
    return true;
  }

  /** Of the evaluations by the selection's metric. */
  private verdict(evaluations: readonly Evaluation[]): Verdict {
    const { training } = this.experiment;
    const metric = selectionMetric(training);
    if (metric === null) return { best: null, stop: false };
    const values = evaluations.map(({ metrics }) => metrics[metric]!);
    return judge(values, metric, training.earlyStopping);
  }

  /** Evaluates the validation rows; returns the best weights so far. */
  private validate(evaluations: Evaluation[], best: Best | null): Best | null {
    const { trainer, experiment, context } = this;
    const selected = selectionMetric(experiment.training);
    const metrics = this.task.validate(selected);
    evaluations.push({ step: trainer.step, metrics });
    context.emit({ kind: 'evaluation', split: 'validation', step: trainer.step, metrics });
    if (selected === null) return null;
    if (this.verdict(evaluations).best !== evaluations.length - 1) return best;
    return { step: trainer.step, value: metrics[selected]!, weights: readWeights(this.device, this.model.trainable) };
  }

  // ---- recording ------------------------------------------------------------------------------------------------------

  private announce(rows: number, plannedPeak: number): void {
    const { experiment, trainer, model, device } = this;
    const trainable = [...model.trainable.values()].reduce((sum, tensor) => sum + tensor.size, 0);
    this.context.emit({
      kind: 'plan',
      target: `${experiment.paper}/${experiment.id}`,
      scale: experiment.scale,
      device: device.backend,
      steps: trainer.counts.steps,
      trainable,
      parameters: model.baseParameters,
      memory: plannedPeak,
      reasons: [
        device.backend === 'cpu' ? `kernels: ${device.isa}, ${device.threads} threads` : `kernels: ${device.hardware}`,
      ],
    });
    this.context.emit({ kind: 'info', message: this.task.trainsOn(rows) });
  }

  private describe(plan: MemoryPlan): Record<string, unknown> {
    const { experiment, inputs, device, identity, opened } = this;
    const { data, files, tokenizer } = inputs;
    return {
      format: 'medrepro-manifest-1',
      identity: this.key,
      medrepro: version,
      bun: Bun.version,
      target: `${experiment.paper}/${experiment.id}`,
      scale: experiment.scale,
      seed: experiment.training.seed,
      overrides: opened.overrides,
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
        plannedPeakBytes: plan.peakBytes,
        denseCopiesResident: plan.resident,
        gradientCheckpointing: plan.checkpointing,
        tokensPerPass: plan.tokensPerPass,
        optimiserState: !plan.offloaded ? 'memory' : plan.backend === 'cpu' ? 'files' : 'host memory',
      },
    };
  }

  private result(
    { metrics, classes, items }: TestOutcome,
    evaluations: readonly Evaluation[],
    selectedStep: number,
  ): ExperimentResult {
    const { experiment, trainer, device, identity, opened } = this;
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
      overrides: [...opened.overrides],
      metrics,
      test: classes,
      ...(items === null ? {} : { items }),
      validation: evaluations.map(({ step, metrics: values }) => ({
        step,
        epoch: trainer.epochAt(step),
        metrics: { ...values },
      })),
      warnings: this.warnings,
      selectedStep,
      file: this.directory.file('metrics.json'),
    };
  }

  /** Everything but `metrics.json` first: that file says the run is complete. */
  private record(result: ExperimentResult, { predictions, files }: TestOutcome): void {
    const { directory, device, model, log } = this;
    directory.writeLines('predictions.jsonl', predictions);
    for (const [name, content] of Object.entries(files)) {
      if (typeof content === 'string') directory.write(name, content);
      else directory.writeJson(name, content);
    }
    const weights = this.keep();
    const manifest = {
      ...this.manifest,
      status: 'finished',
      steps: log.length,
      weights,
      ...(model.adalora === null ? {} : { ranks: model.adalora.ranks() }),
      skippedSteps: this.trainer.skipped,
      warnings: this.warnings,
      signatures: Object.fromEntries(Object.entries(result.metrics).map(([id, { signature }]) => [id, signature])),
      memory: {
        ...(this.manifest.memory as object),
        measuredPeakBytes: device.peakBytes + (device.backend === 'cuda' ? CUDA_WORKSPACE_BYTES : 0),
        processPeakBytes: hostLibrary().peakMemory(),
      },
    };
    const { file: _file, ...stored } = result;
    directory.complete(manifest, 'metrics.json', stored);
    directory.remove('checkpoint');
  }

  /** The weights that were tested, in the run directory; null where nothing was trained, or what was has no finite end. */
  private keep(): Kept | null {
    const { directory, experiment, device, model, inputs, adapter, best, context, opened } = this;
    // the tested model may be another one, on another base
    if (best !== null) writeWeights(device, model.trainable, best.weights);
    if (adapter !== null) return writeAdapter(directory, experiment, adapter, inputs, device, model);
    if (model.trainable.size === 0) return null;
    if (this.log.at(-1)?.diverged) {
      context.emit({ kind: 'info', message: 'the weights of a run that diverged are not kept' });
      return null;
    }
    const kept = writeModel(directory, experiment, opened.request.tokenizer, inputs, device, model);
    context.emit({
      kind: 'info',
      message: `the trained model is in ${directory.file(kept)}, for transformers or --model`,
    });
    return kept;
  }
}

/** The checkpoint's own settings are part of how test rows are answered. */
const answersId = (experiment: Experiment, inputs: Inputs): string =>
  `answers ${sha256(JSON.stringify(answerOptions(experiment, inputs)))}`;

/** Rate and remaining time over the last steps. */
class StepClock {
  private readonly recent: { time: number; tokens: number }[] = [];
  private tokens = 0;

  constructor(private readonly total: number) {
    this.recent.push({ time: performance.now(), tokens: 0 });
  }

  tick(step: StepResult): Omit<StepEvent, 'kind'> {
    this.tokens += step.tokens;
    this.recent.push({ time: performance.now(), tokens: this.tokens });
    if (this.recent.length > 20) this.recent.shift();
    const [oldest, newest] = [this.recent[0]!, this.recent.at(-1)!];
    const seconds = Math.max(1e-6, (newest.time - oldest.time) / 1e3);
    const stepsPerSecond = (this.recent.length - 1) / seconds;
    const { loss, gradNorm, learningRate: lr } = step;
    const tokensPerSecond = (newest.tokens - oldest.tokens) / seconds;
    const eta = (this.total - step.step) / stepsPerSecond;
    return { step: step.step, total: this.total, loss, lr, gradNorm, tokens: this.tokens, tokensPerSecond, eta };
  }
}

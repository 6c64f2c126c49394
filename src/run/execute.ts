/** One experiment with one seed: data, plan, train, evaluate, record. */

import { join } from 'node:path';
import { inputError, interruptedError, MedreproError } from '../errors';
import type { RunWarning, StepEvent } from '../events';
import type { JobContext } from '../job';
import { openDevice } from '../native/choose';
import { CUDA_WORKSPACE_BYTES, type Device } from '../native/device';
import { loadModel, type Model } from '../nn/model';
import { canonicalYaml } from '../paper/canonical';
import type { Experiment } from '../paper/types';
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
import { answerOptions, type Inputs, readInputs } from './inputs';
import type { Opened } from './open';
import { type Prepared, prepareRun } from './prepare';
import { type Begun, type Manifest, manifestOf, record, selectedStep } from './record';
import type { ExperimentResult } from './result';
import type { ClassTables, Task, TestOutcome } from './task';

/** Seconds between checkpoints. */
const CHECKPOINT_SECONDS = 60;
/** Address space per planned byte: the plan is a bound, and unused pages cost nothing. */
const RESERVED = 1.5;
/** A GPU's memory per planned byte, where it has that much: steps in another order than the planned one fragment memory differently. */
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
  // the stream allocates its workspace itself
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
  private readonly begun: Begun;
  private readonly manifest: Manifest;
  private readonly task: Task;
  private readonly resumed: boolean;
  private readonly log: StepResult[] = [];
  private readonly warnings: RunWarning[];
  private readonly evaluations: Evaluation[] = [];
  private best: Best | null = null;

  constructor(
    opened: Opened,
    identity: Identity,
    inputs: Inputs,
    private readonly prepared: Prepared,
    device: Device,
    { out, resume }: ExecuteOptions,
    private readonly context: JobContext,
  ) {
    const { experiment } = opened;
    const { backend } = device;
    const { rows, model: options, memory } = prepared;
    this.warnings = [...inputs.warnings];
    const model = loadModel(device, inputs.files, options);
    if (memory.offloaded && backend === 'cpu') makeFolder(out);
    const trainer = new Trainer(device, model, rows, { ...prepared.trainer, offload: memory.offloaded ? out : null });
    if (memory.offloaded) {
      const where = backend === 'cpu' ? `files of ${out}` : "the host's memory";
      const message = `memory is short: the optimiser's state lies in ${where}; the result is the same`;
      context.emit({ kind: 'info', message });
    }
    // on a GPU the tokens of a pass decide the order of sums
    const passes = backend === 'cuda' ? [`passes of ${memory.tokensPerPass}`] : [];
    const answers = experiment.generation === null ? [] : [answersId(experiment, inputs)];
    const key = resumeKey(identity, inputs.files.sha256, [...passes, ...answers]);
    const { adapter } = options;
    this.begun = { opened, identity, resumeKey: key, inputs, memory, device, model, adapter, trainer };
    this.task = this.taskOf(model);
    const { paper, id } = experiment;
    const unfinished = resume ? RunDirectory.findUnfinished(out, paper, id, key) : null;
    this.resumed = unfinished !== null;
    this.manifest = manifestOf(this.begun);
    const files = {
      'spec.yaml': canonicalYaml(experiment),
      'manifest.json': documentText({ ...this.manifest, status: 'unfinished' }),
    };
    this.directory = unfinished ?? RunDirectory.create(out, paper, id, identity.specSha256, files);
    if (unfinished !== null) for (const [name, text] of Object.entries(files)) unfinished.write(name, text);
    this.announce();
    if (resume && !this.resumed) {
      context.emit({ kind: 'info', message: 'there is no unfinished run of these settings: starting a new one' });
    }
  }

  private get experiment(): Experiment {
    return this.begun.opened.experiment;
  }

  execute(): Pick<Executed, 'result' | 'log' | 'tables'> {
    try {
      this.train();
      this.warnOfSkippedSteps();
      const { begun, context, directory, log, evaluations, best, warnings } = this;
      const detail = `${begun.inputs.data.splits.test.length} test rows, weights of step ${selectedStep(begun.trainer, best)}`;
      context.emit({ kind: 'stage', name: 'evaluate', detail });
      const tested = this.test();
      const outcome = { tested, log, evaluations, best, warnings };
      const result = record(begun, outcome, this.manifest, directory, context.emit);
      return { result, log, tables: tested.tables };
    } catch (error) {
      if (!(error instanceof MedreproError) || error.code !== 'interrupted') throw error;
      this.save();
      throw interruptedError(
        `stopped after step ${this.begun.trainer.step}`,
        'go on with the same command and --resume',
      );
    }
  }

  // ---- training --------------------------------------------------------------------------------------------------

  private train(): void {
    const { directory, context, log, evaluations } = this;
    const { trainer, device, resumeKey } = this.begun;
    if (this.resumed) {
      const state = loadCheckpoint(directory.file(CHECKPOINT), device, trainer, resumeKey);
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
    const { context, log, evaluations } = this;
    const { trainer, device } = this.begun;
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
        this.warnOfDivergence(step);
        return;
      }
      if (performance.now() - saved > CHECKPOINT_SECONDS * 1e3) {
        this.save();
        saved = performance.now();
      }
    }
    if (!this.evaluatedAt(evaluations, trainer.step)) this.best = this.validate(evaluations, this.best);
  }

  /** Runs the next step; a diverged one is a result where the spec records divergence. */
  private step(): StepResult {
    try {
      return this.begun.trainer.run();
    } catch (error) {
      if (this.experiment.training.onDivergence === 'record' && error instanceof DivergedError) return error.result;
      throw error;
    }
  }

  private warnOfDivergence({ step, loss, gradNorm }: StepResult): void {
    const message = `diverged in step ${step} (loss ${loss}, gradient norm ${gradNorm}): nothing is evaluated`;
    this.warnings.push({ id: 'diverged', message });
    this.context.emit({ kind: 'warning', id: 'diverged', message });
  }

  private warnOfSkippedSteps(): void {
    const { trainer } = this.begun;
    if (trainer.skipped === 0) return;
    const message = `${trainer.skipped} of ${trainer.step} steps overflowed in fp16 and changed nothing`;
    this.warnings.push({ id: 'loss-scale-skips', message });
    this.context.emit({ kind: 'warning', id: 'loss-scale-skips', message });
  }

  /** Writes the state after the last completed step, for `--resume`. */
  private save(): void {
    const { directory, log, evaluations, best } = this;
    const { device, trainer, resumeKey: identity } = this.begun;
    const path = directory.file(CHECKPOINT);
    directory.write(join('checkpoint', 'README'), 'State of an unfinished run: go on with medrepro run --resume.\n');
    saveCheckpoint(path, device, trainer, { identity, log, evaluations, best });
    this.context.emit({ kind: 'checkpoint', step: trainer.step, path });
  }

  /**
   * Evaluates the test rows, with the best weights where the spec selects them, on the base that the spec names. An interruption
   * restores the last step's weights: the optimiser's moments in the checkpoint belong to them.
   */
  private test(): TestOutcome {
    const { best, task } = this;
    const { device, model, inputs } = this.begun;
    const { tested } = this.prepared;
    if (tested !== null) {
      const whole = loadModel(device, inputs.files, tested);
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
    const { inputs, device } = this.begun;
    const OwnTask = this.experiment.task === 'causal-lm' ? CausalTask : ClassifierTask;
    return new OwnTask(this.experiment, inputs, device, model, this.context.emit);
  }

  /** Whether no evaluation is due after `step` steps, or it was made before an interruption. */
  private evaluatedAt(evaluations: readonly Evaluation[], step: number): boolean {
    const { evaluateEvery } = this.experiment.training;
    const { inputs, trainer } = this.begun;
    const due =
      inputs.data.splits.validation.length > 0 &&
      (evaluateEvery === 'epoch' ? trainer.atEpochEnd : step > 0 && step % evaluateEvery.steps === 0);
    return !due || evaluations.some((one) => one.step === step);
  }

  /** Whether early stopping ends the training here; emits the reason. */
  private stopsEarly(): boolean {
    const { earlyStopping } = this.experiment.training;
    const { trainer } = this.begun;
    if (earlyStopping === null || !this.verdict(this.evaluations).stop) return false;
    const times =
      earlyStopping.patience === 1 ? 'the last evaluation' : `${earlyStopping.patience} evaluations in a row`;
    const message = `stopped after step ${trainer.step} of ${trainer.counts.steps}: no improvement in ${times}`;
    this.context.emit({ kind: 'info', message });
    return true;
  }

  /** The best evaluation by the selection metric, and whether to stop. */
  private verdict(evaluations: readonly Evaluation[]): Verdict {
    const { training } = this.experiment;
    const metric = selectionMetric(training);
    if (metric === null) return { best: null, stop: false };
    const values = evaluations.map(({ metrics }) => metrics[metric]!);
    return judge(values, metric, training.earlyStopping);
  }

  /** Evaluates the validation rows; returns the best weights so far. */
  private validate(evaluations: Evaluation[], best: Best | null): Best | null {
    const { experiment, context } = this;
    const { trainer, device, model } = this.begun;
    const selected = selectionMetric(experiment.training);
    const metrics = this.task.validate(selected);
    evaluations.push({ step: trainer.step, metrics });
    context.emit({ kind: 'evaluation', split: 'validation', step: trainer.step, metrics });
    if (selected === null) return null;
    if (this.verdict(evaluations).best !== evaluations.length - 1) return best;
    return { step: trainer.step, value: metrics[selected]!, weights: readWeights(device, model.trainable) };
  }

  private announce(): void {
    const { experiment } = this;
    const { trainer, model, device, memory } = this.begun;
    const trainable = [...model.trainable.values()].reduce((sum, tensor) => sum + tensor.size, 0);
    this.context.emit({
      kind: 'plan',
      target: `${experiment.paper}/${experiment.id}`,
      scale: experiment.scale,
      device: device.backend,
      steps: trainer.counts.steps,
      trainable,
      parameters: model.baseParameters,
      memory: memory.peakBytes,
      reasons: [
        device.backend === 'cpu' ? `kernels: ${device.isa}, ${device.threads} threads` : `kernels: ${device.hardware}`,
      ],
    });
    this.context.emit({ kind: 'info', message: this.task.trainsOn(this.prepared.rows.length) });
  }
}

/** The checkpoint's own generation settings decide how test rows are answered. */
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

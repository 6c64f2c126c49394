/** `medrepro eval`: a model on disk measured on token ids, to be compared with any other implementation. */

import { gatherRows } from '../../autograd/ops/elementwise';
import { linear } from '../../autograd/ops/linear';
import { nextTokenLoss } from '../../autograd/ops/losses';
import { Tape } from '../../autograd/tape';
import { EXIT, inputError, usageError } from '../../errors';
import { describeGeneration } from '../../generate/checkpoint';
import { generate } from '../../generate/generate';
import { readIds } from '../../generate/inputs';
import { argmax } from '../../generate/sampling';
import type { JobContext, JobResult } from '../../job';
import type { ForwardOptions } from '../../nn/decoder';
import { isFiniteTensor, notFinite } from '../../nn/finite';
import { NpyWriter } from '../../npy';
import { table } from '../../text-table';
import { clipFactor, createOptimiser } from '../../train/optimiser';
import { causalPass, classifierLogits, nextTokenTargets, packRows, type Row, sumOf } from '../../train/pass';
import { refuseAttentionDropout } from '../../train/trainer';
import { describeModel, generationOptions, type LocalModel, warnBeyond, withLocalModel } from '../local-model/load';
import type { ClassifierDocument, EvalDocument, EvalRequest, EvalRow, EvalStep, EvalTraining } from './request';

/** Most logits in a document, over all rows: some 20 MB of text. */
const PRINTED_LOGITS = 2 ** 20;

export async function evalJob(
  asked: EvalRequest,
  context: JobContext,
): Promise<JobResult<EvalDocument | ClassifierDocument>> {
  const { train } = asked;
  const lora = train?.lora ?? null;
  const trained = {
    lora: lora === null ? null : { ...lora, dropout: 0 },
    fullParameter: train !== null && lora === null && asked.adapter === null,
    seed: train?.seed ?? 0,
  };
  if (trained.fullParameter && asked.quantise !== null) {
    throw usageError(
      '--quantise and --train-steps: a quantised matrix is frozen',
      'add --lora-rank, or drop --quantise',
    );
  }
  if (train !== null && asked.precision === 'fp16') {
    throw usageError(
      '--train-steps in fp16 needs loss scaling, which eval does not do',
      'say --precision bf16 or fp32',
    );
  }
  let rows: number[][] = [];
  return withLocalModel<JobResult<EvalDocument | ClassifierDocument>>(
    asked,
    context,
    ({ config }) => {
      rows = readIds(asked.ids, config);
    },
    (local) =>
      local.task === 'causal-lm'
        ? evalCausal(local, rows, asked, context)
        : evalClassifier(local, rows, asked, context),
    trained,
  );
}

// --- internal ---

const longest = (rows: readonly (readonly number[])[]): number =>
  rows.reduce((most, { length }) => Math.max(most, length), 1);

const asRow = (ids: readonly number[]): Row => ({ ids, label: -1, labels: ids });

/** Reports rows done, at most a few times a second. */
function progress(context: JobContext, name: string, total: number): (done: number) => void {
  const began = performance.now();
  let shown = began;
  return (done) => {
    const now = performance.now();
    if (done < total && now - shown < 250) return;
    shown = now;
    const rate = done / Math.max(1e-3, (now - began) / 1e3);
    context.emit({ kind: 'progress', name, done, total, unit: 'rows', rate, eta: (total - done) / rate });
  };
}

const forwardOptions = ({ precision }: EvalRequest): ForwardOptions => ({
  compute: precision,
  checkpoint: false,
  dropoutSeed: null,
});

function evalCausal(
  local: LocalModel,
  ids: readonly number[][],
  asked: EvalRequest,
  context: JobContext,
): JobResult<EvalDocument> {
  const { device, model, files } = local;
  model.decoder.prepare(longest(ids));
  const prompts = ids.map((row) => row.slice(0, asked.promptTokens ?? row.length));
  const options = generationOptions(asked, null, files, context);
  warnBeyond(Math.max(longest(ids), longest(prompts) + asked.maxNewTokens), files, context);
  const printed = ids.length * model.head.outFeatures <= PRINTED_LOGITS;
  const file = asked.logits == null ? null : new NpyWriter(asked.logits, [ids.length, model.head.outFeatures]);
  if (!printed && file === null) {
    const message = `the last logits of ${ids.length} rows are too many to print: lastLogits is null (--logits writes them to a file)`;
    context.emit({ kind: 'info', message });
  }
  const reach = progress(context, 'rows', ids.length);
  let measured: Measured[];
  try {
    measured = ids.map((row, index) => {
      device.checkCancelled();
      const { lastLogits, ...rest } = measure(local, row, index, forwardOptions(asked));
      file?.write(lastLogits);
      reach(index + 1);
      return { ...rest, lastLogits: printed ? [...lastLogits] : null };
    });
    file?.finish();
  } finally {
    file?.close();
  }
  const ahead = progress(context, 'continuations', ids.length);
  let done = 0;
  const continued =
    asked.maxNewTokens > 0 ? generate(device, model, prompts, options, { onRow: () => ahead(++done) }) : null;
  const rows = measured.map(
    (one, row): EvalRow => ({
      row,
      tokens: ids[row]!.length,
      ...one,
      continuation: continued?.[row]?.ids ?? [],
      finish: continued?.[row]?.finish ?? null,
    }),
  );
  const train = asked.train === null ? null : trainOn(local, ids, asked.train, asked, context);
  return {
    exitCode: EXIT.ok,
    text: renderCausal(rows, train),
    document: {
      ...describeModel(asked, local),
      eos: options.eosTokenIds,
      ...describeGeneration(options),
      rows,
      train,
    },
  };
}

function evalClassifier(
  local: LocalModel,
  ids: readonly number[][],
  asked: EvalRequest,
  context: JobContext,
): JobResult<ClassifierDocument> {
  const { device, model } = local;
  if (asked.train !== null) {
    throw usageError('--train-steps trains causal language models, and this is a classifier', 'drop --train-steps');
  }
  if (asked.logits != null) {
    throw usageError('--logits is of causal language models; a classifier prints its logits', 'drop --logits');
  }
  warnBeyond(longest(ids), local.files, context);
  model.decoder.prepare(longest(ids));
  const rows = ids.map((row, index) => {
    device.checkCancelled();
    const logits = device.scope(() =>
      device.readF32(classifierLogits(new Tape(device, false), model, [asRow(row)], forwardOptions(asked))),
    );
    const odd = logits.find((value) => !Number.isFinite(value));
    if (odd !== undefined) throw notFinite(device, model, row, asked.precision, `a logit of row ${index}`, odd);
    return { row: index, tokens: row.length, logits: [...logits] };
  });
  const cells = rows.map(({ row, tokens, logits }) => [
    String(row),
    String(tokens),
    String(argmax(logits)),
    logits.map((value) => value.toPrecision(6)).join(' '),
  ]);
  return {
    exitCode: EXIT.ok,
    text: table(['row', 'tokens', 'class', 'logits'], cells),
    document: { ...describeModel(asked, local), rows },
  };
}

type Measured = Pick<EvalRow, 'meanNll' | 'best' | 'bestLogit' | 'lastLogits'>;

/** @throws MedreproError `input` when the loss or a logit is not finite, naming where the first such value appears */
function measure(
  { device, model }: LocalModel,
  ids: readonly number[],
  index: number,
  options: ForwardOptions,
): Omit<Measured, 'lastLogits'> & { readonly lastLogits: Float32Array } {
  return device.scope(() => {
    const tape = new Tape(device, false);
    const row = asRow(ids);
    const hidden = model.decoder.forward(tape, packRows(device, [row]), null, options);
    const { indices, labels } = nextTokenTargets([row]);
    const i32 = (values: Int32Array) => device.fromArray(values, [values.length], 'i32');
    const last = gatherRows(tape, hidden, i32(Int32Array.of(ids.length - 1)));
    const logits = linear(tape, options.compute, last, model.head, null, 'f32');
    const lastLogits = device.readF32(logits);
    if (!isFiniteTensor(device, logits)) {
      const odd = lastLogits.find((value) => !Number.isFinite(value))!;
      throw notFinite(device, model, ids, options.compute, `a logit of row ${index}`, odd);
    }
    const best = argmax(lastLogits);
    const found = { best, bestLogit: lastLogits[best]!, lastLogits };
    if (indices.length === 0) return { meanNll: null, ...found };
    const scored = gatherRows(tape, hidden, i32(indices));
    const losses = nextTokenLoss(tape, options.compute, scored, model.head, i32(labels), 0);
    const meanNll = sumOf(losses) / indices.length;
    if (!Number.isFinite(meanNll)) {
      throw notFinite(device, model, ids, options.compute, `the mean NLL of row ${index}`, meanNll);
    }
    return { meanNll, ...found };
  });
}

/** AdamW with betas 0.9 and 0.999, epsilon 1e-8, a constant learning rate; all rows are one batch. */
function trainOn(
  { device, model }: LocalModel,
  ids: readonly number[][],
  train: EvalTraining,
  asked: EvalRequest,
  context: JobContext,
): EvalStep[] {
  if (model.adalora !== null) {
    throw usageError('--train-steps: AdaLoRA trains by a schedule of its own', 'train it from a spec: medrepro run');
  }
  refuseAttentionDropout(model);
  const rows = ids.map(asRow);
  const labels = nextTokenTargets(rows).labels.length;
  if (labels === 0) {
    throw inputError('there is nothing to train on: every row has one token', {
      where: { file: asked.ids },
      remedy: 'a token is predicted from those before it: give rows of two tokens or more',
    });
  }
  // the optimiser decides by name which tensors do not decay
  const parameters =
    train.decay === 'matrices'
      ? model.trainable
      : new Map([...model.trainable.values()].map((tensor, i) => [`parameter.${i}`, tensor]));
  const { learningRate, weightDecay, clip } = train;
  const settings = { kind: 'adamw', learningRate, weightDecay, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;
  const optimiser = createOptimiser(device, parameters, settings);
  const steps: EvalStep[] = [];
  for (let step = 1; step <= train.steps; step++) {
    const begin = performance.now();
    optimiser.zeroGradients();
    const { sum, count } = causalPass(device, model, rows, 1 / labels, forwardOptions(asked), [rows]);
    const gradNorm = optimiser.gradientNorm();
    optimiser.update(step, learningRate, clipFactor(gradNorm, clip));
    const loss = sum / count;
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw inputError(`step ${step}: the loss is ${loss} and the norm of the gradients ${gradNorm}`, {
        remedy: 'use a smaller --lr, or --clip',
      });
    }
    steps.push({ step, loss, gradNorm });
    const seconds = (performance.now() - begin) / 1e3;
    context.emit({
      kind: 'step',
      step,
      total: train.steps,
      loss,
      lr: learningRate,
      gradNorm,
      tokens: step * count,
      tokensPerSecond: count / seconds,
      eta: seconds * (train.steps - step),
    });
  }
  return steps;
}

/** Ids of a continuation the table shows. */
const SHOWN = 12;

function renderCausal(rows: readonly EvalRow[], train: readonly EvalStep[] | null): string {
  const cells = rows.map(({ row, tokens, meanNll, best, bestLogit, continuation }) => {
    const more = continuation.length > SHOWN ? ' ...' : '';
    return [
      String(row),
      String(tokens),
      meanNll === null ? '-' : meanNll.toFixed(6),
      `${best} (${bestLogit.toPrecision(6)})`,
      continuation.slice(0, SHOWN).join(' ') + more,
    ];
  });
  const blocks = [table(['row', 'tokens', 'mean NLL', 'best next token (logit)', 'greedy continuation'], cells)];
  if (train !== null) {
    const steps = train.map(({ step, loss, gradNorm }) => [String(step), loss.toFixed(6), gradNorm.toFixed(6)]);
    blocks.push(table(['step', 'loss', 'gradient norm'], steps));
  }
  return blocks.join('\n\n');
}

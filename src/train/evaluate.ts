/** Predictions and losses without gradients, in packs of a bounded size. */
import { classifierLoss } from '../autograd/ops/losses';
import { Tape } from '../autograd/tape';
import { groupsOf, packsOf } from '../data/batches';
import type { MedreproError } from '../errors';
import type { TokenLoss } from '../metrics/perplexity';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { ForwardOptions } from '../nn/decoder';
import { isFiniteTensor, notFinite } from '../nn/finite';
import type { Model } from '../nn/model';
import type { Loss } from '../paper/types';
import { causalPass, classifierLogits, nextTokenTargets, type Row, sumOf } from './pass';
import { tokensOf } from './trainer';

/**
 * The predicted class of every row; `onProgress` gets the rows done so far.
 * @throws MedreproError `input` when a logit is not finite, naming the row and where the first such value appears
 */
export function predictClasses(
  device: Device,
  model: Model,
  rows: readonly Row[],
  options: ForwardOptions,
  onProgress: (done: number) => void = () => {},
): Int32Array {
  model.decoder.prepare(longest(rows));
  const predicted = new Int32Array(rows.length);
  let done = 0;
  for (const pack of packsOf(rows, (row) => row.ids.length, device.tokensPerPass)) {
    device.scope(() => {
      const logits = classifierLogits(new Tape(device, false), model, pack, options);
      const classes = device.empty([pack.length], 'i32');
      if (!isFiniteTensor(device, logits)) throw oddRow(device, model, pack, done, logits, options);
      device.ops.argmaxRows(pack.length, logits.cols, logits.address, logits.cols, classes.address);
      predicted.set(device.readI32(classes), done);
    });
    done += pack.length;
    onProgress(done);
  }
  return predicted;
}

/**
 * Loss of a classifier as the Trainer's evaluation reports it: the mean over batches of `batchSize` rows, each weighted by its
 * rows.
 */
export function classifierEvaluationLoss(
  device: Device,
  model: Model,
  rows: readonly Row[],
  loss: Loss,
  batchSize: number,
  options: ForwardOptions,
): number {
  model.decoder.prepare(longest(rows));
  let [sum, seen] = [0, 0];
  for (const pack of packsOf(groupsOf(rows, batchSize), tokensOf, device.tokensPerPass)) {
    device.scope(() => {
      const tape = new Tape(device, false);
      const logits = classifierLogits(tape, model, pack.flat(), options);
      const labels = Int32Array.from(pack.flat(), (row) => row.label);
      const ends = pack.map((_, index) => pack.slice(0, index + 1).flat().length);
      const segments = pack.map((batch, i) => ({ begin: ends[i]! - batch.length, end: ends[i]!, weight: 1 }));
      const losses = classifierLoss(tape, logits, device.fromArray(labels, [labels.length], 'i32'), loss, segments);
      losses.forEach((value, index) => {
        if (!Number.isFinite(value)) throw oddRow(device, model, pack.flat(), seen, logits, options);
        sum += value * pack[index]!.length;
      });
      seen += pack.flat().length;
    });
  }
  return sum / rows.length;
}

/**
 * Summed next-token loss of each row over its labelled tokens, and their number.
 * @throws MedreproError `input` when a loss is not finite, naming the row and where the first such value appears
 */
export function causalRowLosses(
  device: Device,
  model: Model,
  rows: readonly Row[],
  options: ForwardOptions,
  onProgress: (done: number) => void = () => {},
): TokenLoss[] {
  model.decoder.prepare(longest(rows));
  const perRow: TokenLoss[] = [];
  for (const pack of packsOf(rows, (row) => row.ids.length, device.tokensPerPass)) {
    const { losses } = causalPass(device, model, pack, null, options);
    let begin = 0;
    for (const row of pack) {
      const tokens = nextTokenTargets([row]).labels.length;
      const sum = sumOf(losses.subarray(begin, begin + tokens));
      if (!Number.isFinite(sum)) {
        throw notFinite(device, model, row.ids, options.compute, `the loss of row ${perRow.length}`, sum);
      }
      perRow.push({ sum, tokens });
      begin += tokens;
    }
    onProgress(perRow.length);
  }
  return perRow;
}

/** Mean next-token loss over all labelled tokens (token-weighted). @throws RangeError when nothing is labelled. */
export function causalLoss(device: Device, model: Model, rows: readonly Row[], options: ForwardOptions): number {
  const perRow = causalRowLosses(device, model, rows, options);
  const tokens = perRow.reduce((sum, row) => sum + row.tokens, 0);
  if (tokens === 0) throw new RangeError('no row has a label');
  return perRow.reduce((sum, row) => sum + row.sum, 0) / tokens;
}

/** The error of the first row of a pack with a logit that is not finite. @param first number of the pack's first row */
function oddRow(
  device: Device,
  model: Model,
  pack: readonly Row[],
  first: number,
  logits: Tensor,
  { compute }: ForwardOptions,
): MedreproError {
  const values = device.readF32(logits);
  const at = Math.max(
    0,
    values.findIndex((value) => !Number.isFinite(value)),
  );
  const row = Math.floor(at / logits.cols);
  return notFinite(device, model, pack[row]!.ids, compute, `a logit of row ${first + row}`, values[at]!);
}

const longest = (rows: readonly Row[]): number => rows.reduce((most, row) => Math.max(most, row.ids.length), 1);

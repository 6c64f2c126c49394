/**
 * One forward (and backward) pass over a pack of rows. Rows have no padding unless it is trained on: their tokens are concatenated,
 * and attention stays within a row. Several micro-batches may share a pack, each with a loss of its own: the sum of gradients is the
 * same, and the matrices are larger.
 */

import { linear } from '../autograd/ops/linear';
import { classifierLoss, IGNORE_INDEX, nextTokenLoss } from '../autograd/ops/losses';
import { Tape } from '../autograd/tape';
import { packBatch } from '../data/batches';
import type { Device } from '../native/device';
import type { Tensor } from '../native/tensor';
import type { ForwardOptions, Pack } from '../nn/decoder';
import type { Model } from '../nn/model';
import type { Loss } from '../paper/types';

/** A tokenised row: one class for a classifier, one label per token (-100 = none) for a causal LM. */
export interface Row {
  readonly ids: ArrayLike<number>;
  /** Class of the row; ignored by a causal LM. */
  readonly label: number;
  /**
   * Tokens that are not padding. Padding after them attends to them and not to itself, as under an attention mask; absent: every
   * token attends to all before it.
   */
  readonly attended?: number;
  /** Labels aligned with ids: the prediction of ids[t] is scored by labels[t]. Null for a classifier. */
  readonly labels: ArrayLike<number> | null;
}

/**
 * Copies rows to the device, concatenated. Valid until the innermost scope ends.
 * @param batches the same rows in micro-batches, for what a micro-batch shares (LLM.int8's outlier columns); null: each row alone
 */
export function packRows(
  device: Device,
  rows: readonly Row[],
  batches: readonly (readonly Row[])[] | null = null,
): Pack {
  const { ids, positions, cuSeqlens } = packBatch(rows);
  const visible = Int32Array.from(rows, (row) => row.attended ?? row.ids.length);
  const padded = rows.some((row, i) => visible[i]! < row.ids.length);
  return {
    ids: device.fromArray(ids, [ids.length], 'i32'),
    positions: device.fromArray(positions, [ids.length], 'i32'),
    cuSeqlens: device.fromArray(cuSeqlens, [cuSeqlens.length], 'i32'),
    visible: padded ? device.fromArray(visible, [rows.length], 'i32') : null,
    ...(batches === null ? {} : { groups: device.fromArray(endsOf(batches), [batches.length + 1], 'i32') }),
  };
}

/** Tokens before each micro-batch, and of all. */
function endsOf(batches: readonly (readonly Row[])[]): Int32Array {
  const ends = new Int32Array(batches.length + 1);
  for (const [i, batch] of batches.entries()) {
    ends[i + 1] = batch.reduce((sum, { ids }) => sum + ids.length, ends[i]!);
  }
  return ends;
}

/**
 * fp32 logits [rows, classes] of a sequence classifier. Scored is the last token of each row that is not the padding token,
 * as transformers does: a model whose padding token is its eos token does not see an eos at the end of a row.
 */
export function classifierLogits(
  tape: Tape,
  model: Model,
  rows: readonly Row[],
  options: ForwardOptions,
  batches: readonly (readonly Row[])[] | null = null,
): Tensor {
  const { device } = tape;
  const pack = packRows(device, rows, batches);
  const { padTokenId } = model.config;
  let begin = 0;
  const scored = Int32Array.from(rows, ({ ids }) => {
    let last = ids.length - 1;
    while (last > 0 && ids[last] === padTokenId) last--;
    begin += ids.length;
    return begin - ids.length + last;
  });
  const last = device.fromArray(scored, [rows.length], 'i32');
  const pooled = model.decoder.forward(tape, pack, last, options);
  return linear(tape, options.compute, pooled, model.head, null, 'f32');
}

/** fp32 logits [tokens, vocab] of a causal LM at every token. */
export function causalLogits(tape: Tape, model: Model, rows: readonly Row[], options: ForwardOptions): Tensor {
  const hidden = model.decoder.forward(tape, packRows(tape.device, rows), null, options);
  return linear(tape, options.compute, hidden, model.head, null, 'f32');
}

/**
 * Adds the gradients of sum(weights[i] * loss of microBatches[i]) to the trainable tensors; returns each micro-batch's own
 * loss (mean over its rows).
 */
export function classifierPass(
  device: Device,
  model: Model,
  microBatches: readonly (readonly Row[])[],
  weights: readonly number[],
  loss: Loss,
  options: ForwardOptions,
): number[] {
  return device.scope(() => {
    const tape = new Tape(device, true);
    const rows = microBatches.flat();
    const logits = classifierLogits(tape, model, rows, options, microBatches);
    const labels = device.fromArray(
      Int32Array.from(rows, (row) => row.label),
      [rows.length],
      'i32',
    );
    let begin = 0;
    const segments = microBatches.map((batch, index) => {
      const segment = { begin, end: begin + batch.length, weight: weights[index]! };
      begin = segment.end;
      return segment;
    });
    const losses = classifierLoss(tape, logits, labels, loss, segments);
    tape.backward();
    return losses;
  });
}

/** Token indices in a pack whose next token has a label, and those labels (the shift of a causal LM). */
export function nextTokenTargets(rows: readonly Row[]): { indices: Int32Array; labels: Int32Array } {
  const indices: number[] = [];
  const labels: number[] = [];
  let start = 0;
  for (const row of rows) {
    const own = row.labels ?? row.ids;
    for (let t = 0; t + 1 < row.ids.length; t++) {
      if (own[t + 1] === IGNORE_INDEX) continue;
      indices.push(start + t);
      labels.push(own[t + 1]!);
    }
    start += row.ids.length;
  }
  return { indices: Int32Array.from(indices), labels: Int32Array.from(labels) };
}

/** Labels other than -100, the first of each row included although nothing predicts it. */
export function countLabels(rows: readonly Row[]): number {
  const count = ({ ids, labels }: Row): number =>
    Array.from(labels ?? ids).filter((label) => label !== IGNORE_INDEX).length;
  return rows.reduce((sum, row) => sum + count(row), 0);
}

/** Sum of per-token losses in fp64, in their order: the one way they are added up. */
export const sumOf = (losses: Float32Array): number => losses.reduce((sum, loss) => sum + loss, 0);

/**
 * Next-token losses of `rows`, one per label in order, and their sum. With `scale`, also adds the gradient of scale * that sum;
 * null only measures. The head sees labelled positions alone.
 *
 * @param batches the rows in micro-batches where this is training; null: each row is measured alone
 */
export function causalPass(
  device: Device,
  model: Model,
  rows: readonly Row[],
  scale: number | null,
  options: ForwardOptions,
  batches: readonly (readonly Row[])[] | null = null,
): { sum: number; count: number; losses: Float32Array } {
  return device.scope(() => {
    const { indices, labels } = nextTokenTargets(rows);
    if (indices.length === 0) return { sum: 0, count: 0, losses: new Float32Array(0) };
    const tape = new Tape(device, scale !== null);
    const at = device.fromArray(indices, [indices.length], 'i32');
    const hidden = model.decoder.forward(tape, packRows(device, rows, batches), at, options);
    const targets = device.fromArray(labels, [labels.length], 'i32');
    const losses = nextTokenLoss(tape, options.compute, hidden, model.head, targets, scale ?? 0);
    tape.backward();
    return { sum: sumOf(losses), count: indices.length, losses };
  });
}

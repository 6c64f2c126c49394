/**
 * Losses. Each is a sum of segments with a weight of its own, so that several micro-batches can be computed as one pack
 * and still be normalised one by one. A loss is the root of the graph: its gradient is 1, so the forward computes the
 * logits' gradient straight away, and no second pass over the logits is needed.
 */
import { MR_DICE_CLASS, MR_DICE_EXAMPLE } from '../../native/bindings';
import type { Tensor } from '../../native/tensor';
import type { Loss } from '../../spec/types';
import type { Tape } from '../tape';
import { type Compute, matmul, type Weight } from './linear';

/** Label that takes no part in the loss (torch's convention). */
export const IGNORE_INDEX = -100;

/** Rows [begin, end) of the logits, whose mean loss counts `weight` times. */
export interface Segment {
  readonly begin: number;
  readonly end: number;
  readonly weight: number;
}

/**
 * Loss of fp32 logits [rows, classes] against labels [rows] (i32), one value per segment, before its weight.
 * With `tape.recording` the gradient of the weighted sum is in `logits.grad` afterwards.
 */
export function classifierLoss(
  tape: Tape,
  logits: Tensor,
  labels: Tensor,
  loss: Loss,
  segments: readonly Segment[],
): number[] {
  const classes = logits.cols;
  const { device, ops } = tape;
  const perRow = device.empty([logits.rows], 'f32');
  const dice = device.empty([1], 'f32');
  const gradient = logits.requiresGrad && tape.recording ? tape.claim(logits).into : null;
  return segments.map(({ begin, end, weight }) => {
    const rows = end - begin;
    const at = (tensor: Tensor, width: number): number => tensor.address + 4 * begin * width;
    const target = gradient === null ? 0 : at(gradient, classes);
    const scale = weight / rows;
    const meanOfRows = (): number => {
      const values = device.readF32(device.view(at(perRow, 1), [rows], 'f32'));
      return values.reduce((sum, value) => sum + value, 0) / rows;
    };
    if (loss.kind === 'focal') {
      const { gamma, alpha } = loss;
      ops.focalLoss(
        rows,
        classes,
        at(logits, classes),
        classes,
        at(labels, 1),
        gamma,
        alpha,
        scale,
        at(perRow, 1),
        target,
        0,
      );
      return meanOfRows();
    }
    const ceWeight = loss.kind === 'dice-ce' ? loss.ceWeight : 1;
    ops.crossEntropy(
      rows,
      classes,
      at(logits, classes),
      classes,
      at(labels, 1),
      IGNORE_INDEX,
      scale * ceWeight,
      at(perRow, 1),
      target,
      0,
    );
    if (loss.kind === 'cross-entropy') return meanOfRows();
    const { exponent, smoothing, reduction, diceWeight } = loss;
    ops.diceLoss(
      rows,
      classes,
      at(logits, classes),
      classes,
      at(labels, 1),
      exponent,
      smoothing,
      reduction === 'example' ? MR_DICE_EXAMPLE : MR_DICE_CLASS,
      weight * diceWeight,
      dice.address,
      target,
      1,
    );
    return diceWeight * device.readF32(dice)[0]! + ceWeight * meanOfRows();
  });
}

/** Rows of logits that exist at one time in `nextTokenLoss`. */
const HEAD_CHUNK = 128;

/**
 * Cross-entropy of a language-model head, without the logits of a whole batch ever existing: hidden [n, width] holds only
 * the positions that have a label, and they pass through the head in chunks. `scale` multiplies the gradient (one over the
 * number of labels that the step is normalised by). Returns the loss of each position [n].
 */
export function nextTokenLoss(
  tape: Tape,
  compute: Compute,
  hidden: Tensor,
  head: Weight,
  labels: Tensor,
  scale: number,
): Float32Array {
  const { device, ops } = tape;
  const n = hidden.rows;
  const parameter = head.parameter;
  const needsGradient = tape.recording && (hidden.requiresGrad || parameter?.requiresGrad === true);
  const losses = device.empty([n], 'f32');
  const dHidden = needsGradient && hidden.requiresGrad ? tape.claim(hidden).into : null;
  device.scope(() => {
    const dense = head.dense(tape);
    for (let begin = 0; begin < n; begin += HEAD_CHUNK) {
      device.checkCancelled();
      const rows = Math.min(HEAD_CHUNK, n - begin);
      device.scope(() => {
        const logits = device.empty([rows, head.outFeatures], 'f32');
        const part = hidden.rowsFrom(begin, rows);
        matmul(tape, compute, part, false, dense, true, logits);
        ops.crossEntropy(
          rows,
          head.outFeatures,
          logits.address,
          head.outFeatures,
          labels.address + 4 * begin,
          IGNORE_INDEX,
          scale,
          losses.address + 4 * begin,
          needsGradient ? logits.address : 0,
          0,
        );
        if (dHidden !== null) matmul(tape, compute, logits, false, dense, false, dHidden.rowsFrom(begin, rows));
        if (needsGradient && parameter?.requiresGrad) {
          const { into, accumulate } = tape.claim(parameter);
          matmul(tape, compute, logits, true, part, false, into, { accumulate });
        }
      });
    }
  });
  return device.readF32(losses);
}

/**
 * Losses. Each is a sum of segments with a weight of its own, so that several micro-batches can be computed as one pack
 * and still be normalised one by one. A loss is the root of the graph: its gradient is 1, so the forward computes the
 * logits' gradient straight away, and no second pass over the logits is needed.
 */
import { MR_DICE_CLASS, MR_DICE_EXAMPLE } from '../../native/bindings';
import type { Device } from '../../native/device';
import type { Tensor } from '../../native/tensor';
import type { Loss } from '../../paper/types';
import type { Tape } from '../tape';
import { activationDtype, type Compute, matmul, type Weight } from './linear';

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
  const dice = device.empty([segments.length], 'f32');
  const gradient = logits.requiresGrad && tape.recording ? tape.claim(logits).into : null;
  // everything is queued before anything is read: a GPU is waited for once, not at every segment
  segments.forEach(({ begin, end, weight }, index) => {
    const rows = end - begin;
    const at = (tensor: Tensor, width: number): number => tensor.address + 4 * begin * width;
    const target = gradient === null ? 0 : at(gradient, classes);
    const scale = weight / rows;
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
      return;
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
      logits.code,
      target,
      0,
    );
    if (loss.kind === 'cross-entropy') return;
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
      dice.address + 4 * index,
      target,
      1,
    );
  });
  const values = device.readF32(perRow);
  const meanOfRows = ({ begin, end }: Segment): number =>
    values.subarray(begin, end).reduce((sum, value) => sum + value, 0) / (end - begin);
  if (loss.kind !== 'dice-ce') return segments.map(meanOfRows);
  const diceValues = device.readF32(dice);
  return segments.map((segment, index) => loss.diceWeight * diceValues[index]! + loss.ceWeight * meanOfRows(segment));
}

/** Rows of logits that exist at one time in `nextTokenLoss`, at least. */
const HEAD_CHUNK = 128;

/**
 * Rows of logits that exist at one time. A GPU takes an eighth of a pass: the head's matrix is read twice for each chunk, which for
 * 128 rows takes longer than multiplying by it.
 */
const headRows = ({ backend, tokensPerPass }: Device): number =>
  backend === 'cpu' ? HEAD_CHUNK : Math.max(HEAD_CHUNK, Math.floor(tokensPerPass / 8));

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
  const chunk = headRows(device);
  // a GPU copies 16-bit operands into tiles as stored, and converts others in registers; the product rounds them to these bits anyway.
  // In fp32 the gradient takes the logits' place.
  const narrow = device.backend === 'cpu' ? 'f32' : activationDtype(compute);
  device.scope(() => {
    const dense = head.dense(tape);
    for (let begin = 0; begin < n; begin += chunk) {
      device.checkCancelled();
      const rows = Math.min(chunk, n - begin);
      device.scope(() => {
        const logits = device.empty([rows, head.outFeatures], 'f32');
        const part = hidden.rowsFrom(begin, rows);
        matmul(tape, compute, part, false, dense, true, logits);
        const gradient = needsGradient && narrow !== 'f32' ? device.empty(logits.shape, narrow) : logits;
        ops.crossEntropy(
          rows,
          head.outFeatures,
          logits.address,
          head.outFeatures,
          labels.address + 4 * begin,
          IGNORE_INDEX,
          scale,
          losses.address + 4 * begin,
          gradient.code,
          needsGradient ? gradient.address : 0,
          0,
        );
        if (!needsGradient) return;
        if (dHidden !== null) matmul(tape, compute, gradient, false, dense, false, dHidden.rowsFrom(begin, rows));
        if (parameter?.requiresGrad) {
          const { into, accumulate } = tape.claim(parameter);
          matmul(tape, compute, gradient, true, part, false, into, { accumulate });
        }
      });
    }
  });
  return device.readF32(losses);
}

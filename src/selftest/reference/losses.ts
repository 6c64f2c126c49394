/** Classification losses of fp32 logits [rows, classes], dense. */
import type { Numbers } from './formats';

/** Probabilities of one row, and what each lacks of 1 as a sum of the others, which does not cancel. */
interface Softmax {
  readonly p: number[];
  readonly rest: number[];
  /** ln of each probability. */
  readonly log: number[];
}

function softmax(logits: Numbers, row: number, classes: number): Softmax {
  const z = Array.from({ length: classes }, (_, c) => logits[row * classes + c]!);
  const largest = Math.max(...z);
  const e = z.map((value) => Math.exp(value - largest));
  const total = e.reduce((a, b) => a + b);
  const rest = e.map((_, c) => e.reduce((sum, value, other) => (other === c ? sum : sum + value), 0) / total);
  const p = e.map((value) => value / total);
  // near 1 the logarithm is taken of what is missing
  const log = z.map((value, c) => (p[c]! > 0.5 ? Math.log1p(-rest[c]!) : value - largest - Math.log(total)));
  return { p, rest, log };
}

/** -ln softmax(logits)[label] of each row; 0 where the label is `ignoreIndex` (torch's cross_entropy, reduction none). */
export function crossEntropy(logits: Numbers, labels: Numbers, classes: number, ignoreIndex = -100): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const label = labels[row]!;
    if (label === ignoreIndex) return 0;
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[row * classes + c]!);
    let total = 0;
    for (let c = 0; c < classes; c++) total += Math.exp(logits[row * classes + c]! - largest);
    return Math.log(total) + largest - logits[row * classes + label]!;
  });
}

/** Focal loss of each row, alpha * (1 - pt)^gamma * -ln pt (Lin et al. 2017, "Focal loss for dense object detection"). */
export function focal(logits: Numbers, labels: Numbers, classes: number, gamma: number, alpha: number): Float64Array {
  return Float64Array.from({ length: labels.length }, (_, row) => {
    const { rest, log } = softmax(logits, row, classes);
    const label = labels[row]!;
    return -Math.fround(alpha) * rest[label]! ** Math.fround(gamma) * log[label]!;
  });
}

/**
 * Self-adjusting soft Dice (Li et al. 2020, "Dice loss for data-imbalanced NLP tasks"): with w = (1-p)^exponent p and the
 * one-hot y, the mean of 1 - (2 sum(w y) + smooth) / (sum(w) + sum(y) + smooth), summed over the classes of each example or
 * over the examples of each class.
 */
export function dice(
  logits: Numbers,
  labels: Numbers,
  classes: number,
  options: { exponent: number; smooth: number; reduction: 'example' | 'class' },
): number {
  const rows = labels.length;
  const exponent = Math.fround(options.exponent);
  const smooth = Math.fround(options.smooth);
  const w = Array.from({ length: rows }, (_, row) => {
    const { p, rest } = softmax(logits, row, classes);
    return p.map((value, c) => rest[c]! ** exponent * value);
  });
  const oneDice = (cells: readonly (readonly [row: number, c: number])[]): number => {
    let overlap = 0;
    let weights = 0;
    let labelled = 0;
    for (const [row, c] of cells) {
      const y = labels[row] === c ? 1 : 0;
      overlap += w[row]![c]! * y;
      weights += w[row]![c]!;
      labelled += y;
    }
    return 1 - (2 * overlap + smooth) / (weights + labelled + smooth);
  };
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const terms =
    options.reduction === 'example'
      ? range(rows).map((row) => oneDice(range(classes).map((c) => [row, c] as const)))
      : range(classes).map((c) => oneDice(range(rows).map((row) => [row, c] as const)));
  return terms.reduce((a, b) => a + b) / terms.length;
}

/** Index of the largest of each row of `cols` elements with row stride `ld`; the lowest index on ties. */
export function argmaxRows(x: Numbers, rows: number, cols: number, ld: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let best = 0;
    for (let c = 1; c < cols; c++) if (x[row * ld + c]! > x[row * ld + best]!) best = c;
    return best;
  });
}
